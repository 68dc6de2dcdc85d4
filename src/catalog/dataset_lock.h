// The lock that keeps two sessions from running one dataset, and the one that keeps definitions as
// they are.
#pragma once

#include <cstdint>
#include <string>

namespace etl
{

/// Takes the lock that keeps two sessions from running one dataset. Returns the pid of the holder,
/// or 0 when the lock was taken (until the transaction ends), as it always is with wait.
int32_t lock_dataset(const std::string &dataset, bool wait = false);
/// Lets others know that the holder of a dataset's lock only releases its waiting records.
void mark_release(const std::string &dataset);
bool is_only_released(const std::string &dataset);

/// Waits, and keeps others waiting until the transaction ends: who defines a dataset for erasures,
/// which must reach every dataset that there is, and these for whoever defines one.
void lock_definitions(bool defines);

} // namespace etl
