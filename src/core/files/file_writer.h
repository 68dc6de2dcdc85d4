// Creates and syncs a new file.
#pragma once

#include <string>
#include <string_view>

#include "core/files/file_error.h"
#include "core/files/file_format.h"

namespace etl
{

/// Writes bytes to a new file (O_EXCL, mode 0600), compressed with gzip (ISA-L, level 1) or zstd
/// (level 3), and syncs it in close(). Throws FileError: 58P02 if the file exists, 58P01, 42501,
/// 53100 (disk full) or 58030.
class FileWriter
{
  public:
	FileWriter(const std::string &path, Compression compression);
	/// Closes and removes the file unless close() was called.
	~FileWriter();
	FileWriter(const FileWriter &) = delete;
	FileWriter &operator=(const FileWriter &) = delete;

	void write(std::string_view bytes);
	/// Writes all buffered bytes, syncs and closes the file.
	void close();
	/// Writes all buffered bytes and ends the compressed stream. write() must not be called any
	/// more.
	void finish();
	/// Call after finish(): gives the open file to the caller, who syncs and closes it (GroupSync)
	/// and removes it if that fails.
	int release();

  private:
	struct Impl;
	Impl *impl_;
};

} // namespace etl
