// A file's bytes cut into records.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "core/files/file_error.h"

namespace etl
{

/// A record as it stands in the file.
struct RawRecord
{
	std::string_view text; ///< without line end and surrounding blanks; on one line
	uint64_t line;         ///< line number from 1; in an array or single value, position from 1
	bool too_long;         ///< longer than max_record_size: text is only its beginning
};

/// Records longer than that are treated one at a time, whatever the number of threads, and when
/// little else is held: what a record is taken apart into takes several times its text.
constexpr size_t long_record_bytes = 1 << 20;

/// Cuts a stream of bytes into records: JSON Lines (blank lines skipped, CRLF and a byte-order mark
/// taken off, a last line without newline accepted); and where whole_json is set (a ".json" or
/// ".json.gz" file) also one JSON array of records or one JSON value over several lines.
///
/// Which it is: a first non-blank line that is a complete JSON value by itself or that does not
/// begin with '[' or '{' means JSON Lines, except that an array that is the only line of its file
/// is an array of records. Otherwise, a '[' begins an array of records (as does one whose line is
/// longer than max_record_size), cut at its top-level commas; a '{' whose line is incomplete is one
/// value when the whole file (up to max_record_size) is one balanced value, else the lines of a
/// JSON Lines file whose first is bad. Elements of an array that span several lines are put on one
/// (white space outside strings removed, but where it parts two tokens).
///
/// A malformed element costs as few others as can be told. A string ends with its line; a closing
/// bracket closes the innermost one of its kind and what is open inside it, one that nothing in the
/// element waits for is ignored; and in an element that is an object, a '{' where a name should be
/// (after a comma, or as the first of a line and not after a colon) begins the next element.
/// Nothing between two commas is an empty, thus malformed, record; several in a row are one, of the
/// first one's position.
class RecordSplitter
{
  public:
	using Sink = std::function<void(const RawRecord &)>;

	/// max_record_size in bytes, as the record stands in the file without surrounding blanks; of a
	/// longer one the first 1024 bytes are delivered, cut between two characters. Memory held: one
	/// record, at most max_record_size + one chunk (twice that while a whole_json file's kind is
	/// being told).
	RecordSplitter(size_t max_record_size, bool whole_json, Sink sink);
	~RecordSplitter();
	RecordSplitter(const RecordSplitter &) = delete;
	RecordSplitter &operator=(const RecordSplitter &) = delete;

	/// Feeds bytes. A record's text lies in chunk or in the splitter's own buffer and is valid only
	/// during the call of the sink.
	void feed(std::string_view chunk);
	/// The end of the file. Throws FileError (22P04) when an array is not closed or is followed by
	/// something.
	void finish();

  private:
	struct Impl;
	Impl *impl_;
};

} // namespace etl
