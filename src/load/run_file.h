// A file that a run has taken up, and the result for its records.
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
	std::string path;     ///< relative to the raw directory
	std::string absolute; ///< in the raw directory
	RowContext context;
	FileIdentity identity;
	FileOutcome outcome;
	int64_t loaded = 0, quarantined = 0;
	std::string status;                        ///< as in etl.file
	std::string processed_path, archived_path; ///< relative; empty if there is none
	std::string processed_part;                ///< absolute path of the part while it is written
	int64_t processed_number = -1;             ///< number in ProcessedWriter; -1 if not begun
	std::vector<uint64_t> subjects;            ///< keyed hashes of the people in the file
	int64_t grown_from = 0;         ///< etl.file.file_id of the part that was loaded before
	std::string part_archived_path; ///< archived_path of that part
	bool treated = false;           ///< the file has records of erased people
	/// copy for the archive without these people; the next member is its hash
	std::string treated_part;
	Sha256 treated_sha256{};
	int64_t started_at = 0, finished_at = 0;
};

} // namespace etl
