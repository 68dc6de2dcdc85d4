#include "core/records/array_splitter.h"

#include <cstring>
#include <utility>

#include "core/base/ascii.h"
#include "core/base/sqlstate.h"
#include "core/files/file_error.h"
#include "core/json/document.h"
#include "core/records/record_splitter.h"

namespace etl
{

namespace
{

/// A record is never nested deeper than this. Brackets beyond this depth are only counted.
constexpr size_t told_apart = 2 * Document::max_depth;

bool
is_structure(char c)
{
	return c == '"' || c == ',' || c == '{' || c == '}' || c == '[' || c == ']';
}

/// Not 0 if a byte of `word` is `c`.
uint64_t
has_byte(uint64_t word, char c)
{
	constexpr uint64_t ones = UINT64_C(0x0101010101010101);
	const uint64_t x = word ^ (ones * static_cast<uint8_t>(c));
	return (x - ones) & ~x & (ones << 7);
}

/// Skips bytes of a string that have no special meaning, eight at a time.
size_t
skip_plain(std::string_view text, size_t i)
{
	for (; i + 8 <= text.size(); i += 8)
	{
		uint64_t word;
		std::memcpy(&word, text.data() + i, 8);
		if ((has_byte(word, '"') | has_byte(word, '\\') | has_byte(word, '\n')) != 0)
			break;
	}
	while (i < text.size() && text[i] != '"' && text[i] != '\\' && text[i] != '\n')
		++i;
	return i;
}

} // namespace

void
ArraySplitter::open(char c)
{
	if (open_.size() == told_apart)
	{
		++deeper_;
		return;
	}
	open_ += c;
	objects_ += c == '{';
}

/// Closes the innermost open bracket of this kind and everything that is open inside it. A closing
/// bracket without an open one is left to the parser.
void
ArraySplitter::close(char c)
{
	if (deeper_ > 0)
	{
		--deeper_;
		return;
	}
	const char wanted = c == '}' ? '{' : '[';
	if ((wanted == '{' ? objects_ : open_.size() - objects_) == 0)
		return;
	char closed;
	do
	{
		closed = open_.back();
		open_.pop_back();
		objects_ -= closed == '{';
	} while (closed != wanted);
}

void
ArraySplitter::begin_element(size_t i)
{
	at_ = At::element;
	begin_ = offset_ + i;
	chunk_begin_ = i;
	buffer_.clear();
	open_.clear();
	objects_ = 0;
	deeper_ = 0;
}

/// The text of the element ends at the offset `end` of the file. chunk_end is how much of the chunk
/// has been read.
void
ArraySplitter::end_element(uint64_t end, size_t chunk_end)
{
	RawRecord record{"", ++elements_, false};
	// several empty elements in a row are reported as one
	if (at_ != At::element && std::exchange(in_gap_, true))
		return;
	if (at_ == At::element)
	{
		in_gap_ = false;
		const uint64_t size = end - begin_;
		if (!buffer_.empty())
			buffer_.append(chunk_.substr(chunk_begin_, chunk_end - chunk_begin_));
		std::string_view text =
			buffer_.empty() ? chunk_.substr(chunk_begin_) : std::string_view(buffer_.bytes());
		record.too_long = size > max_record_size_;
		text = record.too_long ? beginning(text, max_record_size_) : text.substr(0, size);
		if (text.find('\n') != std::string_view::npos)
		{
			std::string &bytes = buffer_.bytes();
			if (buffer_.empty())
				bytes.assign(text);
			else
				bytes.resize(text.size());
			put_on_one_line(bytes);
			text = bytes;
		}
		record.text = text;
	}
	at_ = At::between;
	sink_(record);
	buffer_.clear();
}

/// Handles a byte that is outside strings and not white space.
void
ArraySplitter::structure(char c, size_t i)
{
	if (at_ == At::between && c != ',' && c != ']')
		begin_element(i);
	const bool at_top = at_ == At::between || (open_.empty() && deeper_ == 0);
	switch (c)
	{
	case '"':
		in_string_ = true;
		break;
	case '{':
		// a '{' where a name should be means that the previous element has lost its closing bracket
		if (in_element_object() && deeper_ == 0 &&
			(previous_ == ',' || (line_begins_ && previous_ != ':')))
		{
			end_element(previous_ == ',' ? end_before_comma_ : end_, i);
			begin_element(i);
		}
		open(c);
		break;
	case '[':
		open(c);
		break;
	case ',':
		if (at_top)
			end_element(end_, i);
		end_before_comma_ = end_;
		break;
	case ']':
		if (at_top)
		{
			if (at_ == At::element || elements_ > 0)
				end_element(end_, i);
			at_ = At::end;
			break;
		}
		close(c);
		break;
	case '}':
		close(c);
		break;
	default:
		break;
	}
	previous_ = c;
	line_begins_ = false;
	end_ = offset_ + i + 1;
}

void
ArraySplitter::feed(std::string_view chunk)
{
	chunk_ = chunk;
	chunk_begin_ = 0;
	size_t i = 0;
	while (i < chunk.size() && at_ != At::end)
	{
		const char c = chunk[i];
		if (in_string_)
		{
			if (escaped_ && c != '\n')
				escaped_ = false;
			else
			{
				i = skip_plain(chunk, i);
				if (i == chunk.size())
				{
					end_ = offset_ + i;
					break;
				}
				escaped_ = chunk[i] == '\\';
				if (!escaped_)
					in_string_ = false;
				if (chunk[i] == '\n')
				{
					// a JSON string cannot contain a line feed, so the string was not closed
					line_begins_ = true;
					end_ = offset_ + i;
					++i;
					continue;
				}
			}
			end_ = offset_ + ++i;
			continue;
		}
		if (is_space(c))
			line_begins_ |= c == '\n';
		else if (at_ == At::start)
			at_ = At::between; // the opening bracket of the array
		else if (at_ == At::element && !is_structure(c))
		{
			// a number, true, false, null, or invalid text
			previous_ = c;
			line_begins_ = false;
			end_ = offset_ + i + 1;
		}
		else
			structure(c, i);
		++i;
	}
	if (at_ == At::element)
		buffer_.append(chunk.substr(chunk_begin_));
	if (at_ == At::end && garbage_ == UINT64_MAX)
		for (; i < chunk.size(); ++i)
			if (!is_space(chunk[i]))
			{
				garbage_ = offset_ + i;
				break;
			}
	offset_ += chunk.size();
}

void
ArraySplitter::finish() const
{
	if (at_ != At::end)
		throw FileError(sqlstate::bad_copy_file_format,
						"array of records is not closed at the end of the file (after " +
							std::to_string(elements_) + " records)");
	if (garbage_ != UINT64_MAX)
		throw FileError(sqlstate::bad_copy_file_format,
						"array of records is followed by something at byte " +
							std::to_string(garbage_));
}

} // namespace etl
