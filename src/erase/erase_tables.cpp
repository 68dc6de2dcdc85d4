#include "erase/erase_tables.h"

#include <algorithm>

#include "anonymize/removal.h"
#include "anonymize/treated_columns.h"
#include "catalog/table_tree.h"
#include "erase/subject_rows.h"
#include "load/quarantine.h"
#include "load/row_partition.h"
#include "pg/blame.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/table_statement.h"

namespace etl
{

namespace
{

constexpr char has_rules_sql[] = R"(
SELECT 1 FROM pg_rewrite WHERE ev_class = $1::oid AND ev_type <> '1' LIMIT 1)";

/// Does the table have rules? (Rules of its partitions and children do not apply to a statement on
/// it.)
bool
has_rules(const TableDefinition &table)
{
	return !pg::query(has_rules_sql, {pg::param(static_cast<int64_t>(find_table(table)))}).empty();
}

/// Wraps a statement that returns s.subject for each row: the result has the number of rows of each
/// subject.
std::string
counting(const std::string &statement)
{
	return "WITH treated AS (" + statement +
		   ") SELECT subject, count(*), '' FROM treated GROUP BY subject";
}

constexpr std::string_view returning = " RETURNING s.subject";

/// Does the error keep only some people from being erased, and perhaps no others?
bool
is_about_rows(const pg::PgError &error)
{
	const pg::Blame blame = pg::blame_of(error);
	// code on the table may fail only for some rows because of a missing privilege or object; 0A: a
	// rule on the table makes the statement unsupported
	return blame == pg::Blame::row ||
		   (blame == pg::Blame::table &&
			(error.within_code() || error.sqlstate().compare(0, 2, "0A") == 0));
}

/// The reason, without values of the row, which messages may quote.
std::string
reason_of(const pg::PgError &error)
{
	std::string reason;
	if (!error.constraint().empty())
		reason = "constraint \"" + error.constraint() + "\" refuses the treated row";
	else if (!error.column().empty())
		reason = "column \"" + error.column() + "\" does not take what the treatment gives";
	else if (error.sqlstate().compare(0, 2, "0A") == 0)
		reason = "a rule or another object on the table keeps its rows from being treated";
	else
		reason = "the treated row was refused";
	if (!error.table().empty())
		reason += ", table " + error.schema() + "." + error.table();
	return reason + " (SQLSTATE " + error.sqlstate() + ")";
}

} // namespace

TableEraser::TableEraser(Erasure &erasure)
	: erasure_(erasure), people_(erasure.people), verifier_(erasure, missing_columns_)
{
}

void
TableEraser::check()
{
	missing_columns_ = check_tables(erasure_);
	find_stored_emails(erasure_, missing_columns_);
}

void
TableEraser::erase()
{
	const std::vector<const Definition *> definitions =
		definitions_about(erasure_.catalog, erasure_.dataset);
	if (erasure_.mode != Erasure::Mode::erase || people_.subjects().empty())
	{
		for (const Definition *definition : definitions)
			erase_tables(*definition);
		add_trigger_remarks();
		return;
	}
	erase_rows_of(people_.subjects(), definitions);
	people_.use_subjects(people_.subjects()); // erase_rows_of() has set other subjects
	add_trigger_remarks();
	const auto failed = [](const ErasureRequest &request) { return !request.failure.empty(); };
	if (std::any_of(erasure_.requests.begin(), erasure_.requests.end(), failed))
		people_.look_for_all(); // without those that failed
}

void
TableEraser::erase_rows_of(std::vector<std::string_view> subjects,
						   const std::vector<const Definition *> &definitions)
{
	const pg::MemoryScope memory;
	const size_t places = erasure_.report.places.size();
	const auto fail = [&](const std::string_view subject, const std::string &reason)
	{ erasure_.requests[people_.request_of(subject).value()].failure = reason; };
	std::optional<pg::PgError> error;
	people_.use_subjects(subjects);
	try
	{
		error = pg::subtransaction(
			[&]
			{
				const std::vector<TableVerifier::ValuesBefore> before =
					verifier_.values_before(definitions);
				for (const Definition *definition : definitions)
					erase_tables(*definition);
				// code on one table may have written into another table that was treated before
				for (const TableVerifier::ValuesBefore &values : before)
					verifier_.verify(*values.definition, *values.table, values.values);
			});
		if (!error)
			return;
		forget_places(places);
	}
	catch (const NotTreated &left)
	{
		forget_places(places);
		for (const std::string &subject : left.subjects)
			fail(subject, left.reason);
		std::vector<std::string_view> others;
		for (const std::string_view subject : subjects)
			if (erasure_.requests[people_.request_of(subject).value()].failure.empty())
				others.push_back(subject);
		if (!others.empty())
			erase_rows_of(std::move(others), definitions);
		return;
	}
	if (!is_about_rows(*error))
		throw *error;
	if (subjects.size() == 1)
	{
		fail(subjects[0], reason_of(*error));
		return;
	}
	const auto middle = subjects.begin() + static_cast<ptrdiff_t>(subjects.size() / 2);
	erase_rows_of({subjects.begin(), middle}, definitions);
	erase_rows_of({middle, subjects.end()}, definitions);
}

/// Removes places from the report whose treatment was rolled back.
void
TableEraser::forget_places(size_t from)
{
	for (size_t i = from; i < erasure_.report.places.size(); ++i)
		for (const auto &[person, count] : erasure_.report.places[i].rows)
			erasure_.requests[person].row_count -= count;
	erasure_.report.places.resize(from);
}

void
TableEraser::erase_tables(const Definition &definition)
{
	if (people_.subjects().empty() || !finds_people(definition))
		return;
	if (erasure_.mode == Erasure::Mode::erase &&
		definition.subject->on_erasure == OnErasure::remove)
	{
		remove_rows(definition);
		return;
	}
	// rows of child tables find the person through their record, whose key stays
	for (const TableDefinition &table : definition.tables)
		if (find_table(table))
			erase_table(definition, table);
}

/// Removes the rows, for "on_erasure": "delete".
void
TableEraser::remove_rows(const Definition &definition)
{
	std::vector<std::pair<const TableDefinition *, OldValues>> before;
	for (const TableDefinition &table : definition.tables)
		if (const Oid relation = find_table(table);
			OidIsValid(relation) && verifier_.interferes(relation))
			before.emplace_back(&table, verifier_.values_of(definition, table, true));
	const TableVerifier::RecordKeys records =
		before.empty() ? TableVerifier::RecordKeys() : verifier_.record_keys(definition);
	ErasedPlace place;
	place.place = place_of(definition.tables[0]);
	place.kind = "table";
	for (const ColumnDefinition &column : definition.tables[0].columns)
		place.columns.push_back(column.name);
	const bool rules = std::any_of(definition.tables.begin(), definition.tables.end(), has_rules);
	for (const TableDefinition &table : definition.tables)
		if (const std::optional<RowsAbout> about = rows_about(erasure_.catalog, definition, table);
			rules && about && find_table(table))
			count_rows(
				pg::query_table(counted_rows(*about, table), {people_.texts(), people_.tokens()}),
				place);
	const std::vector<std::string> awaited =
		awaited_people(erasure_.catalog, definition, people_.texts());
	const pg::Param awaited_array =
		pg::param_array(std::vector<std::string_view>(awaited.begin(), awaited.end()));
	for (const std::string &statement : removal_statements(erasure_.catalog, definition))
		if (rules)
			pg::execute_table(statement.substr(0, statement.rfind(returning)),
							  {people_.texts(), awaited_array});
		else
			count_rows(pg::query_table(counting(statement), {people_.texts(), awaited_array}),
					   place);
	for (const auto &[table, old] : before)
		verifier_.verify_removal(definition, *table, old, records, awaited_array);
	// the person's key is not to be kept, not even as a hash
	if (definition.key == definition.subject->path && definition.key_column() != nullptr)
		forget_row_partitions(definition, people_.used_subjects());
}

void
TableEraser::erase_table(const Definition &definition, const TableDefinition &table)
{
	const std::optional<RowsAbout> about = rows_about(erasure_.catalog, definition, table);
	if (!about)
		return;
	ErasedPlace place;
	place.place = place_of(table);
	place.kind = "table";
	std::string set;
	for (const PersonalColumn &c : present_columns(definition, table, missing_columns_))
	{
		place.columns.push_back(c.column->name);
		set += (set.empty() ? "" : ", ") + pg::quote(c.column->name) + " = " +
			   treated_expression(c, "t", "s.token");
	}
	const std::string &from = about->from, &where = about->where;
	if (erasure_.mode == Erasure::Mode::collect)
	{
		pg::TableCursor cursor("SELECT to_jsonb(t.*)::text FROM " + from + ", " + quoted(table) +
								   " t WHERE " + where,
							   {people_.texts(), people_.tokens()});
		pg::for_each_row(cursor, limits::fetched_records,
						 [&](const pg::Rows &rows, uint64_t i)
						 { erasure_.sink(place.place, rows.text(i, 0)); });
		return;
	}
	// nothing is treated in a child table without personal columns; in the first table a row counts
	// in any case, because it is data about the person
	if (set.empty() && table.is_child)
		return;
	if (erasure_.mode == Erasure::Mode::look || set.empty())
	{
		count_rows(
			pg::query_table(counted_rows(*about, table), {people_.texts(), people_.tokens()}),
			std::move(place));
		return;
	}
	const bool verified = verifier_.interferes(find_table(table));
	const OldValues old = verified ? verifier_.values_of(definition, table, true) : OldValues();
	const std::string update =
		"UPDATE " + quoted(table) + " t SET " + set + " FROM " + from + " WHERE " + where;
	// a rule may replace the statement by one that returns no rows; the check afterwards tells who
	// was treated
	if (has_rules(table))
	{
		count_rows(
			pg::query_table(counted_rows(*about, table), {people_.texts(), people_.tokens()}),
			std::move(place));
		pg::execute_table(update, {people_.texts(), people_.tokens()});
	}
	else
		count_rows(pg::query_table(counting(update + std::string(returning)),
								   {people_.texts(), people_.tokens()}),
				   std::move(place));
	if (verified)
		verifier_.verify(definition, table, old);
}

/// Adds the result of a statement that erases or counts to the place. The result has the columns
/// subject (text), count (bigint), and a description of the values (text).
void
TableEraser::count_rows(const pg::Rows &rows, ErasedPlace place)
{
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		const std::optional<uint32_t> found = people_.request_of(rows.text(i, 0));
		if (!found)
			continue;
		place.rows[*found] += rows.integer(i, 1);
		erasure_.requests[*found].row_count += rows.integer(i, 1);
		if (erasure_.mode == Erasure::Mode::look)
			erasure_.report.fingerprint.push_back(place.place + " " + rows.text(i, 2));
	}
	if (!place.rows.empty())
		erasure_.report.places.push_back(std::move(place));
}

/// For tables in which something was found: triggers and other code there may write copies
/// elsewhere.
void
TableEraser::add_trigger_remarks()
{
	std::set<std::string> found;
	for (const ErasedPlace &place : erasure_.report.places)
		if (place.kind == "table")
			found.insert(place.place);
	for (const Definition *definition : definitions_about(erasure_.catalog, erasure_.dataset))
		for (const TableDefinition &table : definition->tables)
			if (const Oid relation = find_table(table);
				OidIsValid(relation) && found.erase(place_of(table)) > 0)
				for (auto &remark : trigger_remarks(relation))
					erasure_.report.remarks.push_back(std::move(remark));
}

} // namespace etl
