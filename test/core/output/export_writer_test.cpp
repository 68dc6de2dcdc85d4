// The thread that writes processed files: files are complete, synced and in the order in which they
// were started. A file that cannot be written does not block the others. The writer can be
// destroyed while it is busy.
#include "core/files/file_error.h"
#include "core/files/file_reader.h"
#include "core/output/export_writer.h"

#include <filesystem>

#include <unistd.h>

#include <gtest/gtest.h>

#include "temp_folder.h"

using namespace etl;

namespace
{

void
write_all(int fd, std::string_view bytes)
{
	while (!bytes.empty())
	{
		const ssize_t put = write(fd, bytes.data(), bytes.size());
		ASSERT_GT(put, 0);
		bytes.remove_prefix(static_cast<size_t>(put));
	}
}

void
append_number(std::string &out, uint64_t value, int bytes)
{
	for (int i = bytes - 1; i >= 0; --i)
		out += static_cast<char>(value >> (8 * i));
}

/// The output of COPY BINARY of one bytea column.
std::string
copy_of(const std::vector<std::string> &lines)
{
	std::string out("PGCOPY\n\377\r\n\0", 11);
	out.append(8, '\0');
	for (const std::string &line : lines)
	{
		append_number(out, 1, 2);
		append_number(out, line.size(), 4);
		out += line;
	}
	append_number(out, 0xffff, 2);
	return out;
}

std::string
gunzipped(const std::string &path)
{
	FileReader reader(path, Content::gzip, UINT64_MAX);
	std::string out;
	char buffer[4096];
	while (const size_t got = reader.read(buffer, sizeof buffer))
		out.append(buffer, got);
	return out;
}

void
wait_for(ExportWriter &writer)
{
	while (!writer.finished())
		;
}

TEST(ExportWriterTest, FramingIsTakenOff)
{
	const TempFolder folder;
	ExportWriter writer;
	const std::vector<std::string> lines{"{\"a\": 1}", "", std::string(3 << 20, 'x'), "\n\xff"};
	// several COPY outputs in one file, at first byte by byte
	const int fd = writer.start(folder.file("a"), false, Framing::copy_binary);
	for (const char c : copy_of({"one", "two"}))
		write_all(fd, {&c, 1});
	write_all(fd, copy_of(lines));
	close(fd);
	wait_for(writer);
	writer.check();
	std::string expected = "one\ntwo\n";
	for (const std::string &line : lines)
		expected += line + "\n";
	EXPECT_EQ(TempFolder::read(folder.file("a")), expected);
}

TEST(ExportWriterTest, ManyFilesOneAfterTheOther)
{
	const TempFolder folder;
	ExportWriter writer;
	std::vector<std::string> contents;
	for (int i = 0; i < 50; ++i)
	{
		const int fd = writer.start(folder.file(std::to_string(i)), i % 2, Framing::plain);
		contents.push_back(
			std::string(static_cast<size_t>(i) * 10007, static_cast<char>('a' + i % 26)));
		write_all(fd, contents.back());
		close(fd);
	}
	wait_for(writer);
	writer.check();
	EXPECT_EQ(writer.pending(), 0u);
	for (int i = 0; i < 50; ++i)
	{
		const std::string path = folder.file(std::to_string(i));
		EXPECT_EQ(i % 2 ? gunzipped(path) : TempFolder::read(path),
				  contents[static_cast<size_t>(i)]);
	}
}

TEST(ExportWriterTest, AFileThatCannotBeWrittenBlocksNobody)
{
	const TempFolder folder;
	folder.write("taken", "old");
	ExportWriter writer;
	for (const char *name : {"no/such/folder", "taken"})
	{
		// more than a pipe holds
		const int fd = writer.start(folder.file(name), false, Framing::plain);
		write_all(fd, std::string(5 << 20, 'x'));
		close(fd);
	}
	const int fd = writer.start(folder.file("good"), false, Framing::plain);
	write_all(fd, "good");
	close(fd);
	wait_for(writer);
	EXPECT_EQ(TempFolder::read(folder.file("good")), "good");
	EXPECT_EQ(TempFolder::read(folder.file("taken")), "old");
	try
	{
		writer.check();
		FAIL() << "the error is lost";
	}
	catch (const FileError &e)
	{
		EXPECT_EQ(e.sqlstate(), "58P01");
	}
}

TEST(ExportWriterTest, EndsWhileBusy)
{
	const TempFolder folder;
	for (int i = 0; i < 20; ++i)
	{
		ExportWriter writer;
		const int fd = writer.start(folder.file("f" + std::to_string(i)), i % 2, Framing::plain);
		write_all(fd, std::string(static_cast<size_t>(i) * 50000, 'x'));
		close(fd); // the writing end is closed before the thread is joined
	}
}

} // namespace
