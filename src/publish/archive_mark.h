// Does the database know all that its archive holds?
//
// A database that was restored (base backup, point in time, dump) or a standby that was promoted
// while it was behind does not know the files that were loaded since: they are in the archive,
// their rows are gone, and nothing in the raw directory brings them back. So each transaction that
// takes raw files away counts one further in etl.archive_mark, and after its commit, before the
// first file is moved, the same count is written into the archive:
//
//     <etl.archive_dir>/.pg_etl/<archive_id>/<dataset>
//
// A count in the archive that the catalog has not reached, or has reached by another transaction
// (two copies of the database that both went on), says that the database is behind. A catalog that
// is further than the archive is not: the server crashed between commit and mark, and no file has
// been moved then. archive_id is made by CREATE EXTENSION and goes with dumps and backups, so that
// another database that uses the same archive has marks of its own and is not held up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "pg/settings.h"

namespace etl
{

/// How far the files of a dataset have come.
struct ArchiveMark
{
	int64_t count = 0; ///< of transactions that have taken files away; 0: none
	std::string nonce; ///< of the last of them
};

/// What the archive says of a dataset, and what the catalog does.
struct ArchiveState
{
	std::string path; ///< of the mark in the archive
	ArchiveMark archived, known;
	bool is_behind() const
	{
		return archived.count > known.count ||
			   (archived.count == known.count && archived.nonce != known.nonce);
	}
};

/// Reads both, the archive first. Throws 58030 and others where the mark cannot be read.
ArchiveState archive_state(const std::string &dataset, const pg::Settings &settings);

/// Throws 55000 where the archive holds files of the dataset that the database does not know. Needs
/// the dataset's lock: another session may be between commit and moving its files.
void require_files_known(const std::string &dataset, const pg::Settings &settings);
/// The same of all datasets, also of those that are not defined here: an erasure must reach every
/// file.
void require_files_known(const Catalog &catalog, const pg::Settings &settings);

/// Datasets that are not defined here and of which the archive holds files that the database does
/// not know: they were defined after the backup from which it was restored.
std::vector<std::string> lost_datasets(const Catalog &catalog, const pg::Settings &settings);
/// What to do about them.
extern const char *const lost_dataset_hint;

/// Counts one further than both, in this transaction; the mark in the archive follows when it
/// commits.
void advance_archive_mark(const std::string &dataset, const pg::Settings &settings);

/// What commits: marks that this transaction, or the subtransaction, has planned.
bool write_planned_marks() noexcept; ///< false: one of them could not be written
void forget_planned_marks() noexcept;
void keep_planned_marks(uint32_t subtransaction, uint32_t parent) noexcept;
void drop_planned_marks(uint32_t subtransaction) noexcept;

/// Writes the mark that an earlier, committed transaction could not write any more. Returns what
/// went wrong: files must stay where they are then.
std::string heal_archive_mark(const std::string &dataset, const pg::Settings &settings);

} // namespace etl
