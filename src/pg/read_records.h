// Files that the main thread reads, which a cancelled statement ends.
#pragma once

#include <string>

#include "core/files/whole_file.h"
#include "core/records/for_each_record.h"

namespace pg
{

/// etl::for_each_record() to the end of the file. Looks after each chunk of the file whether the
/// statement was cancelled, and throws PgError then.
void for_each_record(etl::FileReader &reader, size_t max_record_size, bool whole_json,
					 const etl::RecordSplitter::Sink &visit);

/// etl::read_stored(), with the same look after each chunk.
etl::StoredFile read_stored(const std::string &path);

} // namespace pg
