#include "core/types/column_type.h"

#include <algorithm>
#include <charconv>

#include "core/base/ascii.h"

namespace etl
{

namespace
{

enum class Arguments : uint8_t
{
	none,
	length,    ///< varchar(n), char(n)
	numeric,   ///< (p [, s])
	fraction,  ///< timestamp(p)
	float_bits ///< float(p): 24 bits or less are real
};

struct Name
{
	std::string_view name;
	TypeId id;
	Arguments arguments;
	std::string_view sql; ///< as format_type() writes it
};

constexpr Name names[] = {
	{"smallint", TypeId::smallint, Arguments::none, "smallint"},
	{"int2", TypeId::smallint, Arguments::none, "smallint"},
	{"integer", TypeId::integer, Arguments::none, "integer"},
	{"int", TypeId::integer, Arguments::none, "integer"},
	{"int4", TypeId::integer, Arguments::none, "integer"},
	{"bigint", TypeId::bigint, Arguments::none, "bigint"},
	{"int8", TypeId::bigint, Arguments::none, "bigint"},
	{"numeric", TypeId::numeric, Arguments::numeric, "numeric"},
	{"decimal", TypeId::numeric, Arguments::numeric, "numeric"},
	{"dec", TypeId::numeric, Arguments::numeric, "numeric"},
	{"real", TypeId::real, Arguments::none, "real"},
	{"float4", TypeId::real, Arguments::none, "real"},
	{"double precision", TypeId::double_precision, Arguments::none, "double precision"},
	{"float8", TypeId::double_precision, Arguments::none, "double precision"},
	{"float", TypeId::double_precision, Arguments::float_bits, "double precision"},
	{"boolean", TypeId::boolean, Arguments::none, "boolean"},
	{"bool", TypeId::boolean, Arguments::none, "boolean"},
	{"text", TypeId::text, Arguments::none, "text"},
	{"varchar", TypeId::text, Arguments::length, "character varying"},
	{"character varying", TypeId::text, Arguments::length, "character varying"},
	{"char varying", TypeId::text, Arguments::length, "character varying"},
	{"character", TypeId::text, Arguments::length, "character"},
	{"char", TypeId::text, Arguments::length, "character"},
	{"bpchar", TypeId::text, Arguments::length, "character"},
	{"date", TypeId::date, Arguments::none, "date"},
	{"timestamp", TypeId::timestamp, Arguments::fraction, "timestamp without time zone"},
	{"timestamp without time zone", TypeId::timestamp, Arguments::fraction,
	 "timestamp without time zone"},
	{"timestamp with time zone", TypeId::timestamptz, Arguments::fraction,
	 "timestamp with time zone"},
	{"timestamptz", TypeId::timestamptz, Arguments::fraction, "timestamp with time zone"},
	{"uuid", TypeId::uuid, Arguments::none, "uuid"},
	{"json", TypeId::json, Arguments::none, "json"},
	{"jsonb", TypeId::jsonb, Arguments::none, "jsonb"},
};

/// The text in lower case, with one blank between words.
std::string
normalized(std::string_view s)
{
	std::string out;
	for (const char c : trim_ascii(s))
	{
		const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
		if (!blank)
			out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
		else if (!out.empty() && out.back() != ' ')
			out += ' ';
	}
	return out;
}

bool
parse_number(std::string_view s, int &number)
{
	s = trim_ascii(s);
	const auto r = std::from_chars(s.data(), s.data() + s.size(), number);
	return r.ec == std::errc() && r.ptr == s.data() + s.size();
}

bool
apply_arguments(const Name &name, int count, const int (&argument)[2], ColumnType &type)
{
	const std::string first = std::to_string(argument[0]);
	switch (name.arguments)
	{
	case Arguments::none:
		return false;
	case Arguments::length:
		if (count != 1 || argument[0] < 1 || argument[0] > 10485760)
			return false;
		type.precision = argument[0];
		type.sql += '(' + first + ')';
		return true;
	case Arguments::numeric:
		if (argument[0] < 1 || argument[0] > 1000 || argument[1] < -1000 || argument[1] > 1000)
			return false;
		type.precision = argument[0];
		type.scale = argument[1];
		type.sql += '(' + first + ',' + std::to_string(argument[1]) + ')';
		return true;
	case Arguments::fraction:
		if (count != 1 || argument[0] < 0 || argument[0] > 6)
			return false;
		type.precision = argument[0];
		type.sql.insert(type.sql.find(' '), '(' + first + ')');
		return true;
	case Arguments::float_bits:
		if (count != 1 || argument[0] < 1 || argument[0] > 53)
			return false;
		if (argument[0] <= 24)
		{
			type.id = TypeId::real;
			type.sql = "real";
		}
		return true;
	}
	return false;
}

} // namespace

bool
ColumnType::parse(std::string_view sql, ColumnType &type)
{
	std::string name = normalized(sql);
	if (name.rfind("pg_catalog.", 0) == 0)
		name.erase(0, 11);

	// In "timestamp(3) with time zone" the argument is in the middle.
	int count = 0;
	int argument[2] = {0, 0};
	const size_t open = name.find('(');
	if (open != std::string::npos)
	{
		const size_t close = name.find(')', open);
		if (close == std::string::npos)
			return false;
		const std::string_view list = std::string_view(name).substr(open + 1, close - open - 1);
		const size_t comma = list.find(',');
		if (!parse_number(list.substr(0, comma), argument[0]) ||
			(comma != std::string_view::npos && !parse_number(list.substr(comma + 1), argument[1])))
			return false;
		count = comma == std::string_view::npos ? 1 : 2;
		const std::string_view rest = trim_ascii(std::string_view(name).substr(close + 1));
		std::string joined(trim_ascii(std::string_view(name).substr(0, open)));
		if (!rest.empty())
		{
			if (joined != "timestamp") // "numeric(3) varying" is not a type
				return false;
			joined.append(1, ' ').append(rest);
		}
		name = joined;
	}

	const auto found = std::find_if(std::begin(names), std::end(names),
									[&](const Name &n) { return n.name == name; });
	if (found == std::end(names))
		return false;
	if (count == 0 && found->sql == "character")
	{
		if (name == "bpchar") // bpchar has any length, and format_type() writes it like char
			return false;
		count = 1; // char is char(1)
		argument[0] = 1;
	}
	ColumnType result;
	result.id = found->id;
	result.sql = found->sql;
	if (count > 0 && !apply_arguments(*found, count, argument, result))
		return false;
	type = std::move(result);
	return true;
}

const char *
ColumnType::supported()
{
	return "smallint, integer, bigint, numeric[(p,s)], real, double precision, boolean, text, "
		   "varchar[(n)], char[(n)], date, timestamp[(p)], timestamptz[(p)], uuid, json, jsonb";
}

bool
is_blank_padded(const ColumnType &type)
{
	return type.id == TypeId::text && type.sql.rfind("character(", 0) == 0;
}

} // namespace etl
