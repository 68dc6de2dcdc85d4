// The lock that keeps two sessions from running the same dataset, and the lock that keeps
// definitions unchanged.
#pragma once

#include <cstdint>
#include <string>

namespace etl
{

/// Takes the lock that keeps two sessions from running the same dataset, until the end of the
/// transaction. Returns 0 if the lock was taken, else the pid of the session that has it. With
/// `wait` the lock is always taken.
int32_t lock_dataset(const std::string &dataset, bool wait = false);
/// Tells other sessions that the session with the dataset's lock only releases waiting records.
void mark_release(const std::string &dataset);
bool is_only_released(const std::string &dataset);

/// Waits for the lock, which is kept until the end of the transaction. Sessions that define a
/// dataset exclude erasures, which must reach every existing dataset, and vice versa.
void lock_definitions(bool defines);

} // namespace etl
