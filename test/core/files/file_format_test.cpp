// Recognition of files by their first bytes. Other formats are named. Text stays text even if it is
// damaged.
#include <gtest/gtest.h>

#include <random>

#include "core/base/hash.h"
#include "core/files/file_format.h"
#include "core/files/file_reader.h"
#include "core/files/zstd_reader.h"
#include "core/files/zstd_writer.h"
#include "gzip_bytes.h"
#include "temp_folder.h"

using namespace etl;
using namespace std::string_literals;

namespace
{

const std::string lines = "{\"id\": 1, \"v\": \"é\"}\n{\"id\": 2, \"v\": \"\\u0000\"}\n";

std::string
wide(const std::string &text, size_t bytes, bool little)
{
	std::string out;
	for (const char c : text)
	{
		std::string unit(bytes, '\0');
		unit[little ? 0 : bytes - 1] = c;
		out += unit;
	}
	return out;
}

std::string
zstd_bytes(const std::string &text)
{
	std::string out;
	ZstdWriter writer;
	EXPECT_TRUE(writer.put(text, true, [&](std::string_view part) { out += part; }));
	return out;
}

struct Outcome
{
	std::string bytes, message;
	Compression compression = Compression::none;
};

Outcome
read_staged(const std::string &content, const std::string &name = "f.json", size_t step = 4096,
			uint64_t max_size = UINT64_MAX)
{
	const TempFolder folder;
	Outcome outcome;
	try
	{
		FileReader reader(folder.write(name, content), Content::staged, max_size);
		outcome.compression = reader.compression();
		std::string buffer(step, '\0');
		while (const size_t got = reader.read(buffer.data(), buffer.size()))
			outcome.bytes.append(buffer, 0, got);
		EXPECT_EQ(reader.sha256(), sha256(content));
		EXPECT_EQ(reader.size_on_disk(), content.size());
	}
	catch (const FileError &error)
	{
		outcome.message = error.what();
	}
	return outcome;
}

} // namespace

TEST(FileFormat, OtherFormatsAreNamed)
{
	const std::string noise = "\x01\x00\x02\x90\x00\xff"s;
	const std::pair<std::string, const char *> cases[] = {
		{"BZh91AY&SY" + noise, "bzip2 data"},
		{"\xfd\x37zXZ\0"s + noise, "xz data"},
		{"\x04\x22\x4d\x18"s + noise, "lz4 data"},
		{"PK\x03\x04\x14\x00"s, "a ZIP archive"},
		{"7z\xbc\xaf\x27\x1c\x00\x04"s, "a 7z archive"},
		{"\x89PNG\r\n\x1a\n"s + noise, "a PNG image"},
		{"%PDF-1.7\n1 0 obj", "a PDF document"},
		{"\x7f"
		 "ELF\x02\x01\x01\0"s,
		 "an executable"},
		{"MZ\x90\x00\x03"s, "an executable"},
		{"PAR1\x15\x04\x15"s, "a Parquet file"},
		{"Obj\x01\x04\x16"s, "an Avro file"},
		{"\xff\xfe"s + wide(lines, 2, true), "text in UTF-16"},
		{"\xfe\xff"s + wide(lines, 2, false), "text in UTF-16"},
		{wide(lines, 2, true), "text in UTF-16"},
		{wide(lines, 2, false), "text in UTF-16"},
		{"\xff\xfe\0\0"s + wide(lines, 4, true), "text in UTF-32"},
		{wide(lines, 4, false), "text in UTF-32"},
		{std::string(300, '\0'), "binary data"},
		{"\0\0\0\x01"s + std::string(50, '\x80'), "binary data"},
	};
	for (const auto &[bytes, name] : cases)
		EXPECT_EQ(foreign_format(bytes), name) << name;
	std::mt19937 random(7);
	for (int i = 0; i < 50; ++i)
	{
		std::string bytes(8192, '\0');
		for (char &c : bytes)
			c = static_cast<char>(random());
		EXPECT_NE(foreign_format(bytes), "") << i;
	}
}

TEST(FileFormat, TextIsTextHoweverDamaged)
{
	for (const std::string &bytes :
		 {""s, "\n"s, lines, "\xef\xbb\xbf" + lines, "[\n" + lines, "id,name\n1,\xe9\n"s,
		  "not JSON at all\n"s, "BZh said the cat\n"s, "MZ,PAR1,ORC\n"s, "PAR1\n"s,
		  "{\"a\": \"\0\"}\n"s, "\0\n"s + lines, "\x01\x02\x03\x04\n" + lines,
		  "{\"a\": \"\xff\xfe\xe9\"}\n"s, "{\x01\x02}" + std::string(20, ' ') + "\n", "nul"s,
		  std::string(5000, '{'), "\x1b[1mred\x1b[0m and more of a line of a log file\n"s})
		EXPECT_EQ(foreign_format(bytes), "") << bytes;
}

TEST(FileFormat, CompressionIsKnownByTheFirstBytesUnderAnyName)
{
	std::string large;
	for (int i = 0; i < 30000; ++i)
		large += std::to_string(i * 7919) + "\n";
	for (const std::string &text : {lines, large, "\n"s + large})
		for (const char *name : {"f.json", "f.json.gz", "f.csv", "f"})
			for (const size_t step : {1u, 100u, 4096u, 100000u})
			{
				if (step == 1 && text.size() > 1000)
					continue;
				const Outcome plain = read_staged(text, name, step),
							  gzip = read_staged(gzip_bytes(text), name, step),
							  zstd = read_staged(zstd_bytes(text), name, step),
							  frames = read_staged("\x52\x2a\x4d\x18\x02\0\0\0xy"s +
													   zstd_bytes(text) + zstd_bytes(lines),
												   name, step);
				EXPECT_EQ(plain.message + gzip.message + zstd.message + frames.message, "") << name;
				EXPECT_TRUE(plain.bytes == text && gzip.bytes == text && zstd.bytes == text)
					<< name;
				EXPECT_TRUE(frames.bytes == text + lines) << name;
				EXPECT_EQ(plain.compression, Compression::none);
				EXPECT_EQ(gzip.compression, Compression::gzip);
				EXPECT_EQ(zstd.compression, Compression::zstd);
			}
	EXPECT_EQ(read_staged("", "f.json").message, "");
	EXPECT_EQ(read_staged("", "f.json.gz").message, "not in gzip format: the file is empty");
}

TEST(FileFormat, WhatCannotBeReadIsToldBeforeAnythingIsHandedOut)
{
	const std::string told =
		"the file holds a PNG image, which cannot be read; what can is text in "
		"UTF-8, plain or compressed by gzip or zstd";
	const std::string image = "\x89PNG\r\n\x1a\n"s + std::string(100, '\1');
	for (const std::string &bytes : {image, gzip_bytes(image), zstd_bytes(image)})
	{
		const Outcome outcome = read_staged(bytes);
		EXPECT_EQ(outcome.message, told);
		EXPECT_EQ(outcome.bytes, "");
	}
	EXPECT_NE(read_staged(gzip_bytes(gzip_bytes(lines))).message.find("gzip data inside"),
			  std::string::npos);
}

TEST(FileFormat, DamagedAndLargeZstdIsRefused)
{
	std::string text;
	for (int i = 0; i < 100000; ++i)
		text += std::to_string(i) + "\n";
	const std::string whole = zstd_bytes(text);
	for (const size_t size : {size_t{5}, whole.size() / 2, whole.size() - 1})
		EXPECT_EQ(read_staged(whole.substr(0, size)).message,
				  "zstd stream ends early at byte " + std::to_string(size));
	std::string damaged = whole;
	damaged[whole.size() / 2] = static_cast<char>(damaged[whole.size() / 2] ^ 0x40);
	EXPECT_NE(read_staged(damaged).message.find("zstd data is damaged at byte"), std::string::npos);
	EXPECT_NE(read_staged(whole + "garbage").message.find("zstd data is damaged at byte"),
			  std::string::npos);
	EXPECT_EQ(read_staged(zstd_bytes(std::string(1 << 24, 'x')), "f", 4096, 1 << 20).message,
			  "file expands to more than 1048576 bytes");
	EXPECT_EQ(read_staged(zstd_bytes(lines), "f", 4096, lines.size()).message, "");
}
