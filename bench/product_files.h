// Products: the files and what a load makes of them.
#pragma once

#include <unordered_set>

#include "job.h"

namespace sample
{

constexpr Kind product_kinds[] = {
	{"valid", Code::none},
	SAMPLE_MALFORMED_KINDS,
	{"name null", Code::schema},
	{"price 0.00", Code::schema},
	{"price null", Code::schema},
	{"price NaN", Code::schema},
	{"price in words", Code::schema},
	{"popularity 0", Code::schema},
	{"category missing", Code::schema},
	{"property too many", Code::schema},
	{"sku as text", Code::schema},
	{"sku 1.5", Code::schema},
	{"array instead of object", Code::schema},
	{"sku beyond bigint", Code::type},
	{"sku of 40 digits", Code::type},
	{"NUL character in name", Code::type},
	{"price beyond numeric(10,2)", Code::type},
	{"key twice in the file", Code::duplicate},
	{"price as a number", Code::none},
	{"members in another order", Code::none},
	{"white space around", Code::none},
};
namespace product_kind
{
// clang-format off
enum : unsigned
{
	name_null, price_zero, price_null, price_nan, price_in_words, popularity_zero, category_missing,
	property_too_many, sku_as_text, sku_not_whole, array, sku_beyond, sku_40_digits, nul_character,
	price_beyond, key_twice, price_as_number, other_order, white_space
};
// clang-format on
} // namespace product_kind

class ProductFiles
{
  public:
	ProductFiles(Job &job, uint64_t files)
		: job_(job), files_(files), plan_(product_kinds, job.defect_rate, job.each_defect),
		  random_(job.world.about(World::product_files, 0)), extra_(job.world.products)
	{
	}
	void write()
	{
		const uint64_t count = job_.world.products;
		double shares = 0, share = 0;
		for (uint64_t f = 0; f < files_; ++f)
			shares += 1.0 / static_cast<double>(f + 1);
		uint64_t next = 0;
		for (uint64_t f = 0; f < files_; ++f)
		{
			// most come at once, and later days bring less and less news
			share += 1.0 / static_cast<double>(f + 1) / shares;
			const uint64_t end =
				f + 1 == files_ ? count : static_cast<uint64_t>(share * static_cast<double>(count));
			write_file(f, next, end);
			next = end;
		}
		job_.expected.products.rows = job_.world.products_loaded();
	}

  private:
	void write_file(uint64_t f, uint64_t from, uint64_t to)
	{
		const Hour hour = job_.hour_of(f, files_);
		Shape shape;
		shape.crlf = job_.each_defect && f == 1;
		StagedOut out(job_.staging, hour, "products", shape);
		claimed_.clear();
		first_new_ = from;
		bool first = true;
		std::unordered_set<uint64_t> seen_again;
		for (uint64_t n = from == 0 ? 0 : (to - from) / 10 + 1; n > 0; --n)
			seen_again.insert(random_.below(from));
		const auto next = [&](uint64_t i)
		{
			const unsigned kind = plan_.regular(first, random_);
			if (product_kinds[kind].code == Code::duplicate)
				add(out, i, 0);
			add(out, i, kind);
			first = false;
		};
		for (uint64_t i = from; i < to; ++i)
			next(i);
		std::vector<uint64_t> again(seen_again.begin(), seen_again.end());
		std::sort(again.begin(), again.end());
		for (const uint64_t i : again)
			next(i);
		// the last file takes what is left
		const size_t due = f + 1 == files_ ? plan_.due() : plan_.due() / (files_ - f);
		plan_.additional(first ? 0 : due, [&](unsigned kind) { return add(out, extra_, kind); });
		out.close();
		++job_.expected.products.files;
	}

	bool add(StagedOut &out, uint64_t i, unsigned kind)
	{
		using namespace product_kind;
		const unsigned own = own_kind(kind);
		const bool special = kind > malformed::count;
		if (special && own == key_twice)
		{
			if (claimed_.empty())
				return false;
			i = claimed_[random_.below(claimed_.size())];
		}
		else if (i == extra_)
			++extra_;
		Random details = job_.world.about(World::product_details, i);
		sku_.set_json(std::to_string(job_.world.sku(i)));
		name_.set(details.pick(words::product_adjectives));
		name_.text.append(" ").append(details.pick(words::product_nouns)).append(", ");
		name_.text.append(details.pick(words::product_sizes));
		// a product that comes again costs something else
		price_.set(cents_text(job_.world.price(i) + (i < first_new_ ? random_.below(100) : 0)));
		category_.set(details.pick(words::categories));
		char digits[24];
		std::snprintf(digits, sizeof digits, "0.%016llu",
					  static_cast<unsigned long long>(1 + random_.below(9999999999999999)));
		popularity_.set_json(digits);
		extra_member_.absent = true;
		bool reorder = false;
		if (special)
		{
			// clang-format off
			switch (own)
			{
			case name_null: name_.set_json("null"); break;
			case price_zero: price_.set("0.00"); break;
			case price_null: price_.set_json("null"); break;
			case price_nan: price_.set("NaN"); break;
			case price_in_words: price_.set("twelve"); break;
			case popularity_zero: popularity_.set_json("0"); break;
			case category_missing: category_.absent = true; break;
			case property_too_many: extra_member_.set("blue"); break;
			case sku_as_text: sku_.set(std::string(sku_.json)); break;
			case sku_not_whole: sku_.json += ".5"; break;
			case sku_beyond: sku_.set_json("9223372036854775808"); break;
			case sku_40_digits: sku_.set_json("1234567890123456789012345678901234567890"); break;
			case nul_character: name_.set_json("\"Green\\u0000Tea\""); break;
			case price_beyond: price_.set("123456789.00"); break;
			case price_as_number: price_.set_json(std::string(price_.text)); break;
			case other_order: reorder = true; break;
			default: break;
			}
			// clang-format on
		}
		line_ = "{";
		if (reorder)
			append_member(line_, "popularity", popularity_);
		append_member(line_, "sku", sku_);
		append_member(line_, "name", name_);
		append_member(line_, "price", price_);
		append_member(line_, "category", category_);
		if (!reorder)
			append_member(line_, "popularity", popularity_);
		append_member(line_, "colour", extra_member_);
		line_ += '}';
		unsigned made = 1;
		if (is_malformed_kind(kind))
			made = spoil(line_, kind - 1, random_);
		if (special && own == array)
			line_ = "[" + line_ + "]";
		if (special && own == white_space)
			line_ = " \t" + line_ + "  ";
		out.add(line_);
		const Code code = product_kinds[kind].code;
		if (job_.expected.products.count(code, made, product_kinds[kind].name))
		{
			claimed_.push_back(i);
			job_.world.product_loaded[i] = 1;
		}
		else if (product_kinds[kind].code == Code::schema)
			job_.world.products_refused.push_back(i);
		return true;
	}

	Job &job_;
	const uint64_t files_;
	DefectPlan plan_;
	Random random_;
	uint64_t extra_, first_new_ = 0;
	std::vector<uint64_t> claimed_;
	std::string line_;
	Field sku_, name_, price_, category_, popularity_, extra_member_;
};

} // namespace sample
