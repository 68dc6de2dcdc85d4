// What can be wrong with a record, what a load has to make of it, and when it happens.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "random.h"

namespace sample
{

/// The codes of etl.quarantine in the order in which a record is tested. `none`: the outcome
/// depends on what the record refers to and whether its key is taken.
enum class Code
{
	malformed,
	schema,
	type,
	duplicate,
	reference,
	check,
	none
};
constexpr std::string_view code_names[] = {"malformed", "schema",    "type",
										   "duplicate", "reference", "check"};

struct Kind
{
	std::string_view name;
	Code code;
};

/// These spoil the text of any record.
namespace malformed
{
enum : unsigned
{
	truncated_line,
	invalid_utf8,
	trailing_comma,
	single_quotes,
	two_values,
	control_character,
	lone_surrogate,
	repeated_name,
	nested_2000_deep,
	broken_by_newline, ///< makes two records of one
	no_json,
	count
};
} // namespace malformed
#define SAMPLE_MALFORMED_KINDS                                                                     \
	{"truncated line", Code::malformed}, {"invalid UTF-8", Code::malformed},                       \
		{"trailing comma", Code::malformed}, {"single quotes", Code::malformed},                   \
		{"two values on a line", Code::malformed}, {"raw control character", Code::malformed},     \
		{"lone surrogate", Code::malformed}, {"member name twice", Code::malformed},               \
		{"nested 2,000 deep", Code::malformed}, {"raw newline in a string", Code::malformed},      \
	{                                                                                              \
		"no JSON at all", Code::malformed                                                          \
	}

/// Breaks a record's text. Returns the number of records that it is now.
inline unsigned
spoil(std::string &line, unsigned kind, Random &random)
{
	const auto insert_in_string = [&](std::string_view what)
	{ line.insert(line.find(": \"") + 3, what); };
	switch (kind)
	{
	case malformed::truncated_line:
		line.resize(2 + random.below(line.size() - 3));
		while (line.back() == '\n' || line.back() == ' ')
			line.pop_back();
		break;
	case malformed::invalid_utf8:
		insert_in_string("\xc3\x28");
		break;
	case malformed::trailing_comma:
		line.insert(line.size() - 1, ",");
		break;
	case malformed::single_quotes:
		for (char &c : line)
			if (c == '"')
				c = '\'';
		break;
	case malformed::two_values:
		line += line;
		break;
	case malformed::control_character:
		insert_in_string("\x01");
		break;
	case malformed::lone_surrogate:
		insert_in_string("\\ud800");
		break;
	case malformed::repeated_name:
		line.insert(1, line.substr(1, line.find_first_of(",}") - 1) + ", ");
		break;
	case malformed::nested_2000_deep:
		line.insert(line.size() - 1,
					", \"notes\": " + std::string(2000, '[') + std::string(2000, ']'));
		break;
	case malformed::broken_by_newline:
		insert_in_string("\n");
		return 2;
	default:
		line = "n/a";
	}
	return 1;
}

/// Decides what is wrong with the next record.
class DefectPlan
{
  public:
	/// kinds[0] is a record with nothing wrong. rate: share of records that get a kind at random;
	/// each: every kind comes up once, as an additional record.
	DefectPlan(std::span<const Kind> kinds, double rate, bool each)
		: kinds_(kinds), rate_(rate), each_(each)
	{
		for (unsigned i = 1; each && i < kinds.size(); ++i)
			due_.push_back(i);
	}
	/// For a record that is written anyhow. The first of a file is whole: what a file is (lines, an
	/// array, one value) shows in its beginning.
	unsigned regular(bool first_in_file, Random &random) const
	{
		if (rate_ <= 0 || first_in_file || !random.chance(rate_))
			return 0;
		return 1 + static_cast<unsigned>(random.below(kinds_.size() - 1));
	}
	/// Calls add(kind) for kinds that are still due, until it has succeeded `most` times; add
	/// returns false for a kind that isn't possible yet (a key seen in an earlier file).
	template <typename Add>
	void additional(size_t most, Add &&add)
	{
		for (size_t i = 0; most > 0 && i < due_.size();)
			if (add(due_[i]))
			{
				due_.erase(due_.begin() + static_cast<std::ptrdiff_t>(i));
				--most;
			}
			else
				++i;
	}
	bool each() const { return each_; }
	size_t due() const { return due_.size(); }
	std::span<const Kind> kinds() const { return kinds_; }
	std::vector<std::string_view> left() const
	{
		std::vector<std::string_view> names;
		for (const unsigned i : due_)
			names.push_back(kinds_[i].name);
		return names;
	}

  private:
	std::span<const Kind> kinds_;
	double rate_;
	bool each_;
	std::vector<unsigned> due_;
};

} // namespace sample
