// Reads and writes etl.key_fingerprint.
#include "pg/key_fingerprint.h"

#include <algorithm>

#include "core/base/sqlstate.h"
#include "pg/run_as.h"
#include "pg/spi.h"

extern "C"
{
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace pg
{

namespace
{

/// The columns of etl.key_fingerprint.
constexpr int erasures_column = 1, treatments_column = 2;

/// The rows as a palloc'd list of strings, two for each row.
List *
read_rows()
{
	List *strings = NIL;
	const Oid schema = get_namespace_oid("etl", true);
	const Oid table =
		OidIsValid(schema) ? get_relname_relid("key_fingerprint", schema) : InvalidOid;
	if (!OidIsValid(table))
		return strings;
	const Relation relation = table_open(table, AccessShareLock);
	const SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 0, nullptr);
	while (const HeapTuple tuple = systable_getnext(scan))
		for (const int column : {erasures_column, treatments_column})
		{
			bool null;
			const Datum value = heap_getattr(tuple, column, RelationGetDescr(relation), &null);
			strings = lappend(strings, null ? pstrdup("") : TextDatumGetCString(value));
		}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return strings;
}

} // namespace

std::vector<etl::KeyFingerprint>
known_keys()
{
	const List *const strings = call([] { return read_rows(); });
	std::vector<etl::KeyFingerprint> known;
	for (int i = 0; i + 1 < list_length(strings); i += 2)
		known.push_back({static_cast<const char *>(list_nth(strings, i)),
						 static_cast<const char *>(list_nth(strings, i + 1))});
	return known;
}

void
require_known_key(const std::string &secret, const std::vector<etl::KeyFingerprint> &known,
				  const std::string &path)
{
	const std::string erasures = etl::key_fingerprint(secret).erasures;
	for (const etl::KeyFingerprint &key : known)
		if (etl::key_descent(secret, key) == etl::KeyDescent::other)
			throw Error(
				sqlstate::object_not_in_prerequisite_state,
				"etl.key_file \"" + path + "\" does not hold the key of this database",
				key.erasures == erasures
					? "It holds a key from before a rotation: tokens and pseudonyms would no "
					  "longer "
					  "be those that stand in the data."
					: "The database was used with another key: people who were erased would not be "
					  "recognised, and tokens would be others.",
				"Set etl.key_file to the key file that the database was used with, or put that "
				"back "
				"from its backup.");
}

constexpr char insert_fingerprint_sql[] = R"(
INSERT INTO etl.key_fingerprint (erasures, treatments) VALUES ($1, $2))";

constexpr char delete_other_fingerprints_sql[] = R"(
DELETE FROM etl.key_fingerprint
 WHERE ctid = ANY (ARRAY(SELECT k.ctid
                           FROM etl.key_fingerprint k
                          WHERE (k.erasures, k.treatments) <> ($1, $2)
                            FOR UPDATE SKIP LOCKED)))";

void
note_key(const std::string &secret, const std::vector<etl::KeyFingerprint> &known)
{
	const etl::KeyFingerprint key = etl::key_fingerprint(secret);
	if (std::find(known.begin(), known.end(), key) != known.end())
		return;
	if (call([] { return RecoveryInProgress() || XactReadOnly || IsInParallelMode(); }))
		return;
	const Spi spi;
	const RunAs owner(extension_owner(), SECURITY_LOCAL_USERID_CHANGE);
	execute(insert_fingerprint_sql, {param(key.erasures), param(key.treatments)});
	// removes keys from before a rotation; rows that another session is about to remove are left
	if (!known.empty())
		execute(delete_other_fingerprints_sql, {param(key.erasures), param(key.treatments)});
}

} // namespace pg
