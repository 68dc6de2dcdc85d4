// The file that etl_export writes. Its directory is looked up once and then used through a
// descriptor. So replacing the directory with a link meanwhile has no effect.
#pragma once

#include <string>

#include "core/base/scoped_fd.h"

namespace etl
{

class ExportTarget
{
  public:
	/// `path` is relative to etl.processed_dir, or absolute. Throws 42501 if it is outside
	/// etl.processed_dir and the caller may not write server files, 55000 if the file is in
	/// etl.file, and 58P01 if its directory does not exist.
	explicit ExportTarget(const std::string &path);
	/// Removes the part, unless publish() has been called.
	~ExportTarget();
	ExportTarget(const ExportTarget &) = delete;
	ExportTarget &operator=(const ExportTarget &) = delete;

	/// The path of the part, to which the contents are written first. It stays valid whatever
	/// happens to the directories above it.
	const std::string &part() const { return part_; }
	/// The path of the file, without links.
	const std::string &resolved() const { return resolved_; }
	/// The directory without links, and the names of the part and the file in it.
	std::string directory() const { return resolved_.substr(0, resolved_.rfind('/')); }
	const std::string &part_name() const { return part_name_; }
	const std::string &name() const { return name_; }
	/// Gives the part the name of the file. An existing file of this name is replaced.
	void publish();

  private:
	void remove_leftovers() const;

	ScopedFd directory_;
	std::string resolved_; ///< of the file, for messages
	std::string name_, part_name_, part_;
};

} // namespace etl
