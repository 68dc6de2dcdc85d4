#include "locate/locate.h"

#include <filesystem>
#include <memory>

#include "core/base/sqlstate.h"
#include "core/base/utf8.h"
#include "core/search/needle.h"
#include "core/search/search_job.h"
#include "core/search/search_pool.h"
#include "load/quarantine.h"
#include "locate/locate_disk.h"
#include "locate/locate_rows.h"
#include "pg/arguments.h"
#include "pg/exclusive_call.h"
#include "pg/exit_guard.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/srf.h"

extern "C"
{
#include "access/xlog.h"
#include "mb/pg_wchar.h"
#include "postmaster/bgwriter.h"
}

namespace etl
{

namespace
{

constexpr char normal_forms_sql[] = R"(SELECT normalize($1, NFC), normalize($1, NFD))";

/// The text in its Unicode normalization forms: é is one character or two.
std::vector<std::string>
spellings(const std::string &identifier)
{
	std::vector<std::string> all{identifier};
	const pg::Rows forms = pg::query(normal_forms_sql, {pg::param(identifier)});
	for (const int form : {0, 1})
		if (const std::string text = forms.text(0, form);
			std::find(all.begin(), all.end(), text) == all.end())
			all.push_back(text);
	return all;
}

/// Adds a job for every file in the directories of the pipeline. `names` gets the displayed name of
/// each job's file.
void
plan_files(const pg::Settings &settings, std::vector<SearchJob> &jobs,
		   std::vector<std::string> &names, Located &located)
{
	namespace fs = std::filesystem;
	const struct
	{
		const char *name, *setting;
		const std::string &path;
	} folders[] = {{"raw", "etl.raw_dir", settings.raw_dir},
				   {"processed", "etl.processed_dir", settings.processed_dir},
				   {"archive", "etl.archive_dir", settings.archive_dir},
				   {"journal", "etl.journal_dir", settings.journal_dir}};
	for (const auto &folder : folders)
	{
		if (folder.path.empty())
		{
			if (&folder.path != &settings.journal_dir)
				located.unsearched.push_back(std::string(folder.setting) + " is not set");
			continue;
		}
		std::error_code error;
		fs::recursive_directory_iterator entry(folder.path, error), end;
		if (error)
			located.unsearched.push_back(std::string(folder.name) + ": " + error.message());
		while (!error && entry != end)
		{
			pg::check_for_interrupts();
			const fs::path &path = entry->path();
			const std::string name =
				storable_text(std::string(folder.name) + path.string().substr(folder.path.size()));
			std::error_code problem;
			if (entry->is_directory(problem) && !entry->is_symlink(problem))
			{
				// opened here, so that an unreadable directory is reported and the walk continues
				fs::directory_iterator probe(path, problem);
				if (problem)
				{
					located.unsearched.push_back(name + ": " + problem.message());
					entry.disable_recursion_pending();
				}
			}
			else if (!entry->is_directory(problem))
			{
				jobs.push_back({SearchJob::Kind::file, {path.string()}, 0});
				names.push_back(name);
			}
			else
				located.unsearched.push_back(name + ": a symbolic link to a directory");
			entry.increment(error);
			if (error)
				located.unsearched.push_back(std::string(folder.name) + ": " + error.message());
		}
	}
}

void
search_files(const Needle &needle, Located &located)
{
	const pg::Settings settings = pg::Settings::current();
	std::vector<SearchJob> jobs;
	std::vector<std::string> names;
	plan_files(settings, jobs, names, located);

	DiskSearch disk;
	const bool privileged = pg::call([] { return superuser(); });
	if (privileged)
	{
		// the files must contain everything that the server has in its buffers
		pg::call([]
				 { RequestCheckpoint(CHECKPOINT_IMMEDIATE | CHECKPOINT_FORCE | CHECKPOINT_WAIT); });
		disk.plan(jobs, located);
	}
	else
		located.unsearched.push_back(
			"the server's own files (tables, indexes, WAL): only a superuser may search them");

	const SearchSizes sizes{BLCKSZ, XLOG_BLCKSZ, RELSEG_SIZE, settings.max_file_size,
							settings.batch_memory / settings.threads};
	SearchPool pool(jobs, needle, sizes, settings.threads);
	const StopOnExit stop_search([&pool] { pool.stop(); });
	while (!pool.finished())
	{
		pg::check_for_interrupts();
		SearchPool::Done done;
		if (!pool.next(done, std::chrono::milliseconds(100)))
			continue;
		const SearchJob &job = jobs[done.job];
		if (job.kind == SearchJob::Kind::file)
		{
			located.add(names[done.job], "file", done.result.count);
			for (std::string &line : done.result.unsearched)
			{
				// with the displayed name instead of the path
				const std::string &path = job.paths[0];
				if (line.compare(0, path.size(), path) == 0)
					line.replace(0, path.size(), names[done.job]);
				located.unsearched.push_back(storable_text(line));
			}
		}
		else
			disk.take(job, done.result, located);
	}
	if (privileged)
		disk.conclude(located);
}

void
tell_unsearched(const Located &located)
{
	std::string detail =
		"Outside its reach: backups, archived WAL, replicas, other databases of this cluster, "
		"server logs, free blocks of the file system. Numbers, dates and UUIDs are binary in the "
		"server's files: there only text is found.";
	for (size_t i = 0; i < located.unsearched.size() && i < limits::named_obstacles; ++i)
		detail += "\n" + located.unsearched[i];
	if (located.unsearched.size() > limits::named_obstacles)
		detail += "\n… and " + std::to_string(located.unsearched.size() - limits::named_obstacles) +
				  " more.";
	pg::notice(NOTICE, "etl_locate did not search everything", detail);
}

} // namespace

Located
locate(const std::string &identifier)
{
	Located located;
	const Needle needle(spellings(identifier));
	locate_rows(needle, located);
	search_files(needle, located);
	return located;
}

} // namespace etl

PG_ETL_ENTRY(etl_locate)
{
	const etl::ExclusiveCall exclusive_call(fcinfo, etl::ExclusiveCall::Kind::looks);
	using namespace etl;
	require_utf8();
	// not STRICT, because an empty result would mean that the identifier is nowhere
	const std::string identifier = pg::required_text(fcinfo, 0, "identifier");
	const size_t characters = count_characters(identifier);
	if (characters < limits::identifier_characters || identifier.size() > limits::identifier_bytes)
		throw pg::Error(sqlstate::invalid_parameter_value,
						characters < limits::identifier_characters
							? "identifier is too short to be searched for"
							: "identifier is too long",
						"It must have at least " + std::to_string(limits::identifier_characters) +
							" characters and at most " + std::to_string(limits::identifier_bytes) +
							" bytes.");
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Located located = locate(identifier);
	for (const auto &[finding, count] : located.findings)
		result.add({pg::Cell::text(finding.first), pg::Cell::text(finding.second),
					pg::Cell::bigint(static_cast<int64_t>(count))});
	tell_unsearched(located);
	return static_cast<Datum>(0);
}
