// The order of an erasure: people, tables, quarantine, files.
//
// Next door: erase_tables.cpp, erase_quarantine.cpp and erase_files.cpp treat what is found there;
// erase.cpp locks, calls this engine and records what became of the requests (erasure_rows.cpp).
#include "erase/eraser.h"

#include "anonymize/removal.h"
#include "catalog/citus.h"
#include "catalog/former_definitions.h"
#include "pg/fault.h"
#include "pg/spi.h"
#include "publish/recover.h"

namespace etl
{

Eraser::Eraser(const Catalog &catalog, const std::string &dataset, const std::string &secret,
			   std::vector<ErasureRequest> &requests, const pg::Settings &settings, Mode mode)
	: erasure_(catalog, dataset, secret, requests, settings, mode), people_(erasure_.people),
	  tables_(erasure_), quarantine_(erasure_), people_in_files_(erasure_),
	  copies_(erasure_, quarantine_.files(), people_in_files_),
	  files_(erasure_, quarantine_.files(), people_in_files_, copies_), exports_(erasure_, copies_)
{
}

void
Eraser::run()
{
	people_.look_for_all();
	// also for a person who asks again: a crash may have left files of the first erasure
	if (erasure_.mode == Mode::erase)
	{
		for (const auto &[name, definition] : erasure_.catalog.all())
			recover(name, erasure_.settings);
		for (const std::string &name : dropped_datasets())
			recover(name, erasure_.settings);
	}
	for (const Definition *definition : definitions_about(erasure_.catalog, erasure_.dataset))
		refuse_citus_tables(*definition);
	if (!people_.is_anybody())
		return;
	if (erasure_.mode == Mode::look)
		fingerprint_definitions();
	note_invalid_definitions();
	tables_.check();
	tables_.erase();
	ETL_FAULT("erase_rows");
	if (!people_.is_anybody())
		return;
	quarantine_.erase();
	ETL_FAULT("erase_quarantine");
	const KnownEmails known_emails = erasure_.report.known_emails;
	files_.find_all();
	exports_.find_all();
	copies_.rewrite();
	exports_.note_rewritten();
	ETL_FAULT("erase_files");
	erase_emails_of_files(known_emails);
}

/// Searches for emails of the people that were found only while the files were read: quarantined
/// records that name nobody were searched before that. known: the emails that were known before, by
/// index of the request.
void
Eraser::erase_emails_of_files(const KnownEmails &known)
{
	KnownEmails found;
	for (const auto &email : erasure_.report.known_emails)
		if (known.count(email) == 0)
			found.insert(email);
	people_.look_for_emails(found);
	if (found.empty())
		return;
	quarantine_.forget_files();
	erase_unnamed_records();
}

/// It is not known which people are in which tables and files of these datasets.
void
Eraser::note_invalid_definitions()
{
	for (const auto &[name, error] : erasure_.catalog.invalid())
		erasure_.report.note_untreated("dataset " + name,
									   "its definition is not valid: " + error.detail());
	for (const auto &[name, error] : erasure_.readings.unreadable())
		if (holds_records(name))
			erasure_.report.note_untreated(
				"dataset " + name,
				"it was dropped, and its last definition is not valid: " + error);
}

constexpr char hash_definitions_sql[] = R"(
SELECT name, md5(definition::text) FROM etl.dataset ORDER BY name)";

/// The plan depends on the definitions.
void
Eraser::fingerprint_definitions()
{
	const pg::Rows rows = pg::query(hash_definitions_sql);
	for (uint64_t i = 0; i < rows.size(); ++i)
		erasure_.report.fingerprint.push_back("definition " + rows.text(i, 0) + " " +
											  rows.text(i, 1));
}

void
Eraser::run_words()
{
	people_.look_for_words();
	erase_unnamed_records();
}

/// Treats quarantined records that name nobody, and the files that they came from.
void
Eraser::erase_unnamed_records()
{
	quarantine_.erase_unnamed();
	erase_quarantined_files();
}

/// Treats the files that quarantined records came from.
void
Eraser::erase_quarantined_files()
{
	files_.find_quarantined();
	copies_.rewrite();
}

void
Eraser::run_mended()
{
	people_.look_for_all();
	quarantine_.find_mended_lines();
	people_.look_for_nobody(); // records that name them were treated when they were erased
	erase_quarantined_files();
}

} // namespace etl
