// A compiled schema: flat tables with indices, without pointers between nodes and without virtual
// functions.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/json/decimal.h"
#include "core/json/document.h"
#include "core/json/pointer.h"
#include "core/schema/format.h"
#include "core/schema/regex.h"
#include "core/schema/schema.h"

namespace etl
{

constexpr uint32_t no_index = std::numeric_limits<uint32_t>::max();

/// One bit for each Kind, and one for a number without a fraction.
namespace type_bit
{
constexpr uint8_t
of(Kind kind)
{
	return static_cast<uint8_t>(1u << static_cast<unsigned>(kind));
}
constexpr uint8_t integer = 1u << 6;
constexpr uint8_t all = 0x3f;
} // namespace type_bit

/// Maps names to consecutive indices, by open addressing. find() allocates nothing.
class NameTable
{
  public:
	/// Returns the index of the name. Adds the name if it is new; its bytes must outlive the table.
	uint32_t add(std::string_view name);
	uint32_t find(std::string_view name) const;
	const std::vector<std::string_view> &names() const { return names_; }

  private:
	struct Slot
	{
		uint64_t hash = 0;
		const char *data = nullptr;
		uint32_t size = 0;
		uint32_t index = no_index;
	};
	static uint64_t hash_of(std::string_view name);
	void insert(uint64_t hash, std::string_view name, uint32_t index);

	std::vector<Slot> slots_;
	std::vector<std::string_view> names_;
};

/// A number of the schema.
struct Bound
{
	Decimal value;
	bool is_small = false; ///< an integer of at most 18 digits, whose value is in `small`
	int64_t small = 0;
	std::string text;
};

/// The values of enum or const.
struct Constants
{
	bool has_null = false, has_true = false, has_false = false;
	NameTable strings;
	std::vector<int64_t> integers; ///< sorted
	std::vector<Value> others;
	std::string expected; ///< for messages; contains values of the schema, never of a record
};

enum class Op : uint8_t
{
	// any kind
	enumeration, ///< a: constants
	constant,    ///< a: constants
	all_of,      ///< a: first in lists, n: number of nodes
	any_of,
	one_of,
	negation,  ///< a: node
	condition, ///< a: first of three in lists: if, then, else (no_index where absent)
			   // number
	maximum,   ///< a: bounds
	exclusive_maximum,
	minimum,
	exclusive_minimum,
	multiple_of,
	// string
	min_length, ///< n
	max_length,
	pattern,   ///< a: regexes
	format,    ///< a: Format
			   // array
	min_items, ///< n
	max_items,
	items, ///< a: node
	tuple, ///< a: first in lists, n: number of nodes; then the node of additionalItems, or no_index
	contains, ///< a: node
	unique,
	// object
	min_properties, ///< n
	max_properties,
	members,       ///< a: objects
	property_names ///< a: node
};

const char *keyword_of(Op op);

struct Instruction
{
	Op op;
	uint32_t a = 0;
	uint64_t n = 0;
};

/// A schema or subschema: the types that it allows, then its instructions, grouped by the kind of
/// value that they apply to.
struct SchemaNode
{
	uint8_t types = type_bit::all; ///< 0: no value is valid (the schema false)
	bool has_type = false;
	/// The node that $ref refers to. Such a node has no instructions.
	uint32_t target = no_index;
	uint32_t begin = 0, number = 0, string = 0, array = 0, object = 0, end = 0;
};

/// Descriptions of a regular expression for people.
struct PatternText
{
	std::string_view source; ///< as written
	std::string words;       ///< what follows "must" or "must not"; empty: there are no short words
	std::string described;   ///< the description or title that the schema gives
};

struct PatternProperty
{
	uint32_t regex, node;
	std::string_view source;
};

struct Dependency
{
	uint32_t name;                  ///< if this member is present, the rest applies
	uint32_t node = no_index;       ///< a schema …
	std::vector<uint32_t> required; ///< … or names
};

/// properties, required, patternProperties, additionalProperties and dependencies, which are
/// checked in one pass over the members.
struct ObjectRules
{
	NameTable names;
	/// indexed by name; no_index for a name that is only in "required"
	std::vector<uint32_t> nodes;
	std::vector<uint64_t> required; ///< one bit for each name
	std::vector<PatternProperty> patterns;
	std::vector<Dependency> dependencies;
	uint32_t additional = no_index;
};

struct Schema::Program
{
	uint32_t root = 0;
	std::vector<SchemaNode> nodes;
	std::vector<Instruction> code;
	std::vector<uint32_t> lists;
	std::vector<Bound> bounds;
	std::vector<Regex> regexes;
	std::vector<PatternText> patterns; ///< indexed by regex
	std::vector<Constants> constants;
	std::vector<ObjectRules> objects;
	std::deque<std::string> strings; ///< owns names and patterns
	Document values;                 ///< owns the values of constants
};

/// Reads an integer of at most 18 digits without fraction and exponent. Returns false for any other
/// text.
inline bool
small_integer(std::string_view text, int64_t &value)
{
	const bool negative = !text.empty() && text[0] == '-';
	const size_t begin = negative ? 1 : 0;
	if (text.size() == begin || text.size() > begin + 18)
		return false;
	int64_t v = 0;
	for (size_t i = begin; i < text.size(); ++i)
	{
		const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
		if (digit > 9)
			return false;
		v = v * 10 + digit;
	}
	value = negative ? -v : v;
	return true;
}

} // namespace etl
