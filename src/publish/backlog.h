// A backlog is taken up batch by batch, each batch a transaction of one session (etl_load). What
// the batches before have looked at is not looked at again by each: that would take the square of
// the time where many files stay that were loaded, because the server cannot move them, or are
// watched because nobody can tell whether they have a writer.
//
// The first batch looks at everything, and so does the last, which finds nothing else to load.
// Those between go on where the one before has ended, and leave out every file that something has
// yet to be done with.
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
	/// Where the files of a batch have ended: the directory of the hour, which may have more.
	struct Place
	{
		std::string date, hour;
	};

	/// From the beginning.
	Backlog(std::string dataset, int64_t after_run);
	bool is(const std::string &dataset, int64_t after_run) const
	{
		return dataset == dataset_ && after_run == after_run_;
	}
	/// Whether this batch goes on where another has ended.
	bool goes_on() const { return !place_.date.empty(); }
	/// The batch looks at everything after all.
	void begin_anew();

	const Place &place() const { return place_; }
	/// The last row of etl.file_action that was looked at.
	int64_t last_action() const { return last_action_; }
	/// A batch has ended.
	void advance(Place place, int64_t last_action);

	/// What could not be done, or has to be done otherwise. Kept even where the batch fails.
	void add_unfinished(const std::vector<FileAction> &actions);
	/// Whether such an action is about that raw file, whatever it holds now.
	bool takes(const std::string &path) const;
	/// Whether such an action will put a file there.
	bool puts(const std::string &path) const;

  private:
	std::string dataset_;
	int64_t after_run_;
	Place place_;
	int64_t last_action_ = INT64_MIN;
	/// Paths, with a letter before each: bounded memory, the rest in a file.
	std::unique_ptr<KeySet> paths_;
};

/// The backlog that a run goes on with, while it lasts: destination_taken() knows of it.
class GoesOnWith
{
  public:
	explicit GoesOnWith(const Backlog *backlog);
	~GoesOnWith();
	GoesOnWith(const GoesOnWith &) = delete;
	GoesOnWith &operator=(const GoesOnWith &) = delete;
};

/// Whether what the backlog has not finished will put a file there.
bool backlog_puts(const std::string &path);

} // namespace etl
