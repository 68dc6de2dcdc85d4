// A file that a run has taken up, and what became of its records.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/hash.h"
#include "core/files/file_identity.h"
#include "core/staging/stager.h"

namespace etl
{

struct RunFile
{
	int64_t file_id = 0;
	std::string path;     ///< relative to the raw folder
	std::string absolute; ///< in the raw folder
	RowContext context;
	FileIdentity identity;
	FileOutcome outcome;
	int64_t loaded = 0, quarantined = 0;
	std::string status;                        ///< as in etl.file
	std::string processed_path, archived_path; ///< relative; empty: none
	std::string processed_part;                ///< absolute: under what name it is written
	int64_t processed_number = -1;             ///< to ProcessedWriter; -1: not begun
	std::vector<uint64_t> subjects;            ///< keyed hashes of the people in it
	int64_t grown_from = 0;         ///< etl.file.file_id of the part of it that was loaded before
	std::string part_archived_path; ///< that part's archived_path
	bool treated = false;           ///< holds records of people who have been erased
	std::string treated_part;       ///< the archive's copy without them, and its hash
	Sha256 treated_sha256{};
	int64_t started_at = 0, finished_at = 0;
};

} // namespace etl
