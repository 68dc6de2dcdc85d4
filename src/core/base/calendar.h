// The proleptic Gregorian calendar in days since 2000-01-01, PostgreSQL's epoch.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace etl
{

constexpr std::chrono::sys_days postgres_epoch =
	std::chrono::sys_days(std::chrono::year(2000) / std::chrono::January / 1);

/// Whether the calendar has this day. Any month and day are allowed as arguments; `year` is -32767
/// to 32767, where 0 is 1 BC.
constexpr bool
is_date(int year, int month, int day)
{
	return month >= 1 && month <= 12 && day >= 1 && day <= 31 &&
		   (std::chrono::year(year) / std::chrono::month(static_cast<unsigned>(month)) /
			std::chrono::day(static_cast<unsigned>(day)))
			   .ok();
}

/// Days from 2000-01-01 to a day for which is_date() is true.
constexpr int64_t
days_from_date(int year, int month, int day)
{
	return (std::chrono::sys_days(std::chrono::year(year) /
								  std::chrono::month(static_cast<unsigned>(month)) /
								  std::chrono::day(static_cast<unsigned>(day))) -
			postgres_epoch)
		.count();
}

struct CalendarDate
{
	int64_t year; ///< 0 is 1 BC
	int month, day;
};

/// The date of a day, which is given in days since 2000-01-01. The years of std::chrono end at
/// 32767 and those of PostgreSQL at 5874897, so this uses that the calendar repeats every 400
/// years, which have 146097 days.
constexpr CalendarDate
date_from_days(int64_t days)
{
	constexpr int64_t cycle = 146097;
	int64_t cycles = days / cycle;
	if (days % cycle < 0)
		--cycles;
	const std::chrono::year_month_day date(postgres_epoch +
										   std::chrono::days(days - cycles * cycle));
	return {static_cast<int>(date.year()) + 400 * cycles,
			static_cast<int>(static_cast<unsigned>(date.month())),
			static_cast<int>(static_cast<unsigned>(date.day()))};
}

/// "2026-11-24T13:00:00.000000Z": ISO 8601, UTC, of a time in microseconds since 2000-01-01, as
/// PostgreSQL's timestamptz has it.
std::string format_utc(int64_t microseconds);

} // namespace etl
