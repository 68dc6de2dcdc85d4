#include "core/definition/definition.h"

#include <nlohmann/json.hpp>

#include "core/definition/check.h"
#include "core/definition/column_path.h"
#include "core/definition/metaschema.h"
#include "core/definition/personal.h"
#include "core/definition/reach.h"
#include "core/json/exact.h"
#include "core/json/pointer.h"
#include "core/types/column_type.h"

namespace etl
{

using nlohmann::json;

DefinitionError::DefinitionError(std::string pointer, const std::string &message, std::string hint)
	: std::runtime_error(message), pointer_(std::move(pointer)), hint_(std::move(hint))
{
}

namespace
{

const Schema &
schema_of_x_etl()
{
	static const Schema schema = Schema::compile(json::parse(x_etl_schema));
	return schema;
}

/// Returns the description in x-etl's schema of the part whose keyword was violated, because people
/// cannot be expected to read a regular expression in a message. Empty if there is no description.
std::string
described(const std::string &keyword_location)
{
	static const json schema = json::parse(x_etl_schema);
	Path path;
	if (!parse_pointer(keyword_location, path) || path.empty())
		return {};
	const json *part = &schema;
	for (size_t i = 0; i + 1 < path.size(); ++i)
	{
		if (path[i] == "$ref")
			part = &schema.at(json::json_pointer(part->at("$ref").get<std::string>().substr(1)));
		else if (part->is_array())
			part = &part->at(std::stoul(path[i]));
		else
			part = &part->at(path[i]);
	}
	return part->is_object() ? part->value("description", std::string()) : std::string();
}

/// Throws DefinitionError for the first violation of x-etl's schema.
void
check_shape(const json &x_etl)
{
	Document document;
	ParseError error;
	if (!document.parse(dump_exact(x_etl), error))
		throw DefinitionError("/x-etl", error.message);
	Violations violations;
	if (schema_of_x_etl().validate(document.root(), violations))
		return;
	const Violation &first = violations.front();
	// the message begins with the pointer, which the DefinitionError has already
	std::string message = first.message.substr(first.message.find(": ") + 2);
	if (const std::string rule = described(first.schema_pointer); !rule.empty())
		message = rule;
	throw DefinitionError("/x-etl" + first.pointer, message);
}

std::string
text(const json &object, const char *name, const std::string &otherwise = {})
{
	const auto found = object.find(name);
	return found == object.end() ? otherwise : found->get<std::string>();
}

/// The schema has accepted the text, so it is a valid pointer.
Path
path_of(const std::string &pointer)
{
	Path path;
	if (!parse_pointer(pointer, path))
		throw DefinitionError("/x-etl", "\"" + pointer + "\" is not a JSON Pointer");
	return path;
}

const json &
list(const json &object, const char *name)
{
	static const json none = json::array();
	const auto found = object.find(name);
	return found == object.end() ? none : *found;
}

ColumnDefinition
read_column(const json &j, const std::string &place)
{
	ColumnDefinition column;
	column.name = j.at("name").get<std::string>();
	column.from = j.at("from").get<std::string>();
	column.not_null = j.value("not_null", false);
	const std::string type = text(j, "type", "text");
	if (!ColumnType::parse(type, column.type))
		throw DefinitionError(place + "/type",
							  "type \"" + type + "\" is not one that can be loaded",
							  std::string("Types are ") + ColumnType::supported() + ".");
	if (column.from == "$line")
		column.source = Source::line;
	else if (column.from == "$record_date")
		column.source = Source::record_date;
	else if (column.from == "$record_hour")
		column.source = Source::record_hour;
	else if (column.from == "$run_time")
		column.source = Source::run_time;
	else if (column.from[0] == '.')
	{
		column.source = Source::element;
		column.path = path_of(column.from.substr(1));
	}
	else
		column.path = path_of(column.from);
	return column;
}

TableDefinition
read_table(const json &j, const std::string &place)
{
	TableDefinition table;
	table.schema = text(j, "schema", "data");
	table.name = j.at("name").get<std::string>();
	table.is_child = j.contains("each");
	if (table.is_child)
		table.each = path_of(j.at("each").get<std::string>());
	const json &columns = j.at("columns");
	for (size_t i = 0; i < columns.size(); ++i)
		table.columns.push_back(read_column(columns[i], place + "/columns/" + std::to_string(i)));
	for (const json &column : list(j, "primary_key"))
		table.primary_key.push_back(column.get<std::string>());
	return table;
}

CheckDefinition
read_check(const json &j)
{
	CheckDefinition check;
	check.name = j.at("name").get<std::string>();
	check.sum_over_field = text(j, "sum_over");
	check.sum_over = path_of(check.sum_over_field);
	for (const json &factor : j.at("sum_of"))
		check.factors.push_back(path_of(factor.get<std::string>()));
	check.equals_field = j.at("equals").get<std::string>();
	check.equals = path_of(check.equals_field);
	return check;
}

void
read_people(const json &x, Definition &d)
{
	const json &fields = list(x, "personal");
	for (size_t i = 0; i < fields.size(); ++i)
	{
		PersonalDefinition personal =
			read_personal(fields[i], "/x-etl/personal/" + std::to_string(i));
		personal.field = fields[i].at("field").get<std::string>();
		personal.path = path_of(personal.field);
		const ColumnDefinition *taker = nullptr;
		columns_of_field(d, personal.path,
						 [&](const TableDefinition &, const ColumnDefinition &column)
						 { taker = taker == nullptr ? &column : taker; });
		if (taker != nullptr)
			personal.type = taker->type;
		d.personal.push_back(std::move(personal));
	}
	if (x.contains("subject"))
	{
		const json &j = x.at("subject");
		SubjectDefinition subject;
		subject.dataset = text(j, "dataset", d.dataset);
		subject.field = j.at("field").get<std::string>();
		subject.path = path_of(subject.field);
		subject.email_field = text(j, "email");
		subject.email = path_of(subject.email_field);
		if (text(j, "on_erasure", "treat") == "delete")
			subject.on_erasure = OnErasure::remove;
		d.subject = std::move(subject);
	}
	if (x.contains("erases"))
	{
		const json &j = x.at("erases");
		ErasesDefinition erases;
		erases.dataset = j.at("dataset").get<std::string>();
		erases.subject_field = text(j, "subject");
		erases.subject = path_of(erases.subject_field);
		erases.email_field = text(j, "email");
		erases.email = path_of(erases.email_field);
		d.erases = std::move(erases);
	}
}

void
read_rules(const json &x, Definition &d)
{
	for (const json &j : list(x, "references"))
	{
		ReferenceDefinition reference;
		reference.field = j.at("field").get<std::string>();
		reference.path = path_of(reference.field);
		reference.dataset = j.at("dataset").get<std::string>();
		d.references.push_back(std::move(reference));
	}
	for (const json &j : list(x, "checks"))
		d.checks.push_back(read_check(j));
	if (const auto limits = x.find("max_rejected"); limits != x.end())
	{
		d.max_rejected.records = limits->value("records", d.max_rejected.records);
		d.max_rejected.bytes = limits->value("bytes", d.max_rejected.bytes);
	}
	// the first definitions used this spelling
	d.normalize_member = x.contains("normalise") ? "normalise" : "normalize";
	if (x.contains("normalise") && x.contains("normalize"))
		throw DefinitionError("/x-etl/normalise", "stands beside \"normalize\", which is the same");
	for (const json &j : list(x, d.normalize_member.c_str()))
	{
		NormalizeDefinition normalize;
		normalize.field = j.at("field").get<std::string>();
		normalize.path = path_of(normalize.field);
		normalize.action = j.at("to") == "number" ? NormalizeDefinition::Action::to_number
												  : NormalizeDefinition::Action::set_run_time;
		d.normalize.push_back(std::move(normalize));
	}
}

/// Index of the column of the first table that takes the key, or -1.
int
find_key_column(const Definition &d)
{
	if (d.tables.empty() || d.key_field.empty())
		return -1;
	const std::vector<ColumnDefinition> &columns = d.tables[0].columns;
	for (size_t i = 0; i < columns.size(); ++i)
		if (columns[i].source == Source::field && columns[i].path == d.key)
			return static_cast<int>(i);
	return -1;
}

/// Collects the names in the schema and in all schemas inside it. A value that only looks like a
/// schema (in "enum" or "default") adds names too, which is harmless: the author of the definition
/// wrote them.
void
collect_member_names(const json &schema, std::set<std::string, std::less<>> &names)
{
	if (schema.is_array())
		for (const json &element : schema)
			collect_member_names(element, names);
	if (!schema.is_object())
		return;
	if (const auto properties = schema.find("properties");
		properties != schema.end() && properties->is_object())
		for (const auto &[name, property] : properties->items())
			names.insert(name);
	for (const auto &[keyword, value] : schema.items())
		if (keyword != "x-etl")
			collect_member_names(value, names);
}

} // namespace

Definition
Definition::read(const json &definition)
{
	if (!definition.is_object())
		throw DefinitionError("", "a definition is a JSON Schema: an object");
	const auto x = definition.find("x-etl");
	if (x == definition.end())
		throw DefinitionError("", "the JSON Schema has no \"x-etl\" object",
							  "\"x-etl\" says where the files and the tables are.");
	check_shape(*x);

	Definition d;
	d.dataset = x->at("dataset").get<std::string>();
	d.files = x->at("files").get<std::vector<std::string>>();
	d.key_field = text(*x, "key");
	d.key = path_of(d.key_field);
	d.on_repeat = text(*x, "on_repeat") == "update" ? OnRepeat::update : OnRepeat::quarantine;
	d.schedule = text(*x, "schedule");
	if (const auto retention = x->find("retention"); retention != x->end())
		d.retention = retention->get<std::map<std::string, std::string>>();
	const json &tables = list(*x, "tables");
	for (size_t i = 0; i < tables.size(); ++i)
		d.tables.push_back(read_table(tables[i], "/x-etl/tables/" + std::to_string(i)));
	read_rules(*x, d);
	read_people(*x, d);
	d.key_index = find_key_column(d);
	check_definition(d);

	SchemaOptions options;
	options.assert_format = x->value("assert_format", false);
	try
	{
		d.schema = std::make_shared<const Schema>(Schema::compile(definition, options));
	}
	catch (const SchemaError &e)
	{
		throw DefinitionError(e.pointer(), e.what(),
							  "Keywords are those of JSON Schema draft-07; annotations of your own "
							  "begin with \"x-\".");
	}
	check_pointers(definition, d);
	collect_member_names(definition, d.member_names);
	return d;
}

Definition
Definition::read(const std::string &text)
{
	json parsed;
	try
	{
		parsed = parse_exact(text);
	}
	catch (const std::invalid_argument &e)
	{
		throw DefinitionError("", std::string("not valid JSON: ") + e.what());
	}
	return read(parsed);
}

const ColumnDefinition *
Definition::subject_column() const
{
	return subject && !tables.empty() ? column_taking(tables[0], subject->path) : nullptr;
}

bool
Definition::claims(std::string_view file_name) const
{
	for (const std::string &name : files)
		if (file_name == name ||
			(file_name.size() == name.size() + 3 && file_name.substr(0, name.size()) == name &&
			 file_name.substr(name.size()) == ".gz"))
			return true;
	return false;
}

} // namespace etl
