#include "core/definition/check.h"

#include <algorithm>
#include <set>

#include "core/json/write.h"
#include "core/types/column_type.h"
#include "core/types/encode.h"
#include "core/types/type_error.h"

namespace etl
{

namespace
{

[[noreturn]] void
refuse(const std::string &place, const std::string &message, const std::string &hint = {})
{
	throw DefinitionError("/x-etl" + place, message, hint);
}

std::string
at(const char *list, size_t index)
{
	return std::string("/") + list + "/" + std::to_string(index);
}

/// The length of a token: <32 hex digits>@erased.invalid.
constexpr size_t token_length = 32 + sizeof("@erased.invalid") - 1;

bool
is_one_of(TypeId type, std::initializer_list<TypeId> types)
{
	return std::find(types.begin(), types.end(), type) != types.end();
}

bool
takes_integers(const ColumnType &type)
{
	return is_one_of(type.id, {TypeId::smallint, TypeId::integer, TypeId::bigint});
}

bool
takes_run_time(const ColumnType &type)
{
	return is_one_of(type.id, {TypeId::timestamp, TypeId::timestamptz, TypeId::text});
}

bool
has_wildcard(const Path &path)
{
	return std::find(path.begin(), path.end(), "*") != path.end();
}

void
check_column(const TableDefinition &table, const ColumnDefinition &column, const std::string &place)
{
	const std::string type = place + "/type";
	switch (column.source)
	{
	case Source::field:
		if (has_wildcard(column.path))
			refuse(place + "/from", "a column takes one value of the record, not \"*\"",
				   "Load the elements of an array into a table of their own with \"each\".");
		break;
	case Source::element:
		if (!table.is_child)
			refuse(place + "/from",
				   "\"./…\" is a field of an element, and the table has no \"each\"");
		if (has_wildcard(column.path))
			refuse(place + "/from", "a column takes one value of the element, not \"*\"");
		break;
	case Source::line:
		if (!table.is_child)
			refuse(place + "/from", "\"$line\" counts elements, and the table has no \"each\"");
		if (!takes_integers(column.type))
			refuse(type, "\"$line\" needs smallint, integer or bigint");
		break;
	case Source::record_date:
		if (column.type.id != TypeId::date)
			refuse(type, "\"$record_date\" needs date");
		break;
	case Source::record_hour:
		if (!takes_integers(column.type))
			refuse(type, "\"$record_hour\" needs smallint, integer or bigint");
		break;
	case Source::run_time:
		if (!takes_run_time(column.type))
			refuse(type, "\"$run_time\" needs timestamptz, timestamp or text");
		break;
	}
}

void
check_table(const Definition &d, size_t index)
{
	const TableDefinition &table = d.tables[index];
	const std::string place = at("tables", index);
	if (index == 0 && table.is_child)
		refuse(place + "/each", "the first table has one row for each record");
	if (index > 0 && !table.is_child)
		refuse(place, "only the first table has one row for each record; the others need \"each\"");
	for (const std::string *name : {&table.schema, &table.name})
		if (name->size() > 63)
			refuse(place, "an identifier of PostgreSQL has at most 63 bytes");
	std::set<std::string> names;
	for (size_t c = 0; c < table.columns.size(); ++c)
	{
		const std::string column = place + at("columns", c);
		if (!names.insert(table.columns[c].name).second)
			refuse(column + "/name", "column \"" + table.columns[c].name + "\" appears twice");
		if (table.columns[c].name.size() > 63)
			refuse(column + "/name", "an identifier of PostgreSQL has at most 63 bytes");
		check_column(table, table.columns[c], column);
	}
	for (size_t k = 0; k < table.primary_key.size(); ++k)
		if (names.count(table.primary_key[k]) == 0)
			refuse(place + at("primary_key", k),
				   "table \"" + table.name + "\" has no column \"" + table.primary_key[k] + "\"");
	if (table.is_child && std::none_of(table.columns.begin(), table.columns.end(),
									   [&](const ColumnDefinition &c) {
										   return c.source == Source::field &&
												  !d.key_field.empty() && c.path == d.key;
									   }))
		refuse(place + "/columns",
			   "a table with \"each\" needs a column that takes the dataset's key",
			   "Its rows could not be told apart from those of other records.");
}

void
check_key(const Definition &d)
{
	if (d.on_repeat == OnRepeat::update && (d.key_field.empty() || d.tables.empty()))
		refuse("/on_repeat", "\"update\" needs a key and a table");
	if (d.key_field.empty())
		return;
	if (has_wildcard(d.key))
		refuse("/key", "a record has one key, not \"*\"");
	if (d.tables.empty())
		return;
	if (d.key_column() == nullptr)
		refuse("/key", "no column of table \"" + d.tables[0].name + "\" takes " + d.key_field,
			   "Add a column with \"from\": \"" + d.key_field + "\".");
	if (is_one_of(d.key_column()->type.id, {TypeId::json, TypeId::jsonb}))
		refuse("/key", "a key cannot be of type json or jsonb");
}

void
check_normalize(const Definition &d)
{
	for (size_t i = 0; i < d.normalize.size(); ++i)
	{
		const NormalizeDefinition &rule = d.normalize[i];
		if (rule.action != NormalizeDefinition::Action::set_run_time)
			continue;
		const std::string place = at(d.normalize_member.c_str(), i);
		if (has_wildcard(rule.path))
			refuse(place + "/field", "\"run_time\" sets one field of the record, not \"*\"");
		if (rule.path == d.key)
			refuse(place + "/field", "the key cannot be set to the run's time");
		for (const TableDefinition &table : d.tables)
			for (const ColumnDefinition &column : table.columns)
				if (column.source == Source::field && column.path == rule.path &&
					!takes_run_time(column.type))
					refuse(place + "/to",
						   "column \"" + column.name +
							   "\" must be timestamptz, timestamp or text to take it");
	}
}

void
check_checks(const Definition &d)
{
	for (size_t i = 0; i < d.checks.size(); ++i)
	{
		const CheckDefinition &check = d.checks[i];
		if (has_wildcard(check.equals))
			refuse(at("checks", i) + "/equals", "a check compares with one value, not \"*\"");
		for (size_t f = 0; f < check.factors.size(); ++f)
			if (has_wildcard(check.factors[f]))
				refuse(at("checks", i) + at("sum_of", f), "a factor is one value, not \"*\"",
					   "Name the elements in \"sum_over\".");
	}
}

bool
is_primary_key(const TableDefinition &table, const std::string &column)
{
	return std::find(table.primary_key.begin(), table.primary_key.end(), column) !=
		   table.primary_key.end();
}

/// Whether a column of this type is a text column for at least `characters` characters.
bool
takes_text(const ColumnType &type, size_t characters)
{
	return type.id == TypeId::text &&
		   (type.precision < 0 || characters <= static_cast<size_t>(type.precision));
}

/// Whether a column of this type can store the constant.
bool
takes_constant(const ColumnType &type, const std::string &value)
{
	if (type.id == TypeId::json || type.id == TypeId::jsonb)
		return true; // as a JSON string
	std::string json, encoded;
	append_json_string(json, value);
	Document document;
	ParseError error;
	TypeError type_error;
	return document.parse(json, error) && encode(type, document.root(), encoded, type_error);
}

/// Why the column does not suit its treatment. Empty if it does.
std::string
missing_for(const PersonalDefinition &personal, const TableDefinition &table,
			const ColumnDefinition &column)
{
	const ColumnType &type = column.type;
	const bool text = type.id == TypeId::text;
	switch (personal.treatment)
	{
	case Treatment::keep:
		break;
	case Treatment::null:
		if (column.not_null || is_primary_key(table, column.name))
			return "does not take null";
		break;
	case Treatment::redact:
		if (!takes_constant(type, personal.value))
			return "is " + type.sql + " and cannot take \"value\"";
		break;
	case Treatment::token:
		if (!takes_text(type, token_length))
			return "is " + type.sql + " and cannot take text of " + std::to_string(token_length) +
				   " characters";
		break;
	case Treatment::sha256:
		if (!takes_text(type, 64))
			return "is " + type.sql + " and cannot take text of 64 characters";
		break;
	case Treatment::pseudonymize:
	case Treatment::random:
		if (!is_one_of(type.id, {TypeId::uuid, TypeId::bigint}) &&
			!takes_text(type, personal.treatment == Treatment::random ? 32 : 64))
			return "is " + type.sql + ", neither uuid nor bigint nor text of " +
				   (personal.treatment == Treatment::random ? "32" : "64") + " characters";
		break;
	case Treatment::partial:
		if (!text)
			return "is " + type.sql + ", and only text has parts";
		break;
	case Treatment::generalize:
		switch (personal.to)
		{
		case Generalization::month:
		case Generalization::year:
		case Generalization::decade:
			if (!text &&
				!is_one_of(type.id, {TypeId::date, TypeId::timestamp, TypeId::timestamptz}))
				return "is " + type.sql + " and holds no dates";
			break;
		case Generalization::range:
			if (!text &&
				!is_one_of(type.id, {TypeId::smallint, TypeId::integer, TypeId::bigint,
									 TypeId::numeric, TypeId::real, TypeId::double_precision}))
				return "is " + type.sql + " and holds no numbers";
			break;
		case Generalization::outward:
			if (!text)
				return "is " + type.sql + " and holds no postcodes";
			break;
		case Generalization::network:
			// the longest text: eight groups and "/128"
			if (!takes_text(type, 43))
				return "is " + type.sql +
					   " and cannot take a network's text of up to 43 characters";
			break;
		}
		if (text && !takes_text(type, personal.value.size()))
			return "is " + type.sql +
				   ", too short for the text of a value that cannot be generalized";
		break;
	}
	return {};
}

/// Whether one path is equal to the other or a beginning of it.
bool
overlap(const Path &a, const Path &b)
{
	for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
		if (a[i] != b[i] && a[i] != "*" && b[i] != "*")
			return false;
	return true;
}

/// A hint that suits the most frequent types of columns.
const char *
treatment_hint(const ColumnType &type)
{
	return type.id == TypeId::text ? "Use a shorter \"value\", or \"null\"."
								   : "Use \"null\", or \"redact\" with a \"value\" of that type.";
}

/// A column that takes the field or a part of it must be able to store the result of the treatment.
/// Inside json any value is allowed.
void
check_treatment(const PersonalDefinition &personal, const TableDefinition &table,
				const ColumnDefinition &column, const std::string &place)
{
	const std::optional<Path> path = column_path(table, column);
	const Holds held = path ? holds(column, *path, personal.path) : Holds::nothing;
	if (held != Holds::field && held != Holds::part)
		return;
	if (held == Holds::part && is_primary_key(table, column.name) &&
		personal.treatment != Treatment::keep)
		refuse(place + "/field",
			   "holds column \"" + column.name + "\" of a primary key, and keys stay",
			   "Name the other fields that lie in it one by one.");
	if (const std::string missing = missing_for(personal, table, column); !missing.empty())
		refuse(place + "/treatment", "column \"" + column.name + "\" " + missing,
			   treatment_hint(column.type));
}

void
check_people(const Definition &d)
{
	if (d.erases && (has_wildcard(d.erases->subject) || has_wildcard(d.erases->email)))
		refuse("/erases", "a request names one person, not \"*\"");
	if (d.subject)
	{
		if (has_wildcard(d.subject->path))
			refuse("/subject/field", "a record is about one person, not \"*\"");
		if (!d.subject->email_field.empty() && d.subject->dataset != d.dataset)
			refuse("/subject/email",
				   "the email stands in the person's own dataset, \"" + d.subject->dataset + "\"");
		if (d.subject->dataset == d.dataset && d.subject->path != d.key)
			refuse("/subject/field",
				   "a person's own dataset knows them by its key, " + d.key_field);
		bool column = d.tables.empty();
		for (size_t i = 0; i < d.tables.size() && !column; ++i)
			for (const ColumnDefinition &c : d.tables[i].columns)
				column =
					column || (i == 0 && c.source == Source::field && c.path == d.subject->path);
		if (!column)
			refuse("/subject/field",
				   "no column of table \"" + d.tables[0].name + "\" takes " + d.subject->field,
				   "Without it nobody could find the person's rows.");
	}
	for (size_t i = 0; i < d.personal.size(); ++i)
	{
		const PersonalDefinition &personal = d.personal[i];
		const std::string place = at("personal", i);
		for (size_t other = 0; other < i; ++other)
			if (overlap(personal.path, d.personal[other].path))
				refuse(place + "/field", "is, holds or lies in " + d.personal[other].field +
											 ", which has a treatment of its own");
		const bool key = personal.path == d.key || (d.subject && personal.path == d.subject->path);
		if (key && personal.treatment != Treatment::keep)
			refuse(place + "/field", "keys stay: they are what the treated rows are known by",
				   "\"keep\" marks a key as personal.");
		if (personal.treatment == Treatment::token && !d.subject)
			refuse(place + "/treatment", "\"token\" is keyed over the subject, and there is none");
		for (const TableDefinition &table : d.tables)
			for (const ColumnDefinition &column : table.columns)
				check_treatment(personal, table, column, place);
	}
}

} // namespace

void
check_definition(const Definition &d)
{
	check_key(d);
	for (size_t i = 0; i < d.tables.size(); ++i)
		check_table(d, i);
	check_normalize(d);
	check_checks(d);
	check_people(d);
}

} // namespace etl
