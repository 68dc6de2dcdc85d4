#include "anonymize/person_match.h"

#include "catalog/definitions.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "core/privacy/person_key.h"
#include "core/types/column_type.h"
#include "pg/guard.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

std::string
person_key(const ColumnType &type, const std::string &text)
{
	return "etl.person_key(" + pg::literal(type.sql) + ", " + text + ")";
}

} // namespace

std::string
person_match(const Catalog &catalog, const Definition &definition, const ColumnDefinition &column,
			 const std::string &alias, const std::string &person)
{
	const ColumnType &key = catalog.key_type(definition.subject->dataset);
	const std::string name = alias + "." + pg::quote(column.name);
	if (compare_directly(column.type, key))
		// a cast to a shorter text would cut the key
		return name + " = " + person + "::" +
			   (column.type.sql == key.sql ? column.type.sql
				: key.id == TypeId::text   ? "text"
										   : key.sql);
	std::string match = person_key(key, name + "::text") + " = " + person;
	// The column may have changed the key when storing it, so rows with the changed key match too.
	// This may match another person, but no row is missed.
	if (!tells_person(column.type, key))
		match = "(" + match + " OR " + name + "::text = " + person_key(column.type, person) + ")";
	return match;
}

std::string
person_expression(const Catalog &catalog, const Definition &definition,
				  const ColumnDefinition &column, const std::string &alias)
{
	const ColumnType &key = catalog.key_type(definition.subject->dataset);
	const std::string text = alias + "." + pg::quote(column.name) + "::text";
	return compare_directly(column.type, key) ? text : person_key(key, text);
}

void
refuse_inexact_subjects(const Catalog &before, const Definition &definition)
{
	const auto key_of = [&](const Definition *people) -> const ColumnType *
	{
		return people == nullptr || people->key_column() == nullptr ? nullptr
																	: &people->key_column()->type;
	};
	const auto check = [&](const Definition &about, const Definition &people)
	{
		const ColumnDefinition *column = about.subject_column();
		const ColumnType *key = key_of(&people);
		if (column == nullptr || key == nullptr || tells_person(column->type, *key))
			return;
		const std::string message = "column \"" + column->name + "\" of dataset \"" +
									about.dataset +
									"\" does not tell exactly whom a record is about";
		const std::string detail =
			"It is " + column->type.sql + ", and keys of dataset \"" + people.dataset + "\" are " +
			key->sql + ": different keys may look the same in it, or one key different.";
		const std::string hint =
			"Declare the column as " + key->sql + (key->id == TypeId::text ? "." : ", or as text.");
		// existing definitions continue to work
		const Definition *old_about = before.find(about.dataset);
		const ColumnType *old_key = key_of(before.find(people.dataset));
		const ColumnDefinition *old = old_about == nullptr ? nullptr : old_about->subject_column();
		if (old == nullptr || old_key == nullptr || old->type.sql != column->type.sql ||
			old_key->sql != key->sql || old_about->subject->dataset != people.dataset)
			throw pg::Error(sqlstate::datatype_mismatch, message, detail, hint);
		pg::notice(NOTICE, message, detail, hint);
	};
	if (definition.subject && definition.subject->dataset != definition.dataset)
		if (const Definition *people = before.find(definition.subject->dataset))
			check(definition, *people);
	for (const auto &[name, other] : before.all())
		if (name != definition.dataset && other.subject &&
			other.subject->dataset == definition.dataset)
			check(other, definition);
}

} // namespace etl
