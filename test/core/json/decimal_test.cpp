#include "core/json/decimal.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

using etl::Decimal;

namespace
{

Decimal
dec(std::string_view text)
{
	const auto value = Decimal::parse(text);
	EXPECT_TRUE(value.has_value()) << text;
	return value.value_or(Decimal());
}

std::string
sum(std::string_view a, std::string_view b)
{
	const auto r = Decimal::add(dec(a), dec(b));
	return r ? r->to_string() : "none";
}

std::string
product(std::string_view a, std::string_view b)
{
	const auto r = Decimal::multiply(dec(a), dec(b));
	return r ? r->to_string() : "none";
}

bool
multiple(std::string_view a, std::string_view b)
{
	return dec(a).is_multiple_of(dec(b));
}

std::string
text(__int128 v)
{
	const bool negative = v < 0;
	std::string s;
	do
	{
		const int d = static_cast<int>(v % 10);
		s.insert(s.begin(), static_cast<char>('0' + (d < 0 ? -d : d)));
		v /= 10;
	} while (v != 0);
	return negative ? "-" + s : s;
}

TEST(Decimal, ParsesAndWrites)
{
	const std::pair<const char *, const char *> cases[] = {
		{"0", "0"},
		{"-0", "0"},
		{"0.00", "0.00"},
		{"-0.0e5", "0"},
		{"12.50", "12.50"},
		{"+12.50", "12.50"},
		{"-12.50", "-12.50"},
		{"0.0075", "0.0075"},
		{".5", "0.5"},
		{"5.", "5"},
		{"007", "7"},
		{"1e3", "1000"},
		{"1E+3", "1000"},
		{"1.25e1", "12.5"},
		{"125e-2", "1.25"},
		{"1e-3", "0.001"},
		{"1e400", "1e400"},
		{"-15e-400", "-15e-400"},
		{"1e999999999", "1e999999999"},
		{"999999999999999999", "999999999999999999"},
		{"1000000000000000000", "1000000000000000000"},
		{"1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890"},
		{"-0.1234567890123456789012345678901234567890",
		 "-0.1234567890123456789012345678901234567890"},
		{"000000000000000000000000000000000012", "12"},
	};
	for (const auto &[in, out] : cases)
	{
		EXPECT_EQ(dec(in).to_string(), out) << in;
		EXPECT_EQ(dec(out).compare(dec(in)), 0) << in;
	}
	EXPECT_EQ(dec("12.50").digits(), "1250");
	EXPECT_EQ(dec("12.50").exponent(), -2);
	EXPECT_EQ(dec("-0").is_negative(), false);
}

TEST(Decimal, RefusesWhatIsNoNumber)
{
	for (const char *in : {"", "-", "+", ".", "e5", "1e", "1e+", " 1", "1 ", "1.2.3", "NaN",
						   "Infinity", "0x1", "1,5", "--1", "1e5.0", "1_000", "-.", ".e1"})
		EXPECT_FALSE(Decimal::parse(in).has_value()) << in;
	EXPECT_FALSE(Decimal::parse(std::string_view("1\0", 2)).has_value());
}

TEST(Decimal, Compares)
{
	// In ascending order.
	const char *order[] = {"-1e999999999999999999999",
						   "-1e999999999",
						   "-1e400",
						   "-12345678901234567890123",
						   "-12345678901234567890122.9",
						   "-2",
						   "-1.5",
						   "-1e-999999999",
						   "0",
						   "1e-999999999999999999999",
						   "1e-999999999",
						   "1e-20",
						   "0.1",
						   "0.10000000000000000000000001",
						   "0.5",
						   "1",
						   "1.0000000000000000000000000001",
						   "9",
						   "10",
						   "999999999999999999",
						   "1e18",
						   "1000000000000000000.5",
						   "1e19",
						   "1e400",
						   "1e999999999"};
	const size_t n = std::size(order);
	for (size_t i = 0; i < n; ++i)
		for (size_t j = 0; j < n; ++j)
			EXPECT_EQ(dec(order[i]).compare(dec(order[j])), (i > j) - (i < j))
				<< order[i] << ' ' << order[j];
	EXPECT_EQ(dec("1.0").compare(dec("1.000000000000000000000000000")), 0);
	EXPECT_EQ(dec("1e2").compare(dec("100")), 0);
	EXPECT_EQ(dec("0e999999999").compare(dec("0.000")), 0);
	EXPECT_EQ(dec("-0").compare(dec("0")), 0);
	EXPECT_EQ(
		dec("123456789012345678901234567890e-30").compare(dec("0.12345678901234567890123456789")),
		0);
}

TEST(Decimal, KnowsIntegers)
{
	for (const char *in :
		 {"0", "0.00", "0e-5000", "1.0", "1e2", "1.50e1", "-3", "1e999999999", "120e-1",
		  "1234567890123456789012345.000", "10000000000000000000000e-22"})
		EXPECT_TRUE(dec(in).is_integer()) << in;
	for (const char *in : {"0.5", "1e-1", "1.5", "1234567890123456789012345.5", "1e-999999999",
						   "1e-18", "1e-19", "10000000000000000000000e-23"})
		EXPECT_FALSE(dec(in).is_integer()) << in;
}

TEST(Decimal, KnowsMultiples)
{
	EXPECT_TRUE(multiple("0.0075", "0.0001"));
	EXPECT_FALSE(multiple("0.00751", "0.0001"));
	EXPECT_FALSE(multiple("1e308", "0.123456789"));
	EXPECT_TRUE(multiple("1e308", "0.5"));
	EXPECT_TRUE(multiple("1e999999999", "0.5"));
	EXPECT_FALSE(multiple("1e999999999", "3"));
	EXPECT_FALSE(multiple("1e-999999999", "3"));
	EXPECT_FALSE(multiple("1", "1e999999999"));
	EXPECT_TRUE(multiple("0", "7"));
	EXPECT_TRUE(multiple("0e-999999999", "7"));
	EXPECT_TRUE(multiple("-4.5", "1.5"));
	EXPECT_TRUE(multiple("19.99", "0.01"));
	EXPECT_TRUE(multiple("4.0", "2"));
	EXPECT_FALSE(multiple("35", "1.5e1"));
	EXPECT_FALSE(multiple("1.0000000000000000000000000000001", "0.01"));
	EXPECT_TRUE(multiple("123456789012345678901234567890", "10"));
	EXPECT_TRUE(multiple("246913578024691357802469135780", "123456789012345678901234567890"));
	EXPECT_FALSE(multiple("246913578024691357802469135781", "123456789012345678901234567890"));
	EXPECT_TRUE(multiple("1e400", "1000000000000000000000000000000"));
	EXPECT_TRUE(multiple("1e400", "1267650600228229401496703205376")); // 2^100
	EXPECT_FALSE(multiple("1e99", "1267650600228229401496703205376"));
	EXPECT_TRUE(multiple("1e100", "1267650600228229401496703205376"));
}

TEST(Decimal, AddsExactly)
{
	EXPECT_EQ(sum("0.1", "0.2"), "0.3");
	EXPECT_EQ(sum("12.50", "7.5"), "20.00");
	EXPECT_EQ(sum("1", "-1"), "0");
	EXPECT_EQ(sum("1.50", "-1.5"), "0.00");
	EXPECT_EQ(sum("999999999999999999", "1"), "1000000000000000000");
	EXPECT_EQ(sum("-999999999999999999", "-1"), "-1000000000000000000");
	EXPECT_EQ(sum("1e30", "1e-10"), "1000000000000000000000000000000.0000000001");
	EXPECT_EQ(sum("1000000000000000000000", "-1"), "999999999999999999999");
	EXPECT_EQ(sum("-1000000000000000000000", "1"), "-999999999999999999999");
	EXPECT_EQ(sum("12345678901234567890", "-12345678901234567890"), "0");
	EXPECT_EQ(sum("1e999999999", "1"), "none");
	EXPECT_EQ(sum("1e999999999", "1e999999999"), "2e999999999");
	EXPECT_EQ(sum("0", "1e999999999"), "1e999999999");
	EXPECT_EQ(sum("1e-999999999", "0"), "1e-999999999");
	EXPECT_EQ(sum(std::string(1000, '9'), "1"), "none");
	EXPECT_EQ(sum(std::string(1000, '9'), "-1"), std::string(999, '9') + "8");
	EXPECT_EQ(sum("1" + std::string(5000, '0'), "1e5000"), "2e5000");
}

TEST(Decimal, MultipliesExactly)
{
	EXPECT_EQ(product("1.005", "1"), "1.005");
	EXPECT_EQ(product("19.99", "3"), "59.97");
	EXPECT_EQ(product("-0.5", "0.5"), "-0.25");
	EXPECT_EQ(product("-0.5", "-0.5"), "0.25");
	EXPECT_EQ(product("0", "-5"), "0");
	EXPECT_EQ(product("999999999999999999", "999999999999999999"),
			  "999999999999999998000000000000000001");
	EXPECT_EQ(product("1234567890123456789012345678901234567890", "10"),
			  "12345678901234567890123456789012345678900");
	EXPECT_EQ(product("1e999999999", "1e999999999"), "1e1999999998");
	EXPECT_EQ(product(std::string(1000, '9'), "11"), "none");
	EXPECT_EQ(product("1" + std::string(5000, '0'), "3.0"), "3e5000");
	EXPECT_EQ(product(std::string(500, '9'), std::string(500, '9')),
			  std::string(499, '9') + "8" + std::string(499, '0') + "1");
	EXPECT_EQ(product(std::string(600, '9'), std::string(600, '9')), "none");
}

TEST(Decimal, AgreesWithMachineArithmetic)
{
	std::mt19937_64 random(20240229);
	const auto draw = [&]
	{
		__int128 v = static_cast<__int128>(random() >> (random() % 64));
		if (random() % 3 == 0)
			v = v * 1000 + static_cast<__int128>(random() % 1000);
		return random() % 2 ? v : -v;
	};
	for (int i = 0; i < 20000; ++i)
	{
		const __int128 a = draw() / 4, b = draw() / 4;
		const __int128 c = static_cast<int64_t>(random()) >> (random() % 64);
		// Both are scaled by 10^-k, so that the exponents matter.
		const std::string k = "e-" + std::to_string(random() % 25);
		const Decimal da = dec(text(a) + k), db = dec(text(b) + k);
		EXPECT_EQ(da.compare(db), (a > b) - (a < b));
		EXPECT_EQ(Decimal::add(da, db)->compare(dec(text(a + b) + k)), 0)
			<< text(a) << ' ' << text(b);
		if (b != 0)
		{
			EXPECT_EQ(da.is_multiple_of(db), a % b == 0) << text(a) << ' ' << text(b);
			const auto multiple_of_b = Decimal::multiply(db, dec(text(c)));
			EXPECT_TRUE(multiple_of_b->is_multiple_of(db)) << text(b) << ' ' << text(c);
		}
		const int64_t x = static_cast<int64_t>(a), y = static_cast<int64_t>(c);
		EXPECT_EQ(Decimal::multiply(dec(text(x)), dec(text(y)))->to_string(),
				  text(static_cast<__int128>(x) * y));
		EXPECT_EQ(dec(text(a)).to_string(), text(a));
	}
}

/// (a + b) (a - b) = a^2 - b^2, for numbers longer than a machine integer.
TEST(Decimal, LongNumbersObeyAlgebra)
{
	std::mt19937_64 random(7);
	const auto draw = [&]
	{
		std::string s = random() % 2 ? "-" : "";
		const size_t length = 1 + random() % 120;
		for (size_t i = 0; i < length; ++i)
			s += static_cast<char>('0' + random() % 10);
		return dec(s + "e" + std::to_string(static_cast<int>(random() % 40) - 20));
	};
	const Decimal minus_one = dec("-1");
	for (int i = 0; i < 300; ++i)
	{
		const Decimal a = draw(), b = draw();
		const Decimal negated = *Decimal::multiply(b, minus_one);
		const auto left = Decimal::multiply(*Decimal::add(a, b), *Decimal::add(a, negated));
		const auto squares = Decimal::multiply(*Decimal::multiply(b, b), minus_one);
		const auto right = Decimal::add(*Decimal::multiply(a, a), *squares);
		EXPECT_EQ(left->compare(*right), 0) << a.to_string() << ' ' << b.to_string();
		if (!b.is_zero())
		{
			EXPECT_TRUE(
				Decimal::multiply(*Decimal::multiply(a, dec("1e200")), b)->is_multiple_of(b));
		}
	}
}

TEST(Decimal, HugeInputsCostLittle)
{
	EXPECT_EQ(dec("0." + std::string(1000000, '0')).is_zero(), true);
	EXPECT_EQ(dec("1e99999999999999999999999999").compare(dec("1e5")), 1);
	EXPECT_EQ(dec("1e-99999999999999999999999999").compare(dec("1e-5")), -1);
	EXPECT_EQ(product("1e99999999999999999999", "1e99999999999999999999").substr(0, 2), "1e");
	EXPECT_TRUE(multiple("1" + std::string(1000000, '0') + "1", "1e-5000000"));
}

} // namespace
