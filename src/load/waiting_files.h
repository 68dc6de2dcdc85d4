// Staged files that a run leaves where they are for now, because they may not be complete.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/files/file_identity.h"

namespace etl
{

/// Why a staged file waits, as etl.waiting says it; null: it does not. open: gives a descriptor of
/// the file, read-only, or -1; it is not asked for one where the file's age decides.
///
/// Age is how far the clock is from the time of the last write, in either direction: a writer whose
/// clock is ahead does not look idle, and a time in the far future keeps no file for ever.
const char *why_waits(const FileIdentity &identity, int settle_seconds,
					  const std::function<int()> &open);

/// Files of a dataset that a run has left alone.
struct WaitingFiles
{
	uint64_t count = 0;
	std::string first;         ///< relative to the raw directory
	const char *why = nullptr; ///< of the first

	void add(const std::string &path, const char *reason);
	/// A NOTICE, where there are any.
	void tell(const std::string &dataset) const;
};

} // namespace etl
