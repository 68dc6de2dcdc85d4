// The interpreter. is_valid() and validate() use the same template, so that they always agree.
#include "core/base/utf8.h"
#include "core/schema/compare.h"
#include "core/schema/message.h"
#include "core/schema/run.h"

#include "core/schema/compiler.h"

namespace etl
{

using namespace schema_run;

namespace
{

/// Runs a program. Every function returns whether the value is valid. With `explain` the functions
/// continue after a violation.
template <bool explain>
class Run
{
  public:
	Run(const Schema::Program &program, Budget &budget, Trace *trace)
		: p_(program), budget_(budget), trace_(trace)
	{
	}

	bool node(uint32_t index, Value value)
	{
		const SchemaNode *node = &p_.nodes[index];
		size_t refs = 0;
		for (; node->target != no_index; node = &p_.nodes[node->target], ++refs)
			if constexpr (explain)
				trace_->enter_keyword("$ref");
		bool valid = accepts(*node, value);
		if constexpr (explain)
			if (!valid)
				refuse_type(*node, value);
		if ((valid || explain) && node->begin != node->end)
			valid = instructions(*node, value) && valid;
		if constexpr (explain)
			for (; refs > 0; --refs)
				trace_->leave_keyword();
		return valid;
	}

  private:
	void refuse_type(const SchemaNode &node, Value value)
	{
		if (node.has_type)
			trace_->add("type", type_message(node, value));
		else
			trace_->add(trace_->last_keyword(), "no value is allowed here", false);
	}

	/// Whether nothing remains to be found out: there is a violation, or validation has given up.
	bool stopped(bool valid) const
	{
		if constexpr (explain)
			return budget_.gave_up != nullptr || trace_->full();
		return !valid || budget_.gave_up != nullptr;
	}

	template <typename Message>
	bool violated(const char *keyword, Message &&message)
	{
		if constexpr (explain)
			trace_->add(keyword, message());
		return false;
	}

	/// Runs the node without explaining.
	bool ask(uint32_t index, Value value)
	{
		return Run<false>(p_, budget_, nullptr).node(index, value);
	}

	bool instructions(const SchemaNode &node, Value value)
	{
		if (budget_.gave_up != nullptr || !budget_.spend(1))
			return false;
		if (budget_.depth >= max_depth)
			return budget_.give_up("", "nested too deep to validate");
		++budget_.depth;
		bool valid = range(node.begin, node.number,
						   [&](const Instruction &i) { return any_value(i, value); });
		if (!stopped(valid))
			switch (value.kind())
			{
			case Kind::number:
				if (node.number != node.string)
				{
					Number number(value.text());
					valid &= range(node.number, node.string,
								   [&](const Instruction &i) { return number_value(i, number); });
				}
				break;
			case Kind::string:
				valid &= range(node.string, node.array,
							   [&](const Instruction &i) { return string_value(i, value.text()); });
				break;
			case Kind::array:
				valid &= range(node.array, node.object,
							   [&](const Instruction &i) { return array_value(i, value); });
				break;
			case Kind::object:
				valid &= range(node.object, node.end,
							   [&](const Instruction &i) { return object_value(i, value); });
				break;
			default:
				break;
			}
		--budget_.depth;
		return valid && budget_.gave_up == nullptr;
	}

	template <typename Test>
	bool range(uint32_t begin, uint32_t end, Test &&test)
	{
		bool valid = true;
		for (uint32_t i = begin; i < end; ++i)
		{
			valid &= test(p_.code[i]);
			if (stopped(valid))
				break;
		}
		return valid;
	}

	bool any_value(const Instruction &i, Value value)
	{
		const char *keyword = keyword_of(i.op);
		const auto list = [&](uint32_t k) { return p_.lists[i.a + k]; };
		switch (i.op)
		{
		case Op::enumeration:
		case Op::constant:
			return constant(i, value);
		case Op::negation:
			return negation(i.a, value);
		case Op::all_of:
		{
			bool valid = true;
			for (uint32_t k = 0; k < i.n && !stopped(valid); ++k)
				valid &= below(keyword, k, list(k), value);
			return valid;
		}
		case Op::any_of:
			for (uint32_t k = 0; k < i.n; ++k)
				if (ask(list(k), value))
					return true;
			return violated(keyword,
							[&] { return "matches none of " + alternatives(i.n) + " of anyOf"; });
		case Op::one_of:
		{
			uint64_t matches = 0;
			for (uint32_t k = 0; k < i.n; ++k)
			{
				matches += ask(list(k), value);
				if constexpr (!explain)
					if (matches > 1)
						return false;
			}
			return matches == 1 ||
				   violated(keyword,
							[&]
							{
								return "matches " +
									   (matches == 0 ? "none" : std::to_string(matches)) + " of " +
									   alternatives(i.n) + " of oneOf, expected exactly one";
							});
		}
		default: // condition
		{
			const bool holds = ask(list(0), value);
			const uint32_t next = holds ? list(1) : list(2);
			return next == no_index || below(holds ? "then" : "else", no_index, next, value);
		}
		}
	}

	static std::string alternatives(uint64_t count)
	{
		return count == 1 ? "the one schema" : "the " + std::to_string(count) + " schemas";
	}

	bool constant(const Instruction &i, Value value)
	{
		const Constants &constants = p_.constants[i.a];
		if (!budget_.spend(constants.others.size()))
			return false;
		return contains_value(constants, value) ||
			   violated(keyword_of(i.op), [&] { return "expected " + constants.expected; });
	}

	/// Runs a schema below a keyword on the same value.
	bool below(const char *keyword, uint32_t step, uint32_t index, Value value)
	{
		if constexpr (explain)
			trace_->enter_keyword(keyword, step);
		const bool valid = node(index, value);
		if constexpr (explain)
			trace_->leave_keyword();
		return valid;
	}

	bool number_value(const Instruction &i, Number &number)
	{
		const Bound &bound = p_.bounds[i.a];
		return holds(i.op, bound, number) ||
			   violated(keyword_of(i.op), [&] { return bound_message(i.op, bound); });
	}

	bool string_value(const Instruction &i, std::string_view text)
	{
		const char *keyword = keyword_of(i.op);
		switch (i.op)
		{
		case Op::min_length: // a character takes at most four bytes
			if (i.n == 0 || (text.size() + 3) / 4 >= i.n)
				return true;
			return count(i, text.size() < i.n ? 0 : count_characters(text),
						 [&] { return count_characters(text); });
		case Op::max_length:
			if (text.size() <= i.n)
				return true;
			return count(i, count_characters(text), [&] { return count_characters(text); });
		case Op::pattern:
			return pattern(i.a, text);
		default:
			return has_format(static_cast<Format>(i.a), text) ||
				   violated(keyword,
							[&] {
								return std::string("expected the format ") +
									   format_name(static_cast<Format>(i.a));
							});
		}
	}

	bool pattern(uint32_t regex, std::string_view text)
	{
		const Regex::Result result = search(regex, text);
		if constexpr (explain)
			if (result != Regex::Result::match)
			{
				const std::string place = trace_->schema_pointer("pattern");
				trace_->add("pattern",
							result == Regex::Result::no_match
								? pattern_message(p_.patterns[regex], place)
								: "takes too many steps to match the pattern at " + place +
									  " of the schema, counted as no match",
							true, false, p_.patterns[regex].source);
			}
		return result == Regex::Result::match;
	}

	/// The pattern of a schema that restricts texts only by this pattern. Null if it cannot be
	/// described in words.
	const PatternText *only_pattern(uint32_t index) const
	{
		const SchemaNode *node = &p_.nodes[index];
		// this loop ends, because schemas that refer to each other in a circle are refused
		while (node->target != no_index)
			node = &p_.nodes[node->target];
		if (!(node->types & type_bit::of(Kind::string)) || node->begin != node->number ||
			node->array != node->string + 1 || p_.code[node->string].op != Op::pattern)
			return nullptr;
		const PatternText &text = p_.patterns[p_.code[node->string].a];
		return text.words.empty() ? nullptr : &text;
	}

	bool negation(uint32_t index, Value value)
	{
		if (!ask(index, value))
			return true;
		if constexpr (explain)
		{
			const PatternText *text = value.is(Kind::string) ? only_pattern(index) : nullptr;
			if (text != nullptr)
				trace_->add("not", "must not " + text->words, true, false, text->source);
			else
				trace_->add("not", "is what \"not\" forbids");
		}
		return false;
	}

	Regex::Result search(uint32_t regex, std::string_view text)
	{
		const Regex::Result result = p_.regexes[regex].search(text);
		if (result == Regex::Result::gave_up)
			budget_.give_up("pattern", "a pattern takes too many steps to match");
		return result;
	}

	/// Compares a count with the limit of `i`. `count` may be an estimate on the same side of the
	/// limit as the exact count.
	template <typename Exact>
	bool count(const Instruction &i, uint64_t count, Exact &&exact)
	{
		const bool least =
			i.op == Op::min_length || i.op == Op::min_items || i.op == Op::min_properties;
		if (least ? count >= i.n : count <= i.n)
			return true;
		return violated(keyword_of(i.op), [&] { return count_message(i.op, i.n, exact()); });
	}

	bool array_value(const Instruction &i, Value array)
	{
		switch (i.op)
		{
		case Op::min_items:
		case Op::max_items:
			return count(i, array.count(), [&] { return array.count(); });
		case Op::items:
			return elements(
				array, 0, [&](uint32_t) { return i.a; }, "items", true);
		case Op::tuple:
			return tuple(i, array);
		case Op::contains:
		{
			if (!budget_.spend(array.count()))
				return false;
			Value element = array.first();
			for (uint32_t k = 0; k < array.count(); ++k, element = element.next())
				if (ask(i.a, element))
					return true;
			return violated("contains", [] { return "no element is what \"contains\" asks for"; });
		}
		default: // unique
		{
			uint32_t first = 0, second = 0;
			// The cost grows with everything that the array contains.
			if (!budget_.spend(array.node()->span))
				return false;
			return !find_repeated(array, first, second) ||
				   violated("uniqueItems",
							[&] {
								return "elements " + std::to_string(first) + " and " +
									   std::to_string(second) + " are equal";
							});
		}
		}
	}

	/// Checks the elements from position `from` on. node_for returns the schema of each element.
	template <typename NodeFor>
	bool elements(Value array, uint32_t from, NodeFor &&node_for, const char *keyword, bool single)
	{
		if (!budget_.spend(array.count()))
			return false;
		bool valid = true;
		Value element = array.first();
		for (uint32_t k = 0; k < array.count(); ++k, element = element.next())
		{
			if (k < from)
				continue;
			const uint32_t index = node_for(k);
			if (index == no_index)
				break;
			if constexpr (explain)
			{
				trace_->enter_element(k);
				trace_->enter_keyword(keyword, single ? no_index : k);
			}
			valid &= node(index, element);
			if constexpr (explain)
			{
				trace_->leave_keyword();
				trace_->leave();
			}
			if (stopped(valid))
				break;
		}
		return valid;
	}

	bool tuple(const Instruction &i, Value array)
	{
		const uint32_t *list = p_.lists.data() + i.a;
		const uint32_t additional = list[i.n];
		bool valid = elements(
			array, 0, [&](uint32_t k) { return k < i.n ? list[k] : no_index; }, "items", false);
		if (additional != no_index && array.count() > i.n && !stopped(valid))
			valid &= elements(
				array, static_cast<uint32_t>(i.n), [&](uint32_t) { return additional; },
				"additionalItems", true);
		return valid;
	}

	bool object_value(const Instruction &i, Value object)
	{
		switch (i.op)
		{
		case Op::min_properties:
		case Op::max_properties:
			return count(i, object.count(), [&] { return object.count(); });
		case Op::members:
			return members(p_.objects[i.a], object);
		default: // property_names
			return property_names(i.a, object);
		}
	}

	bool property_names(uint32_t index, Value object)
	{
		if (!budget_.spend(object.count()))
			return false;
		bool valid = true;
		for (Member m(object); m && !stopped(valid); m.advance())
		{
			if (ask(index, Value(m.value().node() - 1))) // the node of the name
				continue;
			valid = false;
			if constexpr (explain)
			{
				const PatternText *text = only_pattern(index);
				trace_->enter_member(m.name(), false);
				trace_->add("propertyNames",
							text != nullptr
								? "a property's name must " + text->words
								: "a property's name is not what propertyNames asks for",
							true, true, text != nullptr ? text->source : std::string_view());
				trace_->leave();
			}
		}
		return valid;
	}

	bool members(const ObjectRules &rules, Value object)
	{
		if (!budget_.spend(object.count()))
			return false;
		Seen seen(rules.required.size());
		bool valid = true;
		for (Member m(object); m; m.advance())
		{
			const uint32_t name = rules.names.find(m.name());
			uint32_t index = no_index;
			if (name != no_index)
			{
				seen.set(name);
				index = rules.nodes[name];
			}
			bool evaluated = index != no_index;
			if (evaluated)
				valid &= member("properties", rules.names.names()[name], true, m.name(), index,
								m.value());
			if (stopped(valid))
				return valid;
			for (const PatternProperty &pattern : rules.patterns)
			{
				if (search(pattern.regex, m.name()) != Regex::Result::match)
					continue;
				evaluated = true;
				valid &= member("patternProperties", pattern.source, name != no_index, m.name(),
								pattern.node, m.value());
				if (stopped(valid))
					return valid;
			}
			if (!evaluated && rules.additional != no_index)
				valid &= additional(rules.additional, name != no_index, m);
			if (stopped(valid))
				return valid;
		}
		for (size_t word = 0; word < rules.required.size(); ++word)
		{
			const uint64_t missing = rules.required[word] & ~seen.word(word);
			if (missing == 0)
				continue;
			if constexpr (!explain)
				return false;
			valid = false;
			for (uint32_t bit = 0; bit < 64; ++bit)
				if (missing >> bit & 1)
					violated("required",
							 [&] {
								 return "missing property " +
										quoted(rules.names.names()[word * 64 + bit]);
							 });
		}
		for (const Dependency &dependency : rules.dependencies)
			if (seen.has(dependency.name) && !stopped(valid))
				valid &= dependent(rules, dependency, seen, object);
		return valid;
	}

	/// `step` is a step below the keyword; a null view means none.
	bool member(const char *keyword, std::string_view step, bool known, std::string_view name,
				uint32_t index, Value value)
	{
		if constexpr (explain)
		{
			trace_->enter_member(name, known);
			if (step.data() == nullptr)
				trace_->enter_keyword(keyword);
			else
				trace_->enter_keyword(keyword, step);
		}
		const bool valid = node(index, value);
		if constexpr (explain)
		{
			trace_->leave_keyword();
			trace_->leave();
		}
		return valid;
	}

	bool additional(uint32_t index, bool known, Member &m)
	{
		const SchemaNode &node = p_.nodes[index];
		if (node.types != 0 || node.target != no_index)
			return member("additionalProperties", {}, known, m.name(), index, m.value());
		if constexpr (explain)
		{
			trace_->enter_member(m.name(), known);
			trace_->add("additionalProperties", "a property that the schema does not allow", true,
						true);
			trace_->leave();
		}
		return false;
	}

	bool dependent(const ObjectRules &rules, const Dependency &dependency, const Seen &seen,
				   Value object)
	{
		const auto &names = rules.names.names();
		bool valid = true;
		if constexpr (explain)
			trace_->enter_keyword("dependencies", names[dependency.name]);
		if (dependency.node != no_index)
			valid = node(dependency.node, object);
		for (uint32_t name : dependency.required)
			if (!seen.has(name))
			{
				valid = false;
				if constexpr (!explain)
					break;
				else
					trace_->add("dependencies",
								"missing property " + quoted(names[name]) + ", needed because of " +
									quoted(names[dependency.name]),
								false);
			}
		if constexpr (explain)
			trace_->leave_keyword();
		return valid;
	}

	const Schema::Program &p_;
	Budget &budget_;
	Trace *trace_;
};

} // namespace

Schema::Schema(std::unique_ptr<Program> program) : program_(std::move(program)) {}
Schema::~Schema() = default;
Schema::Schema(Schema &&) noexcept = default;
Schema &Schema::operator=(Schema &&) noexcept = default;

Schema
Schema::compile(const nlohmann::json &schema, const SchemaOptions &options)
{
	if (!schema.is_object() && !schema.is_boolean())
		throw SchemaError("", "expected a schema (object or boolean)");
	return Schema(SchemaCompiler(schema, options).run());
}

bool
Schema::is_valid(Value value) const
{
	Budget budget(value);
	const bool valid = Run<false>(*program_, budget, nullptr).node(program_->root, value);
	return valid && budget.gave_up == nullptr;
}

bool
Schema::validate(Value value, Violations &violations) const
{
	Budget budget(value);
	Trace trace(violations);
	const size_t before = violations.size();
	const bool valid = Run<true>(*program_, budget, &trace).node(program_->root, value);
	// Validation gave up inside anyOf, oneOf or not.
	if (budget.gave_up != nullptr && violations.size() == before)
		trace.add(budget.gave_up_keyword, budget.gave_up, false);
	return valid && budget.gave_up == nullptr;
}

} // namespace etl
