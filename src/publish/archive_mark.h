// Detects whether the archive contains files that the database does not know.
//
// A database that was restored (from a base backup, to a point in time, from a dump), or a standby
// that was promoted before it had received everything, does not know the files that were loaded
// since: they are in the archive, their rows are lost, and nothing is left in the raw directory.
// Therefore each transaction that takes raw files away increments a count in etl.archive_mark.
// After its commit, before the first file is moved, the same count is written to the archive:
//
//     <etl.archive_dir>/.pg_etl/<archive_id>/<dataset>
//
// If the count in the archive is higher than in the catalog, or belongs to another transaction
// (when two copies of the database were both used), the database is behind. If the count in the
// catalog is higher, the server crashed between the commit and the mark, and no file was moved.
// CREATE EXTENSION creates archive_id, which is part of dumps and backups. So another database with
// the same archive has its own marks and is not affected.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "pg/settings.h"

namespace etl
{

/// The count of a dataset, in the archive or in the catalog.
struct ArchiveMark
{
	int64_t count = 0; ///< number of transactions that have taken files away; 0 if none
	std::string nonce; ///< identifies the last of these transactions
};

/// The marks of a dataset in the archive and in the catalog.
struct ArchiveState
{
	std::string path; ///< path of the mark in the archive
	ArchiveMark archived, known;
	bool is_behind() const
	{
		return archived.count > known.count ||
			   (archived.count == known.count && archived.nonce != known.nonce);
	}
};

/// Reads both marks, first that of the archive. Throws 58030 or another error if the mark cannot be
/// read.
ArchiveState archive_state(const std::string &dataset, const pg::Settings &settings);

/// Throws 55000 if the archive contains files of the dataset that the database does not know. The
/// caller must have the dataset's lock, because another session may be between the commit and the
/// moves of its files.
void require_files_known(const std::string &dataset, const pg::Settings &settings);
/// Like the function above for all datasets, including those that are not defined here, because an
/// erasure must reach every file.
void require_files_known(const Catalog &catalog, const pg::Settings &settings);

/// Datasets that are not defined here and have files in the archive that the database does not
/// know. They were defined after the backup from which the database was restored.
std::vector<std::string> lost_datasets(const Catalog &catalog, const pg::Settings &settings);
/// The hint for such datasets.
extern const char *const lost_dataset_hint;

/// Increments the count of the dataset in this transaction, to more than both marks. The mark in
/// the archive is written at commit.
void advance_archive_mark(const std::string &dataset, const pg::Settings &settings);

/// For the end of a transaction or subtransaction: handle the marks that it has planned.
bool write_planned_marks() noexcept; ///< false if one of them could not be written
void forget_planned_marks() noexcept;
void keep_planned_marks(uint32_t subtransaction, uint32_t parent) noexcept;
void drop_planned_marks(uint32_t subtransaction) noexcept;

/// Writes the mark of an earlier, committed transaction that could not write it. Returns an error
/// text, "" for none. After an error, files must not be moved.
std::string heal_archive_mark(const std::string &dataset, const pg::Settings &settings);

} // namespace etl
