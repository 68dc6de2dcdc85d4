// A file descriptor that is closed with its scope.
#pragma once

#include <unistd.h>

namespace etl
{

class ScopedFd
{
  public:
	/// fd may be -1: none.
	explicit ScopedFd(int fd) : fd_(fd) {}
	~ScopedFd()
	{
		if (fd_ >= 0)
			close(fd_);
	}
	ScopedFd(const ScopedFd &) = delete;
	ScopedFd &operator=(const ScopedFd &) = delete;
	int get() const { return fd_; }

  private:
	int fd_;
};

} // namespace etl
