// Limits that a run keeps to whatever the settings say, and what stands in their place in the build
// that crash tests use (make faults). Those tests have few files, records and people, and are to go
// through every place at which a limit is reached; what a crash test does not test stands here,
// too.
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

// ---- memory in bytes; what goes beyond is in a temporary file

/// Identifiers of people who have been erased, of each kind.
inline constexpr size_t erased_memory = either(8 << 20, 512);
/// Keys that a run has loaded.
inline constexpr size_t own_key_memory = either(8 << 20, 512);
/// Keys of a file that several batches have parts of.
inline constexpr size_t spanning_key_memory = either(16 << 20, 512);
/// Paths of a backlog that have been taken up.
inline constexpr size_t backlog_memory = either(8 << 20, 512);
/// What is to be done to files after the commit, and the paths that it takes away.
inline constexpr size_t action_log_memory = either(8 << 20, 4096);
inline constexpr size_t taken_path_memory = either(8 << 20, 512);
/// Texts of released records, on their way to the processed files.
inline constexpr size_t released_text_memory = either(4 << 20, 64);

// ---- how much goes to the server at once

/// Pairs of person and file that are written to the subject index: 2 MB.
inline constexpr size_t subject_pairs = either(1 << 17, 5);
/// Pairs of person and email: 1 MB.
inline constexpr size_t subject_emails = either(1 << 16, 5);
/// Bytes of refused records.
inline constexpr size_t quarantine_bytes = either(8 << 20, 512);
/// Rows of etl.file_action that a recovery looks at, and forgets.
inline constexpr int32_t recovered_actions = either(10'000, 5);
/// Keys that a release looks up, and records that it finds with them.
inline constexpr size_t released_keys = either(10'000, 3);
inline constexpr size_t released_records = either(500'000, 4);

// ---- how much is taken up at a time

/// Actions that are done and may not be on the disk yet. A sync costs one of whole file systems.
inline constexpr int32_t unsynced_actions = either(1'000'000, 8);
/// Files of which an erasure rewrites copies. What is known of one takes 1 kB.
inline constexpr size_t rewritten_files = either(16'384, 20);
/// Requests that are answered together. They take some kB each, and more for each file that is
/// rewritten, but each slice looks through quarantine and staged files.
inline constexpr size_t request_slice = either(32'768, 3);
/// Fewer where etl.batch_memory is less than these for each and the sets of who has been erased.
inline constexpr size_t request_bytes = 7 << 10, erased_sets = 4 * erased_memory;
inline constexpr size_t least_request_slice = either(1024, 3);
/// Records of a replay, and bytes of them.
inline constexpr size_t replayed_records = either(20'000, 5);
inline constexpr int64_t replayed_bytes = 16 << 20;
/// Bytes of staged files below which inserting into indexes costs no more than building them
/// afterwards, and above which too many keys would have to be known.
inline constexpr uint64_t postponed_index_bytes = either(1 << 20, 0);
inline constexpr uint64_t most_postponed_index_bytes = UINT64_C(16) << 30;

} // namespace etl::limits
