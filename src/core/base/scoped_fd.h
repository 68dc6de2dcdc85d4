// A file descriptor that is closed at the end of its scope.
#pragma once

#include <cerrno>
#include <utility>

#include <unistd.h>

namespace etl
{

class ScopedFd
{
  public:
	/// `fd` may be -1, which means no descriptor.
	explicit ScopedFd(int fd = -1) : fd_(fd) {}
	/// Does not change errno.
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
