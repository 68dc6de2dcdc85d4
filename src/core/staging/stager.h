// Worker threads that turn staged files into pieces, ahead of the main thread and in file order.
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

struct FileTask
{
	std::string path;  ///< absolute
	bool gzip = false; ///< its processed file will be gzipped
	bool whole_json = false;
	RowContext context;
	size_t root = static_cast<size_t>(-1); ///< see FileReader
	std::vector<Sha256> known;             ///< contents of this name that were loaded before
	LoadedPart loaded;                     ///< of this very file: the rest of it is wanted
	std::string refused;                   ///< not read at all, for this reason
	bool suspect = false; ///< it has failed before, for too many of its records were bad
};

/// What became of a file, told after its last piece.
struct FileOutcome
{
	std::string error, sqlstate; ///< empty: read to its end
	bool duplicate = false;      ///< its bytes are known: nothing was staged
	Sha256 sha256{};
	FileIdentity identity; ///< of the file that was read
	/// Only what follows the part that was loaded before was staged.
	std::optional<RestOfFile> rest;
	uint64_t bytes = 0; ///< decompressed
	uint64_t records = 0;
	uint64_t last_line = 0; ///< line of the last record
	/// Records that are malformed or break schema or types, and bytes that quarantine gets of them.
	uint64_t rejected = 0, rejected_bytes = 0;
};

struct StagerOptions
{
	unsigned threads = 1;
	size_t memory = 64 << 20; ///< bytes of pieces staged ahead
	size_t max_record_size = 16 << 20;
	uint64_t max_file_size = UINT64_C(64) << 30;
	const ErasedPeople *erased = nullptr; ///< see RecordStager
	const Identities *hashes = nullptr;   ///< see RecordStager
	bool seal = false;                    ///< seal() the pieces of gzip files
	/// Asked about texts that encode() cannot read, by next() on the caller's thread, while the
	/// thread that wants to know waits; null: such texts are refused.
	TypeInput *type_input = nullptr;
};

class Stager
{
  public:
	/// Starts the threads. definition and key_types must outlive the Stager. Threads block all
	/// signals and call nothing but core code.
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
			file_end, ///< `file` is complete (or failed: then no piece of it was handed out)
			done,     ///< no files left
			crowded,  ///< a long record waits until the caller holds nothing any more
			timeout   ///< nothing yet; serve interrupts and call again
		};
		Kind kind = Kind::timeout;
		uint32_t file = 0;
		std::unique_ptr<Piece> piece;
		FileOutcome outcome;
	};
	/// The next thing in file order, waiting up to that long for it. held: bytes of the pieces that
	/// the caller still has; what it is given now counts until the next call. Answers the threads'
	/// questions to StagerOptions::type_input, whose exceptions it passes on.
	Step next(std::chrono::milliseconds wait, size_t held = 0);
	/// Bytes of the pieces that are staged and not taken yet.
	size_t in_flight()
	{
		const std::lock_guard lock(mutex_);
		return in_flight_;
	}
	/// Stops and joins; next() must not be called afterwards.
	void stop();

  private:
	struct Slot
	{
		std::list<std::unique_ptr<Piece>> pieces; // an empty deque takes 600 bytes
		bool finished = false;
		FileOutcome outcome;
	};
	struct Stopped
	{
	};

	/// What a thread keeps from piece to piece.
	struct Worker;
	struct Filling;

	void work();
	void stage_files();
	void stage_file(uint32_t file, Worker &worker, FileOutcome &outcome);
	void stage_large(uint32_t file, Worker &worker, FileOutcome &outcome);
	size_t max_piece_memory() const;
	void read_all(const FileTask &task, RecordSplitter &splitter);
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
	uint32_t next_file_ = 0; ///< to be taken by a thread
	uint32_t head_ = 0;      ///< that next() is at
	size_t in_flight_ = 0;
	size_t held_ = 0;                              ///< by the caller of next()
	bool has_long_ = false;                        ///< a long record is being staged
	std::optional<GiveBackFreedMemory> give_back_; ///< from the first long record on
	bool head_waits_ = false; ///< so does the file at head_, until the caller holds nothing
	bool stopping_ = false;
	WorkerThreads threads_;
};

} // namespace etl
