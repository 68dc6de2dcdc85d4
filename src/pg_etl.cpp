// The module: magic, settings, callbacks. The SQL entry points stand beside what they do:
//   src/run/functions.cpp                  etl_run, etl_replay, etl_define, etl_drop, etl_read,
//                                          etl_validate, etl_validate_file, etl.unclaimed_files
//   src/run/quarantine_functions.cpp       etl_discard, etl.note_mended
//   src/pg/writable.cpp                    etl.require_writable
//   src/load/waiting_files.cpp             etl.waiting_files
//   src/run/delivery_addresses.cpp         etl.delivery_addresses
//   src/run/reload_functions.cpp           etl_reload, etl.archive_check
//   src/load/export.cpp                    etl.exported_records
//   src/anonymize/anonymized_rows.cpp      etl_anonymize, etl_anonymized, etl_export
//   src/anonymize/treatment_functions.cpp  etl.treat, etl.generalize, etl_partial,
//                                          etl_pseudonymize, etl_random, etl_sha256, etl_token
//   src/catalog/definition_functions.cpp   etl.definitions, etl.target_tables, etl.personal_fields,
//                                          etl.retention_periods
//   src/anonymize/personal_columns.cpp     etl.personal_columns, etl.removal_statements
//   src/audit/trail.cpp                    etl.append_audit, etl_audit_verify
//   src/audit/signing_key.cpp              etl_certificate, etl.sign, etl_signing_key
//   src/catalog/citus.cpp                  etl.refuse_citus_table
//   src/erase/functions.cpp                etl_erase, etl_reinstate, etl_subject, etl.fold_email
//   src/erase/waiting.cpp                  etl_erase_failed
//   src/erase/index_archive.cpp            etl_catalog_archive
//   src/erase/reapply.cpp                  etl_reapply, etl.journal_check, etl.journal_erasure
//   src/erase/hold.cpp                     etl_release_hold, etl.subject_pseudonym,
//                                          etl.subject_hash
//   src/erase/retention.cpp                etl.remove_expired_files
//   src/erase/purge.cpp                    etl.wal_segments_before, etl.is_empty,
//                                          etl.has_older_rows
//   src/erase/statements.cpp               etl.statements_about_erased
//   src/locate/locate.cpp                  etl_locate
#include "audit/journal.h"
#include "pg/exit_guard.h"
#include "pg/guard.h"
#include "pg/settings.h"
#include "publish/plan.h"

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
