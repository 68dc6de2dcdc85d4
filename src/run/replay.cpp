// Quarantined records once more: reads them from the catalog, stages them on the main thread, and
// lets them pass the same steps as the records of a file.
//
// Next door: release.cpp decides which records are replayed because a key has arrived,
// merge_processed.cpp adds what was loaded to the processed files of their files.
#include "run/replay.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "audit/journal.h"
#include "audit/trail.h"
#include "catalog/dataset_lock.h"
#include "catalog/definitions.h"
#include "catalog/pause.h"
#include "catalog/run_row.h"
#include "catalog/subject_index.h"
#include "catalog/tombstone.h"
#include "core/base/sqlstate.h"
#include "core/base/utf8.h"
#include "core/definition/definition.h"
#include "core/privacy/identities.h"
#include "core/records/record_splitter.h"
#include "erase/erase.h"
#include "erase/requests.h"
#include "erase/resolve_requests.h"
#include "load/batch.h"
#include "load/check.h"
#include "load/load.h"
#include "load/quarantine.h"
#include "pg/fault.h"
#include "pg/immediate_constraints.h"
#include "pg/key_file.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/type_input.h"
#include "publish/archive_mark.h"
#include "publish/plan.h"
#include "publish/recover.h"
#include "run/may_call.h"
#include "run/merge_processed.h"
#include "run/release.h"
#include "run/run.h"

namespace etl
{

namespace
{

/// The numbers of the records that a replay takes: those that are open, and those that were treated
/// while they waited for a key. $1: the dataset.
constexpr char all_open_sql[] = R"(
SELECT q.quarantine_id
  FROM etl.quarantine q
 WHERE q.dataset = $1
   AND (q.status = 'open' OR q.status = 'erased' AND EXISTS (
           SELECT FROM etl.quarantine_reference r WHERE r.quarantine_id = q.quarantine_id)))";

constexpr char read_rows_of_batch_sql[] = R"(
SELECT q.quarantine_id,
       -- of one that is too long the beginning says so
       CASE WHEN octet_length(q.record) > $2 THEN substr(q.record, 1, 1024) ELSE q.record END,
       CASE WHEN octet_length(q.record) <= $2 THEN q.record_bytes END, coalesce(q.line, 0),
       coalesce(q.file_id, 0), f.record_date - date '2000-01-01', f.record_hour,
       q.code = 'duplicate', coalesce(q.key, ''), coalesce(q.subject, ''),
       octet_length(q.record) > $2, i.n, q.status = 'erased',
       CASE WHEN q.code = 'duplicate' THEN q.violations -> 0 ->> 'message' END,
       -- when it was delivered, in microseconds since 2000
       (extract(epoch FROM least(q.quarantined_at,
                                 (f.record_date + make_interval(hours => f.record_hour))
                                 AT TIME ZONE 'UTC') - timestamptz '2000-01-01 00:00:00+00')
        * 1000000)::bigint,
       q.mended_at IS NOT NULL
  FROM unnest($1::bigint[]) WITH ORDINALITY i(id, n)
       -- an erasure since may have taken the whole record
  JOIN etl.quarantine q ON q.quarantine_id = i.id
       AND (q.status = 'open' OR q.status = 'erased'
            AND EXISTS (SELECT FROM etl.quarantine_reference r
                         WHERE r.quarantine_id = q.quarantine_id))
  LEFT JOIN etl.file f USING (file_id)
 ORDER BY i.n)";

/// Replays records of one dataset.
class Replay
{
  public:
	Replay(const Catalog &catalog, const Definition &definition, RunResult &result)
		: catalog_(catalog), definition_(definition), result_(result),
		  settings_(pg::Settings::current()), merger_(definition, settings_)
	{
	}

	/// Replays all records that are open or wait, or those in ids.
	void execute(const std::vector<int64_t> *ids)
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
		tombstones_ = Tombstones::load(catalog_, definition_,
									   spill_to(part_folder(settings_, definition_.dataset)));
		open_records(ids);
		auto chunk = chunk_ends_.begin();
		for (size_t from = 0; chunk != chunk_ends_.end();)
		{
			const pg::MemoryScope memory_scope;
			const size_t to = *chunk;
			// processed records may take many times the memory of their text, so process() may take
			// only the first of them
			from += process({records_.begin() + static_cast<ptrdiff_t>(from),
							 records_.begin() + static_cast<ptrdiff_t>(to)});
			ETL_FAULT("replay_released");
			if (erasure_ && (erasure_->full() || from == records_.size()))
				erasure_->execute();
			// merge files that have no records after this one
			result_.files +=
				merger_.complete([&](int64_t file_id) { return file_ends_.at(file_id) < from; });
			if (from == to)
				++chunk;
		}
		if (mended_requests_ > 0)
			append_audit({{0, "mended requests", "etl.quarantine", {}, mended_requests_}});
		add_subject_files(definition_.dataset, subjects_);
		add_subject_emails(definition_.dataset, emails_);
		if (!recognised_.empty())
			erase_recognised(catalog_, definition_.subject->dataset, pg::secret(pg::KeyUse::keep),
							 std::move(recognised_));
		if (!mended_people_.empty())
			erase_mended(catalog_, definition_.subject->dataset, pg::secret(pg::KeyUse::keep),
						 mended_people_);
		merge_subject_segments(definition_.dataset);
		ETL_FAULT("replay_completed");
	}

  private:
	/// Reads the numbers of the records. They are in order of arrival, or, where a later record
	/// updates a row, in order of partition, as a run would have loaded them.
	void open_records(const std::vector<int64_t> *ids)
	{
		const std::string order = definition_.on_repeat == OnRepeat::update
									  ? "f.record_date, f.record_hour, q.quarantine_id"
									  : "q.quarantine_id";
		// A corrected request names the person to be erased, so only users who may erase may have
		// it answered (and it is not answered by a run that releases waiting records, whoever runs
		// it).
		const bool may_answer = !definition_.erases || (ids == nullptr && may_call("etl_erase"));
		const std::string wanted = ids == nullptr ? all_open_sql : "SELECT unnest($1::bigint[])";
		pg::Cursor cursor(
			"SELECT q.quarantine_id, coalesce(q.file_id, 0),"
			" greatest(octet_length(q.record), octet_length(q.record_bytes))::bigint"
			" FROM (" +
				wanted +
				") w(quarantine_id) JOIN etl.quarantine q USING (quarantine_id)"
				" LEFT JOIN etl.file f USING (file_id)"
				" WHERE q.record IS NOT NULL" +
				(may_answer ? "" : " AND q.mended_at IS NULL") + " ORDER BY " + order,
			{ids == nullptr ? pg::param(definition_.dataset) : pg::param_array(*ids)});
		size_t from = 0;
		int64_t bytes = 0;
		cursor.for_each(limits::cursor_rows,
						[&](const pg::Rows &rows, uint64_t i)
						{
							file_ends_[rows.integer(i, 1)] = records_.size();
							records_.push_back(rows.integer(i, 0));
							bytes += rows.integer(i, 2);
							if (records_.size() - from < limits::replayed_records &&
								bytes < limits::replayed_bytes)
								return;
							chunk_ends_.push_back(from = records_.size());
							bytes = 0;
						});
		if (from < records_.size())
			chunk_ends_.push_back(records_.size());
	}

	/// The text of a row's record, stored in the piece with padding after it.
	static std::string_view record_text(const pg::Rows &rows, uint64_t i, Piece &piece)
	{
		std::string text = rows.text(i, 1);
		if (!rows.is_null(i, 2))
			if (std::string bytes = rows.bytes(i, 2); storable_text(bytes) == text)
				text = std::move(bytes); // not corrected: the delivered bytes count
		// a record corrected by hand may have several lines
		std::replace(text.begin(), text.end(), '\n', ' ');
		char *const to = piece.arena.allocate(text.size() + Document::padding);
		std::memcpy(to, text.data(), text.size());
		std::memset(to + text.size(), 0, Document::padding);
		return {to, text.size()};
	}

	/// Processes the first of the records, as many as fit the memory; returns their number.
	size_t process(const std::vector<int64_t> &ids)
	{
		pg::check_for_interrupts();
		Batch batch;
		batch.pieces.push_back(std::make_unique<Piece>());
		Piece &piece = *batch.pieces.back();
		std::vector<int64_t> file_ids, partitions, delivered;
		batch.partition_of = [&](uint32_t record) { return partitions[record]; };
		std::vector<std::string> known_subjects, duplicate_messages;
		std::vector<bool> mended;
		size_t done = ids.size();
		RecordStager stager(definition_, catalog_.key_types(),
							tombstones_ ? tombstones_->erased() : nullptr,
							people_ ? &*people_ : nullptr, &type_input_);
		{
			const pg::Rows rows = pg::query(
				read_rows_of_batch_sql,
				{pg::param_array(ids), pg::param(static_cast<int64_t>(settings_.max_record_size))});
			for (uint64_t i = 0; i < rows.size(); ++i)
			{
				if (piece.memory() > settings_.batch_memory / 4 || stager.dictionary_full())
				{
					done = static_cast<size_t>(rows.integer(i, 11) - 1);
					break;
				}
				const RawRecord raw{record_text(rows, i, piece),
									static_cast<uint64_t>(rows.integer(i, 3)), rows.boolean(i, 10)};
				const size_t readable = raw.text.size() + Document::padding;
				RowContext context;
				context.record_date = rows.int4(i, 5);
				context.record_hour = rows.int2(i, 6);
				context.run_time = result_.started_at;
				if (rows.boolean(i, 12))
					stager.stage_treated(raw, readable, static_cast<uint32_t>(i), context, piece);
				else
					stager.stage(raw, readable, static_cast<uint32_t>(i), context, piece);
				if (raw.text.size() > long_record_bytes)
					stager.release(piece);
				StagedRecord &record = piece.records.back();
				if (record.violations)
					piece.violation_bytes += memory_of(*record.violations);
				record.quarantine_id = rows.integer(i, 0);
				// where repeats update, a duplicate repeats a key within its file, and the first
				// record with the key owns the row
				if (definition_.on_repeat == OnRepeat::update && rows.boolean(i, 7) &&
					record.loadable && record.key.data() != nullptr &&
					record.key == rows.text(i, 8))
				{
					record.add(duplicate_violation(definition_, key_came_earlier));
					record.loadable = false;
				}
				file_ids.push_back(rows.integer(i, 4));
				partitions.push_back(context.partition());
				known_subjects.push_back(rows.text(i, 9));
				duplicate_messages.push_back(rows.text(i, 13));
				delivered.push_back(rows.integer(i, 14));
				mended.push_back(rows.boolean(i, 15));
			}
		}
		batch.collect();
		if (erasure_)
			erasure_->resolve(batch);
		check_and_load(catalog_, definition_, batch, nullptr);
		emails_.insert(emails_.end(), piece.emails.begin(), piece.emails.end());
		if (erasure_)
			erasure_->collect(batch, {}, tombstones_ ? tombstones_->erased() : nullptr, delivered);
		note_recognised(batch, recognised_);
		ETL_FAULT("replay_loaded");
		for (const auto &[file, count] : batch.kept_out)
			result_.loaded -= static_cast<int64_t>(count);
		// the message that a duplicate got at its first load says where the other record with the
		// key was; that record may be elsewhere now, so the first message stays
		for (size_t i = 0; i < batch.records.size(); ++i)
			if (Violations *violations = batch.records[i].record->violations.get();
				violations != nullptr && !violations->empty() &&
				violations->front().code == Code::duplicate && !duplicate_messages[i].empty())
				violations->front().message = duplicate_messages[i];
		update_quarantine(definition_, batch, result_.run_id,
						  erasure_.has_value() || tombstones_ != nullptr,
						  settings_.max_record_size);
		for (size_t i = 0; i < batch.records.size(); ++i)
		{
			const BatchRecord &r = batch.records[i];
			++result_.records;
			result_.bytes += static_cast<int64_t>(r.record->text.size());
			// the file that the record came from is in the archive, untreated
			if (definition_.subject && mended[i] && r.record->treated && file_ids[i] != 0 &&
				!known_subjects[i].empty())
				mended_people_.insert(known_subjects[i]);
			if (!r.accepted)
			{
				++result_.quarantined;
				continue;
			}
			++result_.loaded;
			if (erasure_ && mended[i])
				++mended_requests_;
			// a corrected record may be about another person, whom the index does not know in this
			// file
			if (people_ && r.record->subject.data() != nullptr && file_ids[i] != 0 &&
				(mended[i] || r.record->subject != known_subjects[i]))
				subjects_.push_back(
					{static_cast<int64_t>(people_->subject_hash(r.record->subject)), file_ids[i]});
			if (file_ids[i] != 0)
				merger_.add(file_ids[i], r.record->line, r.record->output);
		}
		return done;
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
	std::vector<PersonEmail> emails_;
	RecognisedPeople recognised_;
	/// people who were erased, and whom corrected records name now
	std::set<std::string> mended_people_;
	std::vector<int64_t> records_;        ///< the records to replay, in order
	std::vector<size_t> chunk_ends_;      ///< the end of each chunk in records_
	std::map<int64_t, size_t> file_ends_; ///< by file: the position of its last record
	int64_t mended_requests_ = 0;         ///< number of requests that were carried out
	ProcessedFileMerger merger_;
};

} // namespace

void
replay_records(const Catalog &catalog, const Definition &definition, RunResult &result,
			   const std::vector<int64_t> *ids)
{
	Replay(catalog, definition, result).execute(ids);
}

RunResult
replay_dataset(const Catalog &catalog, const std::string &dataset)
{
	const Definition &definition = catalog.get(dataset);
	catalog.require_parents(definition);
	require_read_committed();
	pg::Settings::current().require_folders();
	require_journal_applied();
	RunResult result = begin_run(catalog, dataset);
	if (std::optional<std::string> pause = pause_of(dataset))
	{
		result.status = "skipped";
		result.error = std::move(*pause);
		finish_run(result);
		return result;
	}
	if (const int32_t pid = lock_dataset(dataset))
	{
		result.status = "skipped";
		result.error = "another session is running this dataset: process " + std::to_string(pid);
		finish_run(result);
		return result;
	}
	require_files_known(dataset, pg::Settings::current());
	pg::ImmediateConstraints immediate;
	replay_records(catalog, definition, result, nullptr);
	release_waiting(catalog, definition);
	immediate.end();
	finish_run(result);
	return result;
}

} // namespace etl
