
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <random>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gzip_bytes.h"
#include "temp_folder.h"

#include "core/base/hash.h"
#include "core/files/file_error.h"
#include "core/files/file_reader.h"

using namespace etl;

namespace
{

struct Outcome
{
	std::string bytes, sqlstate, message;
};

Outcome
read_all(const std::string &path, bool gzip, uint64_t max_size = UINT64_MAX, size_t step = 4096)
{
	Outcome r;
	try
	{
		FileReader reader(path, gzip ? Content::gzip : Content::stored, max_size);
		std::string buffer(step, '\0');
		while (const size_t got = reader.read(buffer.data(), buffer.size()))
			r.bytes.append(buffer, 0, got);
		EXPECT_EQ(reader.read(buffer.data(), buffer.size()), 0u);
		EXPECT_EQ(reader.bytes_out(), r.bytes.size());
		const std::string disk = TempFolder::read(path);
		EXPECT_EQ(reader.size_on_disk(), disk.size());
		EXPECT_EQ(reader.sha256(), sha256(disk));
	}
	catch (const FileError &e)
	{
		r.sqlstate = e.sqlstate();
		r.message = e.what();
		EXPECT_NE(r.message, "");
	}
	return r;
}

std::string
noise(size_t size, unsigned seed = 1)
{
	std::mt19937 random(seed);
	std::string bytes(size, '\0');
	for (char &c : bytes)
		c = static_cast<char>(random());
	return bytes;
}

std::string
json_lines(int count)
{
	std::string text;
	for (int i = 0; i < count; ++i)
		text += "{\"id\": " + std::to_string(i * 7919) + ", \"name\": \"someone\"}\n";
	return text;
}

class FileReaderTest : public testing::Test
{
  protected:
	TempFolder folder;
	Outcome gunzip(std::string_view bytes, uint64_t max_size = UINT64_MAX, size_t step = 4096)
	{
		return read_all(folder.write("f.gz", bytes), true, max_size, step);
	}
};

TEST_F(FileReaderTest, ReadsPlainFiles)
{
	for (const size_t size : {0, 1, 4095, 4096, 4097, 1000000})
	{
		const std::string bytes = noise(size);
		const Outcome r = read_all(folder.write("f", bytes), false);
		EXPECT_EQ(r.message, "");
		EXPECT_TRUE(r.bytes == bytes);
	}
}

TEST_F(FileReaderTest, ReadsGzippedFilesInAnyStep)
{
	const std::string text = json_lines(3000);
	for (const size_t step : {size_t{1}, size_t{7}, size_t{4096}, size_t{1} << 20})
	{
		const Outcome r = gunzip(gzip_bytes(text), UINT64_MAX, step);
		EXPECT_EQ(r.message, "");
		EXPECT_TRUE(r.bytes == text);
	}
	EXPECT_EQ(gunzip(gzip_bytes("")).message, "");
	const std::string large = noise(1 << 20);
	EXPECT_TRUE(gunzip(gzip_bytes(large)).bytes == large);
}

TEST_F(FileReaderTest, ReadsEveryMember)
{
	const std::string a = json_lines(10), b = noise(1000);
	EXPECT_TRUE(gunzip(gzip_bytes(a) + gzip_bytes(b)).bytes == a + b);
	EXPECT_TRUE(gunzip(gzip_bytes("") + gzip_bytes(a) + gzip_bytes("") + gzip_bytes(b)).bytes ==
				a + b);
	std::string many, expected;
	for (int i = 0; i < 2000; ++i)
	{
		many += gzip_bytes(std::to_string(i));
		expected += std::to_string(i);
	}
	EXPECT_EQ(gunzip(many).bytes, expected);
	EXPECT_EQ(gunzip(many, UINT64_MAX, 1).bytes, expected);
}

/// Members with stored noise. An extra field shifts the second member so that its header and data
/// and the first member's trailer are split between the reader's input buffers in every possible
/// way.
TEST_F(FileReaderTest, MembersMayBeginAnywhereInTheBuffer)
{
	const std::string second = json_lines(3);
	const std::string plain = gzip_bytes(noise(200000));
	for (int shift = -40; shift <= 40; ++shift)
	{
		const size_t extra = static_cast<size_t>(256 * 1024 + shift) - plain.size() - 2;
		ASSERT_LT(extra, 65536u);
		std::string first = plain.substr(0, 10);
		first[3] = 4;
		first += static_cast<char>(extra & 0xff);
		first += static_cast<char>(extra >> 8);
		first += std::string(extra, 'e') + plain.substr(10);
		const Outcome r = gunzip(first + gzip_bytes(second));
		ASSERT_EQ(r.message, "") << shift;
		ASSERT_TRUE(r.bytes == noise(200000) + second) << shift;
		// the end of the file is distinguished from the end of the buffer
		ASSERT_EQ(gunzip(first).message, "") << shift;
		ASSERT_EQ(gunzip(first.substr(0, first.size() - 1)).message,
				  "gzip stream ends early at byte " + std::to_string(first.size() - 1));
	}
}

TEST_F(FileReaderTest, ReadsOptionalHeaderFields)
{
	const std::string member = gzip_bytes("text");
	std::string header = member.substr(0, 10);
	header[3] = 4 | 8 | 16; // extra, name, comment
	const std::string fields =
		std::string("\3\0abc", 5) + std::string("name\0", 5) + std::string("a comment\0", 10);
	const std::string whole = header + fields + member.substr(10);
	EXPECT_EQ(gunzip(whole).bytes, "text");
	for (size_t size = 1; size < whole.size(); ++size)
		EXPECT_EQ(gunzip(whole.substr(0, size)).message,
				  "gzip stream ends early at byte " + std::to_string(size));
	// with a checksum of the header
	const std::string checked("\x1f\x8b\x08\x02\0\0\0\0\0\xff", 10);
	EXPECT_EQ(gunzip(checked + "\x90\xc9" + member.substr(10)).bytes, "text");
	EXPECT_EQ(gunzip(checked + "\x91\xc9" + member.substr(10)).message,
			  "gzip data is damaged at byte 11 (header)");
}

TEST_F(FileReaderTest, RefusesWhatIsNotGzip)
{
	for (const std::string &bytes :
		 {std::string("{\"id\": 1}\n"), std::string("\x1f\x8c\x08"), std::string(100, '\0'),
		  std::string("\x8b\x1f"), std::string("\x78\x9c\x03\x00", 4)})
	{
		const Outcome r = gunzip(bytes);
		EXPECT_EQ(r.message, "not in gzip format");
		EXPECT_EQ(r.sqlstate, "22P04");
	}
	EXPECT_EQ(gunzip("").message, "not in gzip format: the file is empty");
	EXPECT_EQ(gunzip("\x1f").message, "gzip stream ends early at byte 1");
	EXPECT_EQ(gunzip("\x1f\x8b\x07").message, "unsupported gzip compression method at byte 2");
	EXPECT_EQ(gunzip("\x1f\x8b\x08\x20").message, "gzip data is damaged at byte 3 (header)");
}

TEST_F(FileReaderTest, NoticesEveryTruncation)
{
	for (const std::string &text : {json_lines(20), noise(300), std::string()})
	{
		const std::string whole = gzip_bytes(text);
		for (size_t size = 1; size < whole.size(); ++size)
		{
			const Outcome r = gunzip(whole.substr(0, size));
			ASSERT_EQ(r.message, "gzip stream ends early at byte " + std::to_string(size));
			ASSERT_EQ(r.sqlstate, "22P04");
			ASSERT_TRUE(text.starts_with(r.bytes));
		}
		// the same for the second member
		const std::string two = whole + whole;
		for (size_t size = whole.size() + 1; size < two.size(); ++size)
			ASSERT_EQ(gunzip(two.substr(0, size)).message,
					  "gzip stream ends early at byte " + std::to_string(size));
	}
}

TEST_F(FileReaderTest, NoticesEveryFlippedBit)
{
	const std::string text = json_lines(30);
	const std::string whole = gzip_bytes(text);
	int harmless = 0;
	for (size_t byte = 0; byte < whole.size(); ++byte)
	{
		for (int bit = 0; bit < 8; ++bit)
		{
			std::string bytes = whole;
			bytes[byte] = static_cast<char>(bytes[byte] ^ (1 << bit));
			const Outcome r = gunzip(bytes, 1 << 20);
			// A flip may make a match refer to another copy of the same text, or be in unused bits
			// at the end of a byte. It must not change a byte of the text without an error.
			if (r.message.empty())
			{
				ASSERT_TRUE(r.bytes == text) << "byte " << byte << " bit " << bit;
				++harmless;
			}
			ASSERT_EQ(r.message.find("someone"), std::string::npos);
			// time, extra flags and system are not data, and a text hint changes nothing
			const bool unused = (byte >= 4 && byte < 10) || (byte == 3 && bit == 0);
			if (byte < 10 || byte >= whole.size() - 8)
			{
				ASSERT_EQ(r.message.empty(), unused) << "byte " << byte << " bit " << bit;
			}
		}
	}
	EXPECT_LT(harmless, 6 * 8 + 1 + 20) << "too many flips go unnoticed";
}

TEST_F(FileReaderTest, IgnoresZeroBytesBehindTheGzipData)
{
	const std::string text = json_lines(5);
	for (const size_t zeros : {1, 512, 1'000'000})
	{
		const Outcome r = gunzip(gzip_bytes(text) + std::string(zeros, '\0'));
		EXPECT_EQ(r.message, "");
		EXPECT_EQ(r.bytes, text);
	}
}

TEST_F(FileReaderTest, NamesTheByteOfTrailingGarbage)
{
	const std::string whole = gzip_bytes(json_lines(5));
	const std::string at = std::to_string(whole.size());
	for (const std::string &garbage :
		 {std::string("x"), std::string("\x1f\x8c"), std::string("\x1fx"), json_lines(1),
		  std::string(512, '\0') + "x"})
	{
		const Outcome r = gunzip(whole + garbage);
		EXPECT_EQ(r.message, "trailing garbage after the gzip data at byte " + at);
		EXPECT_EQ(r.sqlstate, "22P04");
	}
	EXPECT_EQ(gunzip(whole + "\x1f").message,
			  "gzip stream ends early at byte " + std::to_string(whole.size() + 1));
}

TEST_F(FileReaderTest, StopsAtTheLimit)
{
	const std::string text = json_lines(1000);
	const std::string plain = folder.write("plain", text),
					  gz = folder.write("f.gz", gzip_bytes(text));
	for (const size_t step : {size_t{1}, size_t{1000}, size_t{1} << 20})
	{
		EXPECT_TRUE(read_all(plain, false, text.size(), step).bytes == text);
		EXPECT_TRUE(read_all(gz, true, text.size(), step).bytes == text);
		EXPECT_EQ(read_all(plain, false, text.size() - 1, step).sqlstate, "54000");
		EXPECT_EQ(read_all(gz, true, text.size() - 1, step).sqlstate, "54000");
		EXPECT_EQ(read_all(gz, true, 0, step).sqlstate, "54000");
	}
	EXPECT_EQ(read_all(gz, true, 10).message, "file expands to more than 10 bytes");
	EXPECT_EQ(gunzip(gzip_bytes(""), 0).message, "");
}

/// Repeats a member that contains zeros, compressed about 1000:1.
TEST_F(FileReaderTest, BombCostsBoundedMemory)
{
	const std::string member = gzip_bytes(std::string(16 << 20, '\0'));
	std::string bomb;
	for (int i = 0; i < 64; ++i)
		bomb += member;
	const std::string path = folder.write("bomb.gz", bomb);
	struct rusage before, after;
	getrusage(RUSAGE_SELF, &before);
	FileReader reader(path, Content::gzip, UINT64_C(300) << 20);
	std::string buffer(65536, '\0');
	uint64_t total = 0;
	std::string sqlstate;
	try
	{
		while (const size_t got = reader.read(buffer.data(), buffer.size()))
			total += got;
	}
	catch (const FileError &e)
	{
		sqlstate = e.sqlstate();
	}
	getrusage(RUSAGE_SELF, &after);
	EXPECT_EQ(sqlstate, "54000");
	EXPECT_LE(total, UINT64_C(300) << 20);
	EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 8 * 1024) << "kB";
}

TEST_F(FileReaderTest, TellsWhyItCannotOpen)
{
	EXPECT_EQ(read_all(folder.file("missing"), false).sqlstate, "58P01");
	EXPECT_EQ(read_all(folder.file("missing/deep"), false).sqlstate, "58P01");
	const std::string file = folder.write("f", "x");
	EXPECT_EQ(read_all(file + "/deep", false).sqlstate, "42809");
	EXPECT_EQ(read_all(folder.file(""), false).message, "not a regular file, but a directory");
	EXPECT_EQ(read_all("/dev/null", false).message, "not a regular file");
	ASSERT_EQ(symlink(file.c_str(), folder.file("link").c_str()), 0);
	EXPECT_EQ(read_all(folder.file("link"), false).message,
			  "not a regular file, but a symbolic link");
	EXPECT_EQ(read_all(folder.file("link"), false).sqlstate, "42809");
	// this would block if opening waited for a writer
	ASSERT_EQ(mkfifo(folder.file("fifo").c_str(), 0600), 0);
	EXPECT_EQ(read_all(folder.file("fifo"), true).message, "not a regular file");
}

TEST_F(FileReaderTest, TellsThatItMayNotOpen)
{
	if (geteuid() == 0)
		GTEST_SKIP() << "root may read anything";
	const std::string file = folder.write("f", "x");
	ASSERT_EQ(chmod(file.c_str(), 0), 0);
	EXPECT_EQ(read_all(file, false).sqlstate, "42501");
}

TEST_F(FileReaderTest, NoticesThatTheFileChanges)
{
	const std::string text = json_lines(100);
	using Change = void (*)(const TempFolder &);
	const Change changes[] = {
		// more bytes are appended
		[](const TempFolder &f) { f.write("f", f.read(f.file("f")) + "more"); },
		// truncated
		[](const TempFolder &f) { ASSERT_EQ(truncate(f.file("f").c_str(), 10), 0); },
		// rewritten in place with the same size, and with an old time, so that the resolution of
		// the clock does not matter
		[](const TempFolder &f)
		{
			const struct timespec times[2] = {{1, 0}, {1, 0}};
			ASSERT_EQ(utimensat(AT_FDCWD, f.file("f").c_str(), times, 0), 0);
		},
		// replaced by another file
		[](const TempFolder &f)
		{
			f.write("g", f.read(f.file("f")));
			ASSERT_EQ(rename(f.file("g").c_str(), f.file("f").c_str()), 0);
		},
		// removed
		[](const TempFolder &f) { ASSERT_EQ(unlink(f.file("f").c_str()), 0); },
	};
	for (const bool gzip : {false, true})
		for (const Change &change : changes)
		{
			const std::string path = folder.write("f", gzip ? gzip_bytes(text) : text);
			FileReader reader(path, gzip ? Content::gzip : Content::stored, UINT64_MAX);
			char buffer[100];
			ASSERT_EQ(reader.read(buffer, sizeof buffer), sizeof buffer);
			EXPECT_THROW(reader.sha256(), std::logic_error);
			change(folder);
			std::string sqlstate;
			try
			{
				while (reader.read(buffer, sizeof buffer) > 0)
					;
			}
			catch (const FileError &e)
			{
				sqlstate = e.sqlstate();
			}
			EXPECT_EQ(sqlstate, "55006") << gzip;
		}
}

TEST_F(FileReaderTest, KeepsTheStreamOfOneMemberThatIsNotTooLarge)
{
	const std::string text(100'000, 'x'), gzip = gzip_bytes(text);
	const auto stream_of = [&](const std::string &bytes, size_t max_size)
	{
		FileReader reader(folder.write("stream", bytes), Content::gzip, UINT64_MAX);
		reader.keep_stream(max_size);
		std::vector<char> buffer(10'000);
		size_t size = 0;
		while (const size_t got = reader.read(buffer.data(), buffer.size()))
			size += got;
		EXPECT_GE(size, text.size());
		return reader.take_stream();
	};
	const auto stream = stream_of(gzip, gzip.size());
	ASSERT_TRUE(stream);
	EXPECT_TRUE(stream->whole);
	EXPECT_EQ(stream->size, text.size());
	EXPECT_EQ(open_sealed(*stream), text);
	EXPECT_FALSE(stream_of(gzip, gzip.size() - 1));
	EXPECT_FALSE(stream_of(gzip + gzip_bytes(""), SIZE_MAX));
	EXPECT_FALSE(stream_of(gzip, 0));
}

} // namespace
