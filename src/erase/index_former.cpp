#include "erase/index_former.h"

#include <algorithm>
#include <map>
#include <memory>
#include <span>

#include "catalog/former_definitions.h"
#include "catalog/indexed_as.h"
#include "catalog/subject_index.h"
#include "core/definition/definition.h"
#include "core/records/file_name.h"
#include "erase/file_indexer.h"
#include "load/quarantine.h"
#include "load/writing_quarantine.h"
#include "pg/key_file.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/writable.h"
#include "publish/plan.h"

namespace etl
{

namespace
{

constexpr char read_some_files_sql[] = R"(
SELECT f.file_id, coalesce(f.archived_path, ''), coalesce(f.processed_path, ''), r.defined_at
  FROM unnest($1::bigint[]) i(id)
  JOIN etl.file f ON f.file_id = i.id
  LEFT JOIN etl.run r USING (run_id)
 ORDER BY 1)";

constexpr char read_quarantine_sql[] = R"(
SELECT q.quarantine_id, q.record, coalesce(q.subject, ''), r.defined_at
  FROM etl.quarantine q
  LEFT JOIN etl.file f USING (file_id)
  LEFT JOIN etl.run r ON r.run_id = coalesce(f.run_id, q.run_id)
 WHERE q.dataset = $1 AND q.record IS NOT NULL
 ORDER BY q.quarantine_id)";

constexpr char note_subjects_of_quarantine_sql[] = R"(
UPDATE etl.quarantine q
   SET subject = n.subject
  FROM unnest($1::bigint[], $2::text[]) n(id, subject)
 WHERE q.quarantine_id = n.id)";

class FormerFiles : public FileIndexer
{
  public:
	using FileIndexer::FileIndexer;

	/// Reads only files that the index knows by another definition.
	void run()
	{
		if (all_indexed(catalog_, definition_))
			return;
		const std::vector<int64_t> ids = unindexed_files(catalog_, definition_);
		for (size_t begin = 0; begin < ids.size(); begin += limits::indexed_files)
		{
			const pg::MemoryScope memory;
			find_former(
				std::span(ids).subspan(begin, std::min(limits::indexed_files, ids.size() - begin)));
			index_found();
			found_.clear();
			tasks_.clear();
		}
		name_quarantined();
		if (is_complete_)
			note_all_indexed(catalog_, definition_);
	}

  private:
	/// Finds the copies of files that the catalog knows.
	void find_former(std::span<const int64_t> ids)
	{
		const pg::Rows rows = pg::query(
			read_some_files_sql, {pg::param_array(std::vector<int64_t>(ids.begin(), ids.end()))});
		std::vector<std::string> paths;
		for (uint64_t i = 0; i < rows.size(); ++i)
			for (const bool archived : {true, false})
				if (std::string path = rows.text(i, archived ? 1 : 2); !path.empty())
				{
					paths.push_back((archived ? settings_.archive_dir : settings_.processed_dir) +
									"/" + path);
					Found &found = found_.emplace_back();
					found.path = std::move(path);
					found.archived = archived;
					found.file_id = rows.integer(i, 0);
					if (!rows.is_null(i, 3))
						found.defined_at = rows.integer(i, 3);
				}
		// files of this transaction, and files that could not be moved yet, still have other names
		const auto pending = pending_sources(paths);
		for (size_t i = 0; i < paths.size(); ++i)
		{
			const auto present = pending.find(paths[i]);
			RewriteTask task;
			task.source = present == pending.end() ? paths[i] : present->second;
			task.whole_json = found_[i].archived && is_whole_json(paths[i]);
			tasks_.push_back(std::move(task));
		}
	}

	/// etl.quarantine.subject was set by the definition under which a record was refused last. Sets
	/// it as that definition, or else the one in force, says, in the canonical spelling that the
	/// key's type has now.
	void name_quarantined()
	{
		const Identities people(pg::secret(pg::KeyUse::keep));
		pg::Cursor cursor(read_quarantine_sql, {pg::param(definition_.dataset)});
		std::vector<int64_t> ids;
		std::vector<std::string> subjects;
		std::map<NamingDefinitions, PersonNamer> namers;
		cursor.for_each(
			limits::fetched_records,
			[&](const pg::Rows &rows, uint64_t i)
			{
				NamingDefinitions definitions = definitions_of(
					rows.is_null(i, 3) ? std::nullopt : std::optional(rows.integer(i, 3)));
				std::rotate(definitions.begin(), definitions.begin() + 1, definitions.end());
				std::string named;
				namers.try_emplace(definitions, definitions, catalog_.key_types(), people)
					.first->second.visit(rows.text(i, 1),
										 [&](const std::string &subject, uint64_t)
										 {
											 if (named.empty())
												 named = subject;
										 });
				if (named.empty() || named == rows.text(i, 2) ||
					named.size() > limits::indexed_key_bytes)
					return;
				ids.push_back(rows.integer(i, 0));
				subjects.push_back(std::move(named));
			});
		const WritingQuarantine writing;
		pg::execute(note_subjects_of_quarantine_sql,
					{pg::param_array(ids), pg::param_array(std::vector<std::string_view>(
											   subjects.begin(), subjects.end()))});
	}

	int64_t file_of(const Found &found, const RewriteOutcome &, RunResult &) override
	{
		return found.file_id;
	}
};

} // namespace

void
index_former_files(const Catalog &catalog)
{
	if (!pg::is_writable())
		return;
	const pg::Settings settings = pg::Settings::current();
	const auto index = [&](const Definition &definition)
	{
		if (definition.subject || definition.erases)
			FormerFiles(catalog, definition, settings).run();
	};
	for (const auto &[name, definition] : catalog.all())
		index(definition);
	std::map<std::string, std::shared_ptr<const Definition>> dropped;
	for (FormerDefinition &former : former_definitions())
		if (!catalog.defined_at(former.dataset) && former.definition != nullptr)
			dropped[former.dataset] = std::move(former.definition); // the last definition stays
	for (const auto &[name, definition] : dropped)
		index(*definition);
}

} // namespace etl
