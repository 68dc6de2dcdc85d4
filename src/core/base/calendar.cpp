#include "core/base/calendar.h"

#include <cstdio>

namespace etl
{

std::string
format_utc(int64_t microseconds)
{
	const int64_t day_length = INT64_C(86400000000);
	int64_t days = microseconds / day_length;
	int64_t time = microseconds % day_length;
	if (time < 0)
	{
		time += day_length;
		--days;
	}
	const CalendarDate date = date_from_days(days);
	char out[48];
	snprintf(out, sizeof out, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", static_cast<int>(date.year),
			 date.month, date.day, static_cast<int>(time / INT64_C(3600000000)),
			 static_cast<int>(time / 60000000 % 60), static_cast<int>(time / 1000000 % 60),
			 static_cast<int>(time % 1000000));
	return out;
}

} // namespace etl
