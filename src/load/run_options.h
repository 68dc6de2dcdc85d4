// How a dataset is run.
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
	/// Wait for a session that is running the dataset, rather than skip.
	bool wait = false;
	/// Wait for one that only releases records of the dataset: it will not take up its files. Where
	/// the call holds no other dataset's lock.
	bool wait_for_release = false;
	/// Take up files until they come to that many bytes on disk (at least one); 0: all of them.
	uint64_t max_bytes = 0;
	/// The backlog that this is a batch of; null: none.
	Backlog *backlog = nullptr;
	/// Leave out files that failed in a run with a higher number, which a clock can't put back;
	/// below 0: none.
	int64_t after_run = -1;
	/// Build indexes when all is loaded, where that can be done.
	bool postpone_indexes = false;
	/// Leave building them to the caller; null: the run does it itself.
	std::vector<PostponedIndexes> *postponed = nullptr;
	/// Take files from the archive instead, and leave them there.
	Reload *reload = nullptr;
	/// Files that are refused, with the reason.
	std::map<std::string, std::string> refused;
};

} // namespace etl
