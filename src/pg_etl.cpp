// The module: magic, settings, callbacks. The entry points stand beside what they do:
//   src/anonymize/anonymized_rows.cpp: etl_anonymize, etl_anonymized, etl_export
//   src/anonymize/personal_columns.cpp: etl_personal_columns, etl_removal_statements
//   src/anonymize/treatment_functions.cpp: etl_treat, etl_treat_document, etl_generalize_value,
//       etl_partial, etl_sha256, etl_pseudonymize, etl_random, etl_subject_token, etl_person_key,
//       etl_token, etl_key_check, etl_rotate_key
//   src/audit/signing_key.cpp: etl_sign, etl_certificate, etl_signing_key
//   src/audit/trail.cpp: etl_append_audit, etl_audit_verify
//   src/catalog/citus.cpp: etl_refuse_citus_table
//   src/catalog/definition_functions.cpp: etl_definitions, etl_target_tables, etl_personal_fields,
//       etl_retention_periods
//   src/erase/catalog_archive.cpp: etl_catalog_archive
//   src/erase/functions.cpp: etl_fold_email, etl_erase, etl_reinstate, etl_subject
//   src/erase/hold.cpp: etl_subject_pseudonym, etl_subject_hash, etl_require_reason,
//       etl_require_holdable, etl_release_hold
//   src/erase/personal_relations.cpp: etl_former_places
//   src/erase/purge.cpp: etl_wal_segments_before, etl_is_empty, etl_has_older_rows
//   src/erase/reapply.cpp: etl_reapply, etl_journal_check, etl_journal_erasure,
//       etl_journal_decision, etl_require_journal
//   src/erase/retention.cpp: etl_remove_expired_files
//   src/erase/statements.cpp: etl_statements_about_erased
//   src/erase/waiting.cpp: etl_erase_failed
//   src/load/export.cpp: etl_exported_records
//   src/load/waiting_files.cpp: etl_waiting_files
//   src/locate/locate.cpp: etl_locate
//   src/pg/lent_function.cpp: etl_lent_in, etl_lent_out
//   src/pg/settings.cpp: etl_settings
//   src/pg/writable.cpp: etl_require_writable
//   src/run/delivery_addresses.cpp: etl_delivery_addresses
//   src/run/directory_check.cpp: etl_directory_check
//   src/run/functions.cpp: etl_run_one, etl_run_batch, etl_raise_batch_error, etl_run_order,
//       etl_run_all, etl_replay, etl_define, etl_drop, etl_require_dataset, etl_read, etl_validate,
//       etl_validate_file, etl_unclaimed_files
//   src/run/pause_functions.cpp: etl_pause, etl_resume
//   src/run/quarantine_functions.cpp: etl_note_mended, etl_discard
//   src/run/reload_functions.cpp: etl_reload, etl_archive_check
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
