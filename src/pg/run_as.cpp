#include "pg/run_as.h"

#include "core/base/sqlstate.h"

extern "C"
{
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_extension.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
}

namespace pg
{

Oid
extension_owner()
{
	const Oid owner = call(
		[]() -> Oid
		{
			ScanKeyData key;
			ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
						CStringGetDatum("pg_etl"));
			const Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
			const SysScanDesc scan =
				systable_beginscan(extensions, ExtensionNameIndexId, true, nullptr, 1, &key);
			const HeapTuple tuple = systable_getnext(scan);
			const Oid found = HeapTupleIsValid(tuple)
								  ? reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extowner
								  : InvalidOid;
			systable_endscan(scan);
			table_close(extensions, AccessShareLock);
			return found;
		});
	if (!OidIsValid(owner))
		throw Error(sqlstate::object_not_in_prerequisite_state,
					"extension pg_etl is not installed in this database", {},
					"CREATE EXTENSION pg_etl;");
	return owner;
}

} // namespace pg
