// Worker threads that copy files record by record and change some of the records.
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
	std::string part; ///< the new file; nothing is written when it is empty
	bool whole_json = false;
	bool probe = false;   ///< rarely changes: read it first, write only when it does
	bool collect = false; ///< hand over the texts of the records that were found
	size_t group = 0;     ///< which transformation
	/// Records that are somebody's although the transformation finds nobody in them, by line, and
	/// what takes their place.
	std::map<uint64_t, uint32_t> lines;
	std::string lines_text;
};

struct RewriteOutcome
{
	std::string error, sqlstate; ///< empty: read to its end
	bool changed = false;        ///< only then is there a part
	std::array<uint8_t, 32> sha256{}, new_sha256{};
	uint64_t size = 0, new_size = 0; ///< on disk
	uint64_t records = 0;
	std::map<uint32_t, int64_t> found; ///< records by person
	/// Hashes of the emails of people who were found, as the transformation noted them.
	std::set<std::pair<uint32_t, uint64_t>> emails;
	/// Hashes of people and of the emails that records say they have, noted in the same way.
	std::set<std::pair<uint64_t, uint64_t>> emails_of;
	std::vector<uint64_t> hashes; ///< what the transformation noted of each record
};

/// Record structure stays: each record keeps its line, blank lines stay blank; an array of records
/// becomes a line for each. New files are synced, many at a time.
class FileRewriter
{
  public:
	/// What becomes of a record: a person when it is theirs (out takes its place), UINT32_MAX when
	/// it stays.
	using Transform =
		std::function<uint32_t(std::string_view text, std::string &out, RewriteOutcome &outcome)>;
	/// Makes the transformation of a group; called in each thread that needs it. types: what the
	/// thread may ask; null where nobody answers.
	using Factory = std::function<Transform(size_t group, TypeInput *types)>;

	/// type_input: answers what threads ask, in wait(); null for nobody.
	FileRewriter(std::vector<RewriteTask> tasks, Factory factory, unsigned threads,
				 TypeInput *type_input = nullptr);
	~FileRewriter();
	FileRewriter(const FileRewriter &) = delete;
	FileRewriter &operator=(const FileRewriter &) = delete;

	/// Waits up to that long; true when all files are done. Returns early when texts can be taken.
	/// The caller is done with those that it took before. Passes on what the type input throws.
	bool wait(std::chrono::milliseconds time);
	/// Task and text of records that were found since the last call, in the order of the tasks:
	/// threads wait until some are taken. Some may be left when all files are done.
	std::vector<std::pair<size_t, std::string>> take_texts();
	void stop();
	/// By task; valid once wait() has returned true.
	std::vector<RewriteOutcome> &outcomes() { return outcomes_; }
	const std::vector<RewriteTask> &tasks() const { return tasks_; }

  private:
	struct Stopped
	{
	};
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
	std::vector<bool> is_done_; ///< by task
	size_t head_ = 0;           ///< the first that is not
	std::vector<std::pair<size_t, std::string>> texts_;
	size_t texts_bytes_ = 0;
	bool caller_has_texts_ = false; ///< since its last call of wait()
	bool stopping_ = false;
	std::optional<GroupSync> sync_; ///< where something may be written
	WorkerThreads threads_;
};

/// Longest record that can be rewritten: more than the server's text can hold.
constexpr size_t max_rewritten_record = size_t{1} << 30;

} // namespace etl
