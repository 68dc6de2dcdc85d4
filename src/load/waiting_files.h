// Staged files that a run leaves for later, because they may be incomplete.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/files/file_identity.h"

namespace etl
{

/// Why a staged file waits, as in etl.waiting. Null if it does not wait. open() returns a read-only
/// descriptor of the file, or -1. It is not called if the file's age decides.
///
/// The age is the difference between the clock and the time of the last write, in either direction.
/// So a process that writes with a clock that is ahead does not look idle, and a time in the far
/// future does not delay a file forever.
const char *why_waits(const FileIdentity &identity, int settle_seconds,
					  const std::function<int()> &open);

/// Files of a dataset that a run has left for later.
struct WaitingFiles
{
	uint64_t count = 0;
	std::string first;         ///< relative to the raw directory
	const char *why = nullptr; ///< reason for the first file

	void add(const std::string &path, const char *reason);
	/// Reports a NOTICE if there are any.
	void tell(const std::string &dataset) const;
};

} // namespace etl
