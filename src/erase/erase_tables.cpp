// The rows of an erasure: which people are treated in the tables, the check that nothing personal
// is left, and which people cannot be erased there. check_tables.cpp has what is checked before.
#include <algorithm>

#include "anonymize/removal.h"
#include "anonymize/treated_columns.h"
#include "catalog/table_tree.h"
#include "core/definition/column_path.h"
#include "core/definition/definition.h"
#include "erase/eraser.h"
#include "erase/subject_rows.h"
#include "load/quarantine.h"
#include "load/row_partition.h"
#include "pg/blame.h"
#include "pg/guard.h"
#include "pg/spi.h"
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

/// Thrown when rows are the same after the treatment as before: something has undone it.
struct NotTreated
{
	std::vector<std::string> subjects;
	std::string reason;
};

/// Throws `left` where it names any person.
void
raise(NotTreated &&left, const TableDefinition &table)
{
	if (left.subjects.empty())
		return;
	std::sort(left.subjects.begin(), left.subjects.end());
	left.subjects.erase(std::unique(left.subjects.begin(), left.subjects.end()),
						left.subjects.end());
	left.reason = "table " + place_of(table) +
				  " still holds what was to be treated: a trigger, a "
				  "rule or a foreign server keeps the row as it was";
	throw std::move(left);
}

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

void
Eraser::count_rows(const pg::Rows &rows, ErasedPlace place)
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

/// Treats all people at once. Where a table refuses a row, it tries ever smaller groups, so that
/// one person who cannot be erased does not stop the others.
void
Eraser::erase_rows()
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

/// The values in a table before the treatment.
struct Eraser::HeldBefore
{
	const Definition *definition;
	const TableDefinition *table;
	OldValues values;
};

/// The values of all tables, where code runs on one of them; otherwise nothing.
std::vector<Eraser::HeldBefore>
Eraser::held_before(const std::vector<const Definition *> &definitions)
{
	std::vector<HeldBefore> before;
	bool any_code = false;
	for (const Definition *definition : definitions)
	{
		if (!finds_people(*definition))
			continue;
		for (const TableDefinition &table : definition->tables)
			if (const Oid relation = find_table(table); OidIsValid(relation))
			{
				before.push_back({definition, &table, {}});
				any_code = interferes(relation) || any_code;
			}
	}
	if (!any_code || before.size() == 1) // a single table is checked by erase_table()
		return {};
	for (HeldBefore &held : before)
		held.values = values_of(*held.definition, *held.table, true);
	return before;
}

void
Eraser::erase_rows_of(std::vector<std::string_view> subjects,
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
				const std::vector<HeldBefore> before = held_before(definitions);
				for (const Definition *definition : definitions)
					erase_tables(*definition);
				// code on one table may have written into another table that was treated before
				for (const HeldBefore &held : before)
					verify(*held.definition, *held.table, held.values);
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
Eraser::forget_places(size_t from)
{
	for (size_t i = from; i < erasure_.report.places.size(); ++i)
		for (const auto &[person, count] : erasure_.report.places[i].rows)
			erasure_.requests[person].row_count -= count;
	erasure_.report.places.resize(from);
}

void
Eraser::erase_tables(const Definition &definition)
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

/// Subjects, and the keys of records about them. After the treatment, when a record names nobody
/// any more, its rows are found by its key.
struct Eraser::RecordKeys
{
	std::vector<std::string> subjects, keys;
};

Eraser::RecordKeys
Eraser::record_keys(const Definition &definition)
{
	RecordKeys found;
	const TableDefinition &first = definition.tables[0];
	const std::optional<RowsAbout> about = rows_about(erasure_.catalog, definition, first);
	if (!about || definition.key_column() == nullptr)
		return found;
	const std::string key = "t." + pg::quote(definition.key_column()->name);
	pg::TableCursor cursor("SELECT s.subject, " + key + "::text FROM " + about->from + ", " +
							   quoted(first) + " t WHERE " + about->where + " AND " + key +
							   " IS NOT NULL",
						   {people_.texts(), people_.tokens()});
	cursor.for_each(20'000,
					[&](const pg::Rows &rows, uint64_t i)
					{
						found.subjects.push_back(rows.text(i, 0));
						found.keys.push_back(rows.text(i, 1));
					});
	return found;
}

/// Removes the rows, for "on_erasure": "delete".
void
Eraser::remove_rows(const Definition &definition)
{
	std::vector<std::pair<const TableDefinition *, OldValues>> before;
	for (const TableDefinition &table : definition.tables)
		if (const Oid relation = find_table(table); OidIsValid(relation) && interferes(relation))
			before.emplace_back(&table, values_of(definition, table, true));
	const RecordKeys records = before.empty() ? RecordKeys() : record_keys(definition);
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
		verify_removal(definition, *table, old, records, awaited_array);
	// the person's key is not to be kept, not even as a hash
	if (definition.key == definition.subject->path && definition.key_column() != nullptr)
		forget_row_partitions(definition, people_.used_subjects());
}

/// Checks that deleted rows are gone, and that rows which others refer to, and which were kept
/// therefore, have other values.
void
Eraser::verify_removal(const Definition &definition, const TableDefinition &table,
					   const OldValues &old, const RecordKeys &records, const pg::Param &awaited)
{
	NotTreated left;
	const std::string query = left_after_removal(erasure_.catalog, definition, table);
	if (query.empty() || records.keys.empty())
	{
		verify(definition, table, old);
		return;
	}
	const auto views = [](const std::vector<std::string> &texts)
	{ return std::vector<std::string_view>(texts.begin(), texts.end()); };
	const pg::Param subjects = pg::param_array(views(records.subjects)),
					keys = pg::param_array(views(records.keys));
	const pg::Rows rows = pg::query_table(query, {subjects, keys, awaited});
	for (uint64_t i = 0; i < rows.size(); ++i)
		left.subjects.push_back(rows.text(i, 0));
	if (!old.empty())
		for (const auto &[value, subject] : values_by_key(definition, table, subjects, keys))
			if (old.count(value) > 0)
				left.subjects.push_back(subject);
	raise(std::move(left), table);
}

/// The personal columns that exist.
std::vector<PersonalColumn>
Eraser::present_columns(const Definition &definition, const TableDefinition &table) const
{
	std::vector<PersonalColumn> columns = personal_columns(definition, table);
	std::erase_if(columns,
				  [&](const PersonalColumn &c) {
					  return missing_columns_.count({place_of(table), c.column->name}) > 0;
				  });
	return columns;
}

void
Eraser::erase_table(const Definition &definition, const TableDefinition &table)
{
	const std::optional<RowsAbout> about = rows_about(erasure_.catalog, definition, table);
	if (!about)
		return;
	ErasedPlace place;
	place.place = place_of(table);
	place.kind = "table";
	std::string set;
	for (const PersonalColumn &c : present_columns(definition, table))
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
		pg::for_each_row(cursor, records_at_once,
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
	const bool verified = interferes(find_table(table));
	const OldValues old = verified ? values_of(definition, table, true) : OldValues();
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
		verify(definition, table, old);
}

bool
Eraser::interferes(Oid relation)
{
	const auto known = interferes_.find(relation);
	if (known != interferes_.end())
		return known->second;
	return interferes_[relation] = may_interfere(relation);
}

/// The values of personal columns in the subjects' rows, as hashes of subject, column and value.
/// to_go: only values that the treatment is to replace.
Eraser::OldValues
Eraser::values_of(const Definition &definition, const TableDefinition &table, bool to_go)
{
	const std::optional<RowsAbout> about = rows_about(erasure_.catalog, definition, table);
	const bool removes = definition.subject->on_erasure == OnErasure::remove;
	return about ? values_at(definition, table, about->from, about->where, people_.texts(),
							 people_.tokens(), to_go && !removes)
				 : OldValues();
}

/// Like values_of(), for the rows of records whose keys are given.
Eraser::OldValues
Eraser::values_by_key(const Definition &definition, const TableDefinition &table,
					  const pg::Param &subjects, const pg::Param &keys)
{
	const ColumnDefinition &key = *definition.key_column();
	const ColumnDefinition *column = column_taking(table, key.path);
	return column == nullptr
			   ? OldValues()
			   : values_at(definition, table, "unnest($1::text[], $2::text[]) s(subject, key)",
						   "t." + pg::quote(column->name) + " = s.key::" + key.type.sql, subjects,
						   keys, false);
}

Eraser::OldValues
Eraser::values_at(const Definition &definition, const TableDefinition &table,
				  const std::string &from, const std::string &where, const pg::Param &first,
				  const pg::Param &second, bool to_go)
{
	OldValues values;
	std::string list;
	for (const PersonalColumn &c : present_columns(definition, table))
		if (c.field == nullptr || c.field->treatment != Treatment::keep)
			list +=
				(list.empty() ? "(" : ", (") + pg::literal(c.column->name) + "::text, t." +
				pg::quote(c.column->name) + "::text, " +
				(to_go ? "(" + treated_expression(c, "t", "s.token") + ")::text)" : "NULL::text)");
	if (list.empty())
		return values;
	pg::TableCursor cursor("SELECT DISTINCT hashtextextended(c.name || ' ' || s.subject, 0) #"
						   " hashtextextended(c.value, 1), s.subject FROM " +
							   from + ", " + quoted(table) + " t, LATERAL (VALUES " + list +
							   ") c(name, value, treated) WHERE " + where +
							   " AND c.value IS NOT NULL AND c.value IS DISTINCT FROM c.treated"
							   // the replacements in columns that are NOT NULL
							   " AND c.value NOT IN ('[erased]', '0', 'false', '0001-01-01')",
						   {first, second});
	cursor.for_each(20'000, [&](const pg::Rows &rows, uint64_t i)
					{ values.emplace(rows.integer(i, 0), rows.text(i, 1)); });
	return values;
}

/// Compares the rows after the treatment: a trigger, a rule or a foreign server may have kept their
/// values.
void
Eraser::verify(const Definition &definition, const TableDefinition &table, const OldValues &old)
{
	if (old.empty())
		return;
	NotTreated left;
	for (const auto &[value, subject] : values_of(definition, table, false))
		if (old.count(value) > 0)
			left.subjects.push_back(subject);
	raise(std::move(left), table);
}

/// For tables in which something was found: triggers and other code there may write copies
/// elsewhere.
void
Eraser::add_trigger_remarks()
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
