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
#include <thread>
#include <vector>

#include "core/group_sync.h"
#include "core/staged_file.h"

namespace etl
{

struct RewriteTask
{
	std::string source;
	std::string part; ///< the new file; nothing is written when it is empty
	bool gzip = false;
	bool whole_json = false;
	bool probe = false;   ///< rarely changes: read it first, write only when it does
	bool collect = false; ///< keep the texts of the records that were found
	size_t group = 0;     ///< which transformation
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
	std::vector<uint64_t> hashes;   ///< what the transformation noted of each record
	std::vector<std::string> texts; ///< collect
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
	/// Makes the transformation of a group; called in each thread that needs it.
	using Factory = std::function<Transform(size_t group)>;

	FileRewriter(std::vector<RewriteTask> tasks, Factory factory, unsigned threads);
	~FileRewriter();
	FileRewriter(const FileRewriter &) = delete;
	FileRewriter &operator=(const FileRewriter &) = delete;

	/// Waits up to that long; true when all files are done.
	bool wait(std::chrono::milliseconds time);
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
	void pass(const RewriteTask &task, const Transform &transform, RewriteOutcome &outcome,
			  FileWriter *writer);

	const std::vector<RewriteTask> tasks_;
	const Factory factory_;
	std::vector<RewriteOutcome> outcomes_;
	std::mutex mutex_;
	std::condition_variable news_;
	size_t next_ = 0, done_ = 0;
	bool stopping_ = false;
	std::optional<GroupSync> sync_; ///< where something may be written
	std::vector<std::thread> threads_;
};

/// Longest record that can be rewritten: more than the server's text can hold.
constexpr size_t max_rewritten_record = size_t{1} << 30;

} // namespace etl
