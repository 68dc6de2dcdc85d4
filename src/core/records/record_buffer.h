// Holds the part of a record that is not inside the current chunk.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace etl
{

/// The size of the text up to its last character that is not white space.
size_t trimmed_size(std::string_view text);

/// Collects the bytes of a record, and keeps at most as many as a record may have.
class RecordBuffer
{
  public:
	explicit RecordBuffer(size_t limit) : limit_(limit) {}

	void append(std::string_view part);
	void clear()
	{
		bytes_.clear();
		total_ = 0;
	}
	bool empty() const { return total_ == 0; }
	/// The number of bytes that were appended, including those that were not kept.
	uint64_t total() const { return total_; }
	std::string &bytes() { return bytes_; }

  private:
	const size_t limit_;
	uint64_t total_ = 0;
	std::string bytes_;
};

/// The beginning of a record that is too long, enough to recognise the record. The text is cut
/// between two characters.
std::string_view beginning(std::string_view text, size_t max_record_size);

/// Puts a value that spans lines on one line, in place. White space outside strings is removed; one
/// blank stays where it separates two tokens, because 1 and 2 must not become 12. A line feed
/// inside a string, which JSON forbids, becomes a tab, which JSON forbids too, so the value stays
/// invalid.
void put_on_one_line(std::string &text);

} // namespace etl
