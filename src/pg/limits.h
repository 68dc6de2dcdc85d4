// Limits of runs that no setting changes, and their smaller values in the build for crash tests
// (make faults). Those tests have few files, records and people but must reach every limit. This
// file also shows which limits a crash test does not test.
#pragma once

#include <cstddef>
#include <cstdint>

namespace etl::limits
{

#ifdef ETL_FAULTS
inline constexpr bool crash_test = true;
#else
inline constexpr bool crash_test = false;
#endif

template <typename T>
constexpr T
either(T limit, T in_crash_tests)
{
	return crash_test ? in_crash_tests : limit;
}

// ---- memory in bytes; data beyond this is in a temporary file

/// Identifiers of erased people, for each kind of identifier.
inline constexpr size_t erased_memory = either(8 << 20, 512);
/// Keys that a run has loaded.
inline constexpr size_t own_key_memory = either(8 << 20, 512);
/// Keys of a file that is loaded in several batches.
inline constexpr size_t spanning_key_memory = either(16 << 20, 512);
/// Paths of a backlog that were taken up.
inline constexpr size_t backlog_memory = either(8 << 20, 512);
/// File actions after the commit, and the paths that they remove.
inline constexpr size_t action_log_memory = either(8 << 20, 4096);
inline constexpr size_t taken_path_memory = either(8 << 20, 512);
/// Texts of released records that have to be written to processed files.
inline constexpr size_t released_text_memory = either(4 << 20, 64);

// ---- amount of data in one statement

/// Pairs of person and file for the subject index: 2 MB.
inline constexpr size_t subject_pairs = either(1 << 17, 5);
/// Pairs of person and email: 1 MB.
inline constexpr size_t subject_emails = either(1 << 16, 5);
/// Bytes of refused records.
inline constexpr size_t quarantine_bytes = either(8 << 20, 512);
/// Rows of etl.file_action that a recovery reads or deletes.
inline constexpr int32_t recovered_actions = either(10'000, 5);
/// Keys that a release looks up, and records that it finds with them.
inline constexpr size_t released_keys = either(10'000, 3);
inline constexpr size_t released_records = either(500'000, 4);

// ---- amount of work that is done together

/// File actions that are done and may not be on disk yet. Each sync is one of whole file systems.
inline constexpr int32_t unsynced_actions = either(1'000'000, 8);
/// Files that an erasure rewrites together. Each file takes 1 kB of memory.
inline constexpr size_t rewritten_files = either(16'384, 20);
/// Requests for erasure that are processed together. Each takes some kB, and more for each file
/// that is rewritten. But each slice of requests searches the quarantine and the staged files
/// again.
inline constexpr size_t request_slice = either(32'768, 3);
/// A slice is smaller if etl.batch_memory has less than request_bytes for each request, after
/// erased_sets for the sets of erased people.
inline constexpr size_t request_bytes = 7 << 10, erased_sets = 4 * erased_memory;
inline constexpr size_t least_request_slice = either(1024, 3);
/// Records that a replay loads together, and their bytes.
inline constexpr size_t replayed_records = either(20'000, 5);
inline constexpr int64_t replayed_bytes = 16 << 20;
/// Bytes of staged files. With less, inserting into indexes costs no more than building them
/// afterwards. With more, too many keys would have to be kept in memory.
inline constexpr uint64_t postponed_index_bytes = either(1 << 20, 0);
inline constexpr uint64_t most_postponed_index_bytes = UINT64_C(16) << 30;

} // namespace etl::limits
