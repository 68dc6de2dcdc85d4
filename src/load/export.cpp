#include "load/export.h"

#include <algorithm>

#include "core/files/file_error.h"
#include "pg/copy.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "publish/plan.h"

namespace etl
{

namespace
{

/// The records that a COPY reads.
struct ExportSource
{
	const BatchRecord *records;
	const ExportChunk *next, *end;
};

/// The source for the COPY that is about to begin, which takes it in the first call of
/// etl_internal.exported_records(). No code of users runs between the two. A call of the function
/// at any other time finds no source.
ExportSource *offered_source = nullptr;

/// Copies the lines of the chunk. If no record of a file was left out or rewritten, its lines are
/// adjacent in memory, with newlines between them, and are copied together.
void
fill_chunk(const BatchRecord *records, const ExportChunk &chunk, char *to)
{
	if (chunk.sealed != nullptr)
	{
		memcpy(to, chunk.sealed->deflated.data(), chunk.size);
		return;
	}
	const char *from = nullptr;
	size_t size = 0;
	for (uint32_t i = chunk.begin; i < chunk.end; ++i)
	{
		if (!records[i].accepted)
			continue;
		const std::string_view line = records[i].record->output;
		if (from != nullptr && line.data() == from + size + 1 && from[size] == '\n')
		{
			size += 1 + line.size();
			continue;
		}
		if (from != nullptr)
		{
			memcpy(to, from, size);
			to += size;
			*to++ = '\n';
		}
		from = line.data();
		size = line.size();
	}
	if (from != nullptr)
	{
		memcpy(to, from, size);
		to[size] = '\n';
	}
}

/// A chunk with lines of one file.
ExportChunk
chunk_of_lines(const std::vector<BatchRecord> &records, uint32_t begin)
{
	ExportChunk chunk{begin, begin, 0};
	for (uint32_t &i = chunk.end;
		 i < records.size() && records[i].record->file == records[begin].record->file &&
		 !records[i].piece->sealed && chunk.size < limits::export_chunk_bytes;
		 ++i)
		if (records[i].accepted)
			chunk.size += records[i].record->output.size() + 1;
	return chunk;
}

/// The records of a piece, from its first one on, in sealed form.
ExportChunk
sealed_chunk(const std::vector<BatchRecord> &records, uint32_t begin,
			 std::optional<ProcessedWriter::Sealed> &sealed)
{
	const Piece *const piece = records[begin].piece;
	ExportChunk chunk{begin, begin, 0, &*piece->sealed};
	sealed = {piece->sealed->crc, piece->sealed->size, {}, piece->sealed->whole};
	uint32_t line = 0;
	for (uint32_t &i = chunk.end; i < records.size() && records[i].piece == piece; ++i)
	{
		if (!records[i].record->sealed)
			continue;
		if (records[i].accepted)
			chunk.size = piece->sealed->deflated.size();
		else
			sealed->without.push_back(line);
		++line;
	}
	return chunk;
}

template <typename Writer>
void
wait_for(Writer &writer)
{
	while (!writer.finished())
		pg::check_for_interrupts();
	try
	{
		writer.check();
	}
	catch (const FileError &e)
	{
		throw pg::Error(e.sqlstate(), std::string("could not write a processed file: ") + e.what(),
						"Nothing of this run was loaded.",
						"See that etl.processed_dir has room and can be written, then run again.");
	}
}

} // namespace

ExportChunk
next_chunk(const std::vector<BatchRecord> &records, uint32_t begin,
		   std::optional<ProcessedWriter::Sealed> &sealed)
{
	return records[begin].piece->sealed ? sealed_chunk(records, begin, sealed)
										: chunk_of_lines(records, begin);
}

constexpr char read_exported_records_sql[] = R"(SELECT etl_internal.exported_records())";

void
export_chunks(const std::vector<BatchRecord> &records, const std::vector<ExportChunk> &chunks,
			  int fd)
{
	if (chunks.empty())
		return;
	ExportSource source{records.data(), chunks.data(), chunks.data() + chunks.size()};
	struct Withdraw
	{
		~Withdraw() { offered_source = nullptr; }
	} withdraw;
	offered_source = &source;
	// Binary, because text and csv would examine every byte for characters to quote. Chunks and not
	// records, because a row costs the executor more than its bytes. The set-returning function is
	// in the select list, where rows are passed on one by one. In FROM they would be collected
	// first, on disk if there are many.
	pg::copy_out(read_exported_records_sql, fd, {{"format", "binary"}});
}

void
wait_for_exports(ProcessedWriter &writer)
{
	wait_for(writer);
}

void
wait_for_exports(ExportWriter &writer)
{
	wait_for(writer);
}

} // namespace etl

/// Returns the next records that are being exported, a line for each. One value per call.
extern "C"
{
	PGDLLEXPORT Datum etl_exported_records(FunctionCallInfo fcinfo);
	PG_FUNCTION_INFO_V1(etl_exported_records);
}
Datum
etl_exported_records(PG_FUNCTION_ARGS)
{
	// this frame has no C++ objects, so no guard is needed
	if (SRF_IS_FIRSTCALL())
	{
		etl::ExportSource *const offered = etl::offered_source;
		etl::offered_source = nullptr;
		if (offered == nullptr)
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("etl_internal.exported_records() is internal to etl_run")));
		FuncCallContext *context = SRF_FIRSTCALL_INIT();
		context->user_fctx = offered;
	}
	FuncCallContext *context = SRF_PERCALL_SETUP();
	etl::ExportSource *source = static_cast<etl::ExportSource *>(context->user_fctx);
	if (source->next == source->end)
		SRF_RETURN_DONE(context);
	const etl::ExportChunk &chunk = *source->next++;
	bytea *value = static_cast<bytea *>(palloc(VARHDRSZ + chunk.size));
	SET_VARSIZE(value, VARHDRSZ + chunk.size);
	etl::fill_chunk(source->records, chunk, VARDATA(value));
	SRF_RETURN_NEXT(context, PointerGetDatum(value));
}
