// Running a compiled schema over a value: what asking and explaining share.
#pragma once

#include "core/schema_program.h"

namespace etl::schema_run
{

/// Violations that one record is worth; the rest is not looked for.
constexpr size_t max_violations = 100;
/// Schemas within schemas, for one value or down into it. Bounds the stack.
constexpr uint32_t max_depth = 2500;

/// Work left. A schema that looks at the same part of a record again and again (anyOf in a
/// recursive schema takes time exponential in the record's depth) must come to an end.
struct Budget
{
	uint64_t steps;
	uint32_t depth = 0;
	/// Why the answer is not known; the record is invalid then, whatever not, anyOf or oneOf
	/// would make of it.
	const char *gave_up = nullptr;
	const char *gave_up_keyword = "";

	explicit Budget(Value value) : steps(1'000'000 + uint64_t{200} * value.node()->span) {}

	bool give_up(const char *keyword, const char *why)
	{
		if (gave_up == nullptr)
		{
			gave_up = why;
			gave_up_keyword = keyword;
		}
		return false;
	}
	bool spend(uint64_t count)
	{
		if (steps < count)
		{
			steps = 0;
			return give_up("", "too much work to validate");
		}
		steps -= count;
		return true;
	}
};

/// Where validation stands, in the record and in the schema, and what it found.
class Trace
{
  public:
	explicit Trace(Violations &violations) : violations_(violations), before_(violations.size()) {}

	bool full() const { return violations_.size() - before_ >= max_violations; }

	/// known: the schema names the member; else the name is data and kept out of messages.
	void enter_member(std::string_view name, bool known)
	{
		instance_.push_back({name, 0, known, false});
	}
	void enter_element(uint32_t index) { instance_.push_back({{}, index, true, true}); }
	void leave() { instance_.pop_back(); }

	void enter_keyword(const char *keyword) { schema_.push_back({keyword, {}, no_index}); }
	void enter_keyword(const char *keyword, std::string_view name)
	{
		schema_.push_back({keyword, name, 0});
	}
	void enter_keyword(const char *keyword, uint32_t index)
	{
		schema_.push_back({keyword, {}, index});
	}
	void leave_keyword() { schema_.pop_back(); }
	const char *last_keyword() const { return schema_.empty() ? "false" : schema_.back().keyword; }

	/// own: the keyword is a step of its own below the schema that is running. about_name: the
	/// violation is about the last member, not about its value; the message names its object.
	void add(const char *keyword, std::string message, bool own = true, bool about_name = false);

  private:
	struct InstanceStep
	{
		std::string_view name;
		uint32_t index;
		bool known, is_element;
	};
	struct SchemaStep
	{
		const char *keyword;
		std::string_view name; ///< unless without bytes, a step below the keyword
		uint32_t index;        ///< else this is, unless no_index
	};

	Violations &violations_;
	size_t before_;
	std::vector<InstanceStep> instance_;
	std::vector<SchemaStep> schema_;
};

/// The text of a violation, without where.
std::string type_message(const SchemaNode &node, Value value);
std::string count_message(Op op, uint64_t bound, uint64_t count);
std::string bound_message(Op op, const Bound &bound);
std::string quoted(std::string_view name);

} // namespace etl::schema_run
