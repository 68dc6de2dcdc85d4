// Whether a path is inside a directory, however it is written.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/files/inside.h"
#include "temp_folder.h"

using namespace etl;

namespace
{

TEST(Inside, NamesDoNotCount)
{
	const TempFolder temp;
	const std::string root = temp.file("root"), data = root + "/data";
	std::filesystem::create_directories(data + "/base");
	std::filesystem::create_directories(root + "/database");
	std::filesystem::create_directory_symlink(data, root + "/link");
	std::filesystem::create_symlink(data + "/key", root + "/keylink");
	std::ofstream(data + "/key") << "x";
	for (const std::string &path :
		 {data, data + "/", data + "/key", data + "//key", data + "/./key", data + "/base/../key",
		  data + "/base", root + "/link", root + "/link/key", root + "/link/base/none",
		  root + "/keylink", data + "/none", root + "/database/../data/none", data + "/none/"})
		EXPECT_TRUE(is_inside(path, data)) << path;
	for (const std::string &path : {root, root + "/database", root + "/database/key",
									data + "/../key", data + ".etl.key", std::string("/")})
		EXPECT_FALSE(is_inside(path, data)) << path;
	EXPECT_TRUE(is_inside(data + "/key", root + "/link"));
	EXPECT_TRUE(is_inside(data, "/"));
	EXPECT_EQ(path_inside(root + "/link/base/none", data), "base/none");
	EXPECT_EQ(path_inside(data + "/key", root + "/link"), "key");
	EXPECT_EQ(path_inside(data, root + "/link"), "");
	EXPECT_EQ(path_inside(root, data), std::nullopt);
	EXPECT_FALSE(is_inside(data + "/none/none", data)) << "cannot be made there";
	EXPECT_FALSE(is_inside(data, root + "/none"));
}

/// Returns 0 if the result is as expected, 1 if not, and 2 if mounting is not possible.
int
look_at_bind_mounts(const std::string &root)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return 2;
	const auto bind = [&](const std::string &from, const std::string &to)
	{ return mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) == 0; };
	if (!bind(root + "/raw", root + "/all") || !bind(root + "/raw/a/b", root + "/part of it"))
		return 2;
	const bool right = is_inside(root + "/all", root + "/raw") &&
					   is_inside(root + "/raw", root + "/all") &&
					   is_inside(root + "/part of it", root + "/raw") &&
					   path_inside(root + "/part of it/new", root + "/raw") == "a/b/new" &&
					   path_inside(root + "/part of it", root + "/raw") == "a/b" &&
					   is_inside(root + "/part of it", root + "/raw/a") &&
					   !is_inside(root + "/part of it", root + "/raw/c") &&
					   !is_inside(root + "/raw", root + "/part of it");
	return right ? 0 : 1;
}

TEST(Inside, BindMountsDoNotCount)
{
	const TempFolder temp;
	const std::string root = temp.file("root");
	for (const char *folder : {"/raw/a/b", "/raw/c", "/all", "/part of it"})
		std::filesystem::create_directories(root + folder);
	const pid_t child = fork();
	if (child == 0)
		_exit(look_at_bind_mounts(root));
	int status = 0;
	ASSERT_EQ(waitpid(child, &status, 0), child);
	if (WEXITSTATUS(status) == 2)
		GTEST_SKIP() << "no mount namespace to be had";
	EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Inside, APlaceHasOneKey)
{
	const TempFolder temp;
	const std::string data = temp.file("data");
	std::filesystem::create_directories(data);
	std::filesystem::create_directory_symlink(data, temp.file("link"));
	for (const std::string &path : {data + "//key", data + "/./key", temp.file("link") + "/key"})
		EXPECT_EQ(place_key(path), place_key(data + "/key")) << path;
	EXPECT_NE(place_key(data + "/other"), place_key(data + "/key"));
	EXPECT_EQ(place_key(data + "/none/key"), data + "/none/key");
}

} // namespace
