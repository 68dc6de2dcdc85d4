// Transactions: the files and what a load makes of them.
#pragma once

#include "clean_csv.h"
#include "job.h"

namespace sample
{

// The code of a kind is its own; one that says `none` or `check` becomes `reference` where a
// customer or product of the record is not loaded.
constexpr Kind transaction_kinds[] = {
	{"valid", Code::none},
	SAMPLE_MALFORMED_KINDS,
	{"total_cost missing", Code::schema},
	{"delivery_address null", Code::schema},
	{"customer_id as a number", Code::schema},
	{"price as a number", Code::schema},
	{"sku as text", Code::schema},
	{"quanitity 1.5", Code::schema},
	{"quanitity spelled quantity", Code::schema},
	{"property too many", Code::schema},
	{"products as an object", Code::schema},
	{"transaction_id is no UUID", Code::type},
	{"30 February", Code::type},
	{"customer_id in words", Code::type},
	{"customer_id beyond bigint", Code::type},
	{"quanitity beyond integer", Code::type},
	{"sku beyond bigint", Code::type},
	{"sku of 40 digits", Code::type},
	{"price NaN", Code::check}, // which numeric takes, and no sum is
	{"price of 30 digits", Code::type},
	{"NUL character in city", Code::type},
	{"key twice in the file", Code::duplicate},
	{"key of an earlier file", Code::duplicate},
	{"key of an earlier file in capitals", Code::duplicate},
	{"key that is in quarantine for a reference", Code::duplicate},
	{"key that is in quarantine for a check", Code::duplicate},
	{"customer never seen", Code::none},
	{"customer in quarantine", Code::none},
	{"product never seen", Code::none},
	{"product in quarantine", Code::none},
	{"wrong total", Code::check},
	{"wrong total and product never seen", Code::check},
	{"1.005 x 1 is not 1.01", Code::check},
	{"1.005 x 1", Code::none},
	{"0.1 x 3", Code::none},
	{"total with one more zero", Code::none},
	{"no purchase line", Code::none},
	{"key of a record that broke the schema", Code::none},
	{"escaped code points", Code::none},
	{"members in another order", Code::none},
	{"white space around", Code::none},
};
namespace transaction_kind
{
// clang-format off
enum : unsigned
{
	total_missing, address_null, customer_as_number, price_as_number, sku_as_text, quantity_not_whole,
	quantity_spelled, property_too_many, products_object, no_uuid, february_30, customer_in_words,
	customer_beyond, quantity_beyond, sku_beyond, sku_40_digits, price_nan, price_30_digits,
	nul_character, key_twice, key_earlier, key_capitals, key_of_reference, key_of_check,
	customer_unknown, customer_quarantined, product_unknown, product_quarantined, wrong_total,
	wrong_and_unknown, half_cent_rounded, half_cent, binary_fraction, more_zeros, no_line, key_of_schema,
	escaped, other_order, white_space
};
// clang-format on
} // namespace transaction_kind

/// Keys to come back to: a sample of those seen.
class KeySample
{
  public:
	void add(const std::string &key, Random &random)
	{
		if (keys_.size() < 256)
			keys_.push_back(key);
		else
			keys_[random.below(keys_.size())] = key;
	}
	bool empty() const { return keys_.empty(); }
	const std::string &any(Random &random) const { return keys_[random.below(keys_.size())]; }
	std::string take()
	{
		std::string key = std::move(keys_.back());
		keys_.pop_back();
		return key;
	}
	void clear() { keys_.clear(); }
	void move_to(KeySample &other, Random &random)
	{
		for (const std::string &key : keys_)
			other.add(key, random);
		keys_.clear();
	}

  private:
	std::vector<std::string> keys_;
};

class TransactionFiles
{
  public:
	TransactionFiles(Job &job, CleanCsv *csv)
		: job_(job), csv_(csv), plan_(transaction_kinds, job.defect_rate, job.each_defect),
		  random_(job.world.about(World::transaction_files, 0))
	{
		// whom a later file has brought after all is loaded
		const World &world = job.world;
		for (const uint64_t i : world.customers_refused)
			if (!world.customer_loaded[i])
				missing_customers_.push_back(i);
		for (const uint64_t i : world.products_refused)
			if (!world.product_loaded[i])
				missing_products_.push_back(i);
	}
	/// count in `files` hours, and big more in the last one.
	void write(uint64_t count, uint64_t files, uint64_t big)
	{
		for (uint64_t f = 0; f < files; ++f)
			write_file(f, files,
					   count * (f + 1) / files - count * f / files + (f + 1 == files ? big : 0));
	}
	std::vector<std::string_view> kinds_left() const { return plan_.left(); }

  private:
	struct Line
	{
		Field sku, quantity, price, total;
		bool loaded; ///< the product
	};

	void write_file(uint64_t f, uint64_t files, uint64_t count)
	{
		hour_ = job_.hour(f);
		date_ = hour_.date_text();
		Shape shape;
		if (job_.each_defect)
		{
			shape.crlf = f % 8 == 1 || f % 8 == 6;
			shape.byte_order_mark = f % 8 == 2 || f % 8 == 6;
			shape.no_final_newline = f % 8 == 3;
			shape.blank_lines = f % 8 == 4 || f % 8 == 6;
			shape.two_members = f % 8 == 5 || f % 8 == 6;
			shape.gzip = f % 8 != 7;
			shape.short_hour = f % 8 == 0;
		}
		StagedOut out(job_.staging, hour_, "transactions", shape);
		for (uint64_t i = 0; i < count; ++i)
		{
			const unsigned kind = plan_.regular(i == 0, random_);
			if (!add(out, kind))
				add(out, 0);
		}
		const size_t due = f + 1 == files ? plan_.due() : plan_.due() / (files - f);
		plan_.additional(count == 0 ? 0 : due, [&](unsigned kind) { return add(out, kind); });
		out.close();
		++job_.expected.transactions.files;
		in_file_.move_to(earlier_, random_);
	}

	void make_key()
	{
		static constexpr char hex[] = "0123456789abcdef";
		uint64_t bits[] = {random_.next(), random_.next()};
		// version 4, variant 1 (RFC 9562)
		bits[0] = (bits[0] & ~UINT64_C(0xf000)) | UINT64_C(0x4000);
		bits[1] = (bits[1] & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
		char text[36];
		size_t at = 0;
		for (int digit = 0; digit < 32; ++digit)
		{
			if (digit == 8 || digit == 12 || digit == 16 || digit == 20)
				text[at++] = '-';
			text[at++] = hex[bits[digit / 16] >> (60 - 4 * (digit % 16)) & 15];
		}
		id_.set({text, sizeof text});
	}

	void make_time()
	{
		const auto n = static_cast<unsigned>(random_.below(3600));
		char text[40];
		std::snprintf(text, sizeof text, "%sT%02d:%02u:%02u.%06u", date_.c_str(), hour_.hour,
					  n / 60, n % 60, static_cast<unsigned>(random_.below(1000000)));
		time_.set(text);
	}

	/// A valid record, apart from what it refers to.
	void describe()
	{
		make_key();
		make_time();
		const uint64_t customer = random_.skewed(job_.world.customers);
		customer_.set(job_.world.customer_id(customer));
		customer_loaded_ = job_.world.customer_loaded[customer] != 0;
		// most have it sent home
		if (random_.chance(0.9))
			job_.world.address(customer, place_);
		else
			place_.make(job_.world.country(customer), random_);
		address_.set(place_.address);
		postcode_.set(place_.postcode);
		city_.set(place_.city);
		country_.set(place_.country);
		delivery_.set({});
		lines_used_ = random_.chance(0.39)  ? 1
					  : random_.chance(0.8) ? 2 + random_.below(4)
											: 6 + random_.below(5);
		if (lines_.size() < lines_used_)
			lines_.resize(lines_used_);
		uint64_t sum = 0;
		for (size_t i = 0; i < lines_used_; ++i)
			sum += describe_line(lines_[i], random_.skewed(job_.world.products));
		set_cents(total_cost_, sum);
		more_.absent = true;
	}
	uint64_t describe_line(Line &line, uint64_t product)
	{
		line.loaded = job_.world.product_loaded[product] != 0;
		const uint64_t price = job_.world.price(product);
		const uint64_t quantity = random_.chance(0.84) ? 1 : 2 + random_.below(4);
		line.sku.set_json(std::to_string(job_.world.sku(product)));
		line.quantity.set_json(std::to_string(quantity));
		set_cents(line.price, price);
		set_cents(line.total, price * quantity);
		return price * quantity;
	}
	static void set_cents(Field &field, uint64_t cents)
	{
		field.set({});
		append_cents(field.text, cents);
	}

	/// Is all that the record refers to loaded?
	bool refers() const
	{
		return customer_loaded_ &&
			   std::all_of(lines_.begin(),
						   lines_.begin() + static_cast<std::ptrdiff_t>(lines_used_),
						   [](const Line &line) { return line.loaded; });
	}

	/// One line alone.
	void only_line(std::string_view price, std::string_view quantity, std::string_view total,
				   std::string_view total_cost)
	{
		lines_used_ = 1;
		lines_[0].price.set(price);
		lines_[0].quantity.set_json(quantity);
		lines_[0].total.set(total);
		total_cost_.set(total_cost);
	}

	/// The key of an earlier record, where the kind asks for one; false when there is none yet.
	bool borrow_key(unsigned own)
	{
		using namespace transaction_kind;
		const KeySample *from = own == key_twice                            ? &in_file_
								: own == key_earlier || own == key_capitals ? &earlier_
								: own == key_of_reference                   ? &of_reference_
								: own == key_of_check                       ? &of_check_
								: own == key_of_schema                      ? &of_schema_
																			: nullptr;
		if (from == nullptr)
			return true;
		if (from->empty())
			return false;
		// nobody has claimed it; from now on somebody has
		id_.set(own == key_of_schema ? of_schema_.take() : from->any(random_));
		if (own == key_capitals)
			for (char &c : id_.text)
				c = static_cast<char>(c >= 'a' && c <= 'f' ? c - 32 : c);
		return true;
	}

	bool add(StagedOut &out, unsigned kind)
	{
		using namespace transaction_kind;
		const unsigned own = own_kind(kind);
		const bool special = kind > malformed::count;
		describe();
		if (special && (!borrow_key(own) || !make_special(own)))
			return false;
		write_line(special ? own : ~0u);
		unsigned made = 1;
		if (is_malformed_kind(kind))
			made = spoil(line_, kind - 1, random_);
		if (special && own == white_space)
			line_ = "  " + line_ + "\t";
		out.add(line_);

		Code code = transaction_kinds[kind].code;
		if ((code == Code::none || code == Code::check) && !refers())
			code = Code::reference;
		if (code == Code::none || code == Code::reference || code == Code::check)
			in_file_.add(id_.text, random_);
		if (code == Code::reference)
			of_reference_.add(id_.text, random_);
		else if (code == Code::check)
			of_check_.add(id_.text, random_);
		else if (code == Code::schema)
			of_schema_.add(id_.text, random_);
		if (job_.expected.transactions.count(code, made, transaction_kinds[kind].name))
		{
			++job_.expected.transactions.rows;
			job_.expected.transactions.child_rows += lines_used_;
			if (csv_ != nullptr)
				write_csv();
		}
		return true;
	}

	/// Makes what describe() made the special kind.
	bool make_special(unsigned own)
	{
		using namespace transaction_kind;
		Line &last = lines_[lines_used_ - 1];
		const World &world = job_.world;
		// clang-format off
		switch (own)
		{
		case total_missing: total_cost_.absent = true; break;
		case address_null: delivery_.set_json("null"); break;
		case customer_as_number: customer_.set_json("4711"); break;
		case price_as_number: last.price.set_json(std::string(last.price.text)); break;
		case sku_as_text: last.sku.set(std::string(last.sku.json)); break;
		case quantity_not_whole: last.quantity.set_json("1.5"); break;
		case property_too_many: more_.set("left at the door"); break;
		case no_uuid: id_.text[20] = 'x'; break;
		case february_30: time_.text.replace(5, 5, "02-30"); break;
		case customer_in_words: customer_.set("guest"); break;
		case customer_beyond: customer_.set("9223372036854775808"); break;
		case quantity_beyond: last.quantity.set_json("2147483648"); break;
		case sku_beyond: last.sku.set_json("9223372036854775808"); break;
		case sku_40_digits: last.sku.set_json("1234567890123456789012345678901234567890"); break;
		case price_nan: last.price.set("NaN"); break;
		case price_30_digits: last.price.set("123456789012345678901234567890"); break;
		case nul_character: city_.set_json("\"New\\u0000port\""); break;
		case customer_unknown:
			customer_.set(world.customer_id(World::never_seen(world.customers) + random_.below(100)));
			customer_loaded_ = false;
			break;
		case customer_quarantined:
			if (missing_customers_.empty())
				return false;
			customer_.set(world.customer_id(missing_customers_[random_.below(missing_customers_.size())]));
			customer_loaded_ = false;
			break;
		case product_quarantined:
			if (missing_products_.empty())
				return false;
			last.sku.set_json(std::to_string(world.sku(missing_products_[random_.below(missing_products_.size())])));
			last.loaded = false;
			break;
		case product_unknown:
		case wrong_and_unknown:
			last.sku.set_json(std::to_string(world.sku(World::never_seen(world.products) + random_.below(100))));
			last.loaded = false;
			if (own == wrong_and_unknown)
				total_cost_.set("0.01");
			break;
		case wrong_total: total_cost_.text.back() = total_cost_.text.back() == '9' ? '8' : '9'; break;
		case half_cent_rounded: only_line("1.005", "1", "1.005", "1.01"); break;
		case half_cent: only_line("1.005", "1", "1.005", "1.005"); break;
		case binary_fraction: only_line("0.1", "3", "0.3", "0.3"); break;
		case more_zeros: total_cost_.text += '0'; break;
		case no_line:
			lines_used_ = 0;
			total_cost_.set("0.00");
			break;
		case escaped:
			city_.json = ascii_json(city_.text);
			country_.json = ascii_json(country_.text);
			break;
		default: break;
		}
		// clang-format on
		return true;
	}

	void write_line(unsigned own)
	{
		using namespace transaction_kind;
		line_ = "{";
		if (own == other_order)
			append_member(line_, "customer_id", customer_);
		append_member(line_, "transaction_id", id_);
		append_member(line_, "transaction_time", time_);
		if (own != other_order)
			append_member(line_, "customer_id", customer_);
		if (delivery_.json.empty())
		{
			line_ += ", \"delivery_address\": {";
			append_member(line_, "address", address_);
			append_member(line_, "postcode", postcode_);
			append_member(line_, "city", city_);
			append_member(line_, "country", country_);
			line_ += '}';
		}
		else
			append_member(line_, "delivery_address", delivery_);
		line_ += own == products_object ? ", \"purchases\": {\"products\": {\"1\": "
										: ", \"purchases\": {\"products\": [";
		for (size_t i = 0; i < lines_used_; ++i)
		{
			const Line &line = lines_[i];
			if (i > 0)
				line_ += own == products_object ? ", \"" + std::to_string(i + 1) + "\": " : ", ";
			line_ += '{';
			append_member(line_, "sku", line.sku);
			append_member(line_, own == quantity_spelled ? "quantity" : "quanitity", line.quantity);
			append_member(line_, "price", line.price);
			append_member(line_, "total", line.total);
			line_ += '}';
		}
		line_ += own == products_object ? '}' : ']';
		append_member(line_, "total_cost", total_cost_);
		line_ += '}';
		append_member(line_, "instructions", more_);
		line_ += '}';
	}

	void write_csv()
	{
		row_.clear();
		row_.append(id_.text).append(",").append(time_.text).append("+00,");
		row_.append(customer_.text).append(",");
		CleanCsv::append_text(row_, address_.text);
		row_ += ',';
		CleanCsv::append_text(row_, postcode_.text);
		row_ += ',';
		CleanCsv::append_text(row_, city_.text);
		row_ += ',';
		CleanCsv::append_text(row_, country_.text);
		row_.append(",").append(total_cost_.text).append(",").append(date_).append(",");
		row_.append(std::to_string(hour_.hour)).append("\n");
		line_rows_.clear();
		for (size_t i = 0; i < lines_used_; ++i)
		{
			const Line &line = lines_[i];
			line_rows_.append(id_.text).append(",").append(std::to_string(i + 1)).append(",");
			line_rows_.append(line.sku.json).append(",").append(line.quantity.json).append(",");
			line_rows_.append(line.price.text).append(",").append(line.total.text).append("\n");
		}
		csv_->add(id_.text, row_, line_rows_);
	}

	Job &job_;
	CleanCsv *csv_;
	DefectPlan plan_;
	Random random_;
	std::vector<uint64_t> missing_customers_, missing_products_;
	Hour hour_{};
	std::string date_, line_, row_, line_rows_;
	bool customer_loaded_ = true;
	Address place_;
	Field id_, time_, customer_, address_, postcode_, city_, country_, delivery_, total_cost_,
		more_;
	std::vector<Line> lines_;
	size_t lines_used_ = 0;
	KeySample in_file_, earlier_, of_reference_, of_check_, of_schema_;
};

} // namespace sample
