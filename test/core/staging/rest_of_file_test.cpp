// Where the new part of a grown file begins, and whether a process has the file open for writing.
#include "core/staging/rest_of_file.h"

#include <csignal>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zstd.h>

#include "core/base/scoped_fd.h"
#include "core/files/open_for_writing.h"
#include "gzip_bytes.h"
#include "temp_folder.h"

using namespace etl;

namespace
{

struct RestOfFileTest : testing::Test
{
	/// The result for a file of which the text `loaded`, up to last_line, was loaded. The file is
	/// read in steps of `step` bytes.
	std::optional<RestOfFile> find(const std::string &loaded, const std::string &added,
								   uint64_t last_line, bool gzip = false, size_t step = 7)
	{
		const LoadedPart part{loaded.size(), sha256(loaded), last_line};
		FileReader reader(folder.write("file", loaded + added),
						  gzip ? Content::gzip : Content::staged, UINT64_MAX);
		reader.expect_prefix(part.size);
		RestFinder finder(part, reader);
		std::string buffer(step, '\0');
		while (const size_t got = reader.read(buffer.data(), buffer.size()))
			finder.feed({buffer.data(), got});
		return finder.find();
	}
	const TempFolder folder;
};

TEST_F(RestOfFileTest, BeginsAfterTheLastLineThatWasLoaded)
{
	for (const size_t step : {1u, 2u, 7u, 1000u})
	{
		const auto rest = find("{\"a\":1}\n\n{\"a\":2}\n", "{\"a\":3}\n", 3, false, step);
		ASSERT_TRUE(rest);
		EXPECT_FALSE(rest->is_cut);
		EXPECT_TRUE(rest->was_loaded(1));
		EXPECT_TRUE(rest->was_loaded(3));
		EXPECT_FALSE(rest->was_loaded(4));
	}
}

TEST_F(RestOfFileTest, BeginsWithTheLineThatWasCut)
{
	for (const size_t step : {1u, 9u, 1000u})
	{
		const auto rest = find("{\"a\":1}\n{\"a\"", ":2}\n{\"a\":3}\n", 2, false, step);
		ASSERT_TRUE(rest);
		EXPECT_TRUE(rest->is_cut);
		EXPECT_TRUE(rest->was_loaded(1));
		EXPECT_FALSE(rest->was_loaded(2));
	}
}

TEST_F(RestOfFileTest, ALineWithoutItsEndMayBeWhole)
{
	const auto rest = find("{\"a\":1}\n{\"a\":2}", " \r\n{\"a\":3}\n", 2);
	ASSERT_TRUE(rest);
	EXPECT_FALSE(rest->is_cut);
	EXPECT_TRUE(rest->was_loaded(2));
}

TEST_F(RestOfFileTest, OfAGzippedFileAfterTheMembersThatWereLoaded)
{
	const std::string one = gzip_bytes("{\"a\":1}\n"), two = gzip_bytes("{\"a\":2}\n{\"a\":3}");
	for (const size_t step : {1u, 8u, 1000u})
	{
		const auto rest = find(one, two, 1, true, step);
		ASSERT_TRUE(rest) << step;
		EXPECT_FALSE(rest->is_cut);
		EXPECT_FALSE(rest->was_loaded(2));
		const auto cut = find(one + two, gzip_bytes(" \n{\"a\":4}\n"), 3, true, step);
		ASSERT_TRUE(cut) << step;
		EXPECT_TRUE(cut->was_loaded(3));
		EXPECT_FALSE(cut->was_loaded(4));
	}
}

TEST_F(RestOfFileTest, IsNoneWhereTheFileDoesNotBeginWithWhatWasLoaded)
{
	EXPECT_FALSE(find("{\"a\":1}\n", "", 2)) << "lines counted otherwise, as in an array";
	const std::string loaded = "{\"a\":1}\n";
	const LoadedPart part{loaded.size(), sha256("another"), 1};
	FileReader reader(folder.write("file", loaded + loaded), Content::staged, UINT64_MAX);
	reader.expect_prefix(part.size);
	RestFinder finder(part, reader);
	std::string buffer(100, '\0');
	while (const size_t got = reader.read(buffer.data(), buffer.size()))
		finder.feed({buffer.data(), got});
	EXPECT_FALSE(finder.find());
	const LoadedPart longer{100, sha256(loaded), 1};
	FileReader again(folder.file("file"), Content::staged, UINT64_MAX);
	again.expect_prefix(longer.size);
	RestFinder of_longer(longer, again);
	while (const size_t got = again.read(buffer.data(), buffer.size()))
		of_longer.feed({buffer.data(), got});
	EXPECT_FALSE(of_longer.find());
}

TEST_F(RestOfFileTest, AFileIsOpenForWritingWhileSomebodyHasItSo)
{
	const std::string path = folder.write("file", "x");
	const ScopedFd reader(open(path.c_str(), O_RDONLY | O_CLOEXEC));
	ASSERT_TRUE(reader);
	if (writers_of(reader.get()) == Writers::unknown)
		GTEST_SKIP() << "no leases on this file system";
	EXPECT_EQ(writers_of(reader.get()), Writers::none);
	for (const int flags : {O_WRONLY, O_RDWR, O_WRONLY | O_APPEND})
	{
		const ScopedFd writer(open(path.c_str(), flags | O_CLOEXEC));
		ASSERT_TRUE(writer);
		EXPECT_EQ(writers_of(reader.get()), Writers::some);
	}
	const ScopedFd another(open(path.c_str(), O_RDONLY | O_CLOEXEC));
	EXPECT_EQ(writers_of(reader.get()), Writers::none) << "readers do not count";
}

TEST_F(RestOfFileTest, NobodyWaitsForTheOneWhoAsked)
{
	const std::string path = folder.write("file", "x");
	const ScopedFd reader(open(path.c_str(), O_RDONLY | O_CLOEXEC));
	(void)writers_of(reader.get());
	const ScopedFd writer(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
	EXPECT_TRUE(writer) << "the lease was given back";
}

} // namespace

TEST_F(RestOfFileTest, OfZstandardBeginsAfterAWholeFrame)
{
	const auto frame = [](const std::string &text)
	{
		std::string out(ZSTD_compressBound(text.size()), '\0');
		out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
		return out;
	};
	const std::string whole = frame("{\"a\":1}\n{\"a\":2}\n");
	for (const size_t step : {1u, 9u, 1000u})
	{
		const auto rest = find(whole, frame("{\"a\":3}\n"), 2, false, step);
		ASSERT_TRUE(rest);
		EXPECT_FALSE(rest->is_cut);
		EXPECT_TRUE(rest->was_loaded(2));
		EXPECT_FALSE(rest->was_loaded(3));
		EXPECT_FALSE(find(whole.substr(0, whole.size() - 3),
						  whole.substr(whole.size() - 3) + frame("{\"a\":3}\n"), 2, false, step))
			<< "a frame that was cut";
	}
}
