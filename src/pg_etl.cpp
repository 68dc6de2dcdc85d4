// The module: magic, settings, callbacks. The SQL entry points stand beside what they do:
//   src/run/functions.cpp      etl_run, etl_replay, etl_define, etl_drop, etl_read, etl_validate,
//                              etl_validate_file, etl.unclaimed_files
//   src/run/export.cpp         etl.exported_records
//   src/run/reload.cpp         etl_reload, etl.archive_check
//   src/erase/functions.cpp    etl_erase, etl_reinstate, etl_subject, etl.fold_email
//   src/erase/waiting.cpp      etl_erase_failed
//   src/erase/catalog_archive.cpp  etl_catalog_archive
//   src/erase/anonymized.cpp   etl_anonymize, etl_anonymized, etl_export
//   src/erase/treatments.cpp   etl.treat, etl.generalize, etl_partial, etl_pseudonymize,
//                              etl_random, etl_sha256, etl_token
//   src/erase/catalogue.cpp    etl.personal_columns, etl.removal_statements
//   src/erase/audit.cpp        etl.append_audit, etl_audit_verify
//   src/erase/reapply.cpp      etl_reapply, etl.journal_check, etl.journal_erasure
//   src/erase/hold.cpp         etl_release_hold, etl.subject_pseudonym, etl.subject_hash
//   src/erase/signing_key.cpp  etl_certificate, etl.sign, etl_signing_key
//   src/erase/retention.cpp    etl.remove_expired_files
//   src/erase/locate.cpp       etl_locate
//   src/erase/purge.cpp        etl.wal_segments_before, etl.is_empty, etl.has_older_rows
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
