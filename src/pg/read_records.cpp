#include "pg/read_records.h"

#include "pg/guard.h"

namespace pg
{

void
for_each_record(etl::FileReader &reader, size_t max_record_size, bool whole_json,
				const etl::RecordSplitter::Sink &visit)
{
	etl::for_each_record(reader, max_record_size, whole_json, visit,
						 []
						 {
							 check_for_interrupts();
							 return true;
						 });
}

etl::StoredFile
read_stored(const std::string &path)
{
	return etl::read_stored(path, [] { check_for_interrupts(); });
}

} // namespace pg
