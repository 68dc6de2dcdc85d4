#include "core/base/write_fully.h"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "core/base/scoped_fd.h"
#include "temp_folder.h"

using namespace etl;

TEST(WriteFully, WritesWhatAPipeTakesInParts)
{
	int ends[2];
	ASSERT_EQ(pipe(ends), 0);
	const ScopedFd in(ends[0]), out(ends[1]);
	const std::string bytes(1 << 20, 'x'); // more than a pipe holds
	const pid_t child = fork();
	if (child == 0)
		_exit(write_fully(out.get(), bytes) ? 0 : 1);
	std::string got(1 << 16, '\0');
	size_t total = 0;
	while (total < bytes.size())
	{
		const ssize_t n = read(in.get(), got.data(), got.size());
		ASSERT_GT(n, 0);
		total += static_cast<size_t>(n);
	}
	EXPECT_EQ(total, bytes.size());
	int status = 1;
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
}

TEST(WriteFully, SaysWhyNot)
{
	const ScopedFd full(open("/dev/full", O_WRONLY));
	ASSERT_TRUE(full);
	errno = 0;
	EXPECT_FALSE(write_fully(full.get(), "x"));
	EXPECT_EQ(errno, ENOSPC);
	EXPECT_TRUE(write_fully(full.get(), ""));
	EXPECT_FALSE(write_fully(-1, "x"));
	EXPECT_EQ(errno, EBADF);
}

TEST(WriteFully, WritesAtAPlace)
{
	const TempFolder folder;
	const ScopedFd file(open(folder.file("written").c_str(), O_RDWR | O_CREAT, 0600));
	ASSERT_TRUE(file);
	EXPECT_TRUE(write_fully_at(file.get(), "abc", 2));
	char got[8];
	EXPECT_EQ(pread(file.get(), got, sizeof got, 0), 5);
	EXPECT_EQ(std::string(got + 2, 3), "abc");
}
