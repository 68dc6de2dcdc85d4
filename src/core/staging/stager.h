// Threads that turn staged files into pieces, ahead of the main thread and in the order of the
// files.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/hash.h"
#include "core/base/malloc_tuning.h"
#include "core/base/worker_threads.h"
#include "core/files/file_identity.h"
#include "core/privacy/record_eraser.h"
#include "core/records/record_splitter.h"
#include "core/staging/rest_of_file.h"
#include "core/staging/staged_record.h"
#include "core/types/column_type.h"
#include "core/types/type_questions.h"

namespace etl
{

struct WholeText;

struct FileTask
{
	std::string path;  ///< absolute
	bool gzip = false; ///< the processed file will be compressed with gzip
	bool whole_json = false;
	RowContext context;
	size_t root = static_cast<size_t>(-1); ///< see FileReader
	std::vector<Sha256> known; ///< contents of files with this name that were loaded before
	LoadedPart loaded;         ///< the part of this file that was loaded; only the rest is staged
	std::string refused;       ///< if not empty, the file is not read, for this reason
	bool suspect = false;      ///< the file failed before, because too many of its records were bad
};

/// The result for a file, given after its last piece.
struct FileOutcome : FileResult
{
	bool duplicate = false; ///< the contents are known, so nothing was staged
	Sha256 sha256{};
	FileIdentity identity; ///< of the file that was read
	/// If set, only the records after the part that was loaded before were staged.
	std::optional<RestOfFile> rest;
	uint64_t bytes = 0; ///< size after decompression
	uint64_t records = 0;
	uint64_t last_line = 0; ///< line of the last record
	/// The number of records that are malformed or violate the schema or the types, and the bytes
	/// of them that go to the quarantine.
	uint64_t rejected = 0, rejected_bytes = 0;
};

struct StagerOptions
{
	unsigned threads = 1;
	size_t memory = 64 << 20; ///< limit in bytes for pieces that are staged and not taken yet
	size_t max_record_size = 16 << 20;
	uint64_t max_file_size = UINT64_C(64) << 30;
	const ErasedPeople *erased = nullptr; ///< see RecordStager
	const Identities *hashes = nullptr;   ///< see RecordStager
	bool seal = false;                    ///< call seal() for the pieces of gzip files
	/// Answers questions about texts that encode() cannot read. next() asks it in the thread of the
	/// caller, while the thread with the question waits. Null: such texts are refused.
	TypeInput *type_input = nullptr;
};

class Stager
{
  public:
	/// Starts the threads. `definition` and `key_types` must outlive the Stager. The threads block
	/// all signals and call only code of src/core.
	Stager(const Definition &definition, const KeyTypes &key_types, std::vector<FileTask> files,
		   const StagerOptions &options);
	/// Stops and joins the threads.
	~Stager();
	Stager(const Stager &) = delete;
	Stager &operator=(const Stager &) = delete;

	struct Step
	{
		enum class Kind
		{
			piece,    ///< records of `file`
			file_end, ///< `file` is complete or has failed, which may be after some of its pieces
			done,     ///< there are no more files
			crowded,  ///< a long record waits until the caller has released all its pieces
			timeout   ///< nothing is ready; process interrupts and call again
		};
		Kind kind = Kind::timeout;
		uint32_t file = 0;
		std::unique_ptr<Piece> piece;
		FileOutcome outcome;
	};
	/// Returns the next step in the order of the files. Waits at most `wait`. `held` is the size of
	/// the pieces that the caller still has; until the next call the piece that is returned is
	/// added to it. Answers the questions of the threads with StagerOptions::type_input, and passes
	/// on its exceptions.
	Step next(std::chrono::milliseconds wait, size_t held = 0);
	/// The size of the pieces that are staged and not taken yet.
	size_t in_flight()
	{
		const std::lock_guard lock(mutex_);
		return in_flight_;
	}
	/// Stops and joins the threads. next() must not be called afterwards.
	void stop();

  private:
	struct Slot
	{
		std::list<std::unique_ptr<Piece>> pieces; // a list, because an empty deque takes 600 bytes
		bool finished = false;
		FileOutcome outcome;
	};

	/// The state that a thread keeps from one piece to the next.
	struct Worker;
	struct Filling;

	void work();
	void stage_files();
	void stage_file(uint32_t file, Worker &worker, FileOutcome &outcome);
	bool read_small(const FileTask &task, Worker &worker, Filling &filling, WholeText &whole,
					FileOutcome &outcome);
	void scan_large(const FileTask &task, FileOutcome &outcome);
	void stage_large(uint32_t file, Worker &worker, FileOutcome &outcome);
	size_t max_piece_memory() const;
	void read_all(const FileTask &task, RecordSplitter &splitter);
	/// Throws Stopped after stop().
	void check_stopping();
	bool may_exceed(const FileTask &task, const FileOutcome &so_far) const;
	void count_rest(uint32_t file, Worker &worker, const FileOutcome &so_far,
					const std::function<void(RecordSplitter &)> &read);
	bool may_seal(const FileTask &task, const Worker &worker) const;
	void finish_piece(Filling &filling, Worker &worker);
	void next_piece(Filling &filling, Worker &worker);
	void push(uint32_t file, std::unique_ptr<Piece> piece);
	void wait_for_room(uint32_t file);
	void stage_long(uint32_t file, size_t size, const std::function<void()> &stage);
	bool known(const FileTask &task, const Sha256 &sha256) const;

	const Definition &definition_;
	const KeyTypes &key_types_;
	const std::vector<FileTask> files_;
	const StagerOptions options_;
	std::mutex mutex_;
	std::condition_variable room_, news_;
	TypeQuestions questions_{mutex_, news_};
	std::vector<Slot> slots_;
	uint32_t next_file_ = 0; ///< the next file that a thread will take
	uint32_t head_ = 0;      ///< the file that next() returns pieces of
	size_t in_flight_ = 0;
	size_t held_ = 0;       ///< size of the pieces that the caller of next() has
	bool has_long_ = false; ///< a long record is being staged
	std::optional<GiveBackFreedMemory> give_back_; ///< exists from the first long record on
	/// the long record of the file at head_ waits until the caller has no pieces
	bool head_waits_ = false;
	bool stopping_ = false;
	WorkerThreads threads_;
};

} // namespace etl
