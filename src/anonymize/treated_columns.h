// Treatments in SQL: the personal columns of a table, and the expressions that replace their
// values.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"

namespace etl
{

/// A column of a target table that contains personal data.
struct PersonalColumn
{
	const ColumnDefinition *column;
	/// The field if the column takes the field itself, a part of it, or a value in the place of the
	/// object around the field. Null if `inside` is used.
	const PersonalDefinition *field;
	/// For a json or jsonb column: the fields inside its value, with their paths in it.
	struct Inside
	{
		const PersonalDefinition *field;
		Path path;
	};
	std::vector<Inside> inside;
	/// The treatment of a value in the place of the object around a field.
	std::shared_ptr<const PersonalDefinition> whole = {};
};

std::vector<PersonalColumn> personal_columns(const Definition &definition,
											 const TableDefinition &table);

/// The SQL expression for a treated column. It calls the treatments of core/privacy/treatment.h
/// through etl.treat and etl.treat_document, so that tables and files agree. `alias`: alias of the
/// table's row. `token`: an SQL expression. Null stays null.
std::string treated_expression(const PersonalColumn &column, const std::string &alias,
							   const std::string &token);

/// The JSON argument of etl.treat_document for a field inside a document.
std::string inside_json(const PersonalColumn::Inside &inside);

/// SQL expressions for a field as text, one for each column of the table that takes the field or
/// the json around it. `alias`: alias of the table's row.
std::vector<std::string> field_expressions(const TableDefinition &table, const Path &field,
										   const std::string &alias);

/// The bytes of the key file if a treatment of the definition is keyed over values. Otherwise "".
std::string treatment_secret(const Definition &definition);

/// A generated column of a target table. A definition cannot name it, so it has no treatment of its
/// own.
struct GeneratedColumn
{
	std::string name, type;
	std::string from; ///< a personal column from which it is computed
};

/// The generated columns of the table that are computed from personal columns, directly or through
/// others. There is one entry for each pair of generated and personal column; entries of the same
/// generated column are adjacent.
std::vector<GeneratedColumn> generated_from(const std::vector<PersonalColumn> &personal,
											Oid relation);

/// A select list with all columns of the table. Personal columns are treated, and columns that are
/// generated from them are null. Rows have the alias "t".
std::string treated_select_list(const Definition &definition, const TableDefinition &table,
								Oid relation, const std::vector<std::string> &columns);

} // namespace etl
