// A label provider "anon" for test/sql/treatments.sql. It accepts labels with the grammar that the
// documentation of PostgreSQL Anonymizer gives, and refuses others. Like version 2 it trusts
// functions, or like version 1 only schemas.
#include <regex>
#include <string>

#include "pg/guard.h"

extern "C"
{
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/seclabel.h"
#include "utils/guc.h"

	PG_MODULE_MAGIC;
	PGDLLEXPORT void _PG_init(void);
}

namespace
{

bool trusts_functions = true;

void
relabel(const ObjectAddress *object, const char *label)
{
	if (label == nullptr)
		return;
	pg::entry(
		[&]
		{
			static const std::regex column("NOT MASKED|MASKED WITH VALUE .+|"
										   "MASKED WITH FUNCTION [a-z_]+\\.[a-z_]+\\(.*\\)");
			const bool trusted = std::string(label) == "TRUSTED";
			const bool good =
				object->classId == RelationRelationId
					? object->objectSubId != 0 && std::regex_match(label, column)
					: trusted && (object->classId == NamespaceRelationId ||
								  (trusts_functions && object->classId == ProcedureRelationId));
			if (!good)
				throw pg::Error("42601", "not a label of provider anon");
		});
}

} // namespace

void
_PG_init(void)
{
	DefineCustomBoolVariable("anon_test.trusts_functions", "As version 2 does.", nullptr,
							 &trusts_functions, true, PGC_USERSET, 0, nullptr, nullptr, nullptr);
	register_label_provider("anon", relabel);
}
