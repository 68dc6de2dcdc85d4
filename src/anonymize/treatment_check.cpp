#include "anonymize/treatment_check.h"

#include <algorithm>

#include "anonymize/treated_columns.h"
#include "catalog/table_tree.h"
#include "core/definition/definition.h"
#include "core/types/column_type.h"
#include "pg/guard.h"
#include "pg/spi.h"
#include "pg/table_scope.h"

namespace etl
{

namespace
{

/// A treated column, and an example of a treated value as an SQL expression.
struct Sample
{
	const PersonalColumn *column;
	std::string expression;
	bool same_for_all; ///< the rows of all people get this value
};

/// Returns nothing if the result depends on the value.
std::optional<Sample>
sample_of(const PersonalColumn &column)
{
	if (column.field == nullptr)
		return std::nullopt;
	const std::string type = "::" + column.column->type.sql;
	const bool text = column.column->type.id == TypeId::text;
	switch (column.field->treatment)
	{
	case Treatment::null:
		return Sample{&column, "NULL" + type, false};
	case Treatment::redact:
		return Sample{
			&column,
			(column.column->type.id == TypeId::json || column.column->type.id == TypeId::jsonb)
				? "pg_catalog.to_jsonb(" + pg::literal(column.field->value) + "::text)" + type
				: pg::literal(column.field->value) + type,
			true};
	case Treatment::token:
		return Sample{&column, pg::literal(std::string(32, '0') + "@erased.invalid") + type, false};
	case Treatment::sha256:
	case Treatment::pseudonymize:
	case Treatment::random:
		if (!text)
			return std::nullopt;
		return Sample{
			&column,
			pg::literal(std::string(column.field->treatment == Treatment::random ? 32 : 64, '0')) +
				type,
			false};
	default:
		return std::nullopt;
	}
}

void
warn(const std::string &what, const std::string &place, const std::string &fields)
{
	pg::notice(
		WARNING,
		"people cannot be erased: " + what + " of table " + place +
			" refuses what the treatment of " + fields + " gives",
		"A request for their erasure would be recorded as failed, and their data would stay.",
		"Change the treatment, or the constraint.");
}

/// The samples of the named columns. Empty if one of the columns has no sample.
std::vector<const Sample *>
samples_of(const std::vector<Sample> &samples, const pg::Rows &rows, uint64_t &i)
{
	std::vector<const Sample *> named;
	bool all = true;
	const std::string group = rows.text(i, 0) + " " + rows.text(i, 1);
	for (; i < rows.size() && rows.text(i, 0) + " " + rows.text(i, 1) == group; ++i)
	{
		const auto found = std::find_if(samples.begin(), samples.end(),
										[&](const Sample &s)
										{ return s.column->column->name == rows.text(i, 2); });
		if (found == samples.end())
			all = false;
		else
			named.push_back(&*found);
	}
	if (!all)
		named.clear();
	return named;
}

std::string
fields_of(const std::vector<const Sample *> &samples)
{
	std::string fields;
	for (const Sample *sample : samples)
		fields += (fields.empty() ? "" : ", ") + sample->column->field->field;
	return fields;
}

constexpr char read_not_null_columns_sql[] = R"(
SELECT attname::text
  FROM pg_attribute
 WHERE attrelid = $1::oid AND attnum > 0 AND attnotnull AND NOT attisdropped)";

void
check_not_null(const std::vector<Sample> &samples, const std::string &place, pg::Param relation)
{
	const pg::Rows rows = pg::query(read_not_null_columns_sql, {relation});
	for (uint64_t i = 0; i < rows.size(); ++i)
		for (const Sample &sample : samples)
			if (sample.column->column->name == rows.text(i, 0) &&
				sample.column->field->treatment == Treatment::null)
				warn("NOT NULL on column \"" + rows.text(i, 0) + "\"", place,
					 sample.column->field->field);
}

constexpr char read_unique_columns_sql[] = R"(
SELECT c.relname::text, ''::text, a.attname::text
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_attribute a ON a.attrelid = i.indrelid
       AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
 WHERE i.indrelid = $1::oid AND i.indisunique AND i.indexprs IS NULL AND i.indpred IS NULL
 ORDER BY 1, 3)";

void
check_unique(const std::vector<Sample> &samples, const std::string &place, pg::Param relation)
{
	const pg::Rows rows = pg::query(read_unique_columns_sql, {relation});
	for (uint64_t i = 0; i < rows.size();)
	{
		const std::string name = rows.text(i, 0);
		const std::vector<const Sample *> named = samples_of(samples, rows, i);
		if (!named.empty() && std::all_of(named.begin(), named.end(),
										  [](const Sample *s) { return s->same_for_all; }))
			warn("unique index \"" + name + "\"", place, fields_of(named));
	}
}

constexpr char read_check_constraints_sql[] = R"(
SELECT o.conname::text, pg_get_expr(o.conbin, o.conrelid), a.attname::text, o.conrelid::bigint
  FROM pg_constraint o
  JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = ANY (o.conkey)
 WHERE o.conrelid = $1::oid AND o.contype = 'c'
 ORDER BY 1, 3)";

/// The expression is code of the table's owner, so it runs like other code on the table.
void
check_checks(const std::vector<Sample> &samples, const std::string &place, pg::Param relation)
{
	const pg::Rows rows = pg::query(read_check_constraints_sql, {relation});
	for (uint64_t i = 0; i < rows.size();)
	{
		const std::string name = rows.text(i, 0), expression = rows.text(i, 1);
		const Oid table = static_cast<Oid>(rows.integer(i, 3));
		const std::vector<const Sample *> named = samples_of(samples, rows, i);
		if (named.empty())
			continue;
		std::string columns;
		for (const Sample *sample : named)
			columns += (columns.empty() ? "" : ", ") + sample->expression + " AS " +
					   pg::quote(sample->column->column->name);
		bool refused = false;
		const auto error = pg::subtransaction(
			[&]
			{
				const pg::Actor actor = pg::call([=] { return pg::actor_on(table); });
				const pg::RunAs run_as(actor.role, actor.security_flags);
				const pg::Rows result = pg::query("SELECT (" + expression +
												  ") IS FALSE FROM (SELECT " + columns + ") x");
				refused = result.boolean(0, 0);
			});
		if (refused || error)
			warn("constraint \"" + name + "\"", place, fields_of(named));
	}
}

} // namespace

void
warn_of_constraints(const Definition &definition)
{
	if (!definition.subject || definition.subject->on_erasure == OnErasure::remove)
		return;
	for (const TableDefinition &table : definition.tables)
	{
		const Oid oid = find_table(table);
		if (!OidIsValid(oid))
			continue;
		const std::vector<PersonalColumn> columns = personal_columns(definition, table);
		std::vector<Sample> samples;
		for (const PersonalColumn &column : columns)
			if (std::optional<Sample> sample = sample_of(column))
				samples.push_back(std::move(*sample));
		const pg::Rows rows = pg::query(
			"SELECT c.oid::bigint, format('%I.%I', n.nspname, c.relname) FROM (" +
				std::string(relations_behind_sql) +
				") b JOIN pg_class c ON c.oid = b.oid JOIN pg_namespace n ON n.oid = c.relnamespace"
				// a partition has the constraints of its parent
				" WHERE NOT c.relispartition OR c.oid = $1[1] ORDER BY c.oid <> $1[1], 2",
			{pg::param_array(std::vector<int64_t>{oid})});
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			const pg::Param relation = pg::param(rows.integer(i, 0));
			check_not_null(samples, rows.text(i, 1), relation);
			check_unique(samples, rows.text(i, 1), relation);
			check_checks(samples, rows.text(i, 1), relation);
		}
	}
}

} // namespace etl
