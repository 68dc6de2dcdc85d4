// A file descriptor that is closed with its scope.
#pragma once

#include <cerrno>
#include <utility>

#include <unistd.h>

namespace etl
{

class ScopedFd
{
  public:
	/// fd may be -1: none.
	explicit ScopedFd(int fd = -1) : fd_(fd) {}
	/// Leaves errno as it is.
	~ScopedFd()
	{
		if (fd_ < 0)
			return;
		const int error = errno;
		close(fd_);
		errno = error;
	}
	ScopedFd(ScopedFd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	ScopedFd &operator=(ScopedFd &&other) noexcept
	{
		std::swap(fd_, other.fd_);
		return *this;
	}
	int get() const { return fd_; }
	explicit operator bool() const { return fd_ >= 0; }

  private:
	int fd_;
};

} // namespace etl
