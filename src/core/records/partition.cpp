// Reads date=YYYY-MM-DD/hour=H, the partition directories of the raw directory.

#include <chrono>

#include "core/records/partition.h"

namespace etl
{

namespace
{

bool
take(std::string_view &text, std::string_view expected)
{
	if (!text.starts_with(expected))
		return false;
	text.remove_prefix(expected.size());
	return true;
}

/// Takes at least `least` and at most `most` decimal digits.
bool
take_digits(std::string_view &text, size_t least, size_t most, int &value)
{
	size_t n = 0;
	value = 0;
	while (n < most && n < text.size() && text[n] >= '0' && text[n] <= '9')
		value = value * 10 + (text[n++] - '0');
	text.remove_prefix(n);
	return n >= least;
}

std::chrono::year_month_day
calendar(const Partition &p)
{
	return std::chrono::year(p.year) / std::chrono::month(static_cast<unsigned>(p.month)) /
		   std::chrono::day(static_cast<unsigned>(p.day));
}

} // namespace

int32_t
Partition::pg_date() const
{
	using namespace std::chrono;
	const auto epoch = sys_days(2000y / January / 1d);
	return static_cast<int32_t>((sys_days(calendar(*this)) - epoch).count());
}

std::optional<Partition>
parse_partition(std::string_view path)
{
	Partition p;
	if (!take(path, "date=") || !take_digits(path, 4, 4, p.year) || !take(path, "-") ||
		!take_digits(path, 2, 2, p.month) || !take(path, "-") || !take_digits(path, 2, 2, p.day) ||
		!take(path, "/hour=") || !take_digits(path, 1, 2, p.hour) || !take(path, "/"))
		return std::nullopt;
	// the rest is the name of the file, which is not in a deeper directory and must be a valid name
	if (path.empty() || path == "." || path == ".." ||
		path.find_first_of(std::string_view("/\0", 2)) != std::string_view::npos)
		return std::nullopt;
	// PostgreSQL has no year 0
	if (p.year == 0 || p.hour > 23 || !calendar(p).ok())
		return std::nullopt;
	return p;
}

} // namespace etl
