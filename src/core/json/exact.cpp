#include "core/json/exact.h"

#include <charconv>
#include <cmath>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "core/json/decimal.h"

namespace etl
{

using nlohmann::json;

namespace
{

/// Subtype of the binary values that are numbers.
constexpr uint64_t number_subtype = 1;

template <typename Integer>
bool
is_integer_of(std::string_view text, Integer &value)
{
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
	return error == std::errc() && end == text.data() + text.size();
}

json
number(std::string_view text)
{
	if (uint64_t value; text.front() != '-' && is_integer_of(text, value))
		return value;
	if (int64_t value; text.front() == '-' && is_integer_of(text, value))
		return value;
	double value = 0;
	if (is_integer_of(text, value) && std::isfinite(value))
	{
		const auto rounded = Decimal::parse(json(value).dump());
		const auto exact = Decimal::parse(text);
		if (rounded && exact && rounded->compare(*exact) == 0)
			return value;
	}
	return json::binary({text.begin(), text.end()}, number_subtype);
}

json
tree(Value value)
{
	switch (value.kind())
	{
	case Kind::null:
		return nullptr;
	case Kind::boolean:
		return value.truth();
	case Kind::number:
		return number(value.text());
	case Kind::string:
		return std::string(value.text());
	case Kind::array:
	{
		json list = json::array();
		Value element = value.first();
		for (uint32_t i = 0; i < value.count(); ++i, element = element.next())
			list.push_back(tree(element));
		return list;
	}
	case Kind::object:
		break;
	}
	json object = json::object();
	for (Member m(value); m; m.advance())
		object.emplace(std::string(m.name()), tree(m.value()));
	return object;
}

bool
is_exact_number(const json &value)
{
	return value.is_binary() && value.get_binary().has_subtype() &&
		   value.get_binary().subtype() == number_subtype;
}

std::string
dump_leaf(const json &value)
{
	return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void
append(std::string &out, const json &value)
{
	if (is_exact_number(value))
	{
		out.append(value.get_binary().begin(), value.get_binary().end());
		return;
	}
	if (!value.is_structured())
	{
		out += dump_leaf(value);
		return;
	}
	out += value.is_array() ? '[' : '{';
	bool first = true;
	for (const auto &entry : value.items())
	{
		if (!first)
			out += ',';
		first = false;
		if (value.is_object())
			(out += dump_leaf(entry.key())) += ':';
		append(out, entry.value());
	}
	out += value.is_array() ? ']' : '}';
}

} // namespace

json
parse_exact(std::string_view text)
{
	Document document;
	ParseError error;
	if (!document.parse(text, error))
		throw std::invalid_argument(error.message);
	return tree(document.root());
}

bool
is_number(const json &value)
{
	return value.is_number() || is_exact_number(value);
}

std::string
dump_exact(const json &value)
{
	std::string out;
	append(out, value);
	return out;
}

} // namespace etl
