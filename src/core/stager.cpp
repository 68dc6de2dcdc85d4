#include "core/stager.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <unordered_map>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include "core/beneath.h"
#include "core/prefault.h"
#include "core/sealed_piece.h"
#include "core/signals_blocked.h"

namespace etl
{

namespace
{

/// Decompressed bytes up to which a file is staged as one piece; larger ones are read twice, first
/// to see that they are whole, then in pieces of this size.
constexpr size_t piece_bytes = 8 << 20;
/// Records longer than that are staged one at a time, whatever the number of threads: what a record
/// is taken apart into takes several times its text.
constexpr size_t long_record_bytes = 1 << 20;
/// Room in a buffer below which it grows before it is read into.
constexpr size_t spare_bytes = 4096;

/// Makes a splitter's records into staged ones.
class PieceFiller
{
  public:
	/// next_piece: is called when the records of a piece take more than `limit` bytes, and starts
	/// another one.
	/// long_record: held while a long record is staged. rejected: how much of a file may be.
	PieceFiller(RecordStager &stager, const FileTask &task, uint32_t file, FileOutcome &outcome,
				const RejectedLimits &rejected, std::mutex &long_record, size_t limit,
				std::function<void()> next_piece)
		: stager_(stager), task_(task), file_(file), outcome_(outcome), rejected_(rejected),
		  long_record_(long_record), limit_(limit), next_piece_(std::move(next_piece))
	{
	}
	/// Records in the buffer, whose last bytes are padding, are taken where they are, others are
	/// copied.
	void start(Piece &piece, size_t buffer_size)
	{
		piece_ = &piece;
		buffer_size_ = buffer_size;
	}
	void operator()(const RawRecord &raw)
	{
		if (piece_->memory_without_buffer() > limit_ ||
			(piece_->dictionary && stager_.dictionary_full()))
			next_piece_();
		if (raw.text.size() <= long_record_bytes)
			return stage(raw);
		const std::lock_guard lock(long_record_);
		stage(raw);
		stager_.release();
	}

  private:
	void stage(const RawRecord &raw)
	{
		RawRecord record = raw;
		const char *begin = piece_->buffer.get();
		size_t readable = raw.text.size();
		if (raw.text.data() >= begin && raw.text.data() < begin + buffer_size_)
			readable = static_cast<size_t>(begin + buffer_size_ - raw.text.data());
		else
			record.text = copy(raw.text, readable);
		stager_.stage(record, readable, file_, task_.context, *piece_);
		if (const auto &violations = piece_->records.back().violations)
			piece_->violation_bytes += memory_of(*violations);
		++outcome_.records;
		outcome_.last_line = raw.line;
		if (const StagedRecord &staged = piece_->records.back(); !staged.loadable)
			count_rejected(staged);
	}

	/// Into the piece; a long one with the padding that keeps it from being copied once more.
	std::string_view copy(std::string_view text, size_t &readable)
	{
		if (text.size() <= long_record_bytes)
			return piece_->arena.copy(text);
		readable = text.size() + Document::padding;
		char *const to = piece_->arena.allocate(readable);
		std::memcpy(to, text.data(), text.size());
		std::memset(to + text.size(), 0, Document::padding);
		return {to, text.size()};
	}

	/// Throws where a file has more of them than its definition allows.
	void count_rejected(const StagedRecord &record)
	{
		outcome_.rejected_bytes += record.text.size() + memory_of(*record.violations);
		const bool many = ++outcome_.rejected > rejected_.records;
		if (many || outcome_.rejected_bytes > rejected_.bytes)
			throw FileError("54000",
							std::string("records that are malformed or break schema or types are "
										"more than \"max_rejected\" allows: ") +
								(many ? std::to_string(rejected_.records) + " of them"
									  : std::to_string(rejected_.bytes) + " bytes"));
	}

	RecordStager &stager_;
	const FileTask &task_;
	uint32_t file_;
	FileOutcome &outcome_;
	const RejectedLimits &rejected_;
	std::mutex &long_record_;
	const size_t limit_;
	const std::function<void()> next_piece_;
	Piece *piece_ = nullptr;
	size_t buffer_size_ = 0;
};

} // namespace

Stager::Stager(const Definition &definition, const KeyTypes &key_types, std::vector<FileTask> files,
			   const StagerOptions &options)
	: definition_(definition), key_types_(key_types), files_(std::move(files)), options_(options),
	  slots_(files_.size())
{
	const size_t count = std::min<size_t>(std::max(1u, options.threads), files_.size());
	const SignalsBlocked signals_blocked;
	try
	{
		for (size_t i = 0; i < count; ++i)
			threads_.emplace_back([this] { work(); });
	}
	catch (...)
	{
		stop();
		throw;
	}
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
	}
	room_.notify_all();
	answers_.notify_all();
	for (std::thread &thread : threads_)
		if (thread.joinable())
			thread.join();
}

/// Asks the main thread, and remembers what it said: dates of one form repeat.
class Stager::Asker : public TypeInput
{
  public:
	explicit Asker(Stager &stager) : stager_(stager) {}
	bool read(const ColumnType &type, std::string_view text, std::string &out,
			  TypeError &error) override
	{
		key_.assign(type.sql).append(1, '\0').append(text);
		const auto [known, is_new] = answers_.try_emplace(key_);
		Answer &answer = known->second;
		if (is_new)
		{
			Question question{type, text, answer.value, answer.error};
			answer.error = error;
			answer.accepted = stager_.ask(question);
		}
		const bool accepted = answer.accepted;
		if (accepted)
			out += answer.value;
		else
			error = answer.error;
		if (answers_.size() >= most_answers)
			answers_.clear();
		return accepted;
	}

  private:
	static constexpr size_t most_answers = 4096;
	struct Answer
	{
		std::string value;
		TypeError error{"", {}};
		bool accepted = false;
	};
	Stager &stager_;
	std::unordered_map<std::string, Answer> answers_;
	std::string key_;
};

/// Waits until next() has answered.
bool
Stager::ask(Question &question)
{
	std::unique_lock lock(mutex_);
	questions_.push_back(&question);
	news_.notify_one();
	answers_.wait(lock, [&] { return stopping_ || question.answered; });
	if (!question.answered)
		throw Stopped{};
	return question.accepted;
}

/// Answers what is asked; without the lock, for the server may take its time. The threads wait, so
/// that their questions stay where they are.
void
Stager::answer(std::unique_lock<std::mutex> &lock)
{
	const std::vector<Question *> taken = std::exchange(questions_, {});
	lock.unlock();
	for (Question *question : taken)
		question->accepted = options_.type_input->read(question->type, question->text,
													   question->out, question->error);
	lock.lock();
	for (Question *question : taken)
		question->answered = true;
	answers_.notify_all();
}

struct Stager::Worker
{
	RecordStager stager;
	TextSealer sealer;
	std::shared_ptr<char[]> buffer; ///< that no piece has any more: the next one may have it
	size_t capacity = 0;

	/// A buffer for at least so many bytes; capacity is set to what it has room for.
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

/// The pieces of one file, as they are made.
struct Stager::Filling
{
	const uint32_t file;
	const bool seals; ///< its pieces are sealed where they can be
	std::unique_ptr<Piece> piece = {};
	std::optional<SealedText> stream = {}; ///< of a file that is one piece
	bool all_sealed = true;                ///< no piece needs the buffer any more

	/// The first piece of a buffer, with its padding.
	void begin(const std::shared_ptr<char[]> &buffer, size_t size)
	{
		piece = std::make_unique<Piece>();
		piece->buffer = buffer;
		piece->buffer_size = size;
		all_sealed = true;
	}
};

/// How many bytes the records of a piece may take (its text is bounded by itself): of tiny records
/// they are many times what their text takes.
size_t
Stager::max_piece_memory() const
{
	return std::max<size_t>(options_.memory / 2, 1 << 20);
}

void
Stager::finish_piece(Filling &filling, Worker &worker)
{
	if (!filling.seals ||
		!seal(*filling.piece, worker.sealer, std::exchange(filling.stream, std::nullopt)))
		filling.all_sealed = false;
	push(filling.file, std::move(filling.piece));
}

/// Another piece of the same bytes.
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
	// The main thread inserts and everything waits for it: where there are fewer cores than threads
	// it goes first (Linux keeps a nice value for each thread); docs/performance.md has what it
	// saves.
	(void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 10);
	const beneath::KeepOpen keep_roots(beneath::Folders::roots);
	stage_files();
	// Not before the stager goes: malloc gives the arena of the thread that ends last to the thread
	// that begins next. So those of the next group of files find the memory that this one's have
	// freed, and not the one that writes, whose arena would grow as large.
	std::unique_lock lock(mutex_);
	room_.wait(lock, [this] { return stopping_; });
}

/// Takes files until there are none left.
void
Stager::stage_files()
{
	Asker asker(*this);
	Worker worker{{definition_, key_types_, options_.erased, options_.subject_key,
				   options_.type_input != nullptr ? &asker : nullptr},
				  {},
				  {},
				  0};
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
		catch (const FileError &e)
		{
			outcome.error = e.what();
			outcome.sqlstate = e.sqlstate();
		}
		catch (const std::bad_alloc &)
		{
			outcome.error = "out of memory while staging the file";
			outcome.sqlstate = "53200";
		}
		catch (const std::exception &e)
		{
			outcome.error = e.what();
			outcome.sqlstate = "XX000";
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
	for (const Sha256 &content : task.known)
		if (content == sha256)
			return true;
	return false;
}

void
Stager::stage_file(uint32_t file, Worker &worker, FileOutcome &outcome)
{
	const FileTask &task = files_[file];
	if (!task.refused.empty())
		throw FileError("55006", task.refused);
	Filling filling{file, options_.seal && task.gzip && !worker.stager.rewrites()};
	std::shared_ptr<char[]> buffer;
	size_t size = 0, capacity = 0;
	bool is_large = false;
	{
		FileReader reader(task.path, task.gzip, options_.max_file_size, task.root);
		if (filling.seals)
			reader.keep_stream(piece_bytes);
		capacity = std::min<size_t>(reader.expected_size(), piece_bytes) + Document::padding +
				   2 * spare_bytes;
		buffer = worker.take_buffer(capacity);
		for (;;)
		{
			if (capacity - size < Document::padding + spare_bytes)
			{
				if ((is_large = size > piece_bytes))
					break;
				capacity *= 2;
				auto larger = std::make_shared_for_overwrite<char[]>(capacity);
				std::memcpy(larger.get(), buffer.get(), size);
				buffer = std::move(larger);
			}
			const size_t got =
				reader.read(buffer.get() + size, capacity - size - Document::padding);
			if (got == 0)
				break;
			size += got;
		}
		if (!is_large)
		{
			outcome.sha256 = reader.sha256();
			outcome.identity = reader.identity();
			outcome.bytes = reader.bytes_out();
			filling.stream = reader.take_stream();
		}
	}
	if (is_large)
	{
		worker.give_back(std::move(buffer), capacity);
		stage_large(file, worker, outcome);
		return;
	}
	if (known(task, outcome.sha256))
	{
		outcome.duplicate = true;
		return;
	}
	const size_t padded = size + Document::padding;
	if (!filling.seals && capacity > 2 * size)
	{
		// the room that reading needs is many times what a tiny file holds, and a batch may be many
		// of them
		auto smaller = std::make_shared_for_overwrite<char[]>(padded);
		std::memcpy(smaller.get(), buffer.get(), size);
		buffer = std::move(smaller);
		capacity = padded;
	}
	std::memset(buffer.get() + size, 0, Document::padding);
	filling.begin(buffer, padded);
	const std::string_view text{buffer.get(), size};
	bool is_cut = false;
	PieceFiller filler(worker.stager, task, file, outcome, definition_.max_rejected, long_record_,
					   max_piece_memory(),
					   [&]
					   {
						   // nothing of a file is handed out that can't be divided to its end
						   if (!std::exchange(is_cut, true))
						   {
							   RecordSplitter dry(options_.max_record_size, task.whole_json,
												  [](const RawRecord &) {});
							   dry.feed(text);
							   dry.finish();
						   }
						   next_piece(filling, worker);
						   filler.start(*filling.piece, padded);
					   });
	worker.stager.reserve(*filling.piece, size, max_piece_memory() / 2);
	filler.start(*filling.piece, padded);
	RecordSplitter splitter(options_.max_record_size, task.whole_json, std::ref(filler));
	splitter.feed(text);
	splitter.finish();
	if (!is_cut)
		worker.stager.note_filled(*filling.piece, size);
	finish_piece(filling, worker);
	if (filling.all_sealed)
		worker.give_back(std::move(buffer), capacity);
}

void
Stager::stage_large(uint32_t file, Worker &worker, FileOutcome &outcome)
{
	const FileTask &task = files_[file];
	const auto buffer_size = piece_bytes + Document::padding;
	// once through without staging anything: a file that turns out to be cut or damaged at its end
	// must not have been loaded by half
	{
		auto buffer = std::make_unique_for_overwrite<char[]>(buffer_size);
		FileReader reader(task.path, task.gzip, options_.max_file_size, task.root);
		RecordSplitter splitter(options_.max_record_size, task.whole_json,
								[](const RawRecord &) {});
		while (const size_t got = reader.read(buffer.get(), piece_bytes))
		{
			{
				const std::lock_guard lock(mutex_);
				if (stopping_)
					throw Stopped{};
			}
			splitter.feed({buffer.get(), got});
		}
		splitter.finish();
		outcome.sha256 = reader.sha256();
		outcome.identity = reader.identity();
		outcome.bytes = reader.bytes_out();
	}
	if (known(task, outcome.sha256))
	{
		outcome.duplicate = true;
		return;
	}
	FileReader reader(task.path, task.gzip, options_.max_file_size, task.root);
	Filling filling{file, options_.seal && task.gzip && !worker.stager.rewrites()};
	size_t padded = 0;
	PieceFiller filler(worker.stager, task, file, outcome, definition_.max_rejected, long_record_,
					   max_piece_memory(),
					   [&]
					   {
						   next_piece(filling, worker);
						   filler.start(*filling.piece, padded);
					   });
	RecordSplitter splitter(options_.max_record_size, task.whole_json, std::ref(filler));
	for (bool at_end = false; !at_end;)
	{
		size_t capacity = buffer_size, size = 0;
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
		finish_piece(filling, worker);
		if (filling.all_sealed)
			worker.give_back(std::move(buffer), capacity);
		if (!at_end)
			wait_for_room(file);
	}
	outcome.identity = reader.identity();
	if (reader.sha256() != outcome.sha256)
		throw FileError("55006", "file changed while it was read");
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
	// the file that the main thread waits for may always bring one piece: nobody else could go on
	room_.wait(lock,
			   [&]
			   {
				   return stopping_ || in_flight_ < options_.memory ||
						  (file == head_ && slots_[file].pieces.empty());
			   });
	if (stopping_)
		throw Stopped{};
}

size_t
Stager::in_flight()
{
	const std::lock_guard lock(mutex_);
	return in_flight_;
}

Stager::Step
Stager::next(std::chrono::milliseconds wait)
{
	Step step;
	std::unique_lock lock(mutex_);
	if (head_ >= slots_.size())
	{
		step.kind = Step::Kind::done;
		return step;
	}
	Slot &slot = slots_[head_];
	news_.wait_for(lock, wait,
				   [&] { return !slot.pieces.empty() || slot.finished || !questions_.empty(); });
	if (!questions_.empty())
		answer(lock);
	step.file = head_;
	if (!slot.pieces.empty())
	{
		step.kind = Step::Kind::piece;
		step.piece = std::move(slot.pieces.front());
		slot.pieces.pop_front();
		in_flight_ -= step.piece->memory();
	}
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
