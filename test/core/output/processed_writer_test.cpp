#include "core/files/file_error.h"
#include "core/files/file_reader.h"
#include "core/output/processed_writer.h"

#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/files/compressed_text.h"
#include "gzip_bytes.h"
#include "temp_folder.h"

using namespace etl;

namespace
{

/// The output of COPY (FORMAT binary) of one bytea column.
std::string
copy_output(const std::vector<std::string> &rows)
{
	std::string out("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
	for (const std::string &row : rows)
	{
		out += std::string("\0\1", 2);
		for (int shift = 24; shift >= 0; shift -= 8)
			out += static_cast<char>(row.size() >> shift);
		out += row;
	}
	return out + "\377\377";
}

void
write_pipe(int fd, const std::string &bytes, size_t step = SIZE_MAX)
{
	for (size_t at = 0; at < bytes.size();)
	{
		const ssize_t put = write(fd, bytes.data() + at, std::min(step, bytes.size() - at));
		ASSERT_GT(put, 0);
		at += static_cast<size_t>(put);
	}
}

void
wait(ProcessedWriter &writer)
{
	while (!writer.finished())
		;
}

std::string
contents(const std::string &path, bool gzip)
{
	FileReader reader(path, gzip ? Content::gzip : Content::stored, UINT64_MAX);
	std::string all, part(65536, '\0');
	while (const size_t got = reader.read(part.data(), part.size()))
		all.append(part, 0, got);
	return all;
}

/// Text that cannot be compressed to almost nothing.
std::string
lines(size_t size, unsigned seed)
{
	std::string text;
	while (text.size() < size)
	{
		seed = seed * 1103515245 + 12345;
		text += "{\"id\": " + std::to_string(seed) + "}\n";
	}
	return text;
}

class ProcessedWriterTest : public ::testing::Test
{
  protected:
	TempFolder folder;
	std::string path(const std::string &name) const { return folder.file(name); }
};

} // namespace

TEST_F(ProcessedWriterTest, OneCopyFillsManyFiles)
{
	ProcessedWriter writer(2);
	std::vector<ProcessedWriter::Chunk> chunks;
	std::vector<std::string> rows;
	for (unsigned i = 0; i < 300; ++i)
	{
		chunks.push_back({writer.add_file(path(std::to_string(i)), i % 3 != 0), true});
		rows.push_back(lines(i * 40 + 1, i));
	}
	writer.expect(chunks);
	write_pipe(writer.pipe(), copy_output(rows));
	wait(writer);
	writer.check();
	for (unsigned i = 0; i < 300; ++i)
		EXPECT_EQ(contents(path(std::to_string(i)), i % 3 != 0), rows[i]) << i;
	struct stat info;
	ASSERT_EQ(stat(path("1").c_str(), &info), 0);
	EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ProcessedWriterTest, AFileMayGoOnInTheNextCopyAndEndWithoutAChunk)
{
	ProcessedWriter writer(2);
	const uint32_t a = writer.add_file(path("a"), true), b = writer.add_file(path("b"), true);
	const std::vector<std::string> rows = {lines(300000, 1), lines(300000, 2), lines(500, 3),
										   lines(70000, 4)};
	writer.expect({{a, false}, {a, false}});
	write_pipe(writer.pipe(), copy_output({rows[0], rows[1]}), 1000);
	writer.expect({{b, true}, {a, false}});
	write_pipe(writer.pipe(), copy_output({rows[2], rows[3]}));
	writer.end_file(a);
	wait(writer);
	writer.check();
	EXPECT_EQ(contents(path("a"), true), rows[0] + rows[1] + rows[3]);
	EXPECT_EQ(contents(path("b"), true), rows[2]);
}

TEST_F(ProcessedWriterTest, MakesOneGzipMember)
{
	// some readers stop after the first member
	ProcessedWriter writer(1);
	const uint32_t file = writer.add_file(path("a"), true);
	writer.expect({{file, false}, {file, true}});
	const std::string first = lines(100000, 1), second = lines(100000, 2);
	write_pipe(writer.pipe(), copy_output({first, second}));
	wait(writer);
	const std::string bytes = contents(path("a"), false);
	ASSERT_GT(bytes.size(), 18u);
	uint32_t size;
	std::memcpy(&size, bytes.data() + bytes.size() - 4, 4);
	EXPECT_EQ(size, first.size() + second.size());
}

TEST_F(ProcessedWriterTest, SealedTextsAreWrittenAsTheyAreOrWithoutSomeLines)
{
	TextSealer sealer;
	const auto sealed = [&](const std::string &text)
	{
		for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
			sealer.add(std::string_view(text).substr(at, text.find('\n', at) - at));
		return sealer.finish();
	};
	const std::string first = lines(200000, 1), second = lines(3000000, 2),
					  third = "a\nbb\n\nccc\n";
	const SealedText a = sealed(first), b = sealed(second), c = sealed(third);
	ProcessedWriter writer(2);
	const uint32_t all = writer.add_file(path("all"), true),
				   some = writer.add_file(path("some"), true),
				   mixed = writer.add_file(path("mixed"), true);
	using Sealed = ProcessedWriter::Sealed;
	writer.expect({{all, false, Sealed{a.crc, a.size, {}}},
				   {all, true, Sealed{b.crc, b.size, {}}},
				   {some, false, Sealed{c.crc, c.size, {0, 2}}},
				   {some, false, Sealed{c.crc, c.size, {3}}},
				   {some, true, Sealed{a.crc, a.size, {}}},
				   {mixed, false},
				   {mixed, false, Sealed{a.crc, a.size, {}}},
				   {mixed, false}});
	write_pipe(writer.pipe(), copy_output({a.deflated, b.deflated, c.deflated, c.deflated,
										   a.deflated, third, a.deflated, second}));
	writer.end_file(mixed);
	wait(writer);
	writer.check();
	// FileReader checks the checksum and the length
	EXPECT_EQ(contents(path("all"), true), first + second);
	EXPECT_EQ(contents(path("some"), true), "bb\nccc\na\nbb\n\n" + first);
	EXPECT_EQ(contents(path("mixed"), true), third + first + second);
}

TEST_F(ProcessedWriterTest, AWholeDeflateStreamIsAFileOfItsOwn)
{
	const std::string text = lines(200000, 1) + "last\n", gzip = gzip_bytes(text);
	const std::string stream = gzip.substr(10, gzip.size() - 18);
	uint32_t trailer[2];
	std::memcpy(trailer, gzip.data() + gzip.size() - 8, 8);
	ProcessedWriter writer(2);
	const uint32_t at_once = writer.add_file(path("at once"), true),
				   later = writer.add_file(path("later"), true),
				   some = writer.add_file(path("some"), true);
	using Sealed = ProcessedWriter::Sealed;
	const uint32_t count = static_cast<uint32_t>(std::count(text.begin(), text.end(), '\n'));
	writer.expect({{at_once, true, Sealed{trailer[0], trailer[1], {}, true}},
				   {later, false, Sealed{trailer[0], trailer[1], {}, true}},
				   {some, false, Sealed{trailer[0], trailer[1], {count - 1}, true}}});
	write_pipe(writer.pipe(), copy_output({stream, stream, stream}));
	writer.end_file(some);
	writer.end_file(later);
	wait(writer);
	writer.check();
	EXPECT_EQ(contents(path("at once"), true), text);
	EXPECT_EQ(contents(path("later"), true), text);
	EXPECT_EQ(contents(path("some"), true), text.substr(0, text.size() - 5));
	EXPECT_EQ(contents(path("at once"), false).substr(10), gzip.substr(10)) << "as it came";
	EXPECT_EQ(contents(path("later"), false), contents(path("at once"), false));
}

TEST_F(ProcessedWriterTest, ASealedTextThatIsDamagedIsAnError)
{
	TextSealer sealer;
	sealer.add("a line");
	SealedText text = sealer.finish();
	EXPECT_EQ(open_sealed(text), "a line\n");
	text.size += 1;
	EXPECT_THROW((void)open_sealed(text), FileError);
	text.deflated = "no such thing";
	EXPECT_THROW((void)open_sealed(text), FileError);
	EXPECT_EQ(open_sealed(sealer.finish()), "") << "nothing was added";
	// what an exception left unfinished must not be in the next text
	const std::string lost = lines(300000, 3), other = "another";
	sealer.add(lost);
	sealer.add(other);
	sealer.begin();
	sealer.add("a line");
	EXPECT_EQ(open_sealed(sealer.finish()), "a line\n");
}

TEST_F(ProcessedWriterTest, TellsOfAFileThatCantBeMadeAndStillEmptiesThePipe)
{
	ProcessedWriter writer(1);
	const uint32_t file = writer.add_file(path("no/such/folder"), true);
	std::vector<ProcessedWriter::Chunk> chunks(20, {file, false});
	chunks.back().last = true;
	writer.expect(chunks);
	write_pipe(writer.pipe(), copy_output(std::vector<std::string>(20, lines(1 << 20, 1))));
	wait(writer);
	try
	{
		writer.check();
		FAIL() << "no error";
	}
	catch (const FileError &e)
	{
		EXPECT_EQ(e.sqlstate(), "58P01");
	}
}

TEST_F(ProcessedWriterTest, LeavesWhatIsNotCompleteWhenItGoes)
{
	{
		ProcessedWriter writer(2);
		const uint32_t file = writer.add_file(path("a"), true);
		writer.expect({{file, false}, {file, true}});
		const std::string output = copy_output({lines(100, 1), lines(100, 2)});
		// COPY was ended by an error
		write_pipe(writer.pipe(), output.substr(0, output.size() - 60));
	}
	EXPECT_THROW(contents(path("a"), true), FileError);
}
