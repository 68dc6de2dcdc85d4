// Cuts one JSON array of records into its elements.
#pragma once

#include <cstdint>
#include <string>

#include "core/records/record_buffer.h"
#include "core/records/record_splitter.h"

namespace etl
{

/// The rules are RecordSplitter's; see there what happens to elements that are malformed.
class ArraySplitter
{
  public:
	ArraySplitter(size_t max_record_size, const RecordSplitter::Sink &sink)
		: max_record_size_(max_record_size), sink_(sink), buffer_(max_record_size)
	{
	}
	/// offset: of the first byte in the file, for messages.
	void start(uint64_t offset) { offset_ = offset; }
	void feed(std::string_view chunk);
	void finish() const;

  private:
	enum class At : uint8_t
	{
		start,   ///< before the array's bracket
		between, ///< before an element's first byte
		element,
		end ///< after the array
	};
	void structure(char c, size_t i);
	void begin_element(size_t i);
	void end_element(uint64_t end, size_t chunk_end);
	void open(char c);
	void close(char c);
	/// The innermost container is the element itself, and that is an object.
	bool in_element_object() const { return open_.size() == 1 && open_[0] == '{'; }

	const size_t max_record_size_;
	const RecordSplitter::Sink &sink_;
	RecordBuffer buffer_;
	std::string_view chunk_;
	uint64_t offset_ = 0; ///< in the file, of chunk_

	At at_ = At::start;
	bool in_string_ = false, escaped_ = false;
	bool line_begins_ = false;      ///< nothing but white space since the last line feed
	char previous_ = 0;             ///< last byte that was no white space
	uint64_t end_ = 0;              ///< offset after it
	uint64_t end_before_comma_ = 0; ///< the same before the last comma
	uint64_t begin_ = 0;            ///< offset of the element
	size_t chunk_begin_ = 0;        ///< where its part in chunk_ begins
	uint64_t elements_ = 0;         ///< ended so far
	bool in_gap_ = false;           ///< the last one was empty
	uint64_t garbage_ = UINT64_MAX; ///< offset of what follows the array

	std::string open_;    ///< brackets open in the element
	uint64_t deeper_ = 0; ///< and those too deep to be told apart
	size_t objects_ = 0;  ///< '{' in open_
};

} // namespace etl
