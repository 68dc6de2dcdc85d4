// Recognises whether a file is still the one that was read.
#pragma once

#include <cstdint>

namespace etl
{

/// Properties of a file that change when the file is replaced or modified. The device is not one of
/// them, because its number may change when the machine is restarted.
struct FileIdentity
{
	uint64_t inode = 0, size = 0;
	int64_t modified_ns = 0;
	bool operator==(const FileIdentity &) const = default;
};

} // namespace etl
