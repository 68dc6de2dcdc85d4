// Treatments in SQL: which columns are personal, and what stands in their place.
#pragma once

#include <string>
#include <vector>

#include "core/definition.h"
#include "run/catalog.h"

namespace etl
{

/// A column of a target table that holds personal data.
struct PersonalColumn
{
	const ColumnDefinition *column;
	/// What it takes: the field itself, or a part of what the field is. Null: see inside.
	const PersonalDefinition *field;
	/// Of a json or jsonb column: fields that lie inside its value, and where in it.
	struct Inside
	{
		const PersonalDefinition *field;
		Path path;
	};
	std::vector<Inside> inside;
};

std::vector<PersonalColumn> personal_columns(const Definition &definition,
											 const TableDefinition &table);

/// The SQL expression of a treated column: core/treatment.h's, called through etl.treat and
/// etl.treat_document, so that tables and files agree. alias: of the table's row; token: an SQL
/// expression. Null stays null.
std::string treated_expression(const PersonalColumn &column, const std::string &alias,
							   const std::string &token);

/// What etl.treat_document takes for a field inside a document, as JSON.
std::string inside_json(const PersonalColumn::Inside &inside);

/// SQL expressions of a field as text, one for each column of the table that takes it or the json
/// around it. alias: of the table's row.
std::vector<std::string> field_expressions(const TableDefinition &table, const Path &field,
										   const std::string &alias);

/// The key file's bytes where one of the definition's treatments is keyed over values, else "".
std::string treatment_secret(const Definition &definition);

/// A select list of all the table's columns, the personal ones treated; rows are alias "t".
std::string treated_select_list(const Definition &definition, const TableDefinition &table,
								const std::vector<std::string> &columns);

/// "on_erasure": "delete" in SQL. Statements to run in this order; each takes the subjects'
/// canonical keys as $1 (text[]) and returns the subject (text) of every row that it touched. Rows
/// that nothing refers to are deleted, those of child tables first; what a reference of another
/// definition or a foreign key points to keeps its key and where it came from, and everything else
/// takes its default. None where there is no table. In processed and archived files the record's
/// line goes; a quarantined record goes as a whole.
std::vector<std::string> removal_statements(const Catalog &catalog, const Definition &definition);

/// The definitions whose records are about subjects of the dataset, in the order of an erasure:
/// those that refer to others first, so that what is deleted there no longer refers.
std::vector<const Definition *> definitions_about(const Catalog &catalog,
												  const std::string &dataset);

} // namespace etl
