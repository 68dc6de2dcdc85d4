// The module: magic, settings, callbacks. The SQL entry points stand beside what they do:
//   src/run/functions.cpp      etl_run, etl_replay, etl_define, etl_drop, etl_read, etl_validate,
//                              etl_validate_file, etl.unclaimed_files
//   src/run/export.cpp         etl.exported_records
//   src/run/load.cpp           etl.staged_rows
//   src/erase/anonymized.cpp   etl_anonymize, etl_anonymized, etl_export, etl.subject_token
//   src/erase/audit.cpp        etl.append_audit, etl_audit_verify
//   src/erase/reapply.cpp      etl_reapply, etl.journal_check
//   src/erase/hold.cpp         etl_release_hold, etl.subject_pseudonym
//   src/erase/signing_key.cpp  etl.sign, etl_signing_key
//   src/erase/retention.cpp    etl.remove_expired_files
#include "erase/journal.h"
#include "pg/guard.h"
#include "pg/settings.h"
#include "run/actions.h"
#include "run/threads.h"

extern "C"
{
	PG_MODULE_MAGIC;
	PGDLLEXPORT void _PG_init(void);
}

void
_PG_init(void)
{
	pg::define_settings();
	etl::register_action_callbacks();
	etl::register_journal_callbacks();
	etl::register_exit_callback();
}
