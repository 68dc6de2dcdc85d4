#include "core/types/encode_datetime.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

#include "core/base/ascii.h"
#include "core/base/big_endian.h"
#include "core/base/calendar.h"
#include "core/base/sqlstate.h"
#include "core/types/column_type.h"
#include "core/types/type_error.h"

namespace etl
{

namespace
{

constexpr int64_t second = 1'000'000;
constexpr int64_t day = 86'400 * second;

/// The fields of a date or timestamp in a text. `zone` is in seconds east of Greenwich.
struct Moment
{
	int year = 0, month = 0, day = 0;
	int hour = 0, minute = 0, second = 0;
	int64_t fraction = 0; ///< microseconds, up to a whole second
	bool time = false;
	int zone = 0;
};

int64_t
time_of_day(const Moment &m)
{
	return ((m.hour * 60 + m.minute) * int64_t{60} + m.second) * second + m.fraction;
}

enum class Outcome : uint8_t
{
	ok,
	syntax,
	field,
	zone
};

class Reader
{
  public:
	explicit Reader(std::string_view text) : text_(text) {}

	bool at_end() const { return at_ == text_.size(); }
	char peek() const { return at_end() ? '\0' : text_[at_]; }
	bool take(char c)
	{
		if (peek() != c || at_end())
			return false;
		++at_;
		return true;
	}
	bool take_word(std::string_view word)
	{
		if (text_.substr(at_, word.size()) != word)
			return false;
		at_ += word.size();
		return true;
	}
	/// Reads exactly `count` digits.
	bool number(int count, int &value)
	{
		value = 0;
		for (int i = 0; i < count; ++i, ++at_)
		{
			if (!is_digit(peek()))
				return false;
			value = value * 10 + (peek() - '0');
		}
		return true;
	}
	std::string_view digits()
	{
		const size_t begin = at_;
		while (is_digit(peek()))
			++at_;
		return text_.substr(begin, at_ - begin);
	}

  private:
	std::string_view text_;
	size_t at_ = 0;
};

/// Microseconds of the digits after the decimal point. More than six digits are rounded as
/// PostgreSQL's ParseFractionalSecond() does: with a double and rint().
int64_t
parse_fraction(std::string_view digits)
{
	if (digits.size() <= 6)
	{
		int64_t v = 0;
		for (size_t i = 0; i < 6; ++i)
			v = v * 10 + (i < digits.size() ? digits[i] - '0' : 0);
		return v;
	}
	double v = 0;
	const std::string text = "0." + std::string(digits);
	std::from_chars(text.data(), text.data() + text.size(), v);
	return static_cast<int64_t>(std::rint(v * 1e6));
}

Outcome
parse_zone(Reader &in, Moment &m)
{
	while (in.take(' '))
		;
	if (in.at_end() || in.take('Z') || in.take('z') || in.take_word("UTC") || in.take_word("GMT"))
		return in.at_end() ? Outcome::ok : Outcome::syntax;
	const bool west = in.peek() == '-';
	if (!in.take('+') && !in.take('-'))
		return Outcome::syntax;
	int hours = 0, minutes = 0;
	if (!in.number(2, hours))
		return Outcome::syntax;
	if (!in.at_end())
	{
		in.take(':');
		if (!in.number(2, minutes) || !in.at_end())
			return Outcome::syntax;
	}
	if (hours > 15 || minutes > 59) // MAX_TZDISP_HOUR
		return Outcome::zone;
	m.zone = (hours * 60 + minutes) * (west ? -60 : 60);
	return Outcome::ok;
}

Outcome
parse(std::string_view text, Moment &m)
{
	Reader in(text);
	if (!in.number(4, m.year) || !in.take('-') || !in.number(2, m.month) || !in.take('-') ||
		!in.number(2, m.day))
		return Outcome::syntax;
	if (!in.at_end())
	{
		if (!in.take('T') && !in.take('t') && !in.take(' '))
			return Outcome::syntax;
		m.time = true;
		if (!in.number(2, m.hour) || !in.take(':') || !in.number(2, m.minute))
			return Outcome::syntax;
		if (in.take(':'))
		{
			if (!in.number(2, m.second))
				return Outcome::syntax;
			if (in.take('.'))
			{
				const std::string_view digits = in.digits();
				if (digits.empty())
					return Outcome::syntax;
				m.fraction = parse_fraction(digits);
			}
		}
		const Outcome zone = parse_zone(in, m);
		if (zone != Outcome::ok)
			return zone;
	}
	if (m.year < 1 || !is_date(m.year, m.month, m.day))
		return Outcome::field;
	// As time_overflows(): second 60 is allowed, but no time after 24:00:00.
	if (m.hour > 24 || m.minute > 59 || m.second > 60 || time_of_day(m) > day)
		return Outcome::field;
	return Outcome::ok;
}

bool
read(const ColumnType &type, std::string_view text, Moment &m, TypeError &error)
{
	switch (parse(trim_ascii(text), m))
	{
	case Outcome::ok:
		return true;
	case Outcome::syntax:
		return mismatch(type,
						type.id == TypeId::date
							? "text that is not a date (YYYY-MM-DD)"
							: "text that is not a timestamp (YYYY-MM-DD hh:mm:ss)",
						error, sqlstate::invalid_datetime_format);
	case Outcome::field:
		error = {sqlstate::datetime_field_overflow,
				 "date/time field value out of range for type " + type.sql};
		return false;
	case Outcome::zone:
		error = {sqlstate::invalid_time_zone_displacement_value,
				 "time zone displacement out of range for type " + type.sql};
		return false;
	}
	return false;
}

void
append_padded(std::string &out, int64_t v, int width)
{
	char buffer[24];
	const int n = std::snprintf(buffer, sizeof(buffer), "%0*lld", width, static_cast<long long>(v));
	out.append(buffer, static_cast<size_t>(n));
}

/// Appends the date. Returns true if the date is before our era, which PostgreSQL writes last.
bool
append_date(std::string &out, int64_t days)
{
	const CalendarDate date = date_from_days(days);
	append_padded(out, date.year > 0 ? date.year : 1 - date.year, 4);
	out += '-';
	append_padded(out, date.month, 2);
	out += '-';
	append_padded(out, date.day, 2);
	return date.year <= 0;
}

} // namespace

bool
encode_date(const ColumnType &type, std::string_view text, std::string &out, TypeError &error)
{
	Moment m;
	if (!read(type, text, m, error))
		return false;
	if (m.hour != 0 || m.minute != 0 || m.second != 0 || m.fraction != 0 || m.zone != 0)
		return mismatch(type, "a time of day other than midnight UTC", error,
						sqlstate::invalid_datetime_format);
	append_int32(out, static_cast<int32_t>(days_from_date(m.year, m.month, m.day)));
	return true;
}

bool
encode_timestamp(const ColumnType &type, std::string_view text, std::string &out, TypeError &error)
{
	Moment m;
	if (!read(type, text, m, error))
		return false;
	int64_t v = days_from_date(m.year, m.month, m.day) * day + time_of_day(m);
	// A timestamp without time zone ignores the zone, as in PostgreSQL's input function.
	if (type.id == TypeId::timestamptz)
		v -= m.zone * second;
	if (type.precision >= 0 && type.precision < 6)
	{
		// AdjustTimestampForTypmod() rounds half away from zero.
		int64_t unit = 1;
		for (int i = type.precision; i < 6; ++i)
			unit *= 10;
		v = v >= 0 ? (v + unit / 2) / unit * unit : -((-v + unit / 2) / unit * unit);
	}
	append_int64(out, v);
	return true;
}

std::string
date_text(int32_t days)
{
	if (days == std::numeric_limits<int32_t>::max())
		return "infinity";
	if (days == std::numeric_limits<int32_t>::min())
		return "-infinity";
	std::string out;
	if (append_date(out, days))
		out += " BC";
	return out;
}

std::string
timestamp_text(int64_t microseconds, bool zone)
{
	if (microseconds == std::numeric_limits<int64_t>::max())
		return "infinity";
	if (microseconds == std::numeric_limits<int64_t>::min())
		return "-infinity";
	int64_t days = microseconds / day, rest = microseconds % day;
	if (rest < 0)
	{
		rest += day;
		--days;
	}
	std::string out;
	const bool before = append_date(out, days);
	const int64_t seconds = rest / second;
	out += ' ';
	append_padded(out, seconds / 3600, 2);
	out += ':';
	append_padded(out, seconds / 60 % 60, 2);
	out += ':';
	append_padded(out, seconds % 60, 2);
	if (rest % second != 0)
	{
		out += '.';
		append_padded(out, rest % second, 6);
		out.resize(out.find_last_not_of('0') + 1);
	}
	if (zone)
		out += "+00";
	if (before)
		out += " BC";
	return out;
}

} // namespace etl
