// One unit of a search through files, done by a worker thread: a staged, processed or archived
// file, a relation's files, the write-ahead log, or any other file of the server's.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "core/search/needle.h"

namespace etl
{

struct SearchJob
{
	enum class Kind : uint8_t
	{
		file,     ///< as records are staged: plain, gzip or zstd
		relation, ///< pages; paths are its segments in order
		toast,    ///< the same, of a TOAST table
		wal,      ///< paths are segments in any order
		bytes     ///< as they are
	};
	Kind kind;
	std::vector<std::string> paths;
	uint32_t relation = 0; ///< the caller's: which table or index it is
};

struct SearchSizes
{
	size_t page;            ///< of tables (BLCKSZ)
	size_t wal_page;        ///< XLOG_BLCKSZ
	uint32_t segment_pages; ///< RELSEG_SIZE
	uint64_t max_file_size; ///< of a staged file, decompressed
	size_t memory;          ///< for values that are put together
};

struct SearchResult
{
	struct Hit
	{
		uint32_t block;
		uint16_t item; ///< line pointer, 0: none
		uint32_t count;
	};
	static constexpr size_t max_hits = 1 << 20;

	uint64_t count = 0;
	std::vector<uint64_t> counts; ///< wal: of each path
	std::vector<Hit> hits;        ///< relation and toast; those beyond max_hits are in count only
	/// What could not be searched and why: "file …: permission denied". No content.
	std::vector<std::string> unsearched;
	/// The files that a wal job found last, in case it sorted them.
	std::vector<std::string> paths;
};

/// Runs a job; returns early when stop is set. Throws std::bad_alloc only.
SearchResult run_job(const SearchJob &job, const Needle &needle, const SearchSizes &sizes,
					 const std::atomic<bool> &stop);

} // namespace etl
