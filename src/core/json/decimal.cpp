#include "core/json/decimal.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include "core/base/ascii.h"

namespace etl
{

namespace
{

using u128 = unsigned __int128;

constexpr int small_digits = 18;
constexpr int64_t max_exponent = 1'000'000'000'000'000'000;
constexpr int64_t max_result_digits = 1000;
/// With more zeros than this, to_string() writes an exponent instead.
constexpr int64_t max_written_zeros = 40;

constexpr uint64_t powers[] = {1u,
							   10u,
							   100u,
							   1000u,
							   10000u,
							   100000u,
							   1000000u,
							   10000000u,
							   100000000u,
							   1000000000u,
							   10000000000u,
							   100000000000u,
							   1000000000000u,
							   10000000000000u,
							   100000000000000u,
							   1000000000000000u,
							   10000000000000000u,
							   100000000000000000u,
							   1000000000000000000u};
constexpr uint64_t small_limit = powers[small_digits];

int64_t
clamp_exponent(int64_t exponent)
{
	return std::clamp(exponent, -max_exponent, max_exponent);
}

int
count_digits(uint64_t v)
{
	int n = 1;
	while (n <= small_digits && v >= powers[n])
		++n;
	return n;
}

size_t
trailing_zeros(std::string_view digits)
{
	const size_t last = digits.find_last_not_of('0');
	return last == std::string_view::npos ? digits.size() : digits.size() - last - 1;
}

/// digits mod m, for 0 < m < 10^18.
uint64_t
remainder(std::string_view digits, uint64_t m)
{
	uint64_t r = 0;
	for (size_t i = 0; i < digits.size();)
	{
		uint64_t chunk = 0;
		const size_t end = std::min(digits.size(), i + small_digits);
		const uint64_t scale = powers[end - i];
		for (; i < end; ++i)
			chunk = chunk * 10 + static_cast<uint64_t>(digits[i] - '0');
		r = static_cast<uint64_t>((static_cast<u128>(r) * scale + chunk) % m);
	}
	return r;
}

/// Whether the integer that is written as `digits` and then `zeros` zeros is a multiple of
/// `divisor`. Divides by hand in limbs of 9 digits. Used only if the multipleOf of a schema has
/// more than 18 digits.
bool
divides(std::string_view divisor, std::string_view digits, int64_t zeros)
{
	constexpr uint32_t base = 1'000'000'000;
	std::vector<uint32_t> d; // the lowest limb first
	for (size_t end = divisor.size(); end > 0;)
	{
		const size_t begin = end > 9 ? end - 9 : 0;
		uint32_t limb = 0;
		for (size_t i = begin; i < end; ++i)
			limb = limb * 10 + static_cast<uint32_t>(divisor[i] - '0');
		d.push_back(limb);
		end = begin;
	}
	d.push_back(0); // space for ten times the remainder
	std::vector<uint32_t> r(d.size(), 0);
	const int64_t total = static_cast<int64_t>(digits.size()) + zeros;
	for (int64_t i = 0; i < total; ++i)
	{
		const bool written = i < static_cast<int64_t>(digits.size());
		uint64_t carry = written ? static_cast<uint64_t>(digits[static_cast<size_t>(i)] - '0') : 0;
		for (uint32_t &limb : r)
		{
			const uint64_t v = static_cast<uint64_t>(limb) * 10 + carry;
			limb = static_cast<uint32_t>(v % base);
			carry = v / base;
		}
		while (!std::lexicographical_compare(r.rbegin(), r.rend(), d.rbegin(), d.rend()))
		{
			int64_t borrow = 0;
			for (size_t k = 0; k < r.size(); ++k)
			{
				int64_t v = static_cast<int64_t>(r[k]) - d[k] - borrow;
				borrow = v < 0;
				r[k] = static_cast<uint32_t>(v < 0 ? v + base : v);
			}
		}
	}
	return std::all_of(r.begin(), r.end(), [](uint32_t limb) { return limb == 0; });
}

} // namespace

std::optional<Decimal>
Decimal::parse(std::string_view text)
{
	const char *p = text.data();
	const char *const end = p + text.size();
	Decimal result;
	if (p != end && (*p == '-' || *p == '+'))
		result.negative_ = *p++ == '-';

	uint64_t magnitude = 0;
	int64_t significant = 0; // number of digits from the first one that is not 0
	auto scan = [&]
	{
		for (; p != end && is_digit(*p); ++p)
		{
			if (significant == 0 && *p == '0')
				continue;
			if (++significant <= small_digits)
				magnitude = magnitude * 10 + static_cast<uint64_t>(*p - '0');
		}
	};
	const char *const whole = p;
	scan();
	const std::string_view whole_part(whole, static_cast<size_t>(p - whole));
	std::string_view fraction_part;
	if (p != end && *p == '.')
	{
		const char *const fraction = ++p;
		scan();
		fraction_part = {fraction, static_cast<size_t>(p - fraction)};
	}
	if (whole_part.empty() && fraction_part.empty())
		return std::nullopt;

	int64_t exponent = 0;
	if (p != end && (*p == 'e' || *p == 'E'))
	{
		++p;
		bool negative = false;
		if (p != end && (*p == '-' || *p == '+'))
			negative = *p++ == '-';
		if (p == end)
			return std::nullopt;
		for (; p != end && is_digit(*p); ++p)
			exponent = exponent < max_exponent / 10 ? exponent * 10 + (*p - '0') : max_exponent;
		if (negative)
			exponent = -exponent;
	}
	if (p != end)
		return std::nullopt;

	result.exponent_ = clamp_exponent(exponent - static_cast<int64_t>(fraction_part.size()));
	if (significant <= small_digits)
	{
		result.magnitude_ = magnitude;
		result.negative_ = result.negative_ && magnitude != 0;
		return result;
	}
	std::string digits;
	digits.reserve(whole_part.size() + fraction_part.size());
	digits.append(whole_part).append(fraction_part);
	result.set_digits(digits);
	return result;
}

void
Decimal::set_digits(std::string_view digits)
{
	digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
	small_ = digits.size() <= small_digits;
	magnitude_ = 0;
	if (!small_)
	{
		long_digits_.assign(digits);
		return;
	}
	long_digits_.clear();
	for (const char c : digits)
		magnitude_ = magnitude_ * 10 + static_cast<uint64_t>(c - '0');
	if (magnitude_ == 0)
		negative_ = false;
}

std::string_view
Decimal::digits(char (&buffer)[20]) const
{
	if (!small_)
		return long_digits_;
	const auto r = std::to_chars(buffer, buffer + sizeof(buffer), magnitude_);
	return {buffer, static_cast<size_t>(r.ptr - buffer)};
}

std::string
Decimal::digits() const
{
	char buffer[20];
	return std::string(digits(buffer));
}

bool
Decimal::is_zero() const
{
	return small_ && magnitude_ == 0;
}

bool
Decimal::is_negative() const
{
	return negative_;
}

bool
Decimal::is_integer() const
{
	if (exponent_ >= 0 || is_zero())
		return true;
	if (small_)
		return exponent_ > -small_digits && magnitude_ % powers[-exponent_] == 0;
	return static_cast<int64_t>(trailing_zeros(long_digits_)) >= -exponent_;
}

Decimal
Decimal::trimmed() const
{
	Decimal result(*this);
	if (is_zero())
	{
		result.exponent_ = 0;
		return result;
	}
	char buffer[20];
	std::string_view d = digits(buffer);
	const size_t zeros = trailing_zeros(d);
	d.remove_suffix(zeros);
	result.exponent_ = clamp_exponent(exponent_ + static_cast<int64_t>(zeros));
	result.set_digits(d);
	return result;
}

int
Decimal::compare(const Decimal &other) const
{
	if (is_zero() || other.is_zero() || negative_ != other.negative_)
	{
		const int a = is_zero() ? 0 : negative_ ? -1 : 1;
		const int b = other.is_zero() ? 0 : other.negative_ ? -1 : 1;
		return (a > b) - (a < b);
	}
	int order = 0; // the order of the magnitudes
	if (small_ && other.small_ && exponent_ == other.exponent_)
		order = (magnitude_ > other.magnitude_) - (magnitude_ < other.magnitude_);
	else
	{
		const auto length = [](const Decimal &v) {
			return v.small_ ? count_digits(v.magnitude_)
							: static_cast<int64_t>(v.long_digits_.size());
		};
		const int64_t top = exponent_ + length(*this), other_top = other.exponent_ + length(other);
		if (top != other_top)
			order = top > other_top ? 1 : -1;
		else if (small_ && other.small_)
		{
			// The highest digits have the same place, so the exponents differ by at most 17.
			const int64_t d = exponent_ - other.exponent_;
			const u128 a = static_cast<u128>(magnitude_) * powers[d > 0 ? d : 0];
			const u128 b = static_cast<u128>(other.magnitude_) * powers[d < 0 ? -d : 0];
			order = (a > b) - (a < b);
		}
		else
		{
			char buffer[20], other_buffer[20];
			const std::string_view a = digits(buffer), b = other.digits(other_buffer);
			const size_t common = std::min(a.size(), b.size());
			order = std::memcmp(a.data(), b.data(), common);
			if (order == 0) // the longer one is greater unless only zeros follow
				order = (trailing_zeros(a.substr(common)) < a.size() - common) -
						(trailing_zeros(b.substr(common)) < b.size() - common);
		}
	}
	if (negative_)
		order = -order;
	return (order > 0) - (order < 0);
}

bool
Decimal::is_multiple_of(const Decimal &other) const
{
	if (is_zero())
		return true;
	if (other.is_zero())
		return false;
	// a 10^ea is a multiple of b 10^eb when b divides a 10^shift.
	const int64_t shift = exponent_ - other.exponent_;
	if (small_ && other.small_ && shift >= 0 && shift <= small_digits)
		return static_cast<u128>(magnitude_) * powers[shift] % other.magnitude_ == 0;

	char buffer[20], other_buffer[20];
	std::string_view a = digits(buffer), b = other.digits(other_buffer);
	int64_t zeros = shift;
	if (shift < 0)
	{
		// b 10^-shift divides a only if a ends in at least -shift zeros.
		if (static_cast<int64_t>(trailing_zeros(a)) < -shift)
			return false;
		a.remove_suffix(static_cast<size_t>(-shift));
		zeros = 0;
	}
	// Powers of ten beyond this number change nothing, because b cannot have that many factors 2 or
	// 5 (2^4 > 10).
	zeros = std::min(zeros, static_cast<int64_t>(b.size()) * 4);
	if (!other.small_)
		return divides(b, a, zeros);
	uint64_t r = remainder(a, other.magnitude_);
	for (; zeros > 0 && r != 0; zeros -= small_digits)
		r = static_cast<uint64_t>(static_cast<u128>(r) *
								  powers[std::min<int64_t>(zeros, small_digits)] %
								  other.magnitude_);
	return r == 0;
}

std::optional<Decimal>
Decimal::add(const Decimal &a, const Decimal &b)
{
	const int64_t exponent = std::min(a.exponent_, b.exponent_);
	const int64_t up_a = a.exponent_ - exponent, up_b = b.exponent_ - exponent;
	if (a.small_ && b.small_ && up_a <= small_digits && up_b <= small_digits)
	{
		__int128 x = static_cast<__int128>(a.magnitude_) * powers[up_a];
		__int128 y = static_cast<__int128>(b.magnitude_) * powers[up_b];
		x = (a.negative_ ? -x : x) + (b.negative_ ? -y : y);
		const u128 magnitude = static_cast<u128>(x < 0 ? -x : x);
		if (magnitude < small_limit)
		{
			Decimal result;
			result.negative_ = x < 0;
			result.magnitude_ = static_cast<uint64_t>(magnitude);
			result.exponent_ = exponent;
			return result;
		}
	}
	if (auto sum = add_long(a, b, exponent))
		return sum;
	const Decimal x = a.trimmed(), y = b.trimmed();
	if (x.is_zero())
		return y;
	if (y.is_zero())
		return x;
	return add_long(x, y, std::min(x.exponent_, y.exponent_));
}

std::optional<Decimal>
Decimal::add_long(const Decimal &a, const Decimal &b, int64_t exponent)
{
	char buffer_a[20], buffer_b[20];
	const std::string_view da = a.digits(buffer_a), db = b.digits(buffer_b);
	const int64_t length = std::max(static_cast<int64_t>(da.size()) + (a.exponent_ - exponent),
									static_cast<int64_t>(db.size()) + (b.exponent_ - exponent));
	if (length > max_result_digits)
		return std::nullopt;
	const auto aligned = [&](std::string_view d, int64_t up)
	{
		std::string s(static_cast<size_t>(length + 1 - up) - d.size(), '0');
		return s.append(d).append(static_cast<size_t>(up), '0');
	};
	std::string x = aligned(da, a.exponent_ - exponent), y = aligned(db, b.exponent_ - exponent);
	Decimal result;
	result.exponent_ = exponent;
	result.negative_ = a.negative_;
	if (a.negative_ != b.negative_ && x < y)
	{
		x.swap(y);
		result.negative_ = b.negative_;
	}
	int carry = 0;
	for (size_t i = x.size(); i-- > 0;)
	{
		int v = 0;
		if (a.negative_ == b.negative_)
		{
			v = (x[i] - '0') + (y[i] - '0') + carry;
			carry = v > 9;
			v -= carry * 10;
		}
		else
		{
			v = x[i] - y[i] - carry;
			carry = v < 0;
			v += carry * 10;
		}
		x[i] = static_cast<char>('0' + v);
	}
	if (x[0] != '0' && length == max_result_digits)
		return std::nullopt;
	result.set_digits(x);
	return result;
}

std::optional<Decimal>
Decimal::multiply(const Decimal &a, const Decimal &b)
{
	Decimal result;
	result.negative_ = a.negative_ != b.negative_;
	result.exponent_ = clamp_exponent(a.exponent_ + b.exponent_);
	if (a.is_zero() || b.is_zero())
	{
		result.negative_ = false;
		return result;
	}
	if (a.small_ && b.small_)
	{
		u128 product = static_cast<u128>(a.magnitude_) * b.magnitude_;
		if (product < small_limit)
		{
			result.magnitude_ = static_cast<uint64_t>(product);
			return result;
		}
		char digits[40];
		char *p = digits + sizeof(digits);
		for (; product != 0; product /= 10)
			*--p = static_cast<char>('0' + static_cast<int>(product % 10));
		result.set_digits({p, static_cast<size_t>(digits + sizeof(digits) - p)});
		return result;
	}
	const auto tried = [&](const Decimal &x, const Decimal &y)
	{
		char buffer_x[20], buffer_y[20];
		const std::string_view dx = x.digits(buffer_x), dy = y.digits(buffer_y);
		if (dx.size() + dy.size() > max_result_digits + 1)
			return false;
		std::vector<uint32_t> sums(dx.size() + dy.size(), 0); // the highest digit first
		for (size_t i = 0; i < dx.size(); ++i)
			for (size_t j = 0; j < dy.size(); ++j)
				sums[i + j + 1] += static_cast<uint32_t>((dx[i] - '0') * (dy[j] - '0'));
		std::string digits(sums.size(), '0');
		uint32_t carry = 0;
		for (size_t i = sums.size(); i-- > 0; carry /= 10)
		{
			carry += sums[i];
			digits[i] = static_cast<char>('0' + carry % 10);
		}
		result.exponent_ = clamp_exponent(x.exponent_ + y.exponent_);
		result.set_digits(digits);
		return result.small_ || result.long_digits_.size() <= max_result_digits;
	};
	if (tried(a, b) || tried(a.trimmed(), b.trimmed()))
		return result;
	return std::nullopt;
}

std::string
Decimal::to_string() const
{
	std::string out;
	if (negative_)
		out += '-';
	char buffer[20];
	const std::string_view d = digits(buffer);
	const int64_t length = static_cast<int64_t>(d.size());
	if (exponent_ >= 0 && (is_zero() || exponent_ <= max_written_zeros))
		out.append(d).append(is_zero() ? 0 : static_cast<size_t>(exponent_), '0');
	else if (exponent_ < 0 && -exponent_ < length)
		out.append(d.substr(0, static_cast<size_t>(length + exponent_)))
			.append(1, '.')
			.append(d.substr(static_cast<size_t>(length + exponent_)));
	else if (exponent_ < 0 && -exponent_ <= length + max_written_zeros)
		out.append("0.").append(static_cast<size_t>(-exponent_ - length), '0').append(d);
	else
		out.append(d).append(1, 'e').append(std::to_string(exponent_));
	return out;
}

} // namespace etl
