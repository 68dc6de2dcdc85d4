
#include <gtest/gtest.h>

#include <csignal>
#include <random>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temp_folder.h"

#include "core/files/file_error.h"
#include "core/files/file_reader.h"
#include "core/files/file_writer.h"

using namespace etl;

namespace
{

std::string
read_all(const std::string &path, bool gzip)
{
	FileReader reader(path, gzip ? Content::gzip : Content::stored, UINT64_MAX);
	std::string out, buffer(10000, '\0');
	while (const size_t got = reader.read(buffer.data(), buffer.size()))
		out.append(buffer, 0, got);
	return out;
}

template <typename Action>
std::string
sqlstate_of(Action &&action)
{
	try
	{
		action();
	}
	catch (const FileError &e)
	{
		EXPECT_STRNE(e.what(), "");
		return e.sqlstate();
	}
	return "none";
}

class FileWriterTest : public testing::TestWithParam<bool>
{
  protected:
	TempFolder folder;
	const std::string path = folder.file("out");
};
INSTANTIATE_TEST_SUITE_P(PlainAndGzip, FileWriterTest, testing::Bool());

TEST_P(FileWriterTest, WritesWhatItIsGiven)
{
	std::mt19937 random(42);
	std::string expected;
	FileWriter writer(path, gzip_if(GetParam()));
	for (const size_t size : {0, 1, 100, 300000, 5, 262144, 262143, 1, 1000000, 0, 262145})
	{
		std::string part(size, ' ');
		for (char &c : part)
			c = static_cast<char>(random() % 7 == 0 ? random() : 'a');
		writer.write(part);
		expected += part;
	}
	for (int i = 0; i < 20000; ++i)
	{
		const std::string line = "{\"id\":" + std::to_string(i) + "}\n";
		writer.write(line);
		expected += line;
	}
	writer.close();
	EXPECT_TRUE(read_all(path, GetParam()) == expected);
	EXPECT_EQ(folder.read(path).substr(0, 3) == "\x1f\x8b\x08", GetParam());
}

TEST_P(FileWriterTest, WritesNothingAsAWholeFile)
{
	FileWriter writer(path, gzip_if(GetParam()));
	writer.close();
	EXPECT_EQ(read_all(path, GetParam()), "");
	EXPECT_EQ(folder.read(path).empty(), !GetParam());
}

TEST_P(FileWriterTest, IsPrivate)
{
	const mode_t before = umask(0);
	FileWriter writer(path, gzip_if(GetParam()));
	writer.close();
	umask(before);
	struct stat info;
	ASSERT_EQ(stat(path.c_str(), &info), 0);
	EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_P(FileWriterTest, LeavesNothingUnlessClosed)
{
	{
		FileWriter writer(path, gzip_if(GetParam()));
		writer.write("x");
		EXPECT_EQ(access(path.c_str(), F_OK), 0);
	}
	EXPECT_NE(access(path.c_str(), F_OK), 0);
	{
		FileWriter writer(path, gzip_if(GetParam()));
		writer.write("x");
		writer.close();
		writer.close(); // a second call does nothing
		EXPECT_THROW(writer.write("y"), std::logic_error);
	}
	EXPECT_EQ(read_all(path, GetParam()), "x");
}

TEST_P(FileWriterTest, NeverTouchesWhatIsThere)
{
	folder.write("out", "kept");
	EXPECT_EQ(sqlstate_of([&] { FileWriter(path, gzip_if(GetParam())); }), "58P02");
	EXPECT_EQ(folder.read(path), "kept");
	// nor through a link
	ASSERT_EQ(symlink(folder.file("elsewhere").c_str(), folder.file("link").c_str()), 0);
	EXPECT_EQ(sqlstate_of([&] { FileWriter(folder.file("link"), gzip_if(GetParam())); }), "58P02");
	EXPECT_NE(access(folder.file("elsewhere").c_str(), F_OK), 0);
}

TEST_P(FileWriterTest, TellsWhyItCannotCreate)
{
	EXPECT_EQ(sqlstate_of([&] { FileWriter(folder.file("missing/out"), gzip_if(GetParam())); }),
			  "58P01");
	folder.write("file", "");
	EXPECT_EQ(sqlstate_of([&] { FileWriter(folder.file("file/out"), gzip_if(GetParam())); }),
			  "42809");
	EXPECT_EQ(
		sqlstate_of([&] { FileWriter(folder.file(std::string(300, 'x')), gzip_if(GetParam())); }),
		"42602");
	if (geteuid() == 0)
		GTEST_SKIP() << "root may write anywhere";
	ASSERT_EQ(mkdir(folder.file("closed").c_str(), 0500), 0);
	EXPECT_EQ(sqlstate_of([&] { FileWriter(folder.file("closed/out"), gzip_if(GetParam())); }),
			  "42501");
}

/// A limit of the process simulates a full disk, because write() fails in the same way.
TEST_P(FileWriterTest, FailsWhenTheFileCannotGrow)
{
	struct rlimit before;
	ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
	const auto handler = signal(SIGXFSZ, SIG_IGN);
	struct rlimit limit = before;
	limit.rlim_cur = 300000;
	ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	std::mt19937_64 random(1);
	std::string noise(4000000, '\0');
	for (char &c : noise)
		c = static_cast<char>(random());
	EXPECT_EQ(sqlstate_of(
				  [&]
				  {
					  FileWriter writer(path, gzip_if(GetParam()));
					  writer.write(noise);
					  writer.close();
				  }),
			  "54000");
	setrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, handler);
	EXPECT_NE(access(path.c_str(), F_OK), 0) << "half a file was left";
}

} // namespace
