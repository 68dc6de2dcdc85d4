// Erasure requests: the files and what a load makes of them.
#pragma once

#include "job.h"

namespace sample
{

constexpr Kind erasure_kinds[] = {
	{"valid", Code::none},
	SAMPLE_MALFORMED_KINDS,
	{"neither id nor email", Code::schema},
	{"id null", Code::schema},
	{"id as a number", Code::schema},
	{"property too many", Code::schema},
	{"same request in the file", Code::duplicate},
	{"same request in a later file", Code::duplicate},
	{"id never seen", Code::none},
	{"email never seen", Code::none},
	{"email in capitals", Code::none},
};
namespace erasure_kind
{
// clang-format off
enum : unsigned
{
	neither, id_null, id_as_number, property_too_many, again_in_file, again_later, unknown_id,
	unknown_email, capitals
};
// clang-format on
} // namespace erasure_kind

/// The customers who ask are all different, apart from the kinds that repeat a request: whether a
/// request by email and one by id are the same person's depends on what is loaded.
class ErasureFiles
{
  public:
	explicit ErasureFiles(Job &job)
		: job_(job), plan_(erasure_kinds, job.defect_rate, job.each_defect),
		  random_(job.world.about(World::erasure_files, 0))
	{
	}
	void write(uint64_t count)
	{
		count = std::min(count, job_.world.customers);
		if (count == 0)
			return;
		const uint64_t days = (job_.hours + 23) / 24;
		const uint64_t files = std::min({(count + 2) / 3, days, UINT64_C(366)});
		for (uint64_t f = 0; f < files; ++f)
		{
			// at midnight, on the last days
			const uint64_t hour = (days - files + f) * 24;
			write_file(f, files, job_.hour(hour), count * f / files, count * (f + 1) / files);
		}
		if (!job_.each_defect)
			return;
		// other ways to write a .json file; after all transactions
		Shape shape;
		shape.gzip = false;
		shape.array = true;
		write_clean(job_.hour(job_.hours + 24), shape, count, 3);
		shape.array = false;
		shape.no_final_newline = true;
		pretty_ = true;
		write_clean(job_.hour(job_.hours + 25), shape, count + 3, 1);
	}
	std::vector<std::string_view> kinds_left() const { return plan_.left(); }

  private:
	void write_file(uint64_t f, uint64_t files, const Hour &hour, uint64_t from, uint64_t to)
	{
		Shape shape;
		shape.gzip = f % 4 != 3;
		shape.short_hour = f % 3 == 2;
		StagedOut out(job_.staging, hour, "erasure-requests", shape);
		in_file_.clear();
		for (uint64_t n = from; n < to; ++n)
		{
			const unsigned kind = plan_.regular(n == from, random_);
			if (kind == 0 || is_malformed_kind(kind) || !add(out, asking(n), kind))
				add(out, asking(n), is_malformed_kind(kind) ? kind : 0);
		}
		const size_t due = f + 1 == files ? plan_.due() : plan_.due() / (files - f);

		plan_.additional(due, [&](unsigned kind) { return add(out, stranger(), kind); });
		out.close();
		++job_.expected.erasure_requests.files;
		before_.insert(before_.end(), in_file_.begin(), in_file_.end());
	}
	void write_clean(const Hour &hour, const Shape &shape, uint64_t from, uint64_t count)
	{
		StagedOut out(job_.staging, hour, "erasure-requests", shape);
		for (uint64_t n = from; n < from + count; ++n)
			add(out, asking(n), 0);
		out.close();
		++job_.expected.erasure_requests.files;
	}
	/// Who asks as the n-th: not the first customers, who buy most. Where all have asked, people
	/// whom nobody knows.
	uint64_t asking(uint64_t n) const
	{
		const uint64_t customers = job_.world.customers;
		return n < customers ? customers - 1 - n : World::never_seen(customers) + n - customers;
	}

	bool add(StagedOut &out, uint64_t customer, unsigned kind)
	{
		using namespace erasure_kind;
		const unsigned own = own_kind(kind);
		const bool special = kind > malformed::count;
		if (special && (own == again_in_file || own == again_later))
		{
			const std::vector<uint64_t> &from = own == again_in_file ? in_file_ : before_;
			if (from.empty())
				return false;
			customer = from[random_.below(from.size())];
		}
		if (special && own == unknown_id)
			customer = stranger();
		id_.set(job_.world.customer_id(customer));
		email_.set(job_.world.email(customer));
		more_.absent = true;
		const double form = random_.unit();
		if (!special && !is_malformed_kind(kind) && !pretty_)
		{
			id_.absent = form < 0.15;
			email_.absent = form > 0.85;
		}
		if (special)
		{
			// clang-format off
			switch (own)
			{
			case neither: id_.absent = email_.absent = true; break;
			case id_null: id_.set_json("null"); break;
			case id_as_number: id_.set_json(std::to_string(job_.world.customer_number(customer))); break;
			case property_too_many: more_.set("please"); break;
			case unknown_email:
				id_.absent = true;
				email_.set("nobody" + std::to_string(unknown_++) + "@example.invalid");
				break;
			case capitals:
				id_.absent = true;
				for (char &c : email_.text)
					c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
				break;
			default: break;
			}
			// clang-format on
		}
		line_ = "{";
		append_member(line_, "customer-id", id_);
		append_member(line_, "email", email_);
		append_member(line_, "note", more_);
		line_ += '}';
		if (pretty_)
			line_ = "{\n  \"customer-id\": \"" + id_.text + "\",\n  \"email\": \"" + email_.text +
					"\"\n}";
		const unsigned made = is_malformed_kind(kind) ? spoil(line_, kind - 1, random_) : 1;
		out.add(line_);
		if (job_.expected.erasure_requests.count(erasure_kinds[kind].code, made,
												 erasure_kinds[kind].name) &&
			!id_.absent)
			in_file_.push_back(customer);
		return true;
	}

	/// Someone new of whom nothing is held.
	uint64_t stranger() { return World::never_seen(job_.world.customers) + 200 + unknown_++; }

	Job &job_;
	DefectPlan plan_;
	Random random_;
	uint64_t unknown_ = 0;
	bool pretty_ = false;
	std::vector<uint64_t> in_file_, before_;
	std::string line_;
	Field id_, email_, more_;
};

} // namespace sample
