// A unit of work of a search through files, done by one thread: a staged, processed or archived
// file, the files of a relation, the write-ahead log, or any other file of the server.
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
		file,     ///< a file of records: plain, gzip or zstd
		relation, ///< pages of a relation; paths are its segments in order
		toast,    ///< like relation, for a TOAST table
		wal,      ///< write-ahead log; paths are segments in any order
		bytes     ///< any file, searched as it is
	};
	Kind kind;
	std::vector<std::string> paths;
	uint32_t relation = 0; ///< number that the caller gives to the table or index
};

struct SearchSizes
{
	size_t page;            ///< page size of tables (BLCKSZ)
	size_t wal_page;        ///< XLOG_BLCKSZ
	uint32_t segment_pages; ///< RELSEG_SIZE
	uint64_t max_file_size; ///< limit for a staged file after decompression
	size_t memory;          ///< limit for TOASTed values that are being put together
};

struct SearchResult
{
	struct Hit
	{
		uint32_t block;
		uint16_t item; ///< line pointer; 0 if there is none
		uint32_t count;
	};
	static constexpr size_t max_hits = 1 << 20;

	uint64_t count = 0;
	std::vector<uint64_t> counts; ///< wal: indexed by path
	std::vector<Hit> hits;        ///< relation and toast; hits beyond max_hits are only counted
	/// Files that could not be searched, with the reason: "file …: permission denied". Contains no
	/// content of files.
	std::vector<std::string> unsearched;
	/// The paths in the order that `counts` refers to, because a wal job may sort them.
	std::vector<std::string> paths;
};

/// Runs a job. Returns early when `stop` is set. Throws only std::bad_alloc.
SearchResult run_job(const SearchJob &job, const Needle &needle, const SearchSizes &sizes,
					 const std::atomic<bool> &stop);

} // namespace etl
