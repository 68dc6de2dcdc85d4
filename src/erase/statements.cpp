// Statements in pg_stat_statements that contain identifiers of erased people: the extension
// replaces constants in queries, but keeps utility statements as they were typed.
#include <map>
#include <optional>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "core/privacy/identities.h"
#include "core/privacy/key_form.h"
#include "pg/guard.h"
#include "pg/key_file.h"
#include "pg/limits.h"
#include "pg/spi.h"
#include "pg/srf.h"

namespace etl
{

namespace
{

/// The name of the view, and the command that removes all statements (a statement that is removed
/// alone stays in the extension's file of texts). The number of the function's arguments depends on
/// the version.
constexpr char facts_sql[] = R"(
SELECT format('%I.pg_stat_statements', n.nspname),
       format('SELECT %I.pg_stat_statements_reset(%s)', n.nspname,
              CASE r.pronargs WHEN 0 THEN ''
                   WHEN 3 THEN '0::pg_catalog.oid, 0::pg_catalog.oid, 0::pg_catalog.int8'
                   ELSE '0::pg_catalog.oid, 0::pg_catalog.oid, 0::pg_catalog.int8, false' END)
  FROM pg_extension e
  JOIN pg_namespace n ON n.oid = e.extnamespace
  JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
   AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
  JOIN pg_proc r ON r.oid = d.objid AND r.proname = 'pg_stat_statements_reset'
 WHERE e.extname = 'pg_stat_statements')";

/// The people of one dataset, and how their keys may be written.
struct Erased
{
	Identities people;
	std::optional<KeyForm> form;
};

constexpr char read_unpurged_people_sql[] = R"(
SELECT t.dataset, t.kind = 'subject', t.hash
  FROM etl.tombstone t
  JOIN etl.erasure e USING (erasure_id)
 WHERE t.reinstated_at IS NULL AND e.purged_at IS NULL AND e.xid IS NOT NULL)";

/// The people of requests whose purge is not done, by the dataset whose people they are.
std::map<std::string, Erased>
erased_people(const Catalog &catalog)
{
	std::map<std::string, Erased> erased;
	pg::Cursor cursor(read_unpurged_people_sql);
	cursor.for_each(
		limits::cursor_rows,
		[&](const pg::Rows &rows, uint64_t i)
		{
			const std::string dataset = rows.text(i, 0);
			auto found = erased.find(dataset);
			if (found == erased.end())
			{
				found =
					erased.emplace(dataset, Erased{Identities(pg::secret(pg::KeyUse::look)), {}})
						.first;
				const Definition *definition = catalog.find(dataset);
				const auto type = catalog.key_types().find(dataset);
				if (definition != nullptr && definition->subject &&
					type != catalog.key_types().end())
					found->second.form.emplace(type->second,
											   definition->subject->path.empty()
												   ? std::string_view()
												   : definition->subject->path.back(),
											   dataset);
			}
			const uint64_t hash = static_cast<uint64_t>(rows.integer(i, 2));
			if (rows.boolean(i, 1))
				found->second.people.add_subject(hash, 0);
			else
				found->second.people.add_text_email(hash, 0);
		});
	return erased;
}

bool
names_somebody(const std::map<std::string, Erased> &erased, const std::string &statement)
{
	for (const auto &[dataset, people] : erased)
		if (people.people.named_in(statement, people.form ? &*people.form : nullptr) !=
			Identities::nobody)
			return true;
	return false;
}

} // namespace

} // namespace etl

using namespace etl;

/// etl_internal.statements_about_erased(): the command that removes the statements, if there are
/// any.
PG_ETL_ENTRY(etl_statements_about_erased)
{
	pg::ResultSet result(fcinfo, true);
	const pg::Spi spi;
	const pg::Rows facts = pg::query(facts_sql);
	if (facts.empty())
		return static_cast<Datum>(0);
	const std::map<std::string, Erased> erased = erased_people(Catalog::load());
	if (erased.empty())
		return static_cast<Datum>(0);
	bool named = false;
	// the view cannot be read where the library is not preloaded, and is empty then
	(void)pg::subtransaction(
		[&]
		{
			pg::Cursor cursor("SELECT query FROM " + facts.text(0, 0) + " WHERE query IS NOT NULL");
			cursor.for_each(limits::fetched_statements, [&](const pg::Rows &rows, uint64_t i)
							{ named = named || names_somebody(erased, rows.text(i, 0)); });
		});
	if (named)
		result.add({pg::Cell::text(facts.text(0, 1))});
	return static_cast<Datum>(0);
}
