// Options for running a dataset.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace etl
{

class Backlog;
class PostponedIndexes;
class Reload;

struct RunOptions
{
	/// Wait for a session that is running the dataset, instead of skipping it.
	bool wait = false;
	/// Wait for a session that only releases records of the dataset and will not take up its files.
	/// Only if the call has no lock of another dataset.
	bool wait_for_release = false;
	/// Take up files up to this number of bytes on disk (at least one file). 0: all files.
	uint64_t max_bytes = 0;
	/// The backlog to which this batch belongs, or null.
	Backlog *backlog = nullptr;
	/// Leave out files that failed in a run with a higher number, because a clock can be set back.
	/// Negative: leave out none.
	int64_t after_run = -1;
	/// Build indexes when everything is loaded, if possible.
	bool postpone_indexes = false;
	/// Let the caller build the indexes. Null: the run builds them itself.
	std::vector<PostponedIndexes> *postponed = nullptr;
	/// Take files from the archive and leave them there.
	Reload *reload = nullptr;
	/// Files to refuse, with the reason.
	std::map<std::string, std::string> refused;
};

} // namespace etl
