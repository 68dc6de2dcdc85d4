// Staged files: their names, their decompression and their division into records.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/sealed_text.h"

namespace etl
{

using Sha256 = std::array<uint8_t, 32>;

/// date=YYYY-MM-DD/hour=H[H] of a path relative to the raw folder.
struct Partition
{
	int year = 0, month = 0, day = 0, hour = 0;
	/// Days since 2000-01-01, PostgreSQL's date epoch.
	int32_t pg_date() const;
};

/// Reads "date=2020-01-31/hour=07/name" (hour=7 too; the file stands directly in the hour folder).
/// nullopt when it is no partition: another shape, 2020-13-01, 30 February, hour 24.
std::optional<Partition> parse_partition(std::string_view relative_path);

/// What tells whether a file is still the one that was read. Without the device: its number may
/// change when the machine starts again.
struct FileIdentity
{
	uint64_t inode = 0, size = 0;
	int64_t modified_ns = 0;
	bool operator==(const FileIdentity &) const = default;
};

/// A file that can't be read to its end. The message names what is wrong and where, and no content.
class FileError : public std::runtime_error
{
  public:
	FileError(std::string sqlstate, const std::string &message)
		: std::runtime_error(message), sqlstate_(std::move(sqlstate))
	{
	}
	const std::string &sqlstate() const { return sqlstate_; }

  private:
	std::string sqlstate_;
};

/// Reads a file's bytes, gunzipped (RFC 1952, any number of members) when gzip is set, and hashes
/// (SHA-256) the bytes on disk on the way.
/// Throws FileError: cannot open (58P01/42501/58030), not a regular file (42809; a symbolic link is
/// none, and a FIFO does not block), "not in gzip format", "gzip stream ends early at byte N",
/// "gzip data is damaged at byte N", trailing garbage (all 22P04), more than max_size bytes after
/// decompression (54000), changed or renamed while it was read (55006).
class FileReader
{
  public:
	/// root: how many bytes of the path may hold symbolic links; see core/beneath.h.
	FileReader(const std::string &path, bool gzip, uint64_t max_size,
			   size_t root = static_cast<size_t>(-1));
	~FileReader();
	FileReader(const FileReader &) = delete;
	FileReader &operator=(const FileReader &) = delete;

	/// How many bytes read() will give, by what the file says of itself: its size, or the length in
	/// its last gzip trailer (RFC 1952 section 2.3.1), which is that of the last member modulo 2^32
	/// and may be a lie. Good for the size of a buffer, and for nothing else.
	uint64_t expected_size() const;
	/// Before the first read(): keeps the bytes on disk for take_stream(), unless they are more
	/// than max_size.
	void keep_stream(size_t max_size);
	/// Once read() has returned 0: the deflate stream of a gzipped file that is one member (RFC
	/// 1952), with what its trailer says; none where it has several, or nothing was kept.
	std::optional<SealedText> take_stream();
	/// Reads up to size decompressed bytes; 0 at the end of the file. After an error the reader is
	/// of no more use.
	size_t read(char *buffer, size_t size);
	/// Bytes on disk, and their hash; valid once read() has returned 0.
	uint64_t size_on_disk() const;
	std::array<uint8_t, 32> sha256() const;
	uint64_t bytes_out() const;
	/// Of the file that was opened, whatever has its name now.
	FileIdentity identity() const;

  private:
	struct Impl;
	Impl *impl_;
};

/// A record as it stands in the file.
struct RawRecord
{
	std::string_view text; ///< without line end and surrounding blanks; on one line
	uint64_t line;         ///< line number from 1; in an array or single value, position from 1
	bool too_long;         ///< longer than max_record_size: text is only its beginning
};

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

/// Writes bytes to a new file (O_EXCL, mode 0600), gzipped (ISA-L level 1) when gzip is set, and
/// syncs it on close. Throws FileError: 58P02 when the name is taken, 58P01, 42501, 53100 (disk
/// full), 58030.
class FileWriter
{
  public:
	FileWriter(const std::string &path, bool gzip);
	/// Closes and removes the file unless close() was called.
	~FileWriter();
	FileWriter(const FileWriter &) = delete;
	FileWriter &operator=(const FileWriter &) = delete;

	void write(std::string_view bytes);
	/// Flushes, fsyncs and closes.
	void close();
	/// Writes what is collected: nothing more comes.
	void finish();
	/// After finish(): hands the open file over to the caller, who syncs and closes it (GroupSync)
	/// and removes it when that fails.
	int release();

  private:
	struct Impl;
	Impl *impl_;
};

/// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104) through libcrypto.
std::array<uint8_t, 32> sha256(std::string_view bytes);
std::array<uint8_t, 32> hmac_sha256(std::string_view key, std::string_view bytes);
std::string to_hex(std::string_view bytes);
using SipKey = std::array<uint8_t, 16>;
/// SipHash-2-4 (Aumasson and Bernstein, 2012).
uint64_t siphash(const SipKey &key, std::string_view bytes);

} // namespace etl
