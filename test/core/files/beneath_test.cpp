// Links below the configured directory must not be followed. Links in its own path must be
// followed.
#include "core/files/beneath.h"

#include <cerrno>
#include <filesystem>
#include <optional>
#include <tuple>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "temp_folder.h"

using namespace etl;
namespace fs = std::filesystem;

namespace
{

/// The parameters: with or without openat2(2), and with directories opened each time or kept open.
struct Folders : testing::TestWithParam<std::tuple<bool, bool>>
{
	void SetUp() override
	{
		beneath::walk_only(std::get<0>(GetParam()));
		if (std::get<1>(GetParam()))
			keep_roots.emplace(beneath::Folders::roots);
		fs::create_directories(folder.file("raw/date=2020-01-01/hour=1"));
		fs::create_directories(folder.file("outside/hour=1"));
		secret = folder.write("outside/hour=1/f", "secret");
		inside = folder.write("raw/date=2020-01-01/hour=1/f", "inside");
		fs::create_directory_symlink(folder.file("outside"), folder.file("raw/date=2020-01-02"));
		fs::create_directories(folder.file("raw/date=2020-01-03"));
		fs::create_directory_symlink(folder.file("outside/hour=1"),
									 folder.file("raw/date=2020-01-03/hour=1"));
		fs::create_symlink(secret, folder.file("raw/date=2020-01-01/hour=1/link"));
		fs::create_directory_symlink(folder.file("raw"), folder.file("linked"));
	}
	void TearDown() override { beneath::walk_only(false); }
	void expect_refused(int result) const
	{
		const int error = errno;
		EXPECT_EQ(result, -1);
		EXPECT_TRUE(error == ELOOP || error == ENOTDIR || error == EPERM) << strerror(error);
		EXPECT_EQ(TempFolder::read(secret), "secret");
	}
	std::string raw(const std::string &name) const { return folder.file("raw/" + name); }

	const TempFolder folder;
	std::optional<beneath::KeepOpen> keep_roots;
	std::string secret, inside;
};

TEST_P(Folders, SaysWhichNamesMayChange)
{
	EXPECT_EQ(beneath::may_change(inside), 0);
	EXPECT_EQ(beneath::may_change(raw("date=2020-01-01/hour=1/new")), 0);
	EXPECT_EQ(beneath::may_change(raw("date=2021-01-01/hour=1/new")), 0) << "directories are made";
	EXPECT_EQ(beneath::may_change(raw("date=2020-01-01/hour=1/f/hour=1/new")), -1);
	expect_refused(beneath::may_change(raw("date=2020-01-02/hour=1/f")));
	EXPECT_EQ(beneath::may_change(folder.file("none/date=2020-01-01/hour=1/f")), -1);
	EXPECT_EQ(errno, ENOENT) << "the configured directory is not made";
	if (geteuid() == 0)
		return; // root may write to every directory
	fs::permissions(raw("date=2020-01-01/hour=1"), fs::perms::owner_read | fs::perms::owner_exec);
	EXPECT_EQ(beneath::may_change(inside), -1);
	EXPECT_EQ(errno, EACCES);
	fs::permissions(raw("date=2020-01-01/hour=1"), fs::perms::owner_all);
}

TEST(BeneathTest, RootIsToldByShape)
{
	const auto root = [](const std::string &path)
	{ return path.substr(0, beneath::root_length(path)); };
	EXPECT_EQ(root("/srv/raw/date=2020-01-01/hour=1/f.json"), "/srv/raw");
	EXPECT_EQ(root("/srv/out/.pg_etl/1/customers/2.new.3.4.part"), "/srv/out");
	EXPECT_EQ(root("/srv/out/.pg_etl/1/customers/"), "/srv/out");
	EXPECT_EQ(root("/srv/other/f"), "/srv/other");
	EXPECT_EQ(root("/srv/hour=1/f"), "/srv/hour=1");
	EXPECT_EQ(root("/f"), "");
	EXPECT_EQ(root("f"), "");
}

TEST_P(Folders, OpenFollowsNoLinkBelow)
{
	const int fd = beneath::open(inside, O_RDONLY);
	ASSERT_GE(fd, 0);
	close(fd);
	const int through = beneath::open(folder.file("linked/date=2020-01-01/hour=1/f"), O_RDONLY);
	EXPECT_GE(through, 0) << "the folder itself may be a link";
	close(through);
	expect_refused(beneath::open(raw("date=2020-01-02/hour=1/f"), O_RDONLY));
	expect_refused(beneath::open(raw("date=2020-01-03/hour=1/f"), O_RDONLY));
	expect_refused(beneath::open(raw("date=2020-01-01/hour=1/link"), O_RDONLY));
	expect_refused(beneath::open(folder.file("linked/date=2020-01-01/hour=1/f"), O_RDONLY, 0, 0));
	expect_refused(beneath::open(raw("../outside/hour=1/f"), O_RDONLY));
	expect_refused(beneath::open(raw("date=2020-01-01/hour=1/.."), O_RDONLY));
}

TEST_P(Folders, NothingIsWrittenRenamedOrRemovedOutside)
{
	const std::string target = raw("date=2020-01-02/hour=1/f");
	expect_refused(beneath::open(target, O_WRONLY | O_CREAT | O_TRUNC, 0600));
	expect_refused(beneath::unlink(target));
	expect_refused(beneath::rename(inside, target));
	expect_refused(beneath::rename_new(target, raw("date=2020-01-01/hour=1/g")));
	struct stat info;
	expect_refused(beneath::lstat(target, &info));
	EXPECT_FALSE(beneath::make_parents(raw("date=2020-01-02/hour=9/f")));
	EXPECT_FALSE(fs::exists(folder.file("outside/hour=9")));
	beneath::remove_empty_parents(target, folder.file("raw"));
	EXPECT_TRUE(fs::exists(folder.file("outside/hour=1")));
	EXPECT_EQ(TempFolder::read(inside), "inside");
}

TEST_P(Folders, FoldersComeAndGo)
{
	const std::string to = raw("date=2020-05-05/hour=5/f");
	bool created = false;
	ASSERT_TRUE(beneath::make_parents(to, &created));
	EXPECT_TRUE(created);
	EXPECT_EQ(beneath::rename_new(inside, to), 0);
	folder.write("raw/date=2020-01-01/hour=1/f", "again");
	EXPECT_EQ(beneath::rename_new(inside, to), -1);
	EXPECT_EQ(errno, EEXIST);
	EXPECT_EQ(beneath::rename(inside, to), 0);
	EXPECT_EQ(TempFolder::read(to), "again");
	EXPECT_EQ(beneath::unlink(to), 0);
	beneath::remove_empty_parents(to, folder.file("raw"));
	EXPECT_FALSE(fs::exists(raw("date=2020-05-05")));
	EXPECT_TRUE(fs::exists(raw("")));
}

TEST(KeptRootsTest, ManyFoldersTakeTurns)
{
	const TempFolder folder;
	const beneath::KeepOpen keep_roots(beneath::Folders::roots);
	const auto file = [&](int i)
	{ return folder.file("raw" + std::to_string(i) + "/date=2020-01-01/hour=1/f"); };
	constexpr int count = 7;
	for (int i = 0; i < count; ++i)
		fs::create_directories(fs::path(file(i)).parent_path());
	folder.write("raw0/date=2020-01-01/hour=1/f", "travels");
	for (int round = 0; round < 3; ++round)
		for (int i = 0; i < count; ++i)
			ASSERT_EQ(beneath::rename_new(file(i), file((i + 1) % count)), 0);
	EXPECT_EQ(TempFolder::read(file(0)), "travels");
}

TEST(KeptRootsTest, AreLetGoWithTheLastKeeper)
{
	const TempFolder folder;
	const std::string path = folder.file("raw/date=2020-01-01/hour=1/f");
	const auto begin_anew = [&](const char *content)
	{
		fs::remove_all(folder.file("raw"));
		fs::create_directories(fs::path(path).parent_path());
		folder.write("raw/date=2020-01-01/hour=1/f", content);
	};
	struct stat info;
	{
		const beneath::KeepOpen outer(beneath::Folders::roots);
		{
			const beneath::KeepOpen inner(beneath::Folders::roots);
			begin_anew("old");
			ASSERT_EQ(beneath::lstat(path, &info), 0);
		}
		begin_anew("newer");
		EXPECT_EQ(beneath::lstat(path, &info), -1) << "the folder that is kept has been removed";
	}
	ASSERT_EQ(beneath::lstat(path, &info), 0);
	EXPECT_EQ(info.st_size, 5);
}

} // namespace

INSTANTIATE_TEST_SUITE_P(Ways, Folders, testing::Combine(testing::Bool(), testing::Bool()));
