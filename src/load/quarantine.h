// The quarantine: refused records and their reasons.
#pragma once

#include "core/definition/definition.h"
#include "load/batch.h"
#include "load/run_file.h"

namespace etl
{

/// Inserts the records of the batch that were not accepted. `files` is indexed by
/// StagedRecord::file.
void quarantine_rejected(const Definition &definition, const Batch &batch, int64_t run_id,
						 const std::vector<RunFile> &files);

/// Updates the quarantined records after a replay: records that are still refused get their new
/// reasons, the others the status "released". `with_texts`: also stores the texts that the replay
/// has changed (requests for erasure), up to max_record_size.
void update_quarantine(const Definition &definition, const Batch &batch, int64_t run_id,
					   bool with_texts, size_t max_record_size);

} // namespace etl
