// What the writers of the datasets share.
#pragma once

#include "expected.h"
#include "staged_out.h"
#include "world.h"

namespace sample
{

/// What all writers share.
struct Job
{
	std::chrono::sys_days start;
	uint64_t hours; ///< in which transactions arrive
	double defect_rate;
	bool each_defect; ///< every kind at least once, and files in every shape
	const Staging &staging;
	World &world;
	Expected &expected;

	Hour hour(uint64_t i) const
	{
		return {start + std::chrono::days(i / 24), static_cast<int>(i % 24)};
	}
	/// The hour of the f-th of `files` files, spread over the period.
	Hour hour_of(uint64_t f, uint64_t files) const { return hour(f * hours / files); }
};

inline unsigned
own_kind(unsigned kind)
{
	return kind - 1 - malformed::count;
}
inline bool
is_malformed_kind(unsigned kind)
{
	return kind >= 1 && kind <= malformed::count;
}

/// Code points beyond ASCII as \u escapes, as many JSON writers do it.
inline std::string
ascii_json(std::string_view text)
{
	std::string out = "\"";
	char escape[16];
	const auto unit = [&](uint32_t u)
	{
		std::snprintf(escape, sizeof escape, "\\u%04x", u);
		out += escape;
	};
	for (size_t i = 0; i < text.size();)
	{
		const auto byte = [&](size_t k) { return static_cast<uint8_t>(text[i + k]); };
		const uint8_t lead = byte(0);
		const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
		uint32_t point = length == 1 ? lead : lead & (0xff >> (length + 1));
		for (size_t k = 1; k < length; ++k)
			point = point << 6 | (byte(k) & 0x3f);
		i += length;
		if (point >= 0x10000)
		{
			unit(0xd800 + ((point - 0x10000) >> 10));
			unit(0xdc00 + ((point - 0x10000) & 0x3ff));
		}
		else if (point >= 0x80 || point < 0x20 || point == '"' || point == '\\')
			unit(point);
		else
			out += static_cast<char>(point);
	}
	return out + '"';
}

} // namespace sample
