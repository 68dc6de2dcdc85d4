// Reading the records of a file one by one.
#pragma once

#include <cstddef>
#include <functional>

#include "core/files/file_reader.h"
#include "core/records/record_splitter.h"

namespace etl
{

/// Reads on to the end of the file and gives visit each of its records, as RecordSplitter cuts
/// them. go_on is asked after each chunk of the file: when it returns false nothing more is read.
/// Returns whether it came to the end. Throws FileError where the file cannot be read or does not
/// end as it should, and what visit and go_on throw.
bool for_each_record(FileReader &reader, size_t max_record_size, bool whole_json,
					 const RecordSplitter::Sink &visit, const std::function<bool()> &go_on);

} // namespace etl
