// Splits any bytes in one chunk and in random chunks. The records must be the same, on one line,
// and within the size limit.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "core/files/file_error.h"
#include "core/records/record_splitter.h"

using namespace etl;

namespace
{

using Records = std::vector<std::tuple<std::string, uint64_t, bool>>;

Records
split(std::string_view text, bool whole_json, size_t max_record_size, uint32_t seed)
{
	Records records;
	RecordSplitter splitter(max_record_size, whole_json,
							[&](const RawRecord &r)
							{
								if (r.text.size() > max_record_size ||
									r.text.find('\n') != std::string_view::npos)
									abort();
								records.emplace_back(r.text, r.line, r.too_long);
							});
	try
	{
		while (!text.empty())
		{
			size_t size = text.size();
			if (seed != 0)
			{
				seed = seed * 1664525 + 1013904223;
				size = 1 + (seed >> 16) % ((seed >> 8) % 4 == 0 ? 64 : 3);
			}
			// on the heap, so that reading beyond the end or after the call is detected
			const std::vector<char> chunk(text.begin(), text.begin() + std::min(size, text.size()));
			splitter.feed({chunk.data(), chunk.size()});
			text.remove_prefix(chunk.size());
		}
		splitter.finish();
	}
	catch (const FileError &e)
	{
		records.emplace_back(e.what(), 0, false);
	}
	return records;
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	const bool whole_json = (data[0] & 1) != 0;
	const size_t max_record_size = (data[0] & 2) != 0 ? data[0] >> 2 : 100000;
	const std::string_view text(reinterpret_cast<const char *>(data) + 2, size - 2);
	const Records whole = split(text, whole_json, max_record_size, 0);
	if (split(text, whole_json, max_record_size, 1 + data[1]) != whole)
		abort();
	return 0;
}
