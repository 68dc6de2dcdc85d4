// A new file, written and synced.
#pragma once

#include <string>
#include <string_view>

#include "core/files/file_error.h"
#include "core/files/file_format.h"

namespace etl
{

/// Writes bytes to a new file (O_EXCL, mode 0600), compressed (gzip: ISA-L level 1; zstd: level 3),
/// and syncs it on close. Throws FileError: 58P02 when the name is taken, 58P01, 42501, 53100 (disk
/// full), 58030.
class FileWriter
{
  public:
	FileWriter(const std::string &path, Compression compression);
	/// Closes and removes the file unless close() was called.
	~FileWriter();
	FileWriter(const FileWriter &) = delete;
	FileWriter &operator=(const FileWriter &) = delete;

	void write(std::string_view bytes);
	/// Flushes, fsyncs and closes.
	void close();
	/// Writes what is collected: nothing more comes.
	void finish();
	/// After finish(): hands the open file over to the caller, who syncs and closes it (GroupSync)
	/// and removes it when that fails.
	int release();

  private:
	struct Impl;
	Impl *impl_;
};

} // namespace etl
