// Reading a file from its beginning to its end.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/hash.h"
#include "core/files/file_identity.h"
#include "core/files/file_reader.h"

namespace etl
{

/// Reads on to the end of the file and gives visit one chunk of its bytes after the other; a chunk
/// is valid only during the call. Reads no further once visit has returned false. Returns whether
/// it came to the end, which is when the reader knows the file's hash. Throws what FileReader::read
/// and visit throw.
bool for_each_chunk(FileReader &reader, const std::function<bool(std::string_view chunk)> &visit);

/// What the bytes of a file on disk are, and which file has them.
struct StoredFile
{
	Sha256 sha256{};
	uint64_t size = 0;
	FileIdentity identity;
};

/// Reads the bytes that a file has on disk, whatever they are. between: called after each chunk;
/// what it throws ends the reading. Throws FileError as FileReader does.
StoredFile read_stored(
	const std::string &path, const std::function<void()> &between = [] {});

} // namespace etl
