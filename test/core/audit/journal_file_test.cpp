#include "core/audit/journal_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <gtest/gtest.h>

using namespace etl;

namespace
{

std::string
journal(int lines, std::vector<size_t> *starts = nullptr)
{
	JournalEnd end;
	std::string text;
	for (int i = 0; i < lines; ++i)
	{
		JournalLine line;
		line.kind = i == 0       ? JournalLine::Kind::begin
					: i % 3 == 2 ? JournalLine::Kind::committed
								 : JournalLine::Kind::erasure;
		line.at = "2026-01-01T00:00:00.000000Z";
		line.text = "id";
		line.erasure_id = i;
		line.dataset = "customers";
		line.subject = "s\"\\";
		line.origin.system = UINT64_MAX;
		line.origin.lsn = UINT64_MAX;
		line.first = line.last = i;
		if (starts != nullptr)
			starts->push_back(text.size());
		text += journal_text(line, end);
	}
	return text;
}

/// A temporary file that is removed when it is closed.
struct File
{
	int fd;
	explicit File(const std::string &text)
	{
		char name[] = "/tmp/journal_test.XXXXXX";
		fd = mkstemp(name);
		unlink(name);
		EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
	}
	~File() { close(fd); }
};

struct Read
{
	std::vector<JournalLine> lines;
	std::string problem;
	bool torn;
	JournalEnd end;
};

Read
read_all(const std::string &text, JournalEnd from = {})
{
	const File file(text);
	JournalReader reader(file.fd, from);
	Read result;
	for (JournalLine line; reader.next(line);)
		result.lines.push_back(line);
	result.problem = reader.problem();
	result.torn = reader.torn();
	result.end = reader.end();
	return result;
}

TEST(JournalFile, ADecisionComesBackAsItWasWritten)
{
	JournalLine line;
	line.kind = JournalLine::Kind::decision;
	line.at = "2026-01-02T00:00:00.000000Z";
	line.erasure_id = 7;
	line.dataset = "customers";
	line.subject = "s1";
	line.email = "e1";
	line.action = "refuse";
	line.reason = "a \"legal\" ground\n";
	line.actor = "dpo";
	line.received_at = "2026-01-01T00:00:00.000000Z";
	line.file_hash = 0x00ff00ff00ff00ff;
	line.key_id = "k1";
	JournalEnd end;
	std::string text;
	JournalLine begin;
	begin.kind = JournalLine::Kind::begin;
	begin.at = line.at;
	begin.text = "id";
	text += journal_text(begin, end);
	text += journal_text(line, end);
	const Read read = read_all(text);
	EXPECT_EQ(read.problem, "");
	ASSERT_EQ(read.lines.size(), 2u);
	const JournalLine &got = read.lines[1];
	EXPECT_EQ(got.kind, JournalLine::Kind::decision);
	EXPECT_EQ(got.erasure_id, 7);
	EXPECT_EQ(got.dataset, "customers");
	EXPECT_EQ(got.subject, "s1");
	EXPECT_EQ(got.email, "e1");
	EXPECT_EQ(got.action, line.action);
	EXPECT_EQ(got.reason, line.reason);
	EXPECT_EQ(got.actor, "dpo");
	EXPECT_EQ(got.received_at, line.received_at);
	EXPECT_EQ(got.file_hash, line.file_hash);
	EXPECT_EQ(got.key_id, "k1");
}

TEST(JournalFile, ReadsWhatItWrote)
{
	const Read all = read_all(journal(5000)); // more than one buffer
	EXPECT_EQ(all.problem, "");
	EXPECT_FALSE(all.torn);
	ASSERT_EQ(all.lines.size(), 5000u);
	EXPECT_EQ(all.lines[0].text, "id");
	EXPECT_EQ(all.lines[1].subject, "s\"\\");
	EXPECT_EQ(all.lines[1].origin.system, UINT64_MAX);
	EXPECT_EQ(all.lines[2].last, 2);
	EXPECT_EQ(all.end.seq, 5000);
	EXPECT_EQ(all.end.position, journal(5000).size());
}

TEST(JournalFile, GoesOnFromAnyLine)
{
	const Read first = read_all(journal(7));
	const Read rest = read_all(journal(20), first.end);
	EXPECT_EQ(rest.problem, "");
	EXPECT_EQ(rest.lines.size(), 13u);
	const File file(journal(20));
	EXPECT_TRUE(journal_line_matches(file.fd, first.end));
	JournalEnd other = first.end;
	other.hash[0] = other.hash[0] == '0' ? '1' : '0';
	EXPECT_FALSE(journal_line_matches(file.fd, other));
	other = first.end;
	other.position -= 1;
	EXPECT_FALSE(journal_line_matches(file.fd, other));
}

TEST(JournalFile, EveryChangedByteIsFound)
{
	const std::string text = journal(4);
	for (size_t i = 0; i < text.size(); ++i)
	{
		std::string changed = text;
		changed[i] = changed[i] == '7' ? '8' : '7';
		const Read result = read_all(changed);
		// if the last newline is changed, the line is incomplete
		EXPECT_TRUE(!result.problem.empty() || result.torn) << "byte " << i;
	}
}

TEST(JournalFile, RemovedRepeatedAndMovedLinesAreFound)
{
	std::vector<size_t> starts;
	const std::string text = journal(6, &starts);
	starts.push_back(text.size());
	for (size_t i = 0; i + 1 < 6; ++i)
	{
		const std::string line = text.substr(starts[i], starts[i + 1] - starts[i]);
		EXPECT_NE(read_all(text.substr(0, starts[i]) + text.substr(starts[i + 1])).problem, "");
		EXPECT_NE(read_all(text.substr(0, starts[i]) + line + text.substr(starts[i])).problem, "");
	}
}

TEST(JournalFile, AnIncompleteLastLineIsTorn)
{
	const std::string text = journal(3);
	const Read result = read_all(text.substr(0, text.size() - 10));
	EXPECT_EQ(result.problem, "");
	EXPECT_TRUE(result.torn);
	EXPECT_EQ(result.lines.size(), 2u);
}

TEST(JournalFile, GarbageIsNoJournal)
{
	for (const char *text : {"\n", "{}\n", "garbage\n", "{\"seq\":1}\n"})
		EXPECT_NE(read_all(text).problem, "") << text;
	EXPECT_NE(read_all(std::string(100000, 'x')).problem, "");
}

} // namespace
