// Exports accepted records to processed files with COPY TO.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/output/export_writer.h"
#include "core/output/processed_writer.h"
#include "load/batch.h"

namespace etl
{

/// A part of a processed file: consecutive records of a batch.
struct ExportChunk
{
	uint32_t begin, end; ///< indices into the records of the batch
	size_t size;         ///< size in bytes of the accepted records, newlines included
	const SealedText *sealed = nullptr; ///< the sealed text of the piece, if it is sealed
};

/// The accepted records, from index `begin` on, that are written as one row: records of one file as
/// lines, or a piece with sealed text as this text. The size is 0 if none is accepted. `sealed`
/// gets what the writer must know about a sealed piece.
ExportChunk next_chunk(const std::vector<BatchRecord> &records, uint32_t begin,
					   std::optional<ProcessedWriter::Sealed> &sealed);

/// COPY (SELECT etl_internal.exported_records()) TO the pipe. Each chunk is a row of COPY BINARY
/// with one bytea.
void export_chunks(const std::vector<BatchRecord> &records, const std::vector<ExportChunk> &chunks,
				   int fd);

/// Waits until every file is written and synced. Processes interrupts. Throws pg::Error if a file
/// could not be written.
void wait_for_exports(ProcessedWriter &writer);
void wait_for_exports(ExportWriter &writer);

} // namespace etl
