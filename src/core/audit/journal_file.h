// The erasure journal's file: one JSON object a line, each with the hash of the line before it.
// docs/explanation/audit.md describes the format for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace etl
{

/// Where a line was written: tells a database that was restored from the one that wrote it.
struct JournalOrigin
{
	uint64_t system = 0; ///< the cluster's system identifier
	uint32_t database = 0, timeline = 0;
	uint64_t lsn = 0; ///< where the WAL ended
	uint64_t xid = 0; ///< full transaction id; 0: was committed long before
};

struct JournalLine
{
	enum class Kind : uint8_t
	{
		begin,       ///< the first line; text names the journal
		erasure,     ///< an entry of etl.erasure
		committed,   ///< the entries first to last are committed
		rolled_back, ///< they never happened
		decision     ///< a hold, a release, a refusal, an extension, a reinstatement
	};
	Kind kind = Kind::erasure;
	int64_t seq = 0;
	std::string at;   ///< when it was written, ISO 8601
	std::string text; ///< begin: the journal's identity
	// erasure, decision
	int64_t erasure_id = 0;
	std::string dataset, subject, email, status;
	std::string received_at; ///< of a decision: when it was made
	int64_t row_count = 0;
	std::string file_hash; ///< 16 hex digits: the subject's hash in etl.subject_page; may be empty
	/// The same of the email by which late records are recognised; empty where it tells nobody.
	std::string email_hash;
	std::vector<std::string> known_emails; ///< the same of emails that the subject had
	std::string key_id;                    ///< which key the pseudonyms were made with
	JournalOrigin origin;
	// decision
	std::string action; ///< hold, release, refuse, extend, reinstate
	std::string reason, actor;
	// committed, rolled_back
	int64_t first = 0, last = 0;
};

/// The end of a chain of lines.
struct JournalEnd
{
	int64_t seq = 0;
	uint64_t position = 0; ///< bytes up to and with the line
	std::string hash;      ///< 64 hex digits, "" before the first line
};

/// The line as it stands in the file, newline included; moves the end on and sets line.seq.
std::string journal_text(JournalLine &line, JournalEnd &end);

/// Reads lines from an open file and checks that each follows the one before it.
class JournalReader
{
  public:
	JournalReader(int fd, JournalEnd from) : fd_(fd), end_(std::move(from)) {}
	/// False at the end of the file and where problem() is set.
	bool next(JournalLine &line);
	/// Why the file can't be trusted from here on, "" when all is well.
	const std::string &problem() const { return problem_; }
	/// The file goes on after end() with a part of a line: its writer never came to its end.
	bool torn() const { return torn_; }
	const JournalEnd &end() const { return end_; }

  private:
	bool fill();
	bool fail(const std::string &problem);

	int fd_;
	JournalEnd end_;
	std::string buffer_;
	size_t at_ = 0;
	bool torn_ = false;
	std::string problem_;
};

/// True when the line that ends at end.position has end.hash.
bool journal_line_matches(int fd, const JournalEnd &end);

/// Now, as "2026-11-24T13:00:00.000000Z".
std::string journal_time();

} // namespace etl
