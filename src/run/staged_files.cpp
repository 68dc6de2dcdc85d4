// A run from its staged files to its plan: takes up files in groups, and lets each batch of their
// records be checked, loaded, quarantined and exported.
//
// Next door: core/staging reads and types the records in threads; load/check.cpp and load/load.cpp
// are the steps of a batch; processed_files.cpp has the files that are written; publish/plan.cpp
// does what is left to do after the commit.
#include "run/staged_files.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "catalog/definitions.h"
#include "catalog/run_row.h"
#include "catalog/sequence.h"
#include "catalog/subject_collector.h"
#include "catalog/subject_index.h"
#include "catalog/tombstone.h"
#include "core/base/malloc_tuning.h"
#include "core/base/sqlstate.h"
#include "core/base/utf8.h"
#include "core/definition/definition.h"
#include "core/files/beneath.h"
#include "core/privacy/identities.h"
#include "erase/erase.h"
#include "erase/erasure_rows.h"
#include "erase/personal_relations.h"
#include "erase/requests.h"
#include "erase/resolve_requests.h"
#include "load/batch.h"
#include "load/check.h"
#include "load/claim.h"
#include "load/destinations.h"
#include "load/file_rows.h"
#include "load/key_memory.h"
#include "load/load.h"
#include "load/own_references.h"
#include "load/postponed_indexes.h"
#include "load/quarantine.h"
#include "load/reload.h"
#include "load/rest_of_files.h"
#include "load/run_file.h"
#include "load/run_options.h"
#include "load/treat_raw_files.h"
#include "pg/exit_guard.h"
#include "pg/fault.h"
#include "pg/guard.h"
#include "pg/key_file.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/shared_buffers.h"
#include "pg/spi.h"
#include "pg/type_input.h"
#include "publish/backlog.h"
#include "publish/grown_files.h"
#include "publish/plan.h"
#include "publish/recover.h"
#include "run/processed_files.h"
#include "run/run_failures.h"

extern "C"
{
#include "utils/timestamp.h"
}

namespace etl
{

namespace
{

/// Thrown for a file that fails after records of it were staged, for example because it changed
/// while it was read: a part of it may be loaded.
struct FileChanged
{
	std::string path, error;
};

/// One attempt to run a dataset over its staged files.
class Run
{
  public:
	Run(const Catalog &catalog, const Definition &definition, const RunOptions &options,
		RunResult &result)
		: catalog_(catalog), definition_(definition), options_(options), result_(result),
		  settings_(pg::Settings::current()), failures_(definition, result),
		  exporter_(settings_, options.reload)
	{
	}

	void execute()
	{
		Backlog *const backlog = options_.backlog;
		const GoesOnWith goes_on_with(backlog);
		finish_earlier();
		std::optional<Claim> claim(std::in_place, definition_, settings_, options_);
		const size_t at_a_time = group_size(settings_.batch_memory);
		const auto take = [&]
		{
			result_.times.begin(StageTimes::claim);
			return claim->take(at_a_time);
		};
		std::vector<StagedFile> staged = take();
		if (staged.empty() && backlog != nullptr && backlog->goes_on())
		{
			backlog->begin_anew();
			finish_earlier();
			claim.emplace(definition_, settings_, options_);
			staged = take();
		}
		if (staged.empty())
		{
			failures_.record_directories(*claim);
			claim->waiting().tell(definition_.dataset);
			failures_.set_status();
			return;
		}
		ETL_FAULT("claimed");
		expected_bytes_ = expected_bytes(staged);
		prepare();
		ETL_FAULT("prepared");
		{
			const KeepFreedMemory keep_freed_memory;
			for (; !staged.empty(); staged = take())
				run_group(staged);
		}
		failures_.record_directories(*claim);
		// in a call for one batch of a backlog, only the last call, which finds nothing to load,
		// has seen all files
		if (options_.max_bytes == 0)
			claim->waiting().tell(definition_.dataset);
		conclude();
		if (backlog != nullptr)
			backlog->advance(claim->place(), last_action_);
	}

  private:
	/// Finishes the file actions and erasures that earlier transactions have left.
	void finish_earlier()
	{
		result_.times.begin(StageTimes::claim);
		last_action_ = recover(definition_.dataset, settings_, options_.backlog);
		tell_of_grown(definition_.dataset);
		complete_waiting_erasures();
		if (options_.reload == nullptr &&
			(options_.backlog == nullptr || !options_.backlog->goes_on()))
			skip_gone_files(definition_.dataset, settings_.raw_dir);
		ETL_FAULT("claim");
	}

	/// Number of files that are taken together. A run needs some kB for a file; when its group is
	/// done, only the actions after the commit are kept, on disk if there are many.
	static size_t group_size(uint64_t batch_memory)
	{
		return limits::crash_test
				   ? 20
				   : std::clamp<uint64_t>(batch_memory / 4 / limits::file_bytes, 1024, 16384);
	}

	void prepare()
	{
		ensure_tables(definition_);
		for (const ReferenceDefinition &reference : definition_.references)
			if (const Definition *parent = catalog_.find(reference.dataset))
				ensure_tables(*parent);
		if (definition_.subject || definition_.erases)
		{
			secret_ = pg::secret(pg::KeyUse::keep);
			hashes_.emplace(secret_);
		}
		if (definition_.erases)
			erasure_.emplace(catalog_, definition_, secret_);
		part_folder_ = part_folder(settings_, definition_.dataset);
		tombstones_ = Tombstones::load(catalog_, definition_, spill_to(part_folder_));
		memory_.only_own_keys = !definition_.tables.empty() && !has_rows(definition_.tables[0]);
		if (may_postpone_indexes())
			postponed_ = PostponedIndexes::suspend(definition_);
		if (postponed_.of_key_table())
			memory_.know_own_keys();
	}

	/// Indexes are not postponed for few records, because inserting into the indexes is as fast
	/// then as building them; nor for very many, because all their keys must be kept in memory; nor
	/// where files are copied after the commit while readers wait.
	bool may_postpone_indexes() const
	{
		// a person who is recognised by an email is erased in the table at the end, which needs the
		// indexes
		return !(tombstones_ && tombstones_->erased()->people.has_emails()) &&
			   settings_.postpone_indexes && options_.postpone_indexes && memory_.only_own_keys &&
			   definition_.on_repeat != OnRepeat::update && !refers_to_itself(definition_) &&
			   expected_bytes_ >= limits::postponed_index_bytes &&
			   expected_bytes_ <= limits::most_postponed_index_bytes &&
			   !on_other_file_system(settings_.raw_dir, settings_.archive_dir + "/file");
	}

	/// Memory for the batch that is being loaded, and the same for the pieces that are staged ahead
	/// of it: three sixteenths each of what the group's files leave (two for erasure requests,
	/// because the request takes as much memory again as its record). The rest is for the pieces
	/// that the threads are working on, the queries of the checks, and the keys that the run knows.
	uint64_t batch_bytes() const
	{
		if (limits::crash_test && erasure_)
			return 1; // each file is a batch
		const uint64_t all = settings_.batch_memory, files = files_.size() * limits::file_bytes;
		return (all - std::min(all * 3 / 4, files)) * (erasure_ ? 2 : 3) / 16;
	}

	/// Takes some files, loads them, and plans the actions on them after the commit.
	void run_group(std::span<StagedFile> staged)
	{
		const pg::MemoryScope memory_scope;
		spanning_ = SpanningKeys();
		last_file_ = 0;
		std::vector<FileTask> tasks;
		files_ = take_up(definition_, settings_, options_, staged, result_.started_at, tasks);
		result_.files += static_cast<int32_t>(files_.size());
		const std::vector<int64_t> ids = allocate_ids("etl.file_file_id_seq", files_.size());
		for (size_t i = 0; i < files_.size(); ++i)
			files_[i].file_id = ids[i];
		ETL_FAULT("taken_up");
		StagerOptions options;
		options.threads = settings_.threads;
		options.memory = batch_bytes();
		options.max_record_size = settings_.max_record_size;
		options.max_file_size = settings_.max_file_size;
		options.erased = tombstones_ ? tombstones_->erased() : nullptr;
		options.hashes = hashes_ ? &*hashes_ : nullptr;
		options.seal = !erasure_; // ErasureRun reads the records
		pg::ServerTypeInput type_input;
		options.type_input = &type_input;
		Stager stager(definition_, catalog_.key_types(), std::move(tasks), options);
		const StopOnExit stop_staging(stager);
		pg::prefault_shared_buffers(std::exchange(expected_bytes_, 0)); // while the threads start
		const StopOnExit stop_writing([this] { exporter_.stop(); });
		stage_and_load(stager);
		ETL_FAULT("staged_all");
		// the catalog's rows do not depend on the files that the threads are still writing
		result_.times.begin(StageTimes::archive);
		if (tombstones_ && !erasure_)
			treat_raw_files(catalog_, definition_, *tombstones_->erased(), part_folder_,
							settings_.threads, files_);
		std::vector<FileAction> actions = record_files();
		result_.times.begin(StageTimes::export_);
		exporter_.wait();
		result_.times.begin(StageTimes::archive);
		plan_actions(definition_.dataset, std::move(actions));
		exporter_.end_group();
		files_.clear();
		ETL_FAULT("finished");
	}

	/// Answers the requests that have been collected.
	void erase()
	{
		result_.times.begin(StageTimes::erase);
		erasure_->execute();
		ETL_FAULT("erased");
	}

	void conclude()
	{
		if (erasure_)
			erase();
		if (!recognised_.empty())
		{
			result_.times.begin(StageTimes::erase);
			erase_recognised(catalog_, definition_.subject->dataset, secret_,
							 std::move(recognised_));
			ETL_FAULT("recognised_erased");
		}
		result_.times.begin(StageTimes::archive);
		note_personal_relations(definition_);
		merge_subject_segments(definition_.dataset);
		warn_of_kept_raw();
		ETL_FAULT("concluded");
		// this must come last: from here on readers wait
		result_.times.begin(StageTimes::load);
		if (options_.postponed != nullptr)
			options_.postponed->push_back(std::move(postponed_));
		else
			postponed_.build();
		failures_.set_status();
	}

	/// Warns of files that name people who were erased before.
	void warn_of_kept_raw() const
	{
		if (kept_raw_ > 0)
			pg::notice(WARNING,
					   std::to_string(kept_raw_) + (kept_raw_ == 1 ? " raw file" : " raw files") +
						   " about people who have been erased cannot be removed, the first: \"" +
						   first_kept_raw_ + "\"",
					   "Their records are loaded treated, and the archive gets treated copies.",
					   "Let the server's user write the directory; the next run removes them.");
	}

	void stage_and_load(Stager &stager)
	{
		Batch batch;
		batch.partition_of = [this](uint32_t file) { return files_[file].context.partition(); };
		std::vector<uint32_t> ended;
		size_t memory = 0;
		result_.times.begin(StageTimes::stage);
		for (;;)
		{
			Stager::Step step = stager.next(std::chrono::milliseconds(100), memory);
			pg::check_for_interrupts();
			switch (step.kind)
			{
			case Stager::Step::Kind::timeout:
				continue;
			case Stager::Step::Kind::piece:
				if (files_[step.file].started_at == 0)
					files_[step.file].started_at = GetCurrentTimestamp();
				ETL_FAULT("staged_piece");
				memory += step.piece->memory();
				last_file_ = step.file;
				batch.pieces.push_back(std::move(step.piece));
				break;
			case Stager::Step::Kind::file_end:
				ETL_FAULT("staged_file");
				end_file(step.file, std::move(step.outcome));
				ended.push_back(step.file);
				break;
			case Stager::Step::Kind::crowded:
			case Stager::Step::Kind::done:
				break;
			}
			const bool done = step.kind == Stager::Step::Kind::done;
			if (memory >= std::min<uint64_t>(enough_, batch_bytes()) || done ||
				step.kind == Stager::Step::Kind::crowded)
			{
				enough_ = std::min<uint64_t>(enough_, batch_bytes()) * 2;
				process(batch, ended);
				result_.times.begin(StageTimes::stage);
				batch.clear();
				give_back_freed_memory_beyond(settings_.batch_memory);
				ended.clear();
				memory = 0;
			}
			if (done)
				return;
		}
	}

	void end_file(uint32_t index, FileOutcome outcome)
	{
		RunFile &file = files_[index];
		if (outcome.error.empty())
			file.identity = outcome.identity; // the file may have been replaced after it was listed
		const bool had_pieces = file.started_at != 0;
		if (file.started_at == 0)
			file.started_at = GetCurrentTimestamp();
		file.outcome = std::move(outcome);
		if (!file.outcome.error.empty())
		{
			if (had_pieces)
				throw FileChanged{file.path, file.outcome.error};
			file.status = "failed";
			file.outcome.records = 0;
		}
		else
			file.status = file.outcome.duplicate ? "duplicate" : "archived";
	}

	void process(Batch &batch, const std::vector<uint32_t> &ended)
	try
	{
		{
			const pg::MemoryScope memory_scope; // for keys that are looked up in the database
			load_batch(batch, ended);
		}
		spanning_.remember(batch, last_file_, ended);
		if (erasure_ && erasure_->full())
			erase();
	}
	catch (const pg::PgError &error)
	{
		if (error.sqlstate() != sqlstate::configuration_limit_exceeded || !memory_.knows_own_keys())
			throw;
		throw CannotPostpone{definition_.dataset, "Their keys did not fit temp_file_limit"};
	}

	void load_batch(Batch &batch, const std::vector<uint32_t> &ended)
	{
		batch.collect();
		if (erasure_)
			erasure_->resolve(batch);
		ETL_FAULT("load");
		StageTimes &times = result_.times;
		times.begin(StageTimes::check);
		check(catalog_, definition_, batch, spanning_.keys.empty() ? nullptr : &spanning_,
			  &memory_);
		times.begin(StageTimes::load);
		load(definition_, batch, &memory_);
		memory_.note_loaded(batch);
		memory_.forget_old();
		times.begin(StageTimes::quarantine);
		if (erasure_)
			erasure_->collect(batch, files_, tombstones_ ? tombstones_->erased() : nullptr);
		for (const BatchRecord &r : batch.records)
		{
			RunFile &file = files_[r.record->file];
			++(r.accepted ? file.loaded : file.quarantined);
			file.treated = file.treated || r.record->treated;
			if (r.record->subject.data() != nullptr)
				SubjectCollector::note(file.subjects, r.record->subject_hash);
		}
		for (const auto &[file, count] : batch.kept_out)
			files_[file].loaded -= static_cast<int64_t>(count);
		note_recognised(batch, recognised_);
		for (const auto &piece : batch.pieces)
			emails_.insert(emails_.end(), piece->emails.begin(), piece->emails.end());
		if (emails_.size() >= limits::subject_emails)
			add_subject_emails(definition_.dataset, emails_);
		ETL_FAULT("loaded");
		quarantine_rejected(definition_, batch, result_.run_id, files_);
		ETL_FAULT("quarantined");
		times.begin(StageTimes::export_);
		exporter_.hand_over(batch, ended, files_, part_folder_);
		ETL_FAULT("export_handed_over");
		for (const uint32_t index : ended)
			close_file(files_[index]);
		if (RunFile &file = files_[last_file_]; SubjectCollector::many(file.subjects))
			collect_subjects(file);
	}

	void close_file(RunFile &file)
	{
		file.finished_at = GetCurrentTimestamp();
		collect_subjects(file);
	}

	void collect_subjects(RunFile &file)
	{
		subjects_.take(file.file_id, file.subjects);
		if (subjects_.full())
			subjects_.write(definition_.dataset);
	}

	/// Writes the rows of etl.file and the index of people. Returns the actions on the files.
	std::vector<FileAction> record_files()
	{
		std::vector<FileAction> actions;
		std::vector<std::string_view> failed;
		for (RunFile &file : files_)
		{
			result_.records += static_cast<int64_t>(file.outcome.records);
			result_.loaded += file.loaded;
			result_.quarantined += file.quarantined;
			result_.bytes += static_cast<int64_t>(file.outcome.bytes);
			if (file.status == "failed")
			{
				failures_.add(file);
				failed.push_back(file.path);
			}
			else
				plan_file(file, actions);
		}
		failures_.forget_earlier(failed);
		insert_files(definition_.dataset, result_.run_id, files_);
		record_grown(files_);
		ETL_FAULT("files_recorded");
		subjects_.write(definition_.dataset);
		add_subject_emails(definition_.dataset, emails_);
		return actions;
	}

	void plan_file(RunFile &file, std::vector<FileAction> &actions)
	{
		if (!file.processed_path.empty())
		{
			FileAction publish;
			publish.file_id = file.file_id;
			publish.from = file.processed_part;
			publish.to = settings_.processed_dir + "/" + file.processed_path;
			actions.push_back(std::move(publish));
		}
		// a request names the person who wants to be forgotten, so the archive gets a copy with a
		// pseudonym instead, as for a file about a person who was erased before
		if (erasure_)
			erasure_->rewrite_raw_file(file, part_folder_,
									   tombstones_ ? tombstones_->erased() : nullptr);
		const bool is_archived = !file.archived_path.empty();
		if (!is_archived && file.outcome.rest)
			file.archived_path = archived_path_of_part(file, settings_, actions);
		if (file.archived_path.empty())
			file.archived_path = free_name(settings_.archive_dir, file.path, {});
		FileAction archive;
		archive.kind = FileAction::Kind::archive;
		archive.file_id = file.file_id;
		archive.from = file.absolute;
		archive.to = settings_.archive_dir + "/" + file.archived_path;
		archive.sha256 = file.outcome.sha256;
		archive.identity = file.identity;
		if (!file.treated_part.empty())
		{
			FileAction publish;
			publish.file_id = file.file_id;
			publish.from = file.treated_part;
			publish.to = archive.to;
			actions.push_back(std::move(publish));
			archive.kind = FileAction::Kind::remove;
			archive.to = file.treated_part;
			// for requests, this is reported with the request
			if (!erasure_ && obstacle(archive) != 0 && kept_raw_++ == 0)
				first_kept_raw_ = storable_text(file.path);
		}
		if (!is_archived)
			actions.push_back(std::move(archive));
	}

	const beneath::KeepOpen keep_roots_{beneath::Folders::roots};
	const Catalog &catalog_;
	const Definition &definition_;
	const RunOptions &options_;
	RunResult &result_;
	const pg::Settings settings_;
	int64_t last_action_ = INT64_MIN; ///< the last row of etl.file_action that was looked at
	uint64_t expected_bytes_ = 0;     ///< 0 once the shared buffers are prepared for them
	std::vector<RunFile> files_;      ///< the group that is being loaded
	RunFailures failures_;
	int64_t kept_raw_ = 0;
	std::string first_kept_raw_;
	std::string secret_, part_folder_;
	std::optional<Identities> hashes_; ///< set where the dataset is about people
	std::optional<ErasureRun> erasure_;
	std::unique_ptr<Tombstones> tombstones_;
	RecognisedPeople recognised_;
	ProcessedFiles exporter_;
	SubjectCollector subjects_;
	std::vector<PersonEmail> emails_; ///< not written yet
	SpanningKeys spanning_;
	uint32_t last_file_ = 0; ///< index into files_, as is spanning_.file
	CheckMemory memory_;
	PostponedIndexes postponed_;
	/// Bytes of the next batch. The first batches are small, and each is twice as large as the one
	/// before, so that loading can begin soon after the threads have started.
	uint64_t enough_ = limits::first_batch_bytes;
};

} // namespace

void
run_staged_files(const Catalog &catalog, const Definition &definition, const RunOptions &options,
				 RunResult &result)
{
	RunOptions left = options;
	for (;;)
	{
		const RunResult before = result;
		try
		{
			if (const auto error =
					pg::subtransaction([&] { Run(catalog, definition, left, result).execute(); }))
				throw *error;
			return;
		}
		catch (const FileChanged &changed)
		{
			left.refused[changed.path] = changed.error;
			result = before;
		}
		catch (const CannotPostpone &error)
		{
			error.notice();
			left.postpone_indexes = false;
			result = before;
		}
	}
}

} // namespace etl
