// What the parts of encode.cpp share.
#pragma once

#include <string>
#include <string_view>

#include "core/encode.h"

namespace etl::encode_detail
{

/// Without the blanks that PostgreSQL's input functions skip.
inline std::string_view
trim(std::string_view s)
{
	constexpr std::string_view blanks = " \t\n\r\f\v";
	const size_t begin = s.find_first_not_of(blanks);
	if (begin == std::string_view::npos)
		return {};
	return s.substr(begin, s.find_last_not_of(blanks) - begin + 1);
}

inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/// "expected bigint, got text that is no integer". Always false, to be returned.
bool mismatch(const ColumnType &type, std::string_view got, TypeError &error,
			  const char *sqlstate = "22P02");
/// "out of range for type bigint".
bool out_of_range(const ColumnType &type, TypeError &error);

/// char(n), whose trailing blanks mean nothing.
bool is_blank_padded(const ColumnType &type);

bool encode_numeric(const ColumnType &type, std::string_view text, std::string &out,
					TypeError &error);
/// Whether numeric without precision holds the number (jsonb keeps its numbers so).
bool fits_numeric(std::string_view number);
std::string numeric_text(std::string_view encoded, bool keep_scale);
uint64_t numeric_prefix(std::string_view encoded);

bool encode_date(const ColumnType &type, std::string_view text, std::string &out, TypeError &error);
bool encode_timestamp(const ColumnType &type, std::string_view text, std::string &out,
					  TypeError &error);
std::string date_text(int32_t days);
std::string timestamp_text(int64_t microseconds, bool zone);

template <typename T>
inline T
load_be(std::string_view bytes, size_t offset = 0)
{
	T v = 0;
	for (size_t i = 0; i < sizeof(T) && offset + i < bytes.size(); ++i)
		v = static_cast<T>(static_cast<T>(v << 8) | static_cast<unsigned char>(bytes[offset + i]));
	return v;
}

} // namespace etl::encode_detail
