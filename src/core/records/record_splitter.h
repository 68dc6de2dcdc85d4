// Splits the bytes of a file into records.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "core/files/file_error.h"

namespace etl
{

/// A record as it is in the file.
struct RawRecord
{
	std::string_view text; ///< on one line, without line end and blanks at both ends
	uint64_t line; ///< line number from 1; for an array or a single value the position from 1
	bool too_long; ///< longer than max_record_size: text is only the beginning
};

/// Records longer than this are processed one at a time, whatever the number of threads, and while
/// little other memory is used, because the parsed record takes several times as much memory as its
/// text.
constexpr size_t long_record_bytes = 1 << 20;

/// Splits a stream of bytes into records. It accepts JSON Lines (blank lines are skipped, CRLF and
/// a byte-order mark are removed, the last line needs no newline). If whole_json is set (a ".json"
/// or ".json.gz" file), it also accepts one JSON array of records, or one JSON value over several
/// lines.
///
/// The kind of file is recognised by its first line that is not blank:
/// - The line is a complete JSON value, or does not begin with '[' or '{': JSON Lines. But an array
///   that is the only line of its file is an array of records.
/// - The line begins with '[' and is incomplete or longer than max_record_size: an array of
///   records, which is split at its top-level commas.
/// - The line begins with '{' and is incomplete: one value if the whole file (up to
///   max_record_size) is one balanced value, else JSON Lines whose first line is malformed.
///
/// Elements of an array that span several lines are put on one line (put_on_one_line()).
///
/// A malformed element affects as few other elements as possible. A string ends with its line. A
/// closing bracket closes the innermost open bracket of its kind and everything open inside it, or
/// is ignored if there is none in the element. In an element that is an object, a '{' in the
/// position of a name (after a comma, or first in a line and not after a colon) begins the next
/// element. Two commas with nothing between them are an empty record, which is malformed. Several
/// of them in a row are one record, with the position of the first.
class RecordSplitter
{
  public:
	using Sink = std::function<void(const RawRecord &)>;

	/// max_record_size is the size in bytes of the record in the file, without blanks at both ends.
	/// Only the first 1024 bytes of a longer record are delivered, cut between two characters.
	/// Memory: one record, at most max_record_size + one chunk (twice as much until the kind of a
	/// whole_json file is known).
	RecordSplitter(size_t max_record_size, bool whole_json, Sink sink);
	~RecordSplitter();
	RecordSplitter(const RecordSplitter &) = delete;
	RecordSplitter &operator=(const RecordSplitter &) = delete;

	/// Reads the next bytes. The text of a record is in the chunk or in a buffer of the splitter,
	/// and is valid only during the call of the sink.
	void feed(std::string_view chunk);
	/// Call at the end of the file. Throws FileError (22P04) if an array is not closed or something
	/// follows it.
	void finish();

  private:
	struct Impl;
	Impl *impl_;
};

} // namespace etl
