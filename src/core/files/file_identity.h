// Whether a file is still the one that was read.
#pragma once

#include <cstdint>

namespace etl
{

/// What tells whether a file is still the one that was read. Without the device: its number may
/// change when the machine starts again.
struct FileIdentity
{
	uint64_t inode = 0, size = 0;
	int64_t modified_ns = 0;
	bool operator==(const FileIdentity &) const = default;
};

} // namespace etl
