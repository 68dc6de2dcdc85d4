#include "core/schema/message.h"

#include "core/base/sqlstate.h"
#include "core/json/pointer.h"
#include "core/json/write.h"
#include "core/schema/run.h"

namespace etl
{

const char *
keyword_of(Op op)
{
	switch (op)
	{
	case Op::enumeration:
		return "enum";
	case Op::constant:
		return "const";
	case Op::all_of:
		return "allOf";
	case Op::any_of:
		return "anyOf";
	case Op::one_of:
		return "oneOf";
	case Op::negation:
		return "not";
	case Op::condition:
		return "if";
	case Op::maximum:
		return "maximum";
	case Op::exclusive_maximum:
		return "exclusiveMaximum";
	case Op::minimum:
		return "minimum";
	case Op::exclusive_minimum:
		return "exclusiveMinimum";
	case Op::multiple_of:
		return "multipleOf";
	case Op::min_length:
		return "minLength";
	case Op::max_length:
		return "maxLength";
	case Op::pattern:
		return "pattern";
	case Op::format:
		return "format";
	case Op::min_items:
		return "minItems";
	case Op::max_items:
		return "maxItems";
	case Op::items:
	case Op::tuple:
		return "items";
	case Op::contains:
		return "contains";
	case Op::unique:
		return "uniqueItems";
	case Op::min_properties:
		return "minProperties";
	case Op::max_properties:
		return "maxProperties";
	case Op::members:
		return "properties";
	case Op::property_names:
		return "propertyNames";
	}
	return "";
}

namespace schema_run
{

void
Trace::add(const char *keyword, std::string message, bool own, bool about_name,
		   std::string_view pattern)
{
	if (full())
		return;
	std::string pointer, shown;
	for (size_t i = 0; i < instance_.size(); ++i)
	{
		const InstanceStep &step = instance_[i];
		const std::string name =
			step.is_element ? std::to_string(step.index) : std::string(step.name);
		append_pointer(pointer, name);
		if (!about_name || i + 1 < instance_.size())
			append_pointer(shown, step.known ? name : "*");
	}
	message = (shown.empty() ? "(root)" : shown) + ": " + message;
	Violation violation{Code::schema,
						keyword,
						std::move(pointer),
						schema_pointer(keyword, own),
						sqlstate::check_violation,
						std::move(message)};
	violation.pattern = pattern;
	for (std::string *text :
		 {&violation.pointer, &violation.schema_pointer, &violation.message, &violation.pattern})
		shorten(*text);
	violations_.push_back(std::move(violation));
}

std::string
Trace::schema_pointer(const char *keyword, bool own) const
{
	std::string pointer;
	for (const SchemaStep &step : schema_)
	{
		append_pointer(pointer, step.keyword);
		if (step.name.data() != nullptr)
			append_pointer(pointer, step.name);
		else if (step.index != no_index)
			append_pointer(pointer, std::to_string(step.index));
	}
	if (own)
		append_pointer(pointer, keyword);
	return pointer;
}

std::string
pattern_message(const PatternText &pattern, const std::string &schema_pointer)
{
	if (!pattern.words.empty())
		return "must " + pattern.words;
	if (!pattern.described.empty())
		return "is not what the schema describes: " + pattern.described;
	return "does not follow the pattern at " + schema_pointer + " of the schema";
}

std::string
type_message(const SchemaNode &node, Value value)
{
	std::string expected;
	const auto add = [&](const char *name)
	{ expected.append(expected.empty() ? "" : " or ").append(name); };
	for (Kind kind :
		 {Kind::array, Kind::boolean, Kind::number, Kind::object, Kind::string, Kind::null})
	{
		if (kind == Kind::number && node.types & type_bit::integer)
			add("integer");
		if (node.types & type_bit::of(kind))
			add(kind_name(kind));
	}
	return "expected " + expected + ", got " + kind_name(value.kind());
}

std::string
count_message(Op op, uint64_t bound, uint64_t count)
{
	const bool least = op == Op::min_length || op == Op::min_items || op == Op::min_properties;
	std::string message = least ? "expected at least " : "expected at most ";
	message += std::to_string(bound);
	switch (op)
	{
	case Op::min_length:
	case Op::max_length:
		message += " character";
		break;
	case Op::min_items:
	case Op::max_items:
		message += " element";
		break;
	default:
		message += bound == 1 ? " property" : " propertie";
		break;
	}
	if (bound != 1)
		message += 's';
	return message + ", got " + std::to_string(count);
}

std::string
bound_message(Op op, const Bound &bound)
{
	switch (op)
	{
	case Op::maximum:
		return "expected at most " + bound.text;
	case Op::exclusive_maximum:
		return "expected less than " + bound.text;
	case Op::minimum:
		return "expected at least " + bound.text;
	case Op::exclusive_minimum:
		return "expected more than " + bound.text;
	default:
		return "expected a multiple of " + bound.text;
	}
}

std::string
quoted(std::string_view name)
{
	std::string out;
	append_json_string(out, name);
	return out;
}

} // namespace schema_run

} // namespace etl
