// Splits staged bytes into JSON Lines, and recognises the kind of a whole-JSON file.

#include <cstring>

#include "core/base/ascii.h"
#include "core/records/array_splitter.h"
#include "core/records/record_buffer.h"
#include "core/records/record_splitter.h"
#include "core/records/value_extent.h"

namespace etl
{

namespace
{

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

} // namespace

struct RecordSplitter::Impl
{
	enum class Mode : uint8_t
	{
		mark,    ///< in what may be a byte-order mark
		blank,   ///< before the first byte that is not white space
		holding, ///< in what may be a whole value: bytes are buffered until the kind is known
		lines,
		array
	};

	const size_t max_record_size;
	const bool whole_json;
	const Sink sink;

	Mode mode = Mode::mark;
	size_t mark_bytes = 0; ///< bytes of the byte-order mark so far
	uint64_t offset = 0;   ///< offset of the current chunk in the file

	// lines
	uint64_t line = 1;
	RecordBuffer partial;     ///< the part of a line in earlier chunks, without leading blanks
	uint64_t partial_end = 0; ///< size of `partial` up to its last byte that is not blank

	// holding
	FirstValue first;
	char first_bracket = 0;
	bool second_line = false; ///< the first line has ended
	uint64_t held_offset = 0;
	std::string held;

	ArraySplitter array;

	Impl(size_t max, bool whole, Sink s)
		: max_record_size(max), whole_json(whole), sink(std::move(s)), partial(max),
		  array(max_record_size, sink)
	{
	}

	void feed(std::string_view chunk);
	void mark(std::string_view chunk);
	void blank(std::string_view chunk);
	void hold(std::string_view chunk);
	Mode told(char c);
	void replay(Mode to, std::string_view chunk);
	void lines(std::string_view chunk);
	void append_line(std::string_view part);
	void end_line(std::string_view rest);
	void deliver(std::string_view text, uint64_t size);
	void finish();
};

void
RecordSplitter::Impl::feed(std::string_view chunk)
{
	if (chunk.empty())
		return;
	switch (mode)
	{
	case Mode::mark:
		mark(chunk);
		break;
	case Mode::blank:
		blank(chunk);
		break;
	case Mode::holding:
		hold(chunk);
		break;
	case Mode::lines:
		lines(chunk);
		break;
	case Mode::array:
		array.feed(chunk);
		break;
	}
}

void
RecordSplitter::Impl::mark(std::string_view chunk)
{
	while (mark_bytes < byte_order_mark.size() && !chunk.empty() &&
		   chunk.front() == byte_order_mark[mark_bytes])
	{
		chunk.remove_prefix(1);
		++mark_bytes;
	}
	if (mark_bytes < byte_order_mark.size())
	{
		if (chunk.empty())
			return;
		// this was not a byte-order mark, so its bytes are content
		mode = Mode::blank;
		feed(byte_order_mark.substr(0, mark_bytes));
	}
	else
	{
		mode = Mode::blank;
		offset = byte_order_mark.size();
	}
	feed(chunk);
}

void
RecordSplitter::Impl::blank(std::string_view chunk)
{
	size_t i = 0;
	if (whole_json)
		for (; i < chunk.size() && is_space(chunk[i]); ++i)
			line += chunk[i] == '\n';
	offset += i;
	chunk.remove_prefix(i);
	if (chunk.empty())
		return;
	first_bracket = chunk.front();
	held_offset = offset;
	mode =
		whole_json && (first_bracket == '{' || first_bracket == '[') ? Mode::holding : Mode::lines;
	feed(chunk);
}

/// The kind of the file after this byte; `holding` if it is not known yet.
RecordSplitter::Impl::Mode
RecordSplitter::Impl::told(char c)
{
	const FirstValue::State state = first.step(c);
	// After a complete first line only one kind of file is not JSON Lines: an array on the only
	// line of the file. An incomplete first line with '[' begins an array of records.
	const Mode otherwise = first_bracket == '[' && !second_line ? Mode::array : Mode::lines;
	if (state == FirstValue::State::bad)
		return otherwise;
	if (c == '\n' && !second_line)
	{
		const bool complete = state == FirstValue::State::complete;
		if (complete != (first_bracket == '['))
			return otherwise;
		second_line = true;
	}
	return Mode::holding;
}

void
RecordSplitter::Impl::hold(std::string_view chunk)
{
	for (size_t i = 0; i < chunk.size(); ++i)
	{
		Mode to = told(chunk[i]);
		if (to == Mode::holding && held.size() + i >= max_record_size)
			to = first_bracket == '[' ? Mode::array : Mode::lines;
		if (to != Mode::holding)
		{
			replay(to, chunk);
			return;
		}
	}
	held.append(chunk);
}

void
RecordSplitter::Impl::replay(Mode to, std::string_view chunk)
{
	mode = to;
	array.start(held_offset);
	{
		const std::string before = std::move(held);
		held = std::string();
		feed(before);
	}
	feed(chunk);
}

void
RecordSplitter::Impl::deliver(std::string_view text, uint64_t size)
{
	if (size == 0)
		return;
	const bool too_long = size > max_record_size;
	sink({too_long ? beginning(text, max_record_size) : text.substr(0, size), line, too_long});
}

void
RecordSplitter::Impl::append_line(std::string_view part)
{
	if (partial.empty())
		while (!part.empty() && is_blank(part.front()))
			part.remove_prefix(1);
	if (const size_t size = trimmed_size(part); size > 0)
		partial_end = partial.total() + size;
	partial.append(part);
}

void
RecordSplitter::Impl::end_line(std::string_view rest)
{
	append_line(rest);
	deliver(partial.bytes(), partial_end);
	partial.clear();
	partial_end = 0;
	++line;
}

void
RecordSplitter::Impl::lines(std::string_view chunk)
{
	const char *at = chunk.data();
	const char *const end = at + chunk.size();
	while (const void *found = std::memchr(at, '\n', static_cast<size_t>(end - at)))
	{
		const char *const line_end = static_cast<const char *>(found);
		if (!partial.empty())
			end_line({at, static_cast<size_t>(line_end - at)});
		else
		{
			while (at < line_end && is_blank(*at))
				++at;
			const std::string_view text(at, static_cast<size_t>(line_end - at));
			deliver(text, trimmed_size(text));
			++line;
		}
		at = line_end + 1;
		if (at == end)
			return;
	}
	append_line({at, static_cast<size_t>(end - at)});
}

void
RecordSplitter::Impl::finish()
{
	if (mode == Mode::mark)
	{
		mode = Mode::blank;
		if (mark_bytes < byte_order_mark.size())
			feed(byte_order_mark.substr(0, mark_bytes));
	}
	if (mode == Mode::holding)
	{
		if (first_bracket == '{' && first.state() == FirstValue::State::complete && second_line)
		{
			held.resize(trimmed_size(held));
			put_on_one_line(held);
			sink({held, 1, false});
			held = std::string();
			return;
		}
		replay(first_bracket == '[' ? Mode::array : Mode::lines, {});
	}
	if (mode == Mode::array)
		array.finish();
	else if (mode == Mode::lines)
		end_line({});
}

RecordSplitter::RecordSplitter(size_t max_record_size, bool whole_json, Sink sink)
	: impl_(new Impl(max_record_size, whole_json, std::move(sink)))
{
}

RecordSplitter::~RecordSplitter()
{
	delete impl_;
}

void
RecordSplitter::feed(std::string_view chunk)
{
	impl_->feed(chunk);
}

void
RecordSplitter::finish()
{
	impl_->finish();
}

} // namespace etl
