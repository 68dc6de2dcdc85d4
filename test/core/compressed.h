// Compressors for tests: simple, slow and independent of the code under test.
#pragma once

#include <string>

#include <cstdint>
#include <cstring>

namespace test
{

/// The length of the longest earlier occurrence of the bytes at `at`.
inline size_t
longest_match(const std::string &raw, size_t at, size_t window, size_t max_length, size_t &back)
{
	size_t best = 0;
	for (size_t from = at > window ? at - window : 0; from < at; ++from)
	{
		size_t n = 0;
		while (n < max_length && at + n < raw.size() && raw[from + n] == raw[at + n])
			++n;
		if (n > best)
		{
			best = n;
			back = at - from;
		}
	}
	return best;
}

inline std::string
pglz(const std::string &raw)
{
	std::string out;
	for (size_t at = 0; at < raw.size();)
	{
		const size_t control = out.size();
		out += '\0';
		for (int bit = 0; bit < 8 && at < raw.size(); ++bit)
		{
			size_t back = 0;
			const size_t length = longest_match(raw, at, 4095, 273, back);
			if (length < 3)
			{
				out += raw[at++];
				continue;
			}
			out[control] = static_cast<char>(out[control] | 1 << bit);
			const size_t nibble = length >= 18 ? 15 : length - 3;
			out += static_cast<char>((back >> 4 & 0xF0) | nibble);
			out += static_cast<char>(back & 0xFF);
			if (nibble == 15)
				out += static_cast<char>(length - 18);
			at += length;
		}
	}
	return out;
}

inline std::string
lz4(const std::string &raw)
{
	std::string out, literals;
	const auto more = [&](size_t n)
	{
		for (n -= 15; n >= 255; n -= 255)
			out += '\xff';
		out += static_cast<char>(n);
	};
	const auto sequence = [&](size_t length, size_t back)
	{
		const size_t copied = length == 0 ? 0 : length - 4;
		out += static_cast<char>((literals.size() < 15 ? literals.size() : 15) << 4 |
								 (copied < 15 ? copied : 15));
		if (literals.size() >= 15)
			more(literals.size());
		out += literals;
		literals.clear();
		if (length == 0)
			return;
		out += static_cast<char>(back & 0xFF);
		out += static_cast<char>(back >> 8);
		if (copied >= 15)
			more(copied);
	};
	for (size_t at = 0; at < raw.size();)
	{
		size_t back = 0;
		// the last five bytes are literals
		const size_t length =
			at + 12 < raw.size() ? longest_match(raw, at, 65535, raw.size() - at - 5, back) : 0;
		if (length < 4)
		{
			literals += raw[at++];
			continue;
		}
		sequence(length, back);
		at += length;
	}
	sequence(0, 0);
	return out;
}

/// A compressed datum as it is in a row: varatt_4b with va_tcinfo.
inline std::string
inline_datum(const std::string &raw, unsigned method)
{
	const std::string stored = method == 0 ? pglz(raw) : lz4(raw);
	const uint32_t header = static_cast<uint32_t>(stored.size() + 8) << 2 | 2;
	const uint32_t info = static_cast<uint32_t>(raw.size()) | method << 30;
	std::string datum(8, '\0');
	memcpy(datum.data(), &header, 4);
	memcpy(datum.data() + 4, &info, 4);
	return datum + stored;
}

/// The bytes that toast_save_datum stores for such a value.
inline std::string
toasted(const std::string &raw, unsigned method)
{
	return inline_datum(raw, method).substr(4);
}

/// A text of this length in which the needle does not occur as a whole after compression.
inline std::string
hidden(const std::string &needle, size_t length)
{
	std::string text;
	for (size_t i = 0; i < needle.size(); i += 3)
		text += needle.substr(i, 5) + "~";
	text += needle;
	while (text.size() < length)
		text += "filler " + std::to_string(text.size() % 97) + needle.substr(0, 4);
	return text;
}

} // namespace test
