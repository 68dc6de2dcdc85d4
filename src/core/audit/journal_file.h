// The file of the erasure journal: one JSON object in each line, with the hash of the line before.
// docs/explanation/audit.md describes the format.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace etl
{

/// Where a line was written. It distinguishes a restored database from the one that wrote the line.
struct JournalOrigin
{
	uint64_t system = 0; ///< the cluster's system identifier
	uint32_t database = 0, timeline = 0;
	uint64_t lsn = 0; ///< end of the WAL at that time
	uint64_t xid = 0; ///< full transaction id; 0 if the transaction was committed long before
};

struct JournalLine
{
	enum class Kind : uint8_t
	{
		begin,       ///< the first line; `text` is the identity of the journal
		erasure,     ///< an entry of etl.erasure
		committed,   ///< the transactions of the lines `first` to `last` were committed
		rolled_back, ///< the transactions of the lines `first` to `last` were rolled back
		decision     ///< a hold, a release, a refusal, an extension, a reinstatement
	};
	Kind kind = Kind::erasure;
	int64_t seq = 0;
	std::string at;   ///< time of writing, ISO 8601
	std::string text; ///< begin: identity of the journal
	// for erasure and decision
	int64_t erasure_id = 0;
	std::string dataset;
	/// keyed pseudonyms, never identifiers; for a decision both may be empty: all people of the
	/// dataset
	std::string subject, email;
	std::string status;      ///< as in etl.erasure
	std::string received_at; ///< as format_utc() writes it; for a decision: when it was made
	int64_t row_count = 0;
	/// Keyed hash of the subject as in etl.subject_page. After a restore it finds the files of a
	/// person who is only in files. 0 if unknown. For a decision: of a hold.
	uint64_t file_hash = 0;
	/// Keyed hash of the email by which later records are recognised. 0 if the email does not
	/// identify the person.
	uint64_t email_hash = 0;
	/// Keyed hashes of emails that the subject had. A database that was restored from before the
	/// person's first record must know them too.
	std::vector<uint64_t> known_emails;
	std::string key_id; ///< identifies the key of the pseudonyms
	JournalOrigin origin;
	// for decision
	std::string action; ///< hold, release, refuse, extend or reinstate
	std::string reason, actor;
	// for committed and rolled_back
	int64_t first = 0, last = 0;
};

/// The end of a sequence of lines.
struct JournalEnd
{
	int64_t seq = 0;
	uint64_t position = 0; ///< number of bytes up to the end of the last line
	std::string hash;      ///< 64 hexadecimal digits; "" before the first line
};

/// Reads a hash as a line has it: 16 hexadecimal digits, or "" for 0. Throws std::runtime_error.
uint64_t read_journal_hash(std::string_view digits);

/// Returns the text of the line for the file, with its newline. Moves `end` behind it and sets
/// line.seq.
std::string journal_text(JournalLine &line, JournalEnd &end);

/// Reads lines from an open file and checks that each line follows the one before.
class JournalReader
{
  public:
	JournalReader(int fd, JournalEnd from) : fd_(fd), end_(std::move(from)) {}
	/// Returns false at the end of the file and if there is a problem().
	bool next(JournalLine &line);
	/// Why the file cannot be trusted from here on. "" if there is no problem.
	const std::string &problem() const { return problem_; }
	/// Whether the file has an incomplete line after end(), which was not written to its end.
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

/// Whether the line that ends at end.position has the hash end.hash.
bool journal_line_matches(int fd, const JournalEnd &end);

/// The current time as "2026-11-24T13:00:00.000000Z".
std::string journal_time();

} // namespace etl
