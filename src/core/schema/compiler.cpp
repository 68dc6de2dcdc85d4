// Compiles keywords to instructions. Draft-07 validation, section 6, defines what each keyword
// means.
#include <algorithm>
#include <cmath>

#include "core/json/exact.h"
#include "core/schema/compile_structure.h"
#include "core/schema/compiler.h"
#include "core/schema/pattern_words.h"

namespace etl
{

using nlohmann::json;

SchemaError::SchemaError(std::string pointer, const std::string &message)
	: std::runtime_error(message), pointer_(std::move(pointer))
{
}

namespace
{

const char *
json_kind(const json &value)
{
	return is_number(value) ? "number" : value.type_name();
}

bool
is_string_list(const json &value)
{
	return value.is_array() &&
		   std::all_of(value.begin(), value.end(), [](const json &v) { return v.is_string(); });
}

bool
has_repeated(const json &list)
{
	std::vector<std::string_view> names;
	for (const auto &name : list)
		names.emplace_back(name.get_ref<const std::string &>());
	std::sort(names.begin(), names.end());
	return std::adjacent_find(names.begin(), names.end()) != names.end();
}

} // namespace

SchemaCompiler::SchemaCompiler(const json &schema, const SchemaOptions &options)
	: options_(options), registry_(schema, options), program_(std::make_unique<Schema::Program>())
{
}

std::unique_ptr<Schema::Program>
SchemaCompiler::run()
{
	program_->root = node(registry_.root());
	for (uint32_t i = 0; i < program_->nodes.size(); ++i)
		compile(i);
	finish_constants();
	refuse_loops();
	return std::move(program_);
}

uint32_t
SchemaCompiler::node(const SchemaPlace &place)
{
	const uint32_t next = static_cast<uint32_t>(program_->nodes.size());
	const auto [found, added] = known_.emplace(place.schema, next);
	if (added)
	{
		program_->nodes.emplace_back();
		places_.push_back(place);
		in_place_.emplace_back();
	}
	return found->second;
}

uint32_t
SchemaCompiler::part(const Draft &draft, const json &schema,
					 std::initializer_list<std::string_view> steps)
{
	if (!schema.is_object() && !schema.is_boolean())
		SchemaRegistry::fail(draft.place, steps,
							 std::string("expected a schema (object or boolean), got ") +
								 json_kind(schema));
	return node(registry_.part(draft.place, schema, steps));
}

std::string_view
SchemaCompiler::keep(const std::string &text)
{
	return program_->strings.emplace_back(text);
}

void
SchemaCompiler::emit(std::vector<Instruction> &group, Op op, uint64_t a, uint64_t n)
{
	group.push_back({op, static_cast<uint32_t>(a), n});
}

void
SchemaCompiler::compile(uint32_t index)
{
	Draft draft;
	draft.place = places_[index];
	const json &schema = *draft.place.schema;
	if (schema.is_boolean())
	{
		if (!schema.get<bool>())
			draft.node.types = 0;
		program_->nodes[index] = draft.node;
		return;
	}
	if (const auto ref = schema.find("$ref"); ref != schema.end())
	{
		if (!ref->is_string())
			SchemaRegistry::fail(draft.place, {"$ref"}, "expected a URI reference");
		// Keywords beside $ref are ignored (core, section 8.3), except schemas that are defined
		// there.
		const SchemaPlace target = registry_.resolve(draft.place, ref->get<std::string>());
		draft.node.target = node(target);
		in_place_[index].push_back(draft.node.target);
		if (const auto found = schema.find("definitions"); found != schema.end())
			annotation(draft, "definitions", *found);
		program_->nodes[index] = draft.node;
		return;
	}
	for (const auto &[name, value] : schema.items())
		keyword(draft, name, value);
	StructureCompiler structure(*this, draft);
	structure.items(schema);
	structure.object_rules(schema);
	structure.condition(schema);

	SchemaNode &node = draft.node;
	auto &code = program_->code;
	const auto append = [&](const std::vector<Instruction> &group)
	{
		code.insert(code.end(), group.begin(), group.end());
		return static_cast<uint32_t>(code.size());
	};
	node.begin = static_cast<uint32_t>(code.size());
	node.number = append(draft.any);
	node.string = append(draft.number);
	node.array = append(draft.string);
	node.object = append(draft.array);
	node.end = append(draft.object);
	for (const Instruction &instruction : draft.any)
	{
		auto &followed = in_place_[index];
		const auto &lists = program_->lists;
		switch (instruction.op)
		{
		case Op::negation:
			followed.push_back(instruction.a);
			break;
		case Op::condition:
		case Op::all_of:
		case Op::any_of:
		case Op::one_of:
			for (uint64_t i = 0; i < instruction.n; ++i)
				if (lists[instruction.a + i] != no_index)
					followed.push_back(lists[instruction.a + i]);
			break;
		default:
			break;
		}
	}
	for (const Instruction &instruction : draft.object)
		if (instruction.op == Op::members)
			for (const Dependency &dependency : program_->objects[instruction.a].dependencies)
				if (dependency.node != no_index)
					in_place_[index].push_back(dependency.node);
	program_->nodes[index] = node;
}

void
SchemaCompiler::keyword(Draft &draft, const std::string &name, const json &value)
{
	if (assertion(draft, name, value) || applicator(draft, name, value) ||
		annotation(draft, name, value))
		return;
	if (options_.ignore_unknown || name.rfind("x-", 0) == 0)
		return;
	std::string hint;
	if (name == "$defs")
		hint = "; draft-07 calls it \"definitions\"";
	else if (name == "dependentRequired" || name == "dependentSchemas")
		hint = "; draft-07 calls it \"dependencies\"";
	else if (name == "id" || name == "$anchor")
		hint = "; draft-07 calls it \"$id\"";
	SchemaRegistry::fail(draft.place, {name},
						 "unknown keyword \"" + name + "\"" + hint +
							 " (names that begin with \"x-\" are free for extensions)");
}

bool
SchemaCompiler::assertion(Draft &draft, const std::string &name, const json &value)
{
	struct Counted
	{
		const char *name;
		Op op;
		std::vector<Instruction> Draft::*group;
	};
	static constexpr Counted counted[] = {
		{"minLength", Op::min_length, &Draft::string},
		{"maxLength", Op::max_length, &Draft::string},
		{"minItems", Op::min_items, &Draft::array},
		{"maxItems", Op::max_items, &Draft::array},
		{"minProperties", Op::min_properties, &Draft::object},
		{"maxProperties", Op::max_properties, &Draft::object},
	};
	for (const Counted &c : counted)
		if (name == c.name)
		{
			emit(draft.*c.group, c.op, 0, count(draft, name, value));
			return true;
		}
	static constexpr std::pair<const char *, Op> numeric[] = {
		{"maximum", Op::maximum},        {"exclusiveMaximum", Op::exclusive_maximum},
		{"minimum", Op::minimum},        {"exclusiveMinimum", Op::exclusive_minimum},
		{"multipleOf", Op::multiple_of},
	};
	for (const auto &[numeric_name, op] : numeric)
		if (name == numeric_name)
		{
			bound(draft, op, value);
			return true;
		}
	if (name == "type")
		type(draft, value);
	else if (name == "enum")
	{
		if (!value.is_array())
			SchemaRegistry::fail(draft.place, {name}, "expected an array");
		constants(draft, Op::enumeration, value);
	}
	else if (name == "const")
		constants(draft, Op::constant, json::array({value}));
	else if (name == "pattern")
	{
		if (!value.is_string())
			SchemaRegistry::fail(draft.place, {name}, "expected a regular expression");
		emit(draft.string, Op::pattern, regex(draft.place, {name}, value.get<std::string>()));
	}
	else if (name == "format")
	{
		if (!value.is_string())
			SchemaRegistry::fail(draft.place, {name}, "expected a string");
		const auto format = format_by_name(value.get_ref<const std::string &>());
		if (options_.assert_format && format)
			emit(draft.string, Op::format, static_cast<uint64_t>(*format));
		else if (options_.assert_format && !options_.ignore_unknown)
			SchemaRegistry::fail(draft.place, {name}, "unknown format, which cannot be asserted");
	}
	else if (name == "uniqueItems")
	{
		if (!value.is_boolean())
			SchemaRegistry::fail(draft.place, {name}, "expected true or false");
		if (value.get<bool>())
			emit(draft.array, Op::unique, 0);
	}
	else
		return false;
	return true;
}

bool
SchemaCompiler::applicator(Draft &draft, const std::string &name, const json &value)
{
	for (const auto &[list_name, op] :
		 {std::pair{"allOf", Op::all_of}, std::pair{"anyOf", Op::any_of},
		  std::pair{"oneOf", Op::one_of}})
	{
		if (name != list_name)
			continue;
		if (!value.is_array() || value.empty())
			SchemaRegistry::fail(draft.place, {name}, "expected an array of one schema or more");
		std::vector<uint32_t> list;
		for (size_t i = 0; i < value.size(); ++i)
			list.push_back(part(draft, value[i], {name, std::to_string(i)}));
		emit(draft.any, op, program_->lists.size(), list.size());
		program_->lists.insert(program_->lists.end(), list.begin(), list.end());
		return true;
	}
	if (name == "not")
		emit(draft.any, Op::negation, part(draft, value, {name}));
	else if (name == "contains")
		emit(draft.array, Op::contains, part(draft, value, {name}));
	else if (name == "propertyNames")
		emit(draft.object, Op::property_names, part(draft, value, {name}));
	else
		// These keywords depend on each other and are compiled after the others.
		return name == "if" || name == "then" || name == "else" || name == "items" ||
			   name == "additionalItems" || name == "properties" || name == "patternProperties" ||
			   name == "additionalProperties" || name == "required" || name == "dependencies";
	return true;
}

bool
SchemaCompiler::annotation(Draft &draft, const std::string &name, const json &value)
{
	const auto expect = [&](bool right, const char *what)
	{
		if (!right)
			SchemaRegistry::fail(draft.place, {name},
								 std::string("expected ") + what + ", got " + json_kind(value));
		return true;
	};
	if (name == "default")
		return true;
	if (name == "title" || name == "description" || name == "$comment" || name == "$id" ||
		name == "contentEncoding" || name == "contentMediaType")
		return expect(value.is_string(), "a string");
	if (name == "readOnly" || name == "writeOnly")
		return expect(value.is_boolean(), "true or false");
	if (name == "examples")
		return expect(value.is_array(), "an array");
	if (name == "definitions")
	{
		expect(value.is_object(), "an object");
		for (const auto &[key, schema] : value.items())
			part(draft, schema, {name, key});
		return true;
	}
	if (name == "$schema")
	{
		expect(value.is_string(), "a URI");
		std::string uri = value.get<std::string>();
		if (!uri.empty() && uri.back() == '#')
			uri.pop_back();
		if (uri != "http://json-schema.org/draft-07/schema" &&
			uri != "https://json-schema.org/draft-07/schema")
			SchemaRegistry::fail(draft.place, {name},
								 "only http://json-schema.org/draft-07/schema# is understood");
		return true;
	}
	return false;
}

void
SchemaCompiler::type(Draft &draft, const json &value)
{
	const json list = value.is_array() ? value : json::array({value});
	if (!is_string_list(list) || list.empty())
		SchemaRegistry::fail(draft.place, {"type"}, "expected a type or an array of types");
	if (has_repeated(list))
		SchemaRegistry::fail(draft.place, {"type"}, "a type is repeated");
	draft.node.types = 0;
	draft.node.has_type = true;
	for (const auto &entry : list)
	{
		const auto &name = entry.get_ref<const std::string &>();
		uint8_t bits = name == "integer" ? type_bit::integer : uint8_t{0};
		for (Kind kind :
			 {Kind::null, Kind::boolean, Kind::number, Kind::string, Kind::array, Kind::object})
			if (name == kind_name(kind))
				bits = type_bit::of(kind);
		if (bits == 0)
			SchemaRegistry::fail(draft.place, {"type"},
								 "unknown type \"" + name +
									 "\"; there are null, boolean, integer, number, string, "
									 "array and object");
		draft.node.types |= bits;
	}
}

uint64_t
SchemaCompiler::count(const Draft &draft, const std::string &name, const json &value)
{
	if (value.is_number_unsigned())
		return value.get<uint64_t>();
	if (value.is_number_float())
	{
		const double number = value.get<double>();
		if (number >= 0 && number == std::floor(number))
			return number < 1e18 ? static_cast<uint64_t>(number)
								 : std::numeric_limits<uint64_t>::max();
	}
	else if (value.is_number_integer() && value.get<int64_t>() >= 0)
		return static_cast<uint64_t>(value.get<int64_t>());
	else if (is_number(value))
	{
		// A count that even a double cannot hold is larger than any count in a record.
		const auto number = Decimal::parse(dump_exact(value));
		if (number && number->is_integer() && !number->is_negative())
			return std::numeric_limits<uint64_t>::max();
	}
	SchemaRegistry::fail(draft.place, {name}, "expected an integer that is not negative");
}

void
SchemaCompiler::bound(Draft &draft, Op op, const json &value)
{
	const char *name = keyword_of(op);
	Bound bound;
	std::optional<Decimal> decimal;
	if (is_number(value))
	{
		bound.text = dump_exact(value);
		decimal = Decimal::parse(bound.text);
	}
	if (!decimal)
		SchemaRegistry::fail(draft.place, {name}, "expected a number");
	if (op == Op::multiple_of && (decimal->is_zero() || decimal->is_negative()))
		SchemaRegistry::fail(draft.place, {name}, "expected a number greater than 0");
	bound.value = *decimal;
	bound.is_small = small_integer(bound.text, bound.small);
	emit(draft.number, op, program_->bounds.size());
	program_->bounds.push_back(std::move(bound));
}

uint32_t
SchemaCompiler::regex(const SchemaPlace &place, std::initializer_list<std::string_view> steps,
					  const std::string &pattern)
{
	std::string error;
	auto regex = Regex::compile(pattern, error);
	if (!regex)
		SchemaRegistry::fail(place, steps, "not a regular expression of ECMA-262: " + error);
	program_->regexes.push_back(std::move(*regex));
	const auto described = [&](const char *name)
	{
		const auto found = place.schema->find(name);
		return found != place.schema->end() && found->is_string() ? found->get<std::string>()
																  : std::string();
	};
	std::string text = described("description");
	program_->patterns.push_back(
		{keep(pattern), pattern_words(pattern), text.empty() ? described("title") : text});
	return static_cast<uint32_t>(program_->regexes.size() - 1);
}

void
SchemaCompiler::constants(Draft &draft, Op op, const json &list)
{
	Constants constants;
	PendingConstants pending;
	constexpr size_t shown = 100;
	bool whole = true;
	for (const auto &value : list)
	{
		const std::string text = dump_exact(value);
		whole = whole && constants.expected.size() + text.size() <= shown;
		if (whole)
			constants.expected.append(constants.expected.empty() ? "" : ", ").append(text);
		int64_t small;
		if (value.is_null())
			constants.has_null = true;
		else if (value.is_boolean())
			(value.get<bool>() ? constants.has_true : constants.has_false) = true;
		else if (value.is_string())
			constants.strings.add(keep(value.get<std::string>()));
		else if (value.is_number_integer() && small_integer(text, small))
			constants.integers.push_back(small);
		else
		{
			pending.others.push_back(values_.size());
			values_.push_back(value);
		}
	}
	if (!whole || list.empty())
		constants.expected = "one of " + std::to_string(list.size()) + " values of the schema";
	else if (list.size() > 1)
		constants.expected = "one of " + constants.expected;
	std::sort(constants.integers.begin(), constants.integers.end());
	emit(draft.any, op, program_->constants.size());
	program_->constants.push_back(std::move(constants));
	pending_.push_back(std::move(pending));
}

void
SchemaCompiler::finish_constants()
{
	// All values are parsed as one document, because its nodes do not move once it is parsed.
	ParseError error;
	if (!program_->values.parse(dump_exact(values_), error))
		throw SchemaError("", "a value of enum or const cannot be read: " + error.message);
	std::vector<Value> values;
	Value value = program_->values.root().first();
	for (size_t i = 0; i < values_.size(); ++i, value = value.next())
		values.push_back(value);
	for (size_t i = 0; i < pending_.size(); ++i)
		for (size_t index : pending_[i].others)
			program_->constants[i].others.push_back(values[index]);
}

/// Refuses schemas that refer back to themselves for the same value, because validation would never
/// end.
void
SchemaCompiler::refuse_loops()
{
	enum : uint8_t
	{
		unseen,
		open,
		done
	};
	std::vector<uint8_t> state(in_place_.size(), unseen);
	std::vector<std::pair<uint32_t, size_t>> path;
	for (uint32_t start = 0; start < in_place_.size(); ++start)
	{
		if (state[start] != unseen)
			continue;
		state[start] = open;
		path.emplace_back(start, 0);
		while (!path.empty())
		{
			auto &[node, next] = path.back();
			if (next == in_place_[node].size())
			{
				state[node] = done;
				path.pop_back();
				continue;
			}
			const uint32_t followed = in_place_[node][next++];
			if (state[followed] == open)
				SchemaRegistry::fail(places_[node], {},
									 "leads back to itself without going into the value: "
									 "validation would never end");
			if (state[followed] == unseen)
			{
				state[followed] = open;
				path.emplace_back(followed, 0);
			}
		}
	}
}

} // namespace etl
