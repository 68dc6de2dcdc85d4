// Quarantine: refused records and their reasons.
#pragma once

#include "core/definition/definition.h"
#include "load/batch.h"
#include "load/run_file.h"

namespace etl
{

/// Bytes of a key as the catalog's indexes can hold it; a longer one is left out (a table could
/// hardly take it either), or a single record would keep its file from being loaded for ever.
constexpr size_t max_indexed_key = 1024;

/// Quarantined records that are fetched at a time: each may be as long as etl.max_record_size.
constexpr size_t records_at_once = 4;

/// Inserts the records of the batch that were not accepted. file_ids: by StagedRecord::file.
/// Returns the quarantine_ids that were given, in order.
void quarantine_rejected(const Definition &definition, const Batch &batch, int64_t run_id,
						 const std::vector<RunFile> &files);

/// Writes back what a replay found: new reasons for those still refused, "released" for the others;
/// and their texts, where the replay has changed them (requests of erasure), up to max_record_size.
void update_quarantine(const Definition &definition, const Batch &batch, int64_t run_id,
					   bool with_texts, size_t max_record_size);

} // namespace etl
