// Treatments in SQL: which columns are personal, and what stands in their place.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"

namespace etl
{

/// A column of a target table that holds personal data.
struct PersonalColumn
{
	const ColumnDefinition *column;
	/// What it takes: the field itself, a part of what the field is, or a value in whose place the
	/// field was expected. Null: see inside.
	const PersonalDefinition *field;
	/// Of a json or jsonb column: fields that lie inside its value, and where in it.
	struct Inside
	{
		const PersonalDefinition *field;
		Path path;
	};
	std::vector<Inside> inside;
	/// Of a value in whose place a field was expected: how it is treated.
	std::shared_ptr<const PersonalDefinition> whole = {};
};

std::vector<PersonalColumn> personal_columns(const Definition &definition,
											 const TableDefinition &table);

/// The SQL expression of a treated column: core/privacy/treatment.h's, called through etl.treat and
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

/// A generated column of a target table. A definition cannot name it, so none of its treatments is
/// its own.
struct GeneratedColumn
{
	std::string name, type;
	std::string from; ///< a personal column that it is computed from
};

/// Generated columns of the table that are computed from personal ones, directly or by way of
/// others: one of each for each personal column, those of one name one after the other.
std::vector<GeneratedColumn> generated_from(const std::vector<PersonalColumn> &personal,
											Oid relation);

/// A select list of all the table's columns, the personal ones treated, and null in place of what
/// is generated from them; rows are alias "t".
std::string treated_select_list(const Definition &definition, const TableDefinition &table,
								Oid relation, const std::vector<std::string> &columns);

} // namespace etl
