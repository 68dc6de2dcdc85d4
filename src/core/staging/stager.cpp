// The threads that read, split and stage files: which thread takes which file, how far they may be
// ahead, and how they stop.
//
// Next door: piece_filler.cpp turns the records of a file into a piece, staged_record.cpp one
// record into typed rows; load/batch.h takes the pieces on the main thread.
#include "core/staging/stager.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <unordered_map>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/base/prefault.h"
#include "core/base/sqlstate.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_reader.h"
#include "core/files/whole_file.h"
#include "core/records/record_splitter.h"
#include "core/staging/compressed_piece.h"
#include "core/staging/piece_filler.h"
#include "core/staging/whole_text.h"
#include "core/types/column_type.h"
#include "core/types/type_questions.h"

namespace etl
{

namespace
{

/// A file of up to this many decompressed bytes is read into memory at once. A larger file is read
/// twice: first to check that it is intact, then in pieces of this size.
constexpr size_t piece_bytes = 8 << 20;
/// A long record takes about this many times the size of its text when it is parsed.
constexpr size_t long_record_factor = 10;

void
note_rest(const std::optional<RestOfFile> &rest, FileOutcome &outcome)
{
	outcome.rest = rest;
	if (rest)
		outcome.last_line = rest->last_line; // in case no record follows
}

} // namespace

Stager::Stager(const Definition &definition, const KeyTypes &key_types, std::vector<FileTask> files,
			   const StagerOptions &options)
	: definition_(definition), key_types_(key_types), files_(std::move(files)), options_(options),
	  slots_(files_.size())
{
	const size_t count = std::min<size_t>(std::max(1u, options.threads), files_.size());
	threads_.start(count, [this](size_t) { work(); });
}

Stager::~Stager()
{
	stop();
}

void
Stager::stop()
{
	{
		const std::lock_guard lock(mutex_);
		stopping_ = true;
		questions_.stop();
	}
	room_.notify_all();
	threads_.join();
}

struct Stager::Worker
{
	RecordStager stager;
	TextSealer sealer;
	TypeInput *types; ///< asked by the stager; may be null
	/// no piece uses this buffer any more, so the next piece may take it
	std::shared_ptr<char[]> buffer;
	size_t capacity = 0;

	/// Returns a buffer of at least `wanted` bytes, and sets `wanted` to its real size.
	std::shared_ptr<char[]> take_buffer(size_t &wanted)
	{
		if (buffer && capacity >= wanted)
		{
			wanted = capacity;
			return std::move(buffer);
		}
		auto made = std::make_shared_for_overwrite<char[]>(wanted);
		prefault(made.get(), wanted);
		return made;
	}
	void give_back(std::shared_ptr<char[]> taken, size_t size)
	{
		buffer = std::move(taken);
		capacity = size;
	}
};

/// The state while the pieces of one file are made.
struct Stager::Filling
{
	const uint32_t file;
	const bool seals; ///< pieces are sealed if possible
	std::unique_ptr<Piece> piece = {};
	std::optional<SealedText> stream = {}; ///< the compressed file, if the file is a single piece
	bool all_sealed = true;                ///< no piece needs the buffer any more

	/// Starts the first piece of a buffer. `size` includes the padding.
	void begin(const std::shared_ptr<char[]> &buffer, size_t size)
	{
		piece = std::make_unique<Piece>();
		piece->buffer = buffer;
		piece->buffer_size = size;
		all_sealed = true;
	}
};

/// Limit in bytes for the records of a piece, not counting the text, which has a limit of its own:
/// tiny records take many times the memory of their text. The pieces of two threads, the pieces in
/// flight and those of the caller (as much again) stay below three times options_.memory.
size_t
Stager::max_piece_memory() const
{
	return std::max<size_t>(options_.memory / 3, 1 << 20);
}

/// Whether the file may have too many bad records. The quarantine gets the records of pieces that
/// were handed out, even if the file then fails and is rolled back. So before more pieces of such a
/// file are handed out, the bad records in the rest of the file are counted.
bool
Stager::may_exceed(const FileTask &task, const FileOutcome &so_far) const
{
	// smaller numbers do no harm
	constexpr uint64_t few_records = 1000, few_bytes = 1 << 20, part = 16;
	const RejectedLimits &limits = definition_.max_rejected;
	return task.suspect ||
		   (so_far.rejected > few_records && so_far.rejected > so_far.records / 2) ||
		   so_far.rejected > std::max<uint64_t>(few_records, limits.records / part) ||
		   so_far.rejected_bytes > std::max<uint64_t>(few_bytes, limits.bytes / part);
}

/// Stages the records after those in `so_far` and discards them. Throws if the file has too many
/// bad records. `read` feeds the whole file to a splitter.
void
Stager::count_rest(uint32_t file, Worker &worker, const FileOutcome &so_far,
				   const std::function<void(RecordSplitter &)> &read)
{
	constexpr size_t at_once = 1 << 20;
	const FileTask &task = files_[file];
	RecordStager stager(definition_, key_types_, options_.erased, options_.hashes, worker.types);
	FileOutcome counted = so_far;
	auto piece = std::make_unique<Piece>();
	PieceFiller filler(
		stager, task, file, counted, definition_.max_rejected, at_once,
		[&]
		{
			piece = std::make_unique<Piece>();
			filler.start(*piece, 0);
		},
		[&](size_t bytes, const auto &stage) { stage_long(file, bytes, stage); });
	filler.start(*piece, 0);
	uint64_t passed = 0;
	RecordSplitter splitter(options_.max_record_size, task.whole_json,
							[&](const RawRecord &raw)
							{
								if (so_far.rest && so_far.rest->was_loaded(raw.line))
									return;
								if (passed++ >= so_far.records)
									filler(raw);
							});
	read(splitter);
	splitter.finish();
}

void
Stager::finish_piece(Filling &filling, Worker &worker)
{
	if (!filling.seals ||
		!seal(*filling.piece, worker.sealer, std::exchange(filling.stream, std::nullopt)))
		filling.all_sealed = false;
	push(filling.file, std::move(filling.piece));
}

/// Starts another piece of the same buffer.
void
Stager::next_piece(Filling &filling, Worker &worker)
{
	auto next = std::make_unique<Piece>();
	next->buffer = filling.piece->buffer;
	filling.stream.reset();
	finish_piece(filling, worker);
	wait_for_room(filling.file);
	filling.piece = std::move(next);
}

void
Stager::work()
{
	// Everything waits for the main thread, which inserts the rows. If there are fewer cores than
	// threads, the main thread must run first, so this thread gets a lower priority (Linux has a
	// nice value for each thread). docs/explanation/performance.md has the effect.
	(void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 10);
	const beneath::KeepOpen keep_roots(beneath::Folders::roots);
	stage_files();
	// Wait until the Stager is destroyed. glibc gives the malloc arena of the last thread that
	// ended to the next thread that starts. So the staging threads of the next group of files reuse
	// the arenas of these threads. If these threads ended earlier, a writing thread could get such
	// an arena and grow its own to the same size.
	std::unique_lock lock(mutex_);
	room_.wait(lock, [this] { return stopping_; });
}

/// Stages files until there are none left.
void
Stager::stage_files()
{
	TypeQuestions::Asker asker(questions_);
	TypeInput *const types = options_.type_input != nullptr ? &asker : nullptr;
	Worker worker{
		{definition_, key_types_, options_.erased, options_.hashes, types}, {}, types, {}, 0};
	for (;;)
	{
		uint32_t file;
		{
			const std::lock_guard lock(mutex_);
			if (stopping_ || next_file_ >= files_.size())
				return;
			file = next_file_++;
		}
		FileOutcome outcome;
		try
		{
			wait_for_room(file);
			stage_file(file, worker, outcome);
		}
		catch (const Stopped &)
		{
			return;
		}
		catch (const std::exception &e)
		{
			outcome.fail(file_error_of(e, "staging the file"));
		}
		{
			const std::lock_guard lock(mutex_);
			slots_[file].outcome = std::move(outcome);
			slots_[file].finished = true;
		}
		news_.notify_one();
	}
}

bool
Stager::known(const FileTask &task, const Sha256 &sha256) const
{
	return std::find(task.known.begin(), task.known.end(), sha256) != task.known.end();
}

/// Whether pieces may be sealed. The sealed text contains all records of a file, so it cannot be
/// used if some records were loaded before.
bool
Stager::may_seal(const FileTask &task, const Worker &worker) const
{
	return options_.seal && task.gzip && task.loaded.size == 0 && !worker.stager.rewrites();
}

/// Reads a file whose text fits one piece, and sets what is known of the file then. Returns false
/// if the text is longer.
bool
Stager::read_small(const FileTask &task, Worker &worker, Filling &filling, WholeText &whole,
				   FileOutcome &outcome)
{
	FileReader reader(task.path, Content::staged, options_.max_file_size, task.root);
	if (filling.seals)
		reader.keep_stream(piece_bytes);
	reader.expect_prefix(task.loaded.size);
	whole.capacity = WholeText::capacity_for(std::min<size_t>(reader.expected_size(), piece_bytes));
	whole.buffer = worker.take_buffer(whole.capacity);
	if (!whole.read(reader, piece_bytes))
		return false;
	outcome.sha256 = reader.sha256();
	outcome.identity = reader.identity();
	outcome.bytes = reader.bytes_out();
	filling.stream = reader.take_stream();
	if (task.loaded.size != 0)
	{
		RestFinder finder(task.loaded, reader);
		finder.feed(whole.text());
		note_rest(finder.find(), outcome);
	}
	return true;
}

void
Stager::stage_file(uint32_t file, Worker &worker, FileOutcome &outcome)
{
	const FileTask &task = files_[file];
	if (!task.refused.empty())
		throw FileError(sqlstate::object_in_use, task.refused);
	Filling filling{file, may_seal(task, worker)};
	WholeText whole;
	if (!read_small(task, worker, filling, whole, outcome))
	{
		worker.give_back(std::move(whole.buffer), whole.capacity);
		stage_large(file, worker, outcome);
		return;
	}
	if (known(task, outcome.sha256))
	{
		outcome.duplicate = true;
		return;
	}
	if (!filling.seals)
		whole.fit();
	const size_t padded = whole.size + Document::padding;
	std::memset(whole.buffer.get() + whole.size, 0, Document::padding);
	filling.begin(whole.buffer, padded);
	const std::string_view text = whole.text();
	bool is_cut = false, is_counted = false;
	PieceFiller filler(
		worker.stager, task, file, outcome, definition_.max_rejected, max_piece_memory(),
		[&]
		{
			// before the first piece is handed out, check that the file can be split to its end
			if (!std::exchange(is_cut, true))
			{
				RecordSplitter dry(options_.max_record_size, task.whole_json,
								   [](const RawRecord &) {});
				dry.feed(text);
				dry.finish();
			}
			if (!is_counted && (is_counted = may_exceed(task, outcome)))
				count_rest(file, worker, outcome, [&](RecordSplitter &all) { all.feed(text); });
			next_piece(filling, worker);
			filler.start(*filling.piece, padded);
		},
		[&](size_t bytes, const auto &stage) { stage_long(file, bytes, stage); });
	worker.stager.reserve(*filling.piece, whole.size, max_piece_memory() / 2);
	filler.start(*filling.piece, padded);
	RecordSplitter splitter(options_.max_record_size, task.whole_json, std::ref(filler));
	splitter.feed(text);
	splitter.finish();
	if (!is_cut)
		worker.stager.note_filled(*filling.piece, whole.size);
	finish_piece(filling, worker);
	if (filling.all_sealed)
		worker.give_back(std::move(whole.buffer), whole.capacity);
}

/// Reads a large file whole without staging it, because a file that is cut or damaged at its end
/// must not be loaded in part. Sets what is known of the file then.
void
Stager::scan_large(const FileTask &task, FileOutcome &outcome)
{
	FileReader reader(task.path, Content::staged, options_.max_file_size, task.root);
	reader.expect_prefix(task.loaded.size);
	RestFinder finder(task.loaded, reader);
	RecordSplitter splitter(options_.max_record_size, task.whole_json, [](const RawRecord &) {});
	for_each_chunk(reader,
				   [&](std::string_view chunk)
				   {
					   check_stopping();
					   splitter.feed(chunk);
					   if (task.loaded.size != 0)
						   finder.feed(chunk);
					   return true;
				   });
	splitter.finish();
	if (task.loaded.size != 0)
		note_rest(finder.find(), outcome);
	outcome.sha256 = reader.sha256();
	outcome.identity = reader.identity();
	outcome.bytes = reader.bytes_out();
}

void
Stager::stage_large(uint32_t file, Worker &worker, FileOutcome &outcome)
{
	const FileTask &task = files_[file];
	scan_large(task, outcome);
	if (known(task, outcome.sha256))
	{
		outcome.duplicate = true;
		return;
	}
	FileReader reader(task.path, Content::staged, options_.max_file_size, task.root);
	Filling filling{file, may_seal(task, worker)};
	size_t padded = 0;
	bool is_counted = false;
	const auto count = [&]
	{
		if (!is_counted && (is_counted = may_exceed(task, outcome)))
			count_rest(file, worker, outcome, [&](RecordSplitter &all) { read_all(task, all); });
	};
	PieceFiller filler(
		worker.stager, task, file, outcome, definition_.max_rejected, max_piece_memory(),
		[&]
		{
			count();
			next_piece(filling, worker);
			filler.start(*filling.piece, padded);
		},
		[&](size_t bytes, const auto &stage) { stage_long(file, bytes, stage); });
	RecordSplitter splitter(options_.max_record_size, task.whole_json, std::ref(filler));
	for (bool at_end = false; !at_end;)
	{
		size_t capacity = piece_bytes + Document::padding, size = 0;
		std::shared_ptr<char[]> buffer = worker.take_buffer(capacity);
		while (size < piece_bytes && !at_end)
		{
			const size_t got = reader.read(buffer.get() + size, piece_bytes - size);
			size += got;
			at_end = got == 0;
		}
		std::memset(buffer.get() + size, 0, Document::padding);
		padded = size + Document::padding;
		filling.begin(buffer, padded);
		filler.start(*filling.piece, padded);
		splitter.feed({buffer.get(), size});
		if (at_end)
			splitter.finish();
		else
			count();
		finish_piece(filling, worker);
		if (filling.all_sealed)
			worker.give_back(std::move(buffer), capacity);
		if (!at_end)
			wait_for_room(file);
	}
	outcome.identity = reader.identity();
	if (reader.sha256() != outcome.sha256)
		throw FileError(sqlstate::object_in_use, "file changed while it was read");
}

/// Reads a large file again.
void
Stager::read_all(const FileTask &task, RecordSplitter &splitter)
{
	FileReader reader(task.path, Content::staged, options_.max_file_size, task.root);
	for_each_chunk(reader,
				   [&](std::string_view chunk)
				   {
					   check_stopping();
					   splitter.feed(chunk);
					   return true;
				   });
}

void
Stager::check_stopping()
{
	const std::lock_guard lock(mutex_);
	if (stopping_)
		throw Stopped{};
}

void
Stager::push(uint32_t file, std::unique_ptr<Piece> piece)
{
	{
		const std::lock_guard lock(mutex_);
		if (stopping_)
			throw Stopped{};
		in_flight_ += piece->memory();
		slots_[file].pieces.push_back(std::move(piece));
	}
	news_.notify_one();
}

void
Stager::wait_for_room(uint32_t file)
{
	std::unique_lock lock(mutex_);
	// The file that the main thread waits for may always stage one piece, because otherwise nothing
	// would continue.
	room_.wait(lock,
			   [&]
			   {
				   return stopping_ || in_flight_ < options_.memory ||
						  (file == head_ && slots_[file].pieces.empty());
			   });
	if (stopping_)
		throw Stopped{};
}

/// Stages a long record when no other long record is being staged and there is enough memory for
/// it. Pieces in flight cannot be taken before the file at head_, so a record of that file waits
/// only for the pieces that the caller has.
void
Stager::stage_long(uint32_t file, size_t size, const std::function<void()> &stage)
{
	{
		std::unique_lock lock(mutex_);
		const auto is_head = [&] { return file == head_ && slots_[file].pieces.empty(); };
		const auto may_go = [&]
		{
			const size_t taken = in_flight_ + held_;
			return !has_long_ &&
				   (taken == 0 || taken + long_record_factor * size <= options_.memory ||
					(is_head() && held_ == 0));
		};
		while (!stopping_ && !may_go())
		{
			if (is_head() && !has_long_)
			{
				head_waits_ = true;
				news_.notify_one();
			}
			room_.wait(lock);
		}
		if (stopping_)
			throw Stopped{};
		has_long_ = true;
		if (!give_back_)
			give_back_.emplace();
	}
	struct End
	{
		Stager &stager;
		~End()
		{
			{
				const std::lock_guard lock(stager.mutex_);
				stager.has_long_ = false;
			}
			stager.room_.notify_all();
		}
	} const end{*this};
	stage();
}

Stager::Step
Stager::next(std::chrono::milliseconds wait, size_t held)
{
	Step step;
	std::unique_lock lock(mutex_);
	if (std::exchange(held_, held) > held)
		room_.notify_all();
	if (head_ >= slots_.size())
	{
		step.kind = Step::Kind::done;
		return step;
	}
	Slot &slot = slots_[head_];
	news_.wait_for(lock, wait,
				   [&]
				   {
					   return !slot.pieces.empty() || slot.finished || questions_.waits() ||
							  (head_waits_ && held_ > 0);
				   });
	if (questions_.waits())
		questions_.answer(lock, *options_.type_input);
	step.file = head_;
	if (!slot.pieces.empty())
	{
		step.kind = Step::Kind::piece;
		step.piece = std::move(slot.pieces.front());
		slot.pieces.pop_front();
		in_flight_ -= step.piece->memory();
		held_ += step.piece->memory();
	}
	else if (std::exchange(head_waits_, false) && held_ > 0)
		step.kind = Step::Kind::crowded;
	else if (slot.finished)
	{
		step.kind = Step::Kind::file_end;
		step.outcome = std::move(slot.outcome);
		++head_;
	}
	lock.unlock();
	room_.notify_all();
	return step;
}

} // namespace etl
