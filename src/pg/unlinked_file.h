// A file without a name, for data that must outlive PostgreSQL's temporary files. Those of a
// transaction are removed before its callbacks have ended, and only the main thread may read them.
#pragma once

#include <string>

#include "core/base/scoped_fd.h"
#include "core/base/spill_file.h"

namespace etl
{

class ScratchFile : public SpillFile
{
  public:
	/// Creates a file at a path that does not exist, and removes the name at once.
	explicit ScratchFile(const std::string &path);
	void append(const void *bytes, size_t size) override;
	/// Several threads may read at the same time, while nothing is appended.
	void read(uint64_t at, void *to, size_t size) override;

  private:
	ScopedFd fd_;
	uint64_t size_ = 0; ///< number of bytes that were appended
};

} // namespace etl
