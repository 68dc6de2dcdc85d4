// Export: accepted records to processed files, by COPY TO.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/output/export_writer.h"
#include "core/output/processed_writer.h"
#include "load/batch.h"

namespace etl
{

/// A part of a processed file: some of a batch's records, one after the other.
struct ExportChunk
{
	uint32_t begin, end;                ///< indexes into the batch's records
	size_t size;                        ///< bytes of the accepted ones, newlines included
	const SealedText *sealed = nullptr; ///< or, of a piece whose text is sealed, that instead
};

/// The accepted records from begin on that are handed over together: of one file, as lines or, of a
/// piece whose text is sealed, as that. Size is 0 when none is accepted. sealed: what the writer
/// must know of such a piece.
ExportChunk next_chunk(const std::vector<BatchRecord> &records, uint32_t begin,
					   std::optional<ProcessedWriter::Sealed> &sealed);

/// COPY (SELECT etl_internal.exported_records()) TO the pipe: each chunk as COPY BINARY of one
/// bytea.
void export_chunks(const std::vector<BatchRecord> &records, const std::vector<ExportChunk> &chunks,
				   int fd);

/// Waits until every file is written and synced, serving interrupts. Throws pg::Error when one
/// could not be written.
void wait_for_exports(ProcessedWriter &writer);
void wait_for_exports(ExportWriter &writer);

} // namespace etl
