#include "core/files/file_error.h"
#include "core/files/group_sync.h"

#include <atomic>
#include <cerrno>
#include <set>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include "temp_folder.h"

using namespace etl;

namespace
{

int
new_file(const TempFolder &folder, size_t number)
{
	return open(folder.file(std::to_string(number)).c_str(),
				O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1 || errno != EBADF;
}

void
wait(GroupSync &sync)
{
	while (!sync.wait(std::chrono::milliseconds(100)))
		;
}

} // namespace

// Adds more files than may wait at the same time, from several threads.
TEST(GroupSync, SyncsAndClosesAll)
{
	const TempFolder folder;
	std::atomic<int> failures = 0;
	GroupSync sync([&](size_t, const FileError &) { ++failures; });
	std::vector<std::thread> threads;
	for (size_t t = 0; t < 4; ++t)
		threads.emplace_back(
			[&, t]
			{
				for (size_t i = 0; i < 250; ++i)
				{
					const int fd = new_file(folder, t * 1000 + i);
					ASSERT_GE(fd, 0);
					ASSERT_EQ(write(fd, "x", 1), 1);
					sync.add(fd, i);
				}
			});
	for (std::thread &thread : threads)
		thread.join();
	sync.flush();
	wait(sync);
	EXPECT_EQ(failures, 0);
	EXPECT_TRUE(sync.stop());
	// if only one descriptor in 1,000 were leaked, the lowest free one would not be low
	const int fd = new_file(folder, 5000);
	EXPECT_LT(fd, 100);
	close(fd);
}

// A pipe cannot be synced (EINVAL). The other files must not be affected.
TEST(GroupSync, TellsWhichFails)
{
	const TempFolder folder;
	std::mutex mutex;
	std::set<size_t> failed;
	std::string why;
	GroupSync sync(
		[&](size_t file, const FileError &error)
		{
			const std::lock_guard lock(mutex);
			failed.insert(file);
			why = error.what();
		});
	int ends[2];
	ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
	for (size_t i = 0; i < 100; ++i)
		sync.add(i == 70 ? ends[1] : new_file(folder, i), i);
	sync.flush();
	wait(sync);
	EXPECT_EQ(failed, std::set<size_t>{70});
	EXPECT_EQ(why, "could not fsync file: Invalid argument");
	EXPECT_FALSE(is_open(ends[1]));
	close(ends[0]);
}

// A group that is not full waits for more files or for flush().
TEST(GroupSync, StopGivesUpWhatWaits)
{
	const TempFolder folder;
	GroupSync sync([](size_t, const FileError &) {}, 1);
	const int first = new_file(folder, 1), second = new_file(folder, 2);
	sync.add(first, 1);
	EXPECT_FALSE(sync.wait(std::chrono::milliseconds(0)));
	EXPECT_TRUE(is_open(first));
	EXPECT_FALSE(sync.stop());
	EXPECT_FALSE(is_open(first));
	sync.add(second, 2);
	EXPECT_FALSE(is_open(second));
}
