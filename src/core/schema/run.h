// What is_valid() and validate() share when they run a compiled schema on a value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/schema/compare.h"
#include "core/schema/program.h"

namespace etl::schema_run
{

/// Largest number of schemas within each other, which limits the use of the stack.
constexpr uint32_t max_depth = 2500;

/// The work that may still be done. A schema can examine the same part of a record again and again
/// (anyOf in a recursive schema takes time exponential in the depth of the record), but validation
/// must end.
struct Budget
{
	uint64_t steps;
	uint32_t depth = 0;
	/// Why validation gave up, or null. The record is invalid then, even if not, anyOf or oneOf
	/// would have accepted it.
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

/// The position of validation in the record and in the schema, and the violations found so far.
class Trace
{
  public:
	explicit Trace(Violations &violations) : violations_(violations), before_(violations.size()) {}

	bool full() const { return violations_.size() - before_ >= max_violations; }

	/// `known`: the schema names the member. Otherwise the name is data and is left out of
	/// messages.
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

	/// Adds a violation. `own`: the keyword is a step of its own below the schema that is being
	/// run. `about_name`: the violation is about the name of the last member and not its value, so
	/// that the message names the object of the member. `pattern`: the regular expression that did
	/// not match.
	void add(const char *keyword, std::string message, bool own = true, bool about_name = false,
			 std::string_view pattern = {});

	/// The pointer of the keyword in the schema.
	std::string schema_pointer(const char *keyword, bool own = true) const;

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
		std::string_view name; ///< a step below the keyword, unless null
		uint32_t index;        ///< otherwise this index is the step, unless it is no_index
	};

	Violations &violations_;
	size_t before_;
	std::vector<InstanceStep> instance_;
	std::vector<SchemaStep> schema_;
};

/// A number of the record, parsed only as far as needed.
class Number
{
  public:
	explicit Number(std::string_view text) : text_(text), is_small_(small_integer(text, small_)) {}

	/// Less than 0, 0 or greater than 0, as the order of the number and the bound.
	int compare(const Bound &bound)
	{
		if (is_small_ && bound.is_small)
			return (small_ > bound.small) - (small_ < bound.small);
		return decimal().compare(bound.value);
	}
	bool is_multiple_of(const Bound &bound)
	{
		if (is_small_ && bound.is_small)
			return small_ % bound.small == 0;
		return decimal().is_multiple_of(bound.value);
	}

  private:
	const Decimal &decimal()
	{
		if (!decimal_)
			// never empty, because the parser accepted the number
			decimal_ = Decimal::parse(text_).value_or(Decimal());
		return *decimal_;
	}

	std::string_view text_;
	int64_t small_ = 0;
	bool is_small_;
	std::optional<Decimal> decimal_;
};

inline bool
holds(Op op, const Bound &bound, Number &number)
{
	switch (op)
	{
	case Op::maximum:
		return number.compare(bound) <= 0;
	case Op::exclusive_maximum:
		return number.compare(bound) < 0;
	case Op::minimum:
		return number.compare(bound) >= 0;
	case Op::exclusive_minimum:
		return number.compare(bound) > 0;
	default:
		return number.is_multiple_of(bound);
	}
}

/// One bit for each name of an ObjectRules, on the stack if there are few.
class Seen
{
  public:
	explicit Seen(size_t words)
	{
		if (words > few)
			many_.resize(words, 0);
		bits_ = words > few ? many_.data() : here_;
	}
	void set(uint32_t index) { bits_[index / 64] |= uint64_t{1} << (index % 64); }
	bool has(uint32_t index) const { return bits_[index / 64] >> (index % 64) & 1; }
	uint64_t word(size_t i) const { return bits_[i]; }

  private:
	static constexpr size_t few = 4;
	uint64_t here_[few] = {};
	std::vector<uint64_t> many_;
	uint64_t *bits_;
};

inline bool
accepts(const SchemaNode &node, Value value)
{
	if (node.types & type_bit::of(value.kind()))
		return true;
	return value.is(Kind::number) && node.types & type_bit::integer && is_integer(value.text());
}

} // namespace etl::schema_run
