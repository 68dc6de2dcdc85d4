// Appends to the audit trail and verifies it: etl_internal.append_audit, etl_audit_verify.
#include "audit/trail.h"

#include <algorithm>

#include "core/audit/audit_chain.h"
#include "core/base/big_endian.h"
#include "core/base/sqlstate.h"
#include "pg/catalog_owner.h"
#include "pg/copy.h"
#include "pg/copy_rows.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/spi.h"
#include "pg/srf.h"

extern "C"
{
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/timestamp.h"
}

namespace etl
{

namespace
{

struct Head
{
	int64_t audit_id, entries;
	std::string hash;
};

constexpr char lock_head_sql[] = R"(
SELECT audit_id, entries, hash FROM etl.audit_head FOR UPDATE)";

constexpr char any_entry_sql[] = R"(SELECT 1 FROM etl.audit LIMIT 1)";

constexpr char insert_head_sql[] = R"(
INSERT INTO etl.audit_head (audit_id, entries, hash, at)
VALUES (0, 0, $1, clock_timestamp())
ON CONFLICT DO NOTHING)";

/// The end of the chain, which is locked until the end of the transaction.
Head
lock_head()
{
	pg::Rows rows = pg::query(lock_head_sql);
	if (!rows.empty())
		return {rows.integer(0, 0), rows.integer(0, 1), rows.bytes(0, 2)};
	if (!pg::query(any_entry_sql).empty())
		throw pg::Error(sqlstate::data_corrupted,
						"etl.audit_head is missing although etl.audit has rows",
						"Nothing can be appended to a chain whose end is not known.",
						"SELECT * FROM etl_audit_verify();");
	// a second session waits here, and then finds the row of the first
	pg::execute(insert_head_sql, {pg::param_bytes(audit_origin())});
	const pg::Rows created = pg::query(lock_head_sql);
	if (created.empty())
		throw pg::Error(sqlstate::serialization_failure,
						"could not serialize access to etl.audit_head", "",
						"Try the transaction again.");
	return {created.integer(0, 0), created.integer(0, 1), created.bytes(0, 2)};
}

/// A text[] in the format of array_recv.
std::string
encoded_texts(const std::vector<std::string> &texts)
{
	std::string out;
	append_int32(out, texts.empty() ? 0 : 1); // dimensions
	append_int32(out, 0);                     // no nulls
	append_int32(out, TEXTOID);
	if (!texts.empty())
	{
		append_int32(out, static_cast<int32_t>(texts.size()));
		append_int32(out, 1); // lower bound
	}
	for (const std::string &text : texts)
	{
		append_int32(out, static_cast<int32_t>(text.size()));
		out += text;
	}
	return out;
}

void
add_row(CatalogRows &rows, const AuditRow &row)
{
	rows.row(10);
	rows.int8(row.audit_id);
	row.erasure_id ? rows.int8(*row.erasure_id) : rows.null();
	rows.int8(row.at);
	rows.text(row.actor);
	rows.text(row.action);
	rows.text(row.place);
	row.columns ? rows.text(encoded_texts(*row.columns)) : rows.null();
	rows.int8(row.row_count);
	rows.text(row.previous_hash);
	rows.text(row.hash);
}

/// Reads a column of type text[].
std::optional<std::vector<std::string>>
texts_of(const pg::Rows &rows, uint64_t row, int column)
{
	bool null;
	const Datum value = rows.datum(row, column, null);
	if (null)
		return std::nullopt;
	Datum *elements = nullptr;
	bool *nulls = nullptr;
	int count = 0;
	pg::call(
		[&]
		{
			deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT,
							  &elements, &nulls, &count);
		});
	std::vector<std::string> texts;
	for (int i = 0; i < count; ++i)
	{
		if (nulls[i])
		{
			texts.emplace_back();
			continue;
		}
		const Datum element = elements[i];
		const struct varlena *plain = pg::call(
			[=] {
				return pg_detoast_datum_packed(
					reinterpret_cast<struct varlena *>(DatumGetPointer(element)));
			});
		texts.emplace_back(VARDATA_ANY(plain), static_cast<size_t>(VARSIZE_ANY_EXHDR(plain)));
	}
	return texts;
}

AuditRow
row_of(const pg::Rows &rows, uint64_t i)
{
	AuditRow row;
	row.audit_id = rows.integer(i, 0);
	if (!rows.is_null(i, 1))
		row.erasure_id = rows.integer(i, 1);
	row.at = rows.integer(i, 2); // timestamptz and bigint both have 64 bits
	row.actor = rows.text(i, 3);
	row.action = rows.text(i, 4);
	row.place = rows.text(i, 5);
	row.columns = texts_of(rows, i, 6);
	row.row_count = rows.integer(i, 7);
	row.previous_hash = rows.bytes(i, 8);
	row.hash = rows.bytes(i, 9);
	return row;
}

constexpr char read_entries_and_head_sql[] = R"(
SELECT a.audit_id, a.erasure_id, a.at, a.actor, a.action, a.place, a.columns, a.row_count,
       a.previous_hash, a.hash, (SELECT h.audit_id FROM etl.audit_head h),
       (SELECT h.entries FROM etl.audit_head h), (SELECT h.hash FROM etl.audit_head h)
  FROM etl.audit a
 ORDER BY a.audit_id)";

constexpr char read_head_without_entries_sql[] = R"(
SELECT audit_id, entries, hash
  FROM etl.audit_head
 WHERE NOT EXISTS (SELECT FROM etl.audit))";

/// Checks every row against the row before it, and the last row against the head.
void
verify(const std::string &stored_head, pg::ResultSet &result)
{
	// rows and head must be from the same snapshot, because other sessions may append meanwhile
	pg::Cursor cursor(read_entries_and_head_sql);
	ChainVerifier chain;
	std::optional<Head> head;
	bool found = stored_head.empty() || stored_head == audit_origin();
	for (;;)
	{
		const pg::MemoryScope memory;
		const pg::Rows rows = cursor.fetch(limits::audit_rows);
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			const AuditRow row = row_of(rows, i);
			const std::string problem = chain.next(row);
			if (!problem.empty())
				result.add({pg::Cell::bigint(row.audit_id), pg::Cell::text(problem)});
			found = found || row.hash == stored_head;
		}
		if (rows.empty())
			break;
		if (!rows.is_null(0, 10))
			head = Head{rows.integer(0, 10), rows.integer(0, 11), rows.bytes(0, 12)};
		pg::check_for_interrupts();
	}
	if (chain.count() == 0)
	{
		const pg::Rows rows = pg::query(read_head_without_entries_sql);
		if (!rows.empty())
			head = Head{rows.integer(0, 0), rows.integer(0, 1), rows.bytes(0, 2)};
	}
	const auto report = [&](int64_t id, const std::string &problem) {
		result.add({pg::Cell::bigint(id), pg::Cell::text(problem)});
	};
	if (!head)
	{
		if (chain.count() > 0)
			report(chain.last_id(), "etl.audit_head is missing: whether rows were cut off after "
									"this one is not known");
	}
	else if (chain.last_id() < head->audit_id)
		report(chain.last_id() + 1,
			   "removed: the end is cut off, the head says that the last row is " +
				   std::to_string(head->audit_id));
	else if (chain.last_id() > head->audit_id)
		report(head->audit_id + 1,
			   "inserted: the head says that the last row is " + std::to_string(head->audit_id));
	else if (chain.last_hash() != head->hash)
		report(chain.last_id(), "altered: its hash is not the head's");
	else if (chain.count() != head->entries)
		report(chain.last_id(), "the head says that there are " + std::to_string(head->entries) +
									" rows, but there are " + std::to_string(chain.count()));
	if (!found)
		report(chain.last_id(),
			   "the given head is not the hash of a row: rows up to it were altered or "
			   "removed, or the end is cut off before it");
}

} // namespace

void
append_audit(const std::vector<AuditEntry> &entries)
{
	append_audit(entries.size(), [&](size_t i) { return entries[i]; });
}

constexpr char session_user_name_sql[] = R"(SELECT session_user::text)";

constexpr char advance_head_sql[] = R"(
UPDATE etl.audit_head
   SET audit_id = $1, entries = $2, hash = $3, at = clock_timestamp())";

void
append_audit(size_t count, const std::function<AuditEntry(size_t)> &entry_at)
{
	if (count == 0)
		return;
	const AsCatalogOwner owner;
	Head head = lock_head();
	// the user who has logged in, whatever role is set
	const std::string actor = pg::query(session_user_name_sql).text(0, 0);
	const Oid table = catalog_table("etl.audit");
	const std::vector<std::string> columns = {"audit_id",      "erasure_id", "at",      "actor",
											  "action",        "place",      "columns", "row_count",
											  "previous_hash", "hash"};
	for (size_t from = 0; from < count; from += limits::audit_rows)
	{
		const pg::MemoryScope memory;
		CatalogRows rows;
		for (size_t i = from; i < std::min(count, from + limits::audit_rows); ++i)
		{
			const AuditEntry entry = entry_at(i);
			AuditRow row;
			row.audit_id = ++head.audit_id;
			if (entry.erasure_id != 0)
				row.erasure_id = entry.erasure_id;
			row.at = GetCurrentTimestamp();
			row.actor = actor;
			row.action = entry.action;
			row.place = entry.place;
			if (!entry.columns.empty())
				row.columns = entry.columns;
			row.row_count = entry.row_count;
			row.previous_hash = head.hash;
			row.hash = head.hash = audit_hash(row);
			++head.entries;
			add_row(rows, row);
		}
		pg::copy_in(table, columns, rows);
		pg::check_for_interrupts();
	}
	pg::execute(advance_head_sql,
				{pg::param(head.audit_id), pg::param(head.entries), pg::param_bytes(head.hash)});
}

} // namespace etl

using namespace etl;

constexpr char elements_of_array_sql[] = R"(SELECT coalesce(c, '') FROM unnest($1::text[]) c)";

PG_ETL_ENTRY(etl_append_audit)
{
	AuditEntry entry;
	if (!PG_ARGISNULL(0))
		entry.erasure_id = PG_GETARG_INT64(0);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		throw pg::Error(sqlstate::null_value_not_allowed,
						"an entry of etl.audit needs an action and a place");
	entry.action = pg::text_argument(fcinfo, 1);
	entry.place = pg::text_argument(fcinfo, 2);
	if (!PG_ARGISNULL(4))
		entry.row_count = PG_GETARG_INT64(4);
	if (!PG_ARGISNULL(3))
	{
		const pg::Spi spi;
		const pg::Rows rows =
			pg::query(elements_of_array_sql, {{TEXTARRAYOID, PG_GETARG_DATUM(3)}});
		for (uint64_t i = 0; i < rows.size(); ++i)
			entry.columns.push_back(rows.text(i, 0));
		append_audit({entry});
	}
	else
	{
		const pg::Spi spi;
		append_audit({entry});
	}
	PG_RETURN_VOID();
}

PG_ETL_ENTRY(etl_audit_verify)
{
	const std::string stored_head = PG_ARGISNULL(0) ? std::string() : pg::text_argument(fcinfo, 0);
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	verify(stored_head, result);
	return static_cast<Datum>(0);
}
