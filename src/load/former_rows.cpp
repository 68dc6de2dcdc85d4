#include "load/former_rows.h"

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "catalog/definitions.h"
#include "catalog/former_definitions.h"
#include "core/base/hash.h"
#include "core/base/utf8.h"
#include "core/definition/definition.h"
#include "core/files/file_identity.h"
#include "core/output/file_rewriter.h"
#include "core/types/encode.h"
#include "core/types/encode_key.h"
#include "core/types/type_error.h"
#include "load/row_partition.h"
#include "pg/catalog_owner.h"
#include "pg/exit_guard.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "publish/plan.h"

extern "C"
{
#include "catalog/pg_type.h"
}

namespace etl
{

namespace
{

/// A processed file of a partition.
struct FormerFile
{
	int64_t file_id;
	int64_t hour;
	std::string path;
	const Path *key; ///< the key's path when its records were loaded, or now
};

/// Definitions by which rows were loaded without recording their partition.
using FormerDefinitions =
	std::map<std::pair<std::string, int64_t>, std::shared_ptr<const Definition>>;

FormerDefinitions
former_definitions_of(const Definition &definition)
{
	FormerDefinitions found;
	for (FormerDefinition &former : former_definitions())
	{
		if (former.definition == nullptr || former.definition->tables.empty() ||
			keeps_row_partitions(*former.definition))
			continue;
		const TableDefinition &table = former.definition->tables[0];
		if (former.dataset == definition.dataset || (table.schema == definition.tables[0].schema &&
													 table.name == definition.tables[0].name))
			found.emplace(std::pair(former.dataset, former.defined_at),
						  std::move(former.definition));
	}
	return found;
}

constexpr char read_former_files_sql[] = R"(
SELECT *
  FROM (SELECT f.file_id, f.processed_path, r.dataset, r.defined_at,
               (f.record_date - date '2000-01-01') * 24::bigint + f.record_hour AS hour
          FROM etl.file f
          JOIN etl.run r USING (run_id)
         WHERE f.dataset = ANY ($1) AND f.processed_path IS NOT NULL
           AND f.status IN ('loaded', 'archived') AND NOT f.rows_noted
           AND r.defined_at IS NOT NULL) f
 WHERE f.hour > $2
 ORDER BY f.hour DESC, f.file_id)";

std::vector<FormerFile>
former_files(const Definition &definition, const FormerDefinitions &former, int64_t after,
			 const std::string &processed_dir)
{
	std::vector<std::string_view> datasets;
	for (const auto &[when, former_definition] : former)
		datasets.push_back(when.first);
	const pg::Rows rows =
		pg::query(read_former_files_sql, {pg::param_array(datasets), pg::param(after)});
	std::vector<FormerFile> files;
	for (uint64_t i = 0; i < rows.size(); ++i)
		if (const auto by = former.find({rows.text(i, 2), rows.integer(i, 3)}); by != former.end())
			files.push_back({rows.integer(i, 0), rows.integer(i, 4),
							 processed_dir + "/" + rows.text(i, 1),
							 by->second->key_field.empty() ? &definition.key : &by->second->key});
	return files;
}

/// Appends the hash of each record's key to `hashes`.
FileRewriter::Transform
key_reader(const ColumnType &type, const Path &path, std::string &hashes)
{
	return [&type, &path, &hashes, document = std::make_shared<Document>(),
			encoded = std::string()](std::string_view text, std::string &, RewriteOutcome &) mutable
	{
		ParseError parse_error;
		TypeError error;
		encoded.clear();
		if (!document->parse(text, parse_error))
			return UINT32_MAX;
		const Value value = find(document->root(), path);
		if (value && !value.is(Kind::null) && !value.is(Kind::array) && !value.is(Kind::object) &&
			encode(type, value, encoded, error))
			append_row_key_hash(canonical_text(type, encoded), hashes);
		return UINT32_MAX;
	};
}

constexpr char note_former_hours_sql[] = R"(
INSERT INTO etl.row_partition (table_name, key_hash, hour)
SELECT $1, k.hash, max(k.hour)
  FROM unnest($2::bytea[], $3::bigint[]) k(hash, hour)
 GROUP BY k.hash
ON CONFLICT DO NOTHING)";

constexpr char note_files_as_read_sql[] = R"(
UPDATE etl.file f
   SET rows_noted = true
  FROM unnest($1::bigint[]) d(id)
 WHERE f.file_id = d.id)";

/// Records the partitions from the files. Returns how many files could be read.
size_t
note_files(const Definition &definition, std::span<const FormerFile> files,
		   const pg::Settings &settings)
{
	std::vector<std::string> paths;
	for (const FormerFile &file : files)
		paths.push_back(file.path);
	// files of this transaction do not have their final names yet
	const auto pending = pending_sources(paths);
	std::vector<RewriteTask> tasks;
	std::vector<std::string> hashes(files.size()); // for each file the hashes of its keys
	for (size_t i = 0; i < files.size(); ++i)
	{
		const auto present = pending.find(files[i].path);
		RewriteTask &task = tasks.emplace_back();
		task.source = present == pending.end() ? files[i].path : present->second;
		task.group = i;
	}
	FileRewriter reader(
		tasks,
		[&](size_t group, TypeInput *)
		{ return key_reader(definition.key_column()->type, *files[group].key, hashes[group]); },
		settings.threads);
	const StopOnExit stop_on_exit(reader);
	while (!reader.wait(std::chrono::milliseconds(100)))
		pg::check_for_interrupts();
	std::vector<int64_t> done, hours;
	std::vector<std::string_view> keys;
	for (size_t i = 0; i < files.size(); ++i)
	{
		FileIdentity identity;
		if (!reader.outcomes()[i].error.empty())
		{
			if (identify(tasks[i].source, identity))
				pg::notice(WARNING, "\"" + storable_text(tasks[i].source) +
										"\" was not read: " + reader.outcomes()[i].error);
			continue;
		}
		done.push_back(files[i].file_id);
		for (size_t at = 0; at < hashes[i].size(); at += row_key_hash_size)
		{
			keys.push_back(std::string_view(hashes[i]).substr(at, row_key_hash_size));
			hours.push_back(files[i].hour);
		}
	}
	const AsCatalogOwner owner;
	pg::execute(note_former_hours_sql, {pg::param(quoted(definition.tables[0])),
										pg::param_array(BYTEAOID, keys), pg::param_array(hours)});
	pg::execute(note_files_as_read_sql, {pg::param_array(done)});
	return done.size();
}

} // namespace

void
append_row_key_hash(std::string_view key, std::string &hashes)
{
	const auto hash = sha256(key);
	hashes.append(reinterpret_cast<const char *>(hash.data()), row_key_hash_size);
}

bool
note_former_rows(const Definition &definition, int64_t after)
{
	const FormerDefinitions former = former_definitions_of(definition);
	if (former.empty())
		return false;
	const pg::Settings settings = pg::Settings::current();
	const std::vector<FormerFile> files =
		former_files(definition, former, after, settings.processed_dir);
	size_t noted = 0;
	// the latest partition first, because existing entries are not changed
	for (size_t begin = 0; begin < files.size(); begin += limits::files_for_row_partitions)
	{
		const pg::MemoryScope memory;
		noted +=
			note_files(definition,
					   std::span(files).subspan(
						   begin, std::min(limits::files_for_row_partitions, files.size() - begin)),
					   settings);
	}
	return noted > 0;
}

} // namespace etl
