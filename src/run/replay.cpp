#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include <unistd.h>

#include "core/file_rewriter.h"
#include "erase/erase.h"
#include "erase/journal.h"
#include "erase/subject_index.h"
#include "erase/tombstone.h"
#include "pg/immediate_constraints.h"
#include "pg/key_file.h"
#include "pg/type_input.h"
#include "run/actions.h"
#include "run/archive_mark.h"
#include "run/batch.h"
#include "run/catalog_owner.h"
#include "run/claim.h"
#include "run/export.h"
#include "run/fault.h"
#include "run/quarantine.h"

namespace etl
{

namespace
{

/// Records taken through the pipeline at a time, and bytes of them; the tests that crash have no
/// 20,000.
#ifdef ETL_FAULTS
constexpr size_t chunk_size = 5;
#else
constexpr size_t chunk_size = 20000;
#endif
constexpr int64_t chunk_bytes = 16 << 20;

/// Keys that were loaded, for which records of other datasets may wait.
using Keys = std::set<std::string>;

/// Records that a replay has released, by file and line.
using Released = std::map<int64_t, std::map<uint64_t, std::string>>;

/// Replays records of one dataset.
class Replay
{
  public:
	Replay(const Catalog &catalog, const Definition &definition, RunResult &result)
		: catalog_(catalog), definition_(definition), result_(result),
		  settings_(pg::Settings::current())
	{
	}

	/// All open records, or those named. Returns the keys that were loaded.
	Keys execute(const std::vector<int64_t> *ids)
	{
		recover(definition_.dataset, settings_);
		ETL_FAULT("replay");
		ensure_tables(definition_);
		for (const ReferenceDefinition &reference : definition_.references)
			if (const Definition *parent = catalog_.find(reference.dataset))
				ensure_tables(*parent);
		if (definition_.erases)
			erasure_.emplace(catalog_, definition_, pg::secret(pg::KeyUse::keep));
		if (definition_.subject)
			people_.emplace(pg::secret(pg::KeyUse::keep));
		tombstones_ = Tombstones::load(definition_, part_folder(settings_, definition_.dataset));
		awaited_ = !pg::query("SELECT 1 FROM etl.quarantine_reference WHERE dataset = $1 LIMIT 1",
							  {pg::param(definition_.dataset)})
						.empty();
		open_records(ids);
		auto chunk = chunk_ends_.begin();
		for (size_t from = 0; chunk != chunk_ends_.end();)
		{
			const pg::MemoryScope memory_scope;
			const size_t to = *chunk;
			// what records become may take many times what they do: perhaps not all of them
			from += process({records_.begin() + static_cast<ptrdiff_t>(from),
							 records_.begin() + static_cast<ptrdiff_t>(to)});
			ETL_FAULT("replay_released");
			if (erasure_ && (erasure_->full() || from == records_.size()))
				erasure_->execute();
			complete_files(from);
			if (from == to)
				++chunk;
		}
		add_subject_files(definition_.dataset, subjects_);
		merge_subject_segments(definition_.dataset);
		ETL_FAULT("replay_completed");
		return loaded_;
	}

  private:
	/// In order of arrival; where a later record updates a row, in order of partition, as a run
	/// would have met them.
	void open_records(const std::vector<int64_t> *ids)
	{
		const std::string order = definition_.on_repeat == OnRepeat::update
									  ? "f.record_date, f.record_hour, q.quarantine_id"
									  : "q.quarantine_id";
		pg::Cursor cursor(
			"SELECT q.quarantine_id, coalesce(q.file_id, 0),"
			" greatest(octet_length(q.record), octet_length(q.record_bytes))::bigint"
			" FROM etl.quarantine q LEFT JOIN etl.file f USING (file_id)"
			" WHERE q.dataset = $1 AND q.status = 'open' AND q.record IS NOT NULL"
			" AND ($2 OR q.quarantine_id IN (SELECT unnest($3::bigint[]))) ORDER BY " +
				order,
			{pg::param(definition_.dataset), pg::param(ids == nullptr),
			 pg::param_array(ids == nullptr ? std::vector<int64_t>() : *ids)});
		size_t from = 0;
		int64_t bytes = 0;
		cursor.for_each(10'000,
						[&](const pg::Rows &rows, uint64_t i)
						{
							file_ends_[rows.integer(i, 1)] = records_.size();
							records_.push_back(rows.integer(i, 0));
							bytes += rows.integer(i, 2);
							if (records_.size() - from < chunk_size && bytes < chunk_bytes)
								return;
							chunk_ends_.push_back(from = records_.size());
							bytes = 0;
						});
		if (from < records_.size())
			chunk_ends_.push_back(records_.size());
	}

	/// The first of the records, as many as may be taken up at a time; returns how many.
	size_t process(const std::vector<int64_t> &ids)
	{
		pg::check_for_interrupts();
		Batch batch;
		batch.pieces.push_back(std::make_unique<Piece>());
		Piece &piece = *batch.pieces.back();
		std::vector<int64_t> file_ids;
		std::vector<std::string> known_subjects;
		size_t done = ids.size();
		RecordStager stager(definition_, catalog_.key_types(),
							tombstones_ ? tombstones_->erased() : nullptr, nullptr, &type_input_);
		{
			const pg::Rows rows = pg::query(
				"SELECT q.quarantine_id,"
				// of one that is too long the beginning says so
				" CASE WHEN octet_length(q.record) > $2 THEN substr(q.record, 1, 1024)"
				" ELSE q.record END, CASE WHEN octet_length(q.record) <= $2 THEN q.record_bytes "
				"END,"
				" coalesce(q.line, 0),"
				" coalesce(q.file_id, 0), f.record_date - date '2000-01-01', f.record_hour,"
				" q.code = 'duplicate', coalesce(q.key, ''), coalesce(q.subject, ''),"
				" octet_length(q.record) > $2, i.n"
				" FROM unnest($1::bigint[]) WITH ORDINALITY i(id, n)"
				// an erasure since may have treated it
				" JOIN etl.quarantine q ON q.quarantine_id = i.id AND q.status = 'open'"
				" LEFT JOIN etl.file f USING (file_id) ORDER BY i.n",
				{pg::param_array(ids), pg::param(static_cast<int64_t>(settings_.max_record_size))});
			for (uint64_t i = 0; i < rows.size(); ++i)
			{
				if (piece.memory() > settings_.batch_memory / 4 || stager.dictionary_full())
				{
					done = static_cast<size_t>(rows.integer(i, 11) - 1);
					break;
				}
				std::string text = rows.text(i, 1);
				if (!rows.is_null(i, 2) && storable_text(rows.bytes(i, 2)) == text)
					text = rows.bytes(i, 2); // not mended: what came, not what could be shown
				// mended by hand, it may stand on several lines
				std::replace(text.begin(), text.end(), '\n', ' ');
				const RawRecord raw{piece.arena.copy(text),
									static_cast<uint64_t>(rows.integer(i, 3)), rows.boolean(i, 10)};
				RowContext context;
				context.record_date = rows.int4(i, 5);
				context.record_hour = rows.int2(i, 6);
				context.run_time = result_.started_at;
				stager.stage(raw, raw.text.size(), static_cast<uint32_t>(i), context, piece);
				StagedRecord &record = piece.records.back();
				record.quarantine_id = rows.integer(i, 0);
				// where repeats update, a duplicate repeats a key within its file, and the first
				// record with the key has the row
				if (definition_.on_repeat == OnRepeat::update && rows.boolean(i, 7) &&
					record.loadable && record.key.data() != nullptr &&
					record.key == rows.text(i, 8))
				{
					record.add({Code::duplicate, "key", definition_.key_field, "/x-etl/key",
								"23505",
								definition_.key_field + ": key appears earlier in the same file"});
					record.loadable = false;
				}
				file_ids.push_back(rows.integer(i, 4));
				known_subjects.push_back(rows.text(i, 9));
			}
		}
		batch.collect();
		if (erasure_)
			erasure_->resolve(batch);
		check_and_load(catalog_, definition_, batch, nullptr);
		if (erasure_)
			erasure_->collect(batch, {});
		ETL_FAULT("replay_loaded");
		for (const auto &[file, count] : batch.kept_out)
			result_.loaded -= static_cast<int64_t>(count);
		update_quarantine(definition_, batch, result_.run_id,
						  erasure_.has_value() || tombstones_ != nullptr,
						  settings_.max_record_size);
		for (size_t i = 0; i < batch.records.size(); ++i)
		{
			const BatchRecord &r = batch.records[i];
			++result_.records;
			result_.bytes += static_cast<int64_t>(r.record->text.size());
			if (!r.accepted)
			{
				++result_.quarantined;
				continue;
			}
			++result_.loaded;
			// mended, it may be about somebody else, whom the index does not know in this file
			if (people_ && r.record->subject.data() != nullptr && file_ids[i] != 0 &&
				r.record->subject != known_subjects[i])
				subjects_.push_back(
					{static_cast<int64_t>(people_->subject_hash(r.record->subject)), file_ids[i]});
			if (awaited_ && r.record->key.data() != nullptr)
				loaded_.emplace(r.record->key);
			if (file_ids[i] != 0)
				released_[file_ids[i]].emplace(r.record->line, r.record->output);
		}
		return done;
	}

	/// Puts the released records into their processed files, in source order: those of files
	/// without any among the records from that one on.
	void complete_files(size_t to)
	{
		std::vector<int64_t> ids;
		for (const auto &entry : released_)
			if (file_ends_.at(entry.first) < to)
				ids.push_back(entry.first);
		result_.files += static_cast<int32_t>(ids.size());
		if (ids.empty())
			return;
		const pg::Rows rows = pg::query(
			"SELECT file_id, path, coalesce(processed_path, ''), coalesce(archived_path, ''),"
			" records, coalesce(last_line, 0) FROM etl.file WHERE file_id = ANY ($1) ORDER BY "
			"file_id",
			{pg::param_array(ids)});
		std::vector<std::string> names;
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			names.push_back(settings_.processed_dir + "/" + rows.text(i, 2));
			names.push_back(settings_.archive_dir + "/" + rows.text(i, 3));
		}
		pending_ = pending_sources(names);
		const std::string folder = part_folder(settings_, definition_.dataset);
		std::vector<FileAction> actions;
		std::vector<std::string> paths;
		std::vector<int64_t> file_ids, counts;
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			pg::check_for_interrupts();
			const int64_t file_id = rows.integer(i, 0);
			std::string path = rows.text(i, 2);
			const bool existed = !path.empty();
			if (!existed)
				path = free_name(settings_.processed_dir, rows.text(i, 1), {});
			FileAction publish;
			publish.file_id = file_id;
			publish.from = part_name(folder, file_id, "merged");
			publish.to = settings_.processed_dir + "/" + path;
			remove_on_rollback(publish.from);
			ETL_FAULT("replay_merge");
			try
			{
				merge(file_id, existed ? present_name(publish.to) : std::string(),
					  record_lines(file_id, settings_.archive_dir + "/" + rows.text(i, 3),
								   rows.integer(i, 4), rows.integer(i, 5)),
					  publish.from, is_gzip(path));
			}
			catch (const FileError &e)
			{
				throw pg::Error(e.sqlstate(),
								std::string("could not complete a processed file: ") + e.what(),
								"File \"" + publish.to + "\".");
			}
			actions.push_back(std::move(publish));
			paths.push_back(path);
			file_ids.push_back(file_id);
			counts.push_back(static_cast<int64_t>(released_[file_id].size()));
			released_.erase(file_id);
		}
		{
			const AsCatalogOwner owner;
			pg::execute(
				"UPDATE etl.file f SET processed_path = r.path, loaded = f.loaded + r.count,"
				" quarantined = f.quarantined - r.count"
				" FROM unnest($1::bigint[], $2::text[], $3::bigint[]) r(id, path, count)"
				" WHERE f.file_id = r.id",
				{pg::param_array(file_ids),
				 pg::param_array(std::vector<std::string_view>(paths.begin(), paths.end())),
				 pg::param_array(counts)});
		}
		plan_actions(definition_.dataset, std::move(actions));
	}

	/// Of a file that an action of this transaction, say, has not given its final name yet.
	std::string present_name(const std::string &path) const
	{
		const auto found = pending_.find(path);
		return found == pending_.end() ? path : found->second;
	}

	/// The lines whose records are in the processed file already, in order: those of the raw file
	/// that are not quarantined and were not released just now.
	std::vector<uint64_t> record_lines(int64_t file_id, const std::string &archived,
									   int64_t records, int64_t last_line)
	{
		std::vector<uint64_t> lines;
		// blank lines: only the file knows where
		const std::string source = present_name(archived);
		FileIdentity identity;
		const bool gone = records != last_line && !identify(source, identity);
		if (gone)
			pg::notice(WARNING, "an archived file is gone, and with it where its blank lines were",
					   "File \"" + storable_text(archived) + "\".",
					   "The released records are in the processed file, perhaps some lines from "
					   "where they would stand.");
		if (records == last_line || gone)
			for (int64_t line = 1; line <= last_line; ++line)
				lines.push_back(static_cast<uint64_t>(line));
		else
		{
			FileReader reader(source, is_gzip(archived), UINT64_MAX);
			RecordSplitter splitter(max_rewritten_record, is_whole_json(archived),
									[&](const RawRecord &raw) { lines.push_back(raw.line); });
			std::vector<char> buffer(256 * 1024);
			while (const size_t got = reader.read(buffer.data(), buffer.size()))
			{
				splitter.feed({buffer.data(), got});
				pg::check_for_interrupts();
			}
			splitter.finish();
		}
		std::set<uint64_t> out;
		const pg::Rows rows =
			pg::query("SELECT line FROM etl.quarantine WHERE file_id = $1 AND status <> 'released'",
					  {pg::param(file_id)});
		for (uint64_t i = 0; i < rows.size(); ++i)
			out.insert(static_cast<uint64_t>(rows.integer(i, 0)));
		for (const auto &entry : released_[file_id])
			out.insert(entry.first);
		std::erase_if(lines, [&](uint64_t line) { return out.count(line) > 0; });
		return lines;
	}

	void merge(int64_t file_id, const std::string &existing, const std::vector<uint64_t> &lines,
			   const std::string &part, bool gzip)
	{
		FileWriter writer(part, gzip);
		const auto &released = released_[file_id];
		auto next = released.begin();
		const auto write_released_before = [&](uint64_t line)
		{
			for (; next != released.end() && next->first < line; ++next)
				writer.write(next->second + "\n");
		};
		FileIdentity identity;
		if (!existing.empty() && identify(existing, identity))
		{
			size_t n = 0;
			FileReader reader(existing, gzip, UINT64_MAX);
			RecordSplitter splitter(SIZE_MAX / 4, false,
									[&](const RawRecord &raw)
									{
										if (n < lines.size())
											write_released_before(lines[n]);
										++n;
										writer.write(std::string(raw.text) + "\n");
									});
			std::vector<char> buffer(256 * 1024);
			while (const size_t got = reader.read(buffer.data(), buffer.size()))
			{
				splitter.feed({buffer.data(), got});
				pg::check_for_interrupts();
			}
			splitter.finish();
		}
		write_released_before(UINT64_MAX);
		writer.close();
	}

	const Catalog &catalog_;
	const Definition &definition_;
	RunResult &result_;
	const pg::Settings settings_;
	std::optional<ErasureRun> erasure_;
	std::unique_ptr<Tombstones> tombstones_;
	pg::ServerTypeInput type_input_;
	std::optional<Identities> people_;
	std::vector<SubjectFile> subjects_;
	std::vector<int64_t> records_;        ///< what is replayed, in order
	std::vector<size_t> chunk_ends_;      ///< where each chunk of them ends
	std::map<int64_t, size_t> file_ends_; ///< by file: the position of its last record
	bool awaited_ = false;                ///< records of other datasets wait for keys of this one
	Keys loaded_;
	Released released_;                                    ///< of files that have records to come
	std::unordered_map<std::string, std::string> pending_; ///< present names of the slice's files
};

/// Open records that wait for one of the keys, by dataset.
std::map<std::string, std::vector<int64_t>>
waiting_for(const std::string &dataset, const Keys &keys)
{
	std::map<std::string, std::vector<int64_t>> waiting;
	if (keys.empty())
		return waiting;
	const pg::Rows rows =
		pg::query("SELECT DISTINCT q.dataset, q.quarantine_id FROM etl.quarantine_reference r"
				  " JOIN etl.quarantine q USING (quarantine_id)"
				  " JOIN unnest($2::text[]) k(key) ON r.key = k.key"
				  " WHERE r.dataset = $1 AND q.status = 'open' ORDER BY 2",
				  {pg::param(dataset),
				   pg::param_array(std::vector<std::string_view>(keys.begin(), keys.end()))});
	for (uint64_t i = 0; i < rows.size(); ++i)
		waiting[rows.text(i, 0)].push_back(rows.integer(i, 1));
	return waiting;
}

} // namespace

RunResult
replay_dataset(const Catalog &catalog, const std::string &dataset)
{
	const Definition &definition = catalog.get(dataset);
	require_read_committed();
	pg::Settings::current().require_folders();
	require_journal_applied();
	RunResult result = begin_run(dataset);
	if (const int32_t pid = lock_dataset(dataset))
	{
		result.status = "skipped";
		result.error = "another session is running this dataset: process " + std::to_string(pid);
		finish_run(result);
		return result;
	}
	require_files_known(dataset, pg::Settings::current());
	pg::ImmediateConstraints immediate;
	// what is loaded releases what waited for it, in whatever dataset, until nothing more moves
	std::deque<std::pair<std::string, Keys>> loaded;
	loaded.emplace_back(dataset, Replay(catalog, definition, result).execute(nullptr));
	finish_run(result);
	while (!loaded.empty())
	{
		const auto [parent, keys] = std::move(loaded.front());
		loaded.pop_front();
		for (const auto &[name, ids] : waiting_for(parent, keys))
		{
			const Definition *waiting = catalog.find(name);
			if (waiting == nullptr || lock_dataset(name) != 0)
				continue; // it is running: its own replay will find them
			RunResult cascade = begin_run(name);
			loaded.emplace_back(name, Replay(catalog, *waiting, cascade).execute(&ids));
			finish_run(cascade);
		}
	}
	immediate.end();
	return result;
}

} // namespace etl
