#include "core/files/whole_file.h"

#include <memory>

namespace etl
{

namespace
{

constexpr size_t chunk_bytes = 256 * 1024;

} // namespace

bool
for_each_chunk(FileReader &reader, const std::function<bool(std::string_view chunk)> &visit)
{
	const auto buffer = std::make_unique_for_overwrite<char[]>(chunk_bytes);
	while (const size_t got = reader.read(buffer.get(), chunk_bytes))
		if (!visit({buffer.get(), got}))
			return false;
	return true;
}

StoredFile
read_stored(const std::string &path, const std::function<void()> &between)
{
	FileReader reader(path, Content::stored, UINT64_MAX);
	for_each_chunk(reader,
				   [&](std::string_view)
				   {
					   between();
					   return true;
				   });
	return {reader.sha256(), reader.size_on_disk(), reader.identity()};
}

} // namespace etl
