#include "core/records/record_buffer.h"

#include "core/base/ascii.h"
#include "core/base/utf8.h"

namespace etl
{

namespace
{

constexpr size_t beginning_bytes = 1024;

/// The number of bytes of a UTF-8 sequence that begins with `lead`. 0 if no sequence does.
size_t
sequence_size(uint8_t lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead < 0xe0)
		return 2;
	if (lead >= 0xe0 && lead < 0xf0)
		return 3;
	return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

bool
is_structural(char c)
{
	return c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == ':' || c == '"';
}

} // namespace

size_t
trimmed_size(std::string_view text)
{
	size_t size = text.size();
	while (size > 0 && is_space(text[size - 1]))
		--size;
	return size;
}

void
RecordBuffer::append(std::string_view part)
{
	total_ += part.size();
	part = part.substr(0, limit_ - bytes_.size());
	// the capacity doubles as for any string, but does not exceed the limit
	const size_t need = bytes_.size() + part.size();
	if (need > bytes_.capacity())
		bytes_.reserve(std::max(need, std::min(limit_, bytes_.capacity() * 2)));
	bytes_.append(part);
}

std::string_view
beginning(std::string_view text, size_t max_record_size)
{
	text = text.substr(0, std::min(beginning_bytes, max_record_size));
	for (size_t back = 1; back <= 4 && back <= text.size(); ++back)
	{
		const char byte = text[text.size() - back];
		if (is_continuation(byte))
			continue;
		if (sequence_size(static_cast<uint8_t>(byte)) > back)
			text.remove_suffix(back);
		break;
	}
	return text;
}

void
put_on_one_line(std::string &text)
{
	bool in_string = false;
	size_t to = 0;
	for (size_t from = 0; from < text.size();)
	{
		const char c = text[from];
		if (in_string)
		{
			if (c == '\\' && from + 1 < text.size() && text[from + 1] != '\n')
			{
				text[to++] = c;
				text[to++] = text[from + 1];
				from += 2;
				continue;
			}
			// as in the array splitter, a string ends with its line
			in_string = c != '"' && c != '\n';
			text[to++] = c == '\n' ? '\t' : c;
			++from;
			continue;
		}
		if (!is_space(c))
		{
			in_string = c == '"';
			text[to++] = c;
			++from;
			continue;
		}
		while (from < text.size() && is_space(text[from]))
			++from;
		if (to > 0 && from < text.size() && !is_structural(text[to - 1]) &&
			!is_structural(text[from]))
			text[to++] = ' ';
	}
	text.resize(to);
}

} // namespace etl
