#include "core/records/for_each_record.h"

#include "core/files/whole_file.h"

namespace etl
{

bool
for_each_record(FileReader &reader, size_t max_record_size, bool whole_json,
				const RecordSplitter::Sink &visit, const std::function<bool()> &go_on)
{
	RecordSplitter splitter(max_record_size, whole_json, visit);
	const bool at_end = for_each_chunk(reader,
									   [&](std::string_view chunk)
									   {
										   splitter.feed(chunk);
										   return go_on();
									   });
	if (at_end)
		splitter.finish();
	return at_end;
}

} // namespace etl
