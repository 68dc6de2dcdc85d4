#include "erase/purge.h"

#include <algorithm>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

#include "catalog/definitions.h"
#include "catalog/table_tree.h"
#include "core/base/sqlstate.h"
#include "core/files/file_error.h"
#include "core/search/wal_search.h"
#include "pg/catalog_owner.h"
#include "pg/guard.h"
#include "pg/spi.h"
#include "pg/table_statement.h"

extern "C"
{
#include "access/transam.h"
#include "access/xlog_internal.h"
#include "utils/pg_lsn.h"
}

namespace etl
{

void
note_purge(const std::vector<Oid> &relations)
{
	std::vector<int64_t> oids(relations.begin(), relations.end());
	const AsCatalogOwner owner;
	// rows are in partitions, in inheriting tables and in the tables below a view; partitioned and
	// foreign tables have no file, but they have statistics
	const std::string behind = relations_behind_sql;
	// ANALYZE of a parent samples the rows of its partitions, too
	const std::string above =
		"WITH RECURSIVE above (oid) AS (SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid IN "
		"(" +
		behind +
		") UNION SELECT i.inhparent FROM above a JOIN pg_inherits i ON i.inhrelid = a.oid)"
		" SELECT oid FROM above WHERE oid NOT IN (" +
		behind + ")";
	// Subtransactions have treated the rows, and their transaction ids are later than the erasure's
	// own. The old row versions are also kept for a transaction of another session whose id is
	// between the two.
	FullTransactionId last = ReadNextFullTransactionId();
	FullTransactionIdRetreat(&last);
	const std::string last_xid = std::to_string(U64FromFullTransactionId(last));
	const std::string on_conflict =
		" ON CONFLICT (xid, relation) DO UPDATE SET last_xid = excluded.last_xid";
	pg::execute(
		"INSERT INTO etl.purge_pending (xid, last_xid, relation, filenode)"
		" SELECT pg_current_xact_id(), $2::xid8, c.oid, pg_relation_filenode(c.oid) FROM pg_class c"
		" WHERE (c.relkind IN ('r', 'p', 'f') AND c.oid IN (" +
			behind +
			"))"
			// planner statistics contain values of all tables
			" OR c.oid = 'pg_catalog.pg_statistic'::regclass"
			" OR (c.oid = 'pg_catalog.pg_statistic_ext_data'::regclass AND EXISTS"
			" (SELECT FROM pg_statistic_ext e WHERE e.stxrelid IN (" +
			behind + ") OR e.stxrelid IN (" + above +
			")))"
			" UNION ALL SELECT pg_current_xact_id(), $2::xid8, a.oid, NULL FROM (" +
			above + ") a" + on_conflict,
		{pg::param_array(oids), pg::param(last_xid)});
	// materialized views: whether one was refreshed after this transaction is known only after the
	// commit
	pg::execute("INSERT INTO etl.purge_pending (xid, last_xid, relation, filenode)"
				" SELECT pg_current_xact_id(), $2::xid8, v.view, 0"
				" FROM etl_internal.materialized_views(ARRAY(" +
					behind + ")) v" + on_conflict,
				{pg::param_array(oids), pg::param(last_xid)});
}

constexpr char oid_of_quarantine_sql[] = R"(SELECT 'etl.quarantine'::regclass::oid::bigint)";

std::vector<Oid>
purge_scope(const std::string &dataset)
{
	std::vector<Oid> relations;
	const Catalog catalog = Catalog::load();
	for (const auto &[name, definition] : catalog.all())
		if (definition.subject && definition.subject->dataset == dataset)
			for (const TableDefinition &table : definition.tables)
				if (const Oid oid = find_table(table); oid != InvalidOid)
					relations.push_back(oid);
	const pg::Rows quarantine = pg::query(oid_of_quarantine_sql);
	relations.push_back(static_cast<Oid>(quarantine.integer(0, 0)));
	return relations;
}

namespace
{

/// Does the segment contain a page from before that position?
bool
holds_older_page(const std::string &path, uint64_t lsn, size_t page_size)
{
	const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
	{
		if (errno == ENOENT)
			return false; // removed meanwhile
		throw pg::Error(sqlstate_of_errno(errno),
						"could not read a WAL segment: " + std::string(pg_strerror(errno)));
	}
	bool older = false;
	std::string header(page_size, '\0');
	for (off_t at = 0; !older; at += static_cast<off_t>(page_size))
	{
		if (pread(fd, header.data(), 40, at) != 40)
			break;
		const WalPage page = WalPage::read(header);
		// a page of another format version is older, too
		older = page.valid && page.address < lsn;
	}
	close(fd);
	return older;
}

} // namespace

} // namespace etl

// etl_internal.wal_segments_before(lsn): the number of files in pg_wal that contain a page from
// before lsn. A recycled segment keeps its old content under a new name until WAL is written over
// it.
PG_ETL_ENTRY(etl_wal_segments_before)
{
	const uint64_t lsn = PG_GETARG_LSN(0);
	int64_t segments = 0;
	std::error_code error;
	std::filesystem::directory_iterator entry(XLOGDIR, error), end;
	for (; !error && entry != end; entry.increment(error))
	{
		pg::check_for_interrupts();
		const std::string name = entry->path().filename().string();
		std::error_code problem;
		if (entry->is_regular_file(problem) &&
			(name.size() == 24 || name.compare(0, 8, "xlogtemp") == 0) &&
			etl::holds_older_page(entry->path().string(), lsn, XLOG_BLCKSZ))
			++segments;
	}
	if (error)
		throw pg::Error(etl::sqlstate_of_errno(error.value()),
						"could not read pg_wal: " + error.message());
	return Int64GetDatum(segments);
}

constexpr char name_of_relation_sql[] = R"(
SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = $1::oid AND c.relkind IN ('r', 'p', 'm', 't'))";

PG_ETL_ENTRY(etl_is_empty)
{
	const Oid relation = PG_GETARG_OID(0);
	const pg::Spi spi;
	const pg::Rows name =
		pg::query(name_of_relation_sql, {pg::param(static_cast<int64_t>(relation))});
	if (name.empty())
		throw pg::Error(pg::sqlstate::undefined_table, "there is no such table");
	return BoolGetDatum(pg::query_table("SELECT 1 FROM " + name.text(0, 0) + " LIMIT 1").empty());
}

constexpr char name_of_materialized_view_sql[] = R"(
SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = $1::oid AND c.relkind = 'm')";

PG_ETL_ENTRY(etl_has_older_rows)
{
	const Oid relation = PG_GETARG_OID(0);
	const int64_t since = PG_GETARG_TRANSACTIONID(1);
	const pg::Spi spi;
	const pg::Rows name =
		pg::query(name_of_materialized_view_sql, {pg::param(static_cast<int64_t>(relation))});
	if (name.empty())
		throw pg::Error(pg::sqlstate::undefined_table, "there is no such materialized view");
	return BoolGetDatum(!pg::query_table("SELECT 1 FROM " + name.text(0, 0) +
											 " WHERE pg_catalog.age(xmin) OPERATOR(pg_catalog.>)"
											 " pg_catalog.age($1::pg_catalog.text::pg_catalog.xid)"
											 " LIMIT 1",
										 {pg::param(std::to_string(since))})
							 .empty());
}
