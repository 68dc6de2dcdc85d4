// Putting a restored database right: etl_reapply. And what etl.health says of the journal.
#include <map>
#include <unordered_map>

#include "erase/audit.h"
#include "erase/erase.h"
#include "erase/journal.h"
#include "erase/people.h"
#include "erase/record.h"
#include "pg/settings.h"
#include "pg/srf.h"
#include "run/functions.h"

namespace etl
{

namespace
{

/// Ids that another request has here: the two databases went on apart.
std::map<int64_t, bool>
taken_ids(const std::vector<JournalLine> &lines)
{
	std::vector<int64_t> ids;
	std::vector<std::string_view> subjects, emails;
	for (const JournalLine &line : lines)
	{
		ids.push_back(line.erasure_id);
		subjects.push_back(line.subject);
		emails.push_back(line.email);
	}
	const pg::Rows rows =
		pg::query("SELECT e.erasure_id FROM unnest($1::bigint[], $2::text[], $3::text[])"
				  " l(id, subject, email) JOIN etl.erasure e ON e.erasure_id = l.id"
				  " WHERE coalesce(e.subject, '') <> l.subject OR coalesce(e.email, '') <> l.email",
				  {pg::param_array(ids), pg::param_array(subjects), pg::param_array(emails)});
	std::map<int64_t, bool> taken;
	for (uint64_t i = 0; i < rows.size(); ++i)
		taken[rows.integer(i, 0)] = true;
	return taken;
}

/// The request that a line of the journal stands for.
ErasureRequest
request_of(const JournalLine &line, const Found &found, const std::map<int64_t, bool> &taken)
{
	ErasureRequest request;
	request.source = "journal";
	request.erasure_id = taken.count(line.erasure_id) > 0 ? 0 : line.erasure_id;
	request.pseudonym = line.subject;
	request.email_pseudonym = line.email;
	request.received_at = line.received_at;
	if (!line.file_hash.empty())
		request.subject_hash = strtoull(line.file_hash.c_str(), nullptr, 16);
	if (line.status == "duplicate")
		request.duplicate = true;
	else if (line.status == "completed" || line.status == "not_found")
	{
		// they were erased, whatever holds this database knows of; of somebody about whom nothing
		// was held then, this database may hold something
		const auto subject = found.subjects.find(line.subject);
		const auto email = found.emails.find(line.email);
		if (subject != found.subjects.end())
			request.subject = subject->second;
		else if (line.subject.empty() && email != found.emails.end())
			request.subject = email->second;
		request.status = line.status;
	}
	else
	{
		request.status = line.status; // held, refused: nothing was erased
		request.held = true;
	}
	return request;
}

std::vector<int64_t>
reapply(const JournalState &state)
{
	const pg::Settings settings = pg::Settings::current();
	settings.require_folders();
	const std::string secret = pg::secret();
	const std::string key = key_id(secret);
	const Catalog catalog = Catalog::load();
	std::map<std::string, std::vector<const JournalLine *>> by_dataset;
	for (const JournalLine &line : state.missing)
	{
		if (line.key_id != key)
			throw pg::Error("55000", "the erasure journal has pseudonyms of another key",
							"Line " + std::to_string(line.seq) + " was written with key " +
								line.key_id + ", etl.key_file holds " + key + ".",
							"Set etl.key_file to the key that the journal was written with.");
		if (catalog.find(line.dataset) == nullptr)
			throw pg::Error("42704", "dataset \"" + line.dataset + "\" is not defined",
							"Line " + std::to_string(line.seq) +
								" of the erasure journal erases one of its people.",
							"Define it with SELECT etl_define('…').");
		by_dataset[line.dataset].push_back(&line);
	}
	const std::map<int64_t, bool> taken = taken_ids(state.missing);
	std::vector<int64_t> ids;
	const JournalPause pause;
	for (const auto &[dataset, lines] : by_dataset)
	{
		Wanted wanted;
		for (const JournalLine *line : lines)
		{
			if (!line->subject.empty())
				wanted.subjects.insert(line->subject);
			else if (!line->email.empty())
				wanted.emails.insert(line->email);
			if (!line->file_hash.empty())
				wanted.file_hashes[line->subject] = strtoull(line->file_hash.c_str(), nullptr, 16);
		}
		const Found found = find_people(catalog, dataset, secret, wanted);
		std::vector<ErasureRequest> requests;
		for (const JournalLine *line : lines)
			requests.push_back(request_of(*line, found, taken));
		erase_subjects(catalog, dataset, secret, requests, settings);
		for (const ErasureRequest &request : requests)
			ids.push_back(request.erasure_id);
	}
	pg::query("SELECT setval('etl.erasure_erasure_id_seq', greatest(max(erasure_id),"
			  " (SELECT last_value FROM etl.erasure_erasure_id_seq))) FROM etl.erasure");
	AuditEntry entry;
	entry.action = "reapply";
	entry.place = "journal, lines to " + std::to_string(state.end.seq);
	entry.row_count = static_cast<int64_t>(ids.size());
	append_audit({entry});
	return ids;
}

} // namespace

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_reapply)
{
	require_utf8();
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	lock_journal();
	const JournalState state = journal_state(true);
	if (state.path.empty())
		throw pg::Error("55000", "setting \"etl.journal_dir\" is not set",
						"Without a journal nothing says which erasures this database lacks.",
						"Set etl.journal_dir to the folder of the erasure journal.");
	if (!state.problem.empty())
		throw pg::Error("55000", "erasure journal \"" + state.path + "\" can't be trusted",
						state.problem, state.hint);
	if (!state.missing.empty())
	{
		const std::vector<int64_t> ids = reapply(state);
		const pg::Rows rows =
			pg::query("SELECT * FROM etl.erasure WHERE erasure_id = ANY ($1) ORDER BY erasure_id",
					  {pg::param_array(ids)});
		for (uint64_t i = 0; i < rows.size(); ++i)
			result.add_tuple(rows.tuple(i));
	}
	if (state.exists)
		set_journal_mark(state.end);
	return static_cast<Datum>(0);
}

PG_ETL_ENTRY(etl_journal_check)
{
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const auto row = [&](const char *status, const std::string &detail, const std::string &hint)
	{
		result.add({pg::Cell::text("journal"), pg::Cell::text(status), pg::Cell::text(detail),
					pg::Cell::text_or_null(hint)});
	};
	try
	{
		const JournalState state = journal_state(true);
		if (state.path.empty())
			row("warning",
				"no erasure journal is kept: a restored backup would bring erased people back "
				"unnoticed",
				"ALTER DATABASE … SET etl.journal_dir = '…';");
		else if (!state.problem.empty())
			row("error", "\"" + state.path + "\" can't be trusted: " + state.problem, state.hint);
		else if (!state.missing.empty())
			row("error",
				"the database is behind its journal: " + std::to_string(state.missing.size()) +
					" erasures are not known here",
				"SELECT * FROM etl_reapply();");
		else if (state.torn)
			row("warning",
				"\"" + state.path +
					"\" ends with an incomplete line, of an erasure that did not commit",
				"The next erasure removes it.");
		else
			row("ok",
				std::to_string(state.entries) + " erasures in \"" + state.path + "\"" +
					(state.rolled_back > 0 ? ", " + std::to_string(state.rolled_back) +
												 " of them rolled back since the last one"
										   : ""),
				"");
	}
	catch (const pg::PgError &)
	{
		throw; // the transaction has failed
	}
	catch (const pg::Error &error)
	{
		row("error", std::string(error.what()) + ": " + error.detail(), error.hint());
	}
	return static_cast<Datum>(0);
}

PG_ETL_ENTRY(etl_journal_erasure)
{
	const int64_t erasure_id = PG_GETARG_INT64(0);
	const pg::Spi spi;
	const pg::Rows rows = pg::query("SELECT dataset, coalesce(subject, ''), coalesce(email, ''),"
									" status, row_count FROM etl.erasure WHERE erasure_id = $1",
									{pg::param(erasure_id)});
	if (rows.empty())
		throw pg::Error("42704", "there is no erasure request " + std::to_string(erasure_id));
	JournalErasure line;
	line.erasure_id = erasure_id;
	line.dataset = rows.text(0, 0);
	line.subject = rows.text(0, 1);
	line.email = rows.text(0, 2);
	line.status = rows.text(0, 3);
	line.row_count = rows.integer(0, 4);
	return BoolGetDatum(append_journal({line}));
}
