// Limits that no setting changes, and their smaller values in the build for crash tests
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

// ---- memory in bytes that is bounded by other means

/// What the names and the outcome of a file take until its group is done
/// (docs/explanation/hostile-input.md).
inline constexpr uint64_t file_bytes = 3072;
/// Hashes of files that a recovery has found a problem with.
inline constexpr size_t troubled_file_memory = 1 << 20;
/// Lines of the erasure journal that are written together.
inline constexpr size_t journal_write_bytes = 1 << 20;
/// The first batch of a run. Each is twice as large as the one before, up to what
/// etl.batch_memory allows, so that loading can begin soon after the threads have started.
inline constexpr uint64_t first_batch_bytes = 1 << 20;
/// A document with more memory than this is not kept for the next record.
inline constexpr size_t kept_document_bytes = 4 << 20;
/// Lines of a processed file in one row of COPY.
inline constexpr size_t export_chunk_bytes = 256 << 10;
/// Rows of a target table that are written to an export together: at most this many, and this many
/// bytes.
inline constexpr size_t copied_rows = 1000, copied_bytes = 1 << 18;

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

/// Keys that a check compares with a table. A key and its answer take many times the memory of the
/// key.
inline constexpr size_t checked_keys = 200'000;
/// References of a dataset to itself that a release looks at.
inline constexpr int64_t own_references = 1'000'000;
/// Quarantined records that are fetched. Each may be as long as etl.max_record_size.
inline constexpr size_t fetched_records = 4;
/// Quarantined records that an erasure writes, beside quarantine_bytes.
inline constexpr size_t treated_records = 5000;
/// Rows of a table that etl_locate fetches. A row may be longer than etl.max_record_size.
inline constexpr long searched_rows = 16;
/// Rows of pg_stat_statements that are fetched.
inline constexpr long fetched_statements = 100;
/// Rows with a few short columns that are fetched from a cursor.
inline constexpr long cursor_rows = 10'000;
/// Rows of etl.file_action that are inserted. The server has the rows of a statement in memory
/// several times.
inline constexpr size_t inserted_actions = 1000;
/// Rows of etl.audit that are passed to COPY, or read by the verification.
inline constexpr size_t audit_rows = 20'000;
/// Lines of the erasure journal that are compared with the catalog.
inline constexpr size_t compared_lines = 50'000;
/// Requests for erasure that are written to the catalog.
inline constexpr size_t written_requests = 65'536;
/// People whose pseudonyms are compared with those of requests.
inline constexpr size_t compared_people = 20'000;
/// Files whose copies an erasure looks up.
inline constexpr size_t looked_up_files = 16'384;

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
/// Processed files that are renamed and synced together.
inline constexpr size_t published_together = 1024;
/// Threads that carry out file actions, and the number of actions for which another thread is worth
/// its start.
inline constexpr size_t action_threads = 4, actions_of_a_thread = 32;
/// Processed files of former runs whose keys are read together, because they are in memory.
inline constexpr size_t files_for_row_partitions = 64;
/// Former files whose people are read together, because they are in memory.
inline constexpr size_t indexed_files = 256;
/// Segments of a level of the subject index that are merged to one of the next level.
inline constexpr int64_t merge_width = 16;
/// Larger segments are not merged, so that the data of a large run is not written again.
inline constexpr int64_t mergeable_pairs = 1 << 16;
/// Pages that a merge has in memory at a time.
inline constexpr size_t merge_pages = 256;

// ---- what is accepted, and when somebody is told

/// Levels of directories below etl.raw_dir.
inline constexpr int directory_depth = 16;
/// Bytes of a key that the catalog's indexes can contain. A longer key is left out (a table could
/// hardly contain it either). Otherwise a single record would prevent its file from ever being
/// loaded.
inline constexpr size_t indexed_key_bytes = 1024;
/// What a line of the erasure journal, whose size is limited, has of a person's emails, and bytes
/// of a reason.
inline constexpr size_t journal_emails = 100, reason_bytes = 4000;
/// The length of an identifier that etl_locate searches for: at least in characters, at most in
/// bytes.
inline constexpr size_t identifier_characters = 3, identifier_bytes = 4096;
/// Places that a message of etl_locate names.
inline constexpr size_t named_obstacles = 20;
/// Below this many bytes of free space etl.health warns of a directory. A run needs room for the
/// processed files of its batches and for temporary files.
inline constexpr uint64_t little_room = UINT64_C(1) << 30;
/// Seconds after which nobody looks any more whether a process still writes to an archived file.
inline constexpr int64_t watched_seconds = 86'400;

// ---- time in milliseconds

/// How long an erasure waits for another server's lock on the journal, and how long the end of a
/// transaction does before it leaves its line to the next erasure.
inline constexpr int journal_wait_ms = 60'000, journal_outcome_wait_ms = 10'000;
/// How long a run waits for the locks of all indexes that it builds at its end. A session that
/// reads in an open transaction may keep it open for a long time, and may itself wait for the run.
inline constexpr int index_wait_ms = 1000;

} // namespace etl::limits
