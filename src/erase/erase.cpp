#include "erase/erase.h"

#include "anonymize/exports.h"
#include "catalog/dataset_lock.h"
#include "catalog/definitions.h"
#include "catalog/former_definitions.h"
#include "catalog/tombstone.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "erase/dependents.h"
#include "erase/eraser.h"
#include "erase/erasure_rows.h"
#include "erase/hold.h"
#include "erase/index_former.h"
#include "erase/purge.h"
#include "pg/guard.h"
#include "pg/immediate_constraints.h"
#include "pg/settings.h"

extern "C"
{
#include "access/xact.h"
}

namespace etl
{

Catalog
lock_for_erasure(const Catalog &catalog)
{
	// after the wait, the data that other sessions have committed must be visible
	if (IsolationUsesXactSnapshot())
		throw pg::Error(
			sqlstate::active_sql_transaction, "an erasure needs isolation level READ COMMITTED",
			"It waits for sessions that are loading, and must see what they have loaded.",
			"BEGIN ISOLATION LEVEL READ COMMITTED;");
	for (const bool asks : {true, false})
		for (const auto &[name, definition] : catalog.all())
			if (definition.erases.has_value() == asks)
				lock_dataset(name, true);
	// a dataset that is defined after this point runs after the erasure, and recognises the people
	lock_definitions(false);
	Catalog now = Catalog::load();
	for (const auto &[name, definition] : now.all())
		if (catalog.find(name) == nullptr)
			lock_dataset(name, true);
	for (const std::string &name : dropped_datasets())
		lock_dataset(name, true);
	return now;
}

Catalog
lock_people(const Catalog &catalog)
{
	Catalog now = lock_for_erasure(catalog);
	index_former_files(now);
	return now;
}

ErasureReport
erase_subjects(const Catalog &known, const std::string &dataset, const std::string &secret,
			   std::vector<ErasureRequest> &requests, const pg::Settings &settings, bool dry_run)
{
	if (requests.empty())
		return {};
	const pg::WithoutValues without_values;
	const Catalog catalog = lock_for_erasure(known);
	if (!dry_run)
		lock_exports(true);
	mark_held(dataset, secret, requests);
	Eraser eraser(catalog, dataset, secret, requests, settings,
				  dry_run ? Eraser::Mode::look : Eraser::Mode::erase);
	pg::ImmediateConstraints immediate;
	eraser.run();
	immediate.end();
	add_dependents(catalog, dataset, eraser.report());
	for (const ErasureRequest &request : requests)
		if (request.held)
			eraser.report().unreached.emplace_back("etl.hold", "a legal hold: the request waits");
	if (!dry_run)
	{
		if (!eraser.report().places.empty())
			note_purge(purge_scope(dataset));
		record_erasures(dataset, secret, requests, eraser.report());
	}
	return std::move(eraser.report());
}

namespace
{

/// Erases, in some places only, people who were erased before. Records the requests for which
/// something was found, or for which emails have become known; these emails are remembered.
void
erase_again(const Catalog &known, const std::string &dataset, const std::string &secret,
			std::vector<ErasureRequest> &requests, const pg::Settings &settings,
			void (Eraser::*run)())
{
	if (requests.empty())
		return;
	const pg::WithoutValues without_values;
	const Catalog catalog = lock_for_erasure(known);
	lock_exports(true);
	mark_held(dataset, secret, requests);
	Eraser eraser(catalog, dataset, secret, requests, settings, Eraser::Mode::erase);
	(eraser.*run)();
	std::vector<ErasureRequest> found;
	std::map<uint32_t, uint32_t> found_as;
	for (uint32_t i = 0; i < requests.size(); ++i)
	{
		const bool is_found = requests[i].row_count > 0 || requests[i].file_count > 0;
		if (!is_found && requests[i].known_emails.empty())
			continue;
		found_as.emplace(i, found.size());
		ErasureRequest &request = found.emplace_back(requests[i]);
		if (is_found)
			continue;
		// only emails are new: they are remembered in spite of a hold, because records that come
		// later are treated in spite of it, too
		request.status = "completed";
		request.held = false;
	}
	if (found.empty())
		return;
	const bool is_treated = !eraser.report().places.empty();
	for (ErasedPlace &place : eraser.report().places)
	{
		std::map<uint32_t, int64_t> rows;
		for (const auto &[person, count] : place.rows)
			rows.emplace(found_as.at(person), count);
		place.rows = std::move(rows);
	}
	KnownEmails emails;
	for (const auto &[person, hash] : eraser.report().known_emails)
		if (const auto as = found_as.find(person); as != found_as.end())
			emails.emplace(as->second, hash);
	eraser.report().known_emails = std::move(emails);
	if (is_treated)
		note_purge(purge_scope(dataset));
	record_erasures(dataset, secret, found, eraser.report());
}

} // namespace

void
erase_words_of(const Catalog &catalog, const std::string &dataset, const std::string &secret,
			   std::vector<ErasureRequest> &requests, const pg::Settings &settings)
{
	erase_again(catalog, dataset, secret, requests, settings, &Eraser::run_words);
	std::vector<std::string_view> pseudonyms;
	for (const ErasureRequest &request : requests)
		if (!request.held)
			pseudonyms.push_back(request.pseudonym);
	note_known_subjects(dataset, pseudonyms);
}

void
erase_mended_of(const Catalog &catalog, const std::string &dataset, const std::string &secret,
				std::vector<ErasureRequest> &requests, const pg::Settings &settings)
{
	erase_again(catalog, dataset, secret, requests, settings, &Eraser::run_mended);
}

} // namespace etl
