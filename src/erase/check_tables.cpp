#include "erase/check_tables.h"

#include <algorithm>

#include "anonymize/removal.h"
#include "anonymize/treated_columns.h"
#include "catalog/subject_index.h"
#include "catalog/table_tree.h"
#include "core/base/sqlstate.h"
#include "core/definition/column_path.h"
#include "core/definition/definition.h"
#include "core/privacy/email.h"
#include "core/privacy/pseudonym.h"
#include "erase/personal_relations.h"
#include "erase/subject_rows.h"
#include "load/quarantine.h"
#include "pg/guard.h"
#include "pg/spi.h"
#include "pg/table_statement.h"

namespace etl
{

namespace
{

/// Rows that were loaded under a former definition may name their person in another column.
void
remark_former_subjects(Erasure &erasure, const Definition &definition)
{
	const TableDefinition &table = definition.tables[0];
	const ColumnDefinition *now = definition.subject_column();
	std::set<std::string> told;
	for (const Definition *former : erasure.readings.former_of(definition.dataset))
	{
		if (!former->subject || former->subject->dataset != erasure.dataset ||
			former->tables.empty() || former->tables[0].schema != table.schema ||
			former->tables[0].name != table.name)
			continue;
		const ColumnDefinition *then = former->subject_column();
		if (then != nullptr && (now == nullptr || then->name != now->name) &&
			column_types(find_table(table)).count(then->name) > 0 && told.insert(then->name).second)
			erasure.report.unreached.emplace_back(
				place_of(table), "rows that were loaded under a former definition of dataset \"" +
									 definition.dataset + "\" name their person in column \"" +
									 then->name + "\", where nobody is looked for any more");
	}
}

/// Checks the columns by which rows are found, and those that are treated.
void
check_columns(Erasure &erasure, const Definition &definition, const TableDefinition &table,
			  Oid relation, MissingColumns &missing)
{
	const std::map<std::string, std::string> present = column_types(relation);
	const auto check = [&](const ColumnDefinition &column, bool needed)
	{
		const auto found = present.find(column.name);
		if (found != present.end() && found->second == column.type.sql)
			return;
		if (found == present.end() && !needed)
		{
			erasure.report.unreached.emplace_back(place_of(table),
												  "column \"" + column.name +
													  "\", which the definition calls "
													  "personal, does not exist: what it held "
													  "may stand under another name");
			missing.insert({place_of(table), column.name});
			return;
		}
		throw pg::Error(sqlstate::datatype_mismatch,
						"table " + quoted(table) + " does not fit dataset \"" + definition.dataset +
							"\"",
						"Column \"" + column.name + "\" should be " + column.type.sql +
							(found == present.end() ? ", but the table has no such column."
													: ", but is " + found->second + ".") +
							" Nothing was erased.",
						"Change the table with ALTER TABLE or the definition with etl_define.");
	};
	if (const ColumnDefinition *subject = column_taking(table, definition.subject->path))
		check(*subject, true);
	if (const ColumnDefinition *key = definition.key_column())
		if (const ColumnDefinition *column = column_taking(table, key->path))
			check(*column, true);
	for (const PersonalColumn &personal : personal_columns(definition, table))
		check(*personal.column, false);
}

} // namespace

MissingColumns
check_tables(Erasure &erasure)
{
	MissingColumns missing;
	std::vector<Oid> relations;
	for (const Definition *definition : definitions_about(erasure.catalog, erasure.dataset))
		for (const TableDefinition &table : definition->tables)
		{
			const Oid relation = find_table(table);
			if (!OidIsValid(relation))
			{
				if (has_loaded(definition->dataset))
					erasure.report.unreached.emplace_back(
						place_of(table),
						"the table does not exist, although records of dataset \"" +
							definition->dataset +
							"\" were loaded: what it held may stand under another name");
				continue;
			}
			require_every_row(table, relation);
			check_columns(erasure, *definition, table, relation, missing);
			relations.push_back(relation);
		}
	for (const Definition *definition : definitions_about(erasure.catalog, erasure.dataset))
		if (erasure.mode == Erasure::Mode::erase)
			note_personal_relations(*definition);
	for (const Definition *definition : definitions_about(erasure.catalog, erasure.dataset))
		remark_former_subjects(erasure, *definition);
	for (auto &place : former_places(erasure.catalog, erasure.dataset))
		erasure.report.unreached.push_back(std::move(place));
	for (auto &place : foreign_places(relations))
		erasure.report.remarks.push_back(std::move(place));
	return missing;
}

std::vector<PersonalColumn>
present_columns(const Definition &definition, const TableDefinition &table,
				const MissingColumns &missing)
{
	std::vector<PersonalColumn> columns = personal_columns(definition, table);
	std::erase_if(columns,
				  [&](const PersonalColumn &c) {
					  return missing.count({place_of(table), c.column->name}) > 0;
				  });
	return columns;
}

void
find_stored_emails(Erasure &erasure, const MissingColumns &missing)
{
	const Definition *people = erasure.catalog.find(erasure.dataset);
	if (people == nullptr || !people->subject || people->subject->email.empty() ||
		erasure.people.subjects().empty())
		return;
	// emails that an update has replaced are in no table any more
	std::unordered_map<int64_t, uint32_t> persons;
	std::vector<int64_t> hashes;
	for (const std::string_view subject : erasure.people.subjects())
	{
		hashes.push_back(static_cast<int64_t>(erasure.people.identities().subject_hash(subject)));
		persons.emplace(hashes.back(), erasure.people.request_of(subject).value());
	}
	for (const PersonEmail &pair : emails_of_subjects(erasure.dataset, std::move(hashes)))
		erasure.people.add_known_email(persons.at(static_cast<int64_t>(pair.subject)), pair.email);
	if (people->key_column() == nullptr || !find_table(people->tables[0]))
		return;
	const TableDefinition &table = people->tables[0];
	const ColumnDefinition &key = *people->key_column();
	for (const std::string &email : field_expressions(table, people->subject->email, "t"))
	{
		if (std::any_of(missing.begin(), missing.end(),
						[&](const auto &column) { return column.first == place_of(table); }))
			return;
		const pg::Rows rows = pg::query_table(
			"SELECT s.subject, " + email + " FROM unnest($1::text[]) s(subject) JOIN " +
				quoted(table) + " t ON t." + pg::quote(key.name) + " = s.subject::" + key.type.sql +
				" WHERE " + email + " IS NOT NULL",
			{erasure.people.texts()});
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			const std::string held = fold_email(rows.text(i, 1));
			if (!held.ends_with(erased_domain))
				erasure.people.add_known_email(erasure.people.request_of(rows.text(i, 0)).value(),
											   erasure.people.identities().email_hash(held));
		}
	}
}

} // namespace etl
