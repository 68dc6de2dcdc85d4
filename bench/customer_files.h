// Customers: the files and what a load makes of them.
#pragma once

#include <unordered_set>

#include "job.h"

namespace sample
{

constexpr Kind customer_kinds[] = {
	{"valid", Code::none},
	SAMPLE_MALFORMED_KINDS,
	{"first_name null", Code::schema},
	{"email missing", Code::schema},
	{"address null", Code::schema},
	{"property too many", Code::schema},
	{"id as a number", Code::schema},
	{"array instead of object", Code::schema},
	{"text instead of object", Code::schema},
	{"30 February", Code::type},
	{"date_of_birth in words", Code::type},
	{"id in words", Code::type},
	{"id beyond bigint", Code::type},
	{"NUL character in address", Code::type},
	{"key twice in the file", Code::duplicate},
	{"key twice in the file, zeros before it", Code::duplicate},
	{"only what is required", Code::none},
	{"escaped code points", Code::none},
	{"members in another order", Code::none},
	{"white space around", Code::none},
};
namespace customer_kind
{
// clang-format off
enum : unsigned
{
	first_name_null, email_missing, address_null, property_too_many, id_as_number, array, text,
	february_30, birth_in_words, id_in_words, id_beyond, nul_character, key_twice, key_with_zeros,
	only_required, escaped, other_order, white_space
};
// clang-format on
} // namespace customer_kind

class CustomerFiles
{
  public:
	CustomerFiles(Job &job, uint64_t files)
		: job_(job), files_(files), plan_(customer_kinds, job.defect_rate, job.each_defect),
		  random_(job.world.about(World::customer_files, 0)), extra_(job.world.customers)
	{
	}
	void write()
	{
		const uint64_t count = job_.world.customers;
		for (uint64_t f = 0; f < files_; ++f)
			write_file(f, count * f / files_, count * (f + 1) / files_);
		job_.expected.customers.rows = job_.world.customers_loaded();
	}

  private:
	void write_file(uint64_t f, uint64_t from, uint64_t to)
	{
		Shape shape;
		if (job_.each_defect)
		{
			shape.byte_order_mark = f == 1;
			shape.no_final_newline = f == 2;
			shape.short_hour = f == 3;
			shape.gzip = f != 4;
		}
		StagedOut out(job_.staging, job_.hour_of(f, files_), "customers", shape);
		hour_ = job_.hour_of(f, files_);
		claimed_.clear();
		bool first = true;
		const auto next = [&](uint64_t i)
		{
			const unsigned kind = plan_.regular(first, random_);
			if (customer_kinds[kind].code == Code::duplicate)
				add(out, i, 0);
			add(out, i, kind);
			first = false;
		};
		for (uint64_t i = from; i < to; ++i)
			next(i);
		// people who came before and have moved or married: later files update rows
		std::unordered_set<uint64_t> seen_again;
		for (uint64_t n = from == 0 ? 0 : (to - from) / 20 + random_.below(2); n > 0; --n)
			seen_again.insert(random_.below(from));
		std::vector<uint64_t> again(seen_again.begin(), seen_again.end());
		std::sort(again.begin(), again.end());
		for (const uint64_t i : again)
			next(i);
		const size_t due = f + 1 == files_ ? plan_.due() : plan_.due() / (files_ - f);
		plan_.additional(first ? 0 : due, [&](unsigned kind) { return add(out, extra_, kind); });
		out.close();
		++job_.expected.customers.files;
	}

	void describe(uint64_t i)
	{
		Random details = job_.world.about(World::customer_details, i);
		const Country &country = job_.world.country(i);
		id_.set(job_.world.customer_id(i));
		first_name_.set(country.first_names[details.below(country.first_names.size())]);
		// someone who comes again may have another name
		Random &name = random_.chance(0.1) ? random_ : details;
		last_name_.set(country.last_names[name.below(country.last_names.size())]);
		if (details.chance(0.33))
		{
			char date[16];
			std::snprintf(date, sizeof date, "%04u-%02u-%02u",
						  static_cast<unsigned>(1935 + details.below(70)),
						  static_cast<unsigned>(1 + details.below(12)),
						  static_cast<unsigned>(1 + details.below(28)));
			born_.set(date);
		}
		else
			born_.set_json("null");
		email_.set(job_.world.email(i));
		phone_.set({});
		if (details.chance(0.5))
			append_pattern(phone_.text, country.phone, details);
		else
			phone_.set_json("null");
		job_.world.address(i, place_);
		address_.set(place_.address);
		city_.set(place_.city);
		country_.set(place_.country);
		postcode_.set(place_.postcode);
		changed_.set(hour_.date_text());
		if (details.chance(0.57))
			segment_.set(details.pick(words::segments));
		else
			segment_.set_json("null");
		more_.absent = true;
	}

	bool add(StagedOut &out, uint64_t i, unsigned kind)
	{
		using namespace customer_kind;
		const unsigned own = own_kind(kind);
		const bool special = kind > malformed::count;
		if (customer_kinds[kind].code == Code::duplicate)
		{
			if (claimed_.empty())
				return false;
			i = claimed_[random_.below(claimed_.size())];
		}
		else if (i == extra_)
			++extra_;
		describe(i);
		bool reorder = false;
		if (special)
		{
			// clang-format off
			switch (own)
			{
			case first_name_null: first_name_.set_json("null"); break;
			case email_missing: email_.absent = true; break;
			case address_null: address_.set_json("null"); break;
			case property_too_many: more_.set("prefers letters"); break;
			case id_as_number: id_.set_json(std::to_string(job_.world.customer_number(i))); break;
			case february_30: born_.set("1984-02-30"); break;
			case birth_in_words: born_.set("last summer"); break;
			case id_in_words: id_.set("unknown"); break;
			case id_beyond: id_.set("9223372036854775808"); break;
			case nul_character: address_.set_json("\"1 High\\u0000Street\""); break;
			case key_with_zeros: id_.text.insert(0, "00"); break;
			case only_required:
				for (Field *field : {&born_, &phone_, &address_, &city_, &country_, &postcode_, &changed_, &segment_})
					field->absent = true;
				break;
			case escaped:
				first_name_.json = ascii_json(first_name_.text);
				address_.json = ascii_json("Łąkowa 1\nbehind the 🌻");
				break;
			case other_order: reorder = true; break;
			default: break;
			}
			// clang-format on
		}
		line_ = "{";
		if (reorder)
			append_member(line_, "email", email_);
		append_member(line_, "id", id_);
		append_member(line_, "first_name", first_name_);
		append_member(line_, "last_name", last_name_);
		append_member(line_, "date_of_birth", born_);
		if (!reorder)
			append_member(line_, "email", email_);
		append_member(line_, "phone_number", phone_);
		append_member(line_, "address", address_);
		append_member(line_, "city", city_);
		append_member(line_, "country", country_);
		append_member(line_, "postcode", postcode_);
		append_member(line_, "last_change", changed_);
		append_member(line_, "segment", segment_);
		append_member(line_, "remarks", more_);
		line_ += '}';
		unsigned made = 1;
		if (is_malformed_kind(kind))
			made = spoil(line_, kind - 1, random_);
		if (special && own == array)
			line_ = "[" + line_ + "]";
		if (special && own == text)
			line_ = "\"" + job_.world.customer_id(i) + "\"";
		if (special && own == white_space)
			line_ = "\t " + line_ + " ";
		out.add(line_);
		if (job_.expected.customers.count(customer_kinds[kind].code, made,
										  customer_kinds[kind].name))
		{
			claimed_.push_back(i);
			job_.world.customer_loaded[i] = 1;
		}
		else if (customer_kinds[kind].code == Code::schema)
			job_.world.customers_refused.push_back(i);
		return true;
	}

	Job &job_;
	const uint64_t files_;
	DefectPlan plan_;
	Random random_;
	uint64_t extra_;
	Hour hour_{};
	std::vector<uint64_t> claimed_;
	std::string line_;
	Address place_;
	Field id_, first_name_, last_name_, born_, email_, phone_, address_, city_, country_, postcode_,
		changed_, segment_, more_;
};

} // namespace sample
