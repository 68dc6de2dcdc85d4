// A backlog is loaded in batches, each in a transaction of the same session (etl_load). A batch
// does not look again at what earlier batches have looked at. If each did, the time would be
// quadratic when many loaded files stay, because the server cannot move them, or because it cannot
// be determined whether they are still being written.
//
// The first batch looks at everything, and so does the last one, which then finds nothing to load.
// The batches between continue where the previous one ended, and leave out every file that has an
// unfinished action.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/key_set.h"
#include "core/files/file_action.h"

namespace etl
{

class Backlog
{
  public:
	/// The position after the files of a batch: the directory of an hour, which may have more
	/// files.
	struct Place
	{
		std::string date, hour;
	};

	/// Begins at the first file.
	Backlog(std::string dataset, int64_t after_run);
	bool is(const std::string &dataset, int64_t after_run) const
	{
		return dataset == dataset_ && after_run == after_run_;
	}
	/// Whether this batch continues where another one ended.
	bool goes_on() const { return !place_.date.empty(); }
	/// Makes the batch look at everything.
	void begin_anew();

	const Place &place() const { return place_; }
	/// The action_id of the last row of etl.file_action that was looked at.
	int64_t last_action() const { return last_action_; }
	/// Call at the end of a batch.
	void advance(Place place, int64_t last_action);

	/// Adds actions that could not be done, or have to be done in another way. They are kept even
	/// if the batch fails.
	void add_unfinished(const std::vector<FileAction> &actions);
	/// Whether an unfinished action is about this raw file, whatever it contains now.
	bool takes(const std::string &path) const;
	/// Whether an unfinished action will put a file at this path.
	bool puts(const std::string &path) const;

  private:
	std::string dataset_;
	int64_t after_run_;
	Place place_;
	int64_t last_action_ = INT64_MIN;
	/// Paths with a letter before each. Memory is limited; the rest is in a file.
	std::unique_ptr<KeySet> paths_;
};

/// Sets the backlog that a run continues, while the object exists, for destination_taken().
class GoesOnWith
{
  public:
	explicit GoesOnWith(const Backlog *backlog);
	~GoesOnWith();
	GoesOnWith(const GoesOnWith &) = delete;
	GoesOnWith &operator=(const GoesOnWith &) = delete;
};

/// Whether an unfinished action of the backlog will put a file at this path.
bool backlog_puts(const std::string &path);

} // namespace etl
