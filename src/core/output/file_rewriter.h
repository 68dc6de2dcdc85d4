// Threads that copy files record by record and change some of the records.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/worker_threads.h"
#include "core/files/file_error.h"
#include "core/files/file_reader.h"
#include "core/files/file_writer.h"
#include "core/files/group_sync.h"
#include "core/types/type_questions.h"

namespace etl
{

struct RewriteTask
{
	std::string source;
	std::string part; ///< path of the new file; empty if nothing is written
	bool whole_json = false;
	bool probe = false;   ///< the file rarely changes: read it first and write it only if it does
	bool collect = false; ///< deliver the texts of the records that were found
	size_t group = 0;     ///< index of the transformation
	/// Line numbers of records that belong to a person although the transformation does not
	/// recognise the person in them, with that person. lines_text replaces these records.
	std::map<uint64_t, uint32_t> lines;
	std::string lines_text;
};

struct RewriteOutcome : FileResult
{
	bool changed = false; ///< only then a new file was written
	std::array<uint8_t, 32> sha256{}, new_sha256{};
	uint64_t size = 0, new_size = 0; ///< on disk
	uint64_t records = 0;
	std::map<uint32_t, int64_t> found; ///< number of records for each person
	/// Hashes of the emails of the people who were found, as the transformation reported them.
	std::set<std::pair<uint32_t, uint64_t>> emails;
	/// Hashes of people and of the emails in their records, as the transformation reported them.
	std::set<std::pair<uint64_t, uint64_t>> emails_of;
	std::vector<uint64_t> hashes; ///< the hashes that the transformation reported for each record
};

/// Keeps the structure of files: each record keeps its line, and blank lines stay blank. An array
/// of records becomes one line for each record. New files are synced, many at the same time.
class FileRewriter
{
  public:
	/// Transforms a record. Returns the person that the record is about and puts the new text in
	/// `out`, or returns UINT32_MAX if the record does not change.
	using Transform =
		std::function<uint32_t(std::string_view text, std::string &out, RewriteOutcome &outcome)>;
	/// Makes the transformation of a group. It is called in each thread that needs the
	/// transformation. `types` answers questions about types; null if there are no answers.
	using Factory = std::function<Transform(size_t group, TypeInput *types)>;

	/// `type_input` answers the questions of the threads in wait(); null for no answers.
	FileRewriter(std::vector<RewriteTask> tasks, Factory factory, unsigned threads,
				 TypeInput *type_input = nullptr);
	~FileRewriter();
	FileRewriter(const FileRewriter &) = delete;
	FileRewriter &operator=(const FileRewriter &) = delete;

	/// Waits at most `time`. Returns true if all files are done. Returns early if texts can be
	/// taken. The caller must not use texts any more that it took before. Passes on exceptions of
	/// the type input.
	bool wait(std::chrono::milliseconds time);
	/// Returns the index of the task and the text of records that were found since the last call,
	/// in the order of the tasks. Threads block until texts are taken. When all files are done,
	/// there may still be texts to take.
	std::vector<std::pair<size_t, std::string>> take_texts();
	void stop();
	/// One outcome for each task. Valid after wait() has returned true.
	std::vector<RewriteOutcome> &outcomes() { return outcomes_; }
	const std::vector<RewriteTask> &tasks() const { return tasks_; }

  private:
	void work();
	void rewrite(size_t number, const Transform &transform);
	void write(size_t number, const Transform &transform);
	void not_synced(size_t number, const FileError &error);
	void pass(FileReader &reader, size_t number, const Transform &transform,
			  RewriteOutcome &outcome, FileWriter *writer);
	void hand_over(size_t number, std::string_view text);

	const std::vector<RewriteTask> tasks_;
	const Factory factory_;
	std::vector<RewriteOutcome> outcomes_;
	std::mutex mutex_;
	std::condition_variable news_, room_;
	TypeInput *const type_input_;
	TypeQuestions questions_{mutex_, news_};
	size_t next_ = 0, done_ = 0;
	std::vector<bool> is_done_; ///< indexed by task
	size_t head_ = 0;           ///< the first task that is not done
	std::vector<std::pair<size_t, std::string>> texts_;
	size_t texts_bytes_ = 0;
	bool caller_has_texts_ = false; ///< since the last call of wait()
	bool stopping_ = false;
	std::optional<GroupSync> sync_; ///< present if any task may write a file
	WorkerThreads threads_;
};

/// The size in bytes of the longest record that can be rewritten. The server's type text cannot
/// store a longer one.
constexpr size_t max_rewritten_record = size_t{1} << 30;

} // namespace etl
