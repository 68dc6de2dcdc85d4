// A file without a name, for what must outlast PostgreSQL's own temporary files: those of a
// transaction are gone before its callbacks have ended, and only the main thread may read them.
#pragma once

#include <string>

#include "core/base/scoped_fd.h"
#include "core/base/spill_file.h"

namespace etl
{

class ScratchFile : public SpillFile
{
  public:
	/// Makes a file at a path that nothing has, and takes the name away at once.
	explicit ScratchFile(const std::string &path);
	void append(const void *bytes, size_t size) override;
	/// Several threads may, while nothing is appended.
	void read(uint64_t at, void *to, size_t size) override;

  private:
	ScopedFd fd_;
	uint64_t size_ = 0; ///< what append() has written to its end
};

} // namespace etl
