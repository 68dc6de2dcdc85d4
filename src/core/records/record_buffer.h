// What the splitters hold of a record that is not wholly inside one chunk.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace etl
{

/// Bytes of a text up to its last non-blank one.
size_t trimmed_size(std::string_view text);

/// Takes a record's bytes as they come and keeps no more than a record may have.
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
	/// Bytes appended, kept or not.
	uint64_t total() const { return total_; }
	std::string &bytes() { return bytes_; }

  private:
	const size_t limit_;
	uint64_t total_ = 0;
	std::string bytes_;
};

/// What is kept of a record that is too long: enough to recognise it by, cut between two
/// characters.
std::string_view beginning(std::string_view text, size_t max_record_size);

/// Puts a value that spans lines on one, in place: white space outside strings goes (one blank
/// stays where it parts two tokens: 1 and 2 must not become 12). A raw line feed inside a string,
/// which JSON forbids, becomes a tab, which it forbids too: the value stays as bad as it was.
void put_on_one_line(std::string &text);

} // namespace etl
