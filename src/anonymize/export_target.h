// The file that etl_export writes: found once, and from then on reached by a descriptor of its
// directory, so that a directory that is exchanged with a link meanwhile leads nowhere.
#pragma once

#include <string>

#include "core/base/scoped_fd.h"

namespace etl
{

class ExportTarget
{
  public:
	/// path: relative to etl.processed_dir, or absolute. Throws 42501 where it lies outside
	/// etl.processed_dir and the caller may not write server files, 55000 where etl.file knows it,
	/// 58P01 where its directory does not exist.
	explicit ExportTarget(const std::string &path);
	/// Removes the part, unless publish() has been called.
	~ExportTarget();
	ExportTarget(const ExportTarget &) = delete;
	ExportTarget &operator=(const ExportTarget &) = delete;

	/// Where the contents are to be written first: a path that stays good whatever happens to the
	/// directories above it.
	const std::string &part() const { return part_; }
	/// The file's path, without links.
	const std::string &resolved() const { return resolved_; }
	/// The directory without links, and the names in it of the part and the file.
	std::string directory() const { return resolved_.substr(0, resolved_.rfind('/')); }
	const std::string &part_name() const { return part_name_; }
	const std::string &name() const { return name_; }
	/// Gives the part the file's name, in place of what has it.
	void publish();

  private:
	void remove_leftovers() const;

	ScopedFd directory_;
	std::string resolved_; ///< of the file, for messages
	std::string name_, part_name_, part_;
};

} // namespace etl
