// The shop that the sample data tell of: its customers and products, each made from its number
// alone, so that nothing about them need be remembered.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "random.h"
#include "vocabulary.h"

namespace sample
{

inline void
append_json_string(std::string &out, std::string_view text)
{
	out += '"';
	size_t from = 0;
	for (size_t i = 0; i < text.size(); ++i)
	{
		const char c = text[i];
		if (c != '"' && c != '\\' && c != '\n')
			continue;
		out.append(text, from, i - from);
		out += '\\';
		out += c == '\n' ? 'n' : c;
		from = i + 1;
	}
	out.append(text, from);
	out += '"';
}

/// One member of a record: a text to be quoted, or where `json` is set that JSON instead. An
/// absent one is left out.
struct Field
{
	std::string text, json;
	bool absent = false;

	void set(std::string_view value)
	{
		text.assign(value);
		json.clear();
		absent = false;
	}
	void set_json(std::string_view value)
	{
		set({});
		json.assign(value);
	}
};

/// Appends `, "name": value`, without the comma after an opening bracket.
inline void
append_member(std::string &out, std::string_view name, const Field &field)
{
	if (field.absent)
		return;
	if (out.back() != '{')
		out += ", ";
	out += '"';
	out += name;
	out += "\": ";
	if (field.json.empty())
		append_json_string(out, field.text);
	else
		out += field.json;
}

inline void
append_pattern(std::string &out, std::string_view pattern, Random &random)
{
	for (const char c : pattern)
		if (c == '#')
			out += static_cast<char>('0' + random.below(10));
		else if (c == '?')
			out += static_cast<char>('A' + random.below(26));
		else
			out += c;
}

/// "12.05"
inline void
append_cents(std::string &out, uint64_t cents)
{
	out += std::to_string(cents / 100);
	out += '.';
	out += static_cast<char>('0' + cents / 10 % 10);
	out += static_cast<char>('0' + cents % 10);
}

inline std::string
cents_text(uint64_t cents)
{
	std::string text;
	append_cents(text, cents);
	return text;
}

struct Address
{
	std::string address, postcode, city;
	std::string_view country;

	void make(const Country &where, Random &random)
	{
		country = where.name;
		address.clear();
		postcode.clear();
		city.clear();
		if (random.chance(0.3))
		{
			address += random.pick(words::unit_prefixes);
			address += ' ';
			address += std::to_string(1 + random.below(99));
			if (random.chance(0.2))
				address += static_cast<char>('a' + random.below(4));
			address += '\n';
		}
		const std::string number = std::to_string(1 + random.skewed(200));
		const std::string_view street = where.streets[random.below(where.streets.size())];
		if (where.number_first)
			address.append(number).append(" ").append(street);
		else
			address.append(street).append(" ").append(number);
		append_pattern(postcode, where.postcode, random);
		city = where.cities[random.below(where.cities.size())];
	}
};

/// Numbers that look random, differ, and never change: i * a mod m with a and m coprime.
class Identifiers
{
  public:
	/// At least `digits` digits and room for `count` and as many that are never given out.
	Identifiers(uint64_t count, unsigned digits) : digits_(digits)
	{
		for (unsigned i = 0; i < digits; ++i)
			modulus_ *= 10;
		for (; modulus_ < 2 * count + 1000; modulus_ *= 10)
			++digits_;
		step_ = modulus_ / 10 * 6 + 180339; // ends in 9
	}
	uint64_t number(uint64_t i) const
	{
		return static_cast<uint64_t>(static_cast<unsigned __int128>(i + 17) * step_ % modulus_);
	}
	/// With leading zeros.
	std::string text(uint64_t i) const
	{
		const std::string number_text = std::to_string(number(i));
		return std::string(digits_ - number_text.size(), '0') + number_text;
	}

  private:
	uint64_t modulus_ = 1, step_;
	unsigned digits_;
};

class World
{
  public:
	/// Numbers from there on are customers (or products) of whom no record arrives; those before,
	/// from `customers` on, are kept for additional records with defects.
	static uint64_t never_seen(uint64_t regular) { return regular + spare; }

	World(uint64_t seed, uint64_t customer_count, uint64_t product_count)
		: customers(customer_count), products(product_count),
		  customer_loaded(never_seen(customer_count)), product_loaded(never_seen(product_count)),
		  seed_(seed), customer_ids_(never_seen(customer_count), 6),
		  skus_(never_seen(product_count), 5)
	{
	}

	const uint64_t customers, products;
	/// Whether a row with that key is in the target table, as far as files are written.
	std::vector<char> customer_loaded, product_loaded;

	/// Those of whom a record with their key broke the schema.
	std::vector<uint64_t> customers_refused, products_refused;

	uint64_t customers_loaded() const { return loaded(customer_loaded); }
	uint64_t products_loaded() const { return loaded(product_loaded); }
	std::string customer_id(uint64_t i) const { return customer_ids_.text(i); }
	uint64_t customer_number(uint64_t i) const { return customer_ids_.number(i); }
	/// Not below 10000 as long as five digits do.
	uint64_t sku(uint64_t i) const { return 10000 + skus_.number(i); }
	/// What the i-th product costs at first, in cents.
	uint64_t price(uint64_t i) const
	{
		Random random = about(product_stream, i);
		const uint64_t pounds = 1 + random.skewed(60);
		static constexpr unsigned pence[] = {99, 99, 0, 50, 49, 95, 98};
		return pounds * 100 + random.pick(pence);
	}
	const Country &country(uint64_t customer) const
	{
		Random random = about(country_stream, customer);
		uint64_t at = random.below(100);
		for (const Country &candidate : countries)
		{
			if (at < candidate.share)
				return candidate;
			at -= candidate.share;
		}
		return countries[0];
	}
	void address(uint64_t customer, Address &address) const
	{
		Random random = about(address_stream, customer);
		address.make(country(customer), random);
	}
	/// Everyone's is another.
	std::string email(uint64_t customer) const
	{
		Random random = about(email_stream, customer);
		static constexpr std::string_view names[] = {"anna",  "post", "hello", "mail", "kim",
													 "joy.r", "me",   "alex",  "info", "sam_w"};
		static constexpr std::string_view hosts[] = {"example.org", "example.com", "example.net",
													 "mail.example"};
		std::string email(random.pick(names));
		email += std::to_string(customer_number(customer));
		email += '@';
		email += random.pick(hosts);
		return email;
	}
	/// The stream of random numbers for one thing.
	Random about(uint64_t stream, uint64_t i) const { return {seed_, stream, i}; }

	enum : uint64_t
	{
		product_stream = 1,
		country_stream,
		address_stream,
		email_stream,
		product_details,
		customer_details,
		product_files,
		customer_files,
		transaction_files,
		erasure_files
	};

  private:
	static constexpr uint64_t spare = 64;

	static uint64_t loaded(const std::vector<char> &flags)
	{
		return static_cast<uint64_t>(std::count(flags.begin(), flags.end(), 1));
	}

	const uint64_t seed_;
	const Identifiers customer_ids_, skus_;
};

} // namespace sample
