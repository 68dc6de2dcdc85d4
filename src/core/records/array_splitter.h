// Splits a JSON array of records into its elements.
#pragma once

#include <cstdint>
#include <string>

#include "core/records/record_buffer.h"
#include "core/records/record_splitter.h"

namespace etl
{

/// Follows the rules of RecordSplitter, which also say what happens to malformed elements.
class ArraySplitter
{
  public:
	ArraySplitter(size_t max_record_size, const RecordSplitter::Sink &sink)
		: max_record_size_(max_record_size), sink_(sink), buffer_(max_record_size)
	{
	}
	/// `offset` is the offset in the file of the first byte, for messages.
	void start(uint64_t offset) { offset_ = offset; }
	void feed(std::string_view chunk);
	void finish() const;

  private:
	enum class At : uint8_t
	{
		start,   ///< before the bracket of the array
		between, ///< before the first byte of an element
		element,
		end ///< after the array
	};
	void structure(char c, size_t i);
	void begin_element(size_t i);
	void end_element(uint64_t end, size_t chunk_end);
	void open(char c);
	void close(char c);
	/// Whether the innermost open bracket is the element itself and the element is an object.
	bool in_element_object() const { return open_.size() == 1 && open_[0] == '{'; }

	const size_t max_record_size_;
	const RecordSplitter::Sink &sink_;
	RecordBuffer buffer_;
	std::string_view chunk_;
	uint64_t offset_ = 0; ///< offset of chunk_ in the file

	At at_ = At::start;
	bool in_string_ = false, escaped_ = false;
	bool line_begins_ = false;      ///< nothing but white space since the last line feed
	char previous_ = 0;             ///< last byte that was not white space
	uint64_t end_ = 0;              ///< offset after the last byte that was not white space
	uint64_t end_before_comma_ = 0; ///< end_ before the last comma
	uint64_t begin_ = 0;            ///< offset of the element
	size_t chunk_begin_ = 0;        ///< where the element's part in chunk_ begins
	uint64_t elements_ = 0;         ///< number of elements so far
	bool in_gap_ = false;           ///< the last element was empty
	uint64_t garbage_ = UINT64_MAX; ///< offset of the first byte after the array

	std::string open_;    ///< open brackets in the element
	uint64_t deeper_ = 0; ///< number of open brackets beyond those in open_
	size_t objects_ = 0;  ///< number of '{' in open_
};

} // namespace etl
