#include "run/processed_files.h"

#include <algorithm>
#include <utility>

#include "core/records/file_name.h"
#include "load/claim.h"
#include "load/destinations.h"
#include "load/export.h"
#include "pg/fault.h"
#include "publish/plan.h"

namespace etl
{

void
ProcessedFiles::hand_over(const Batch &batch, const std::vector<uint32_t> &ended,
						  std::vector<RunFile> &files, const std::string &part_folder)
{
	std::vector<ExportChunk> chunks;
	std::vector<ProcessedWriter::Chunk> expected;
	for (uint32_t i = 0; i < batch.records.size();)
	{
		const uint32_t index = batch.records[i].record->file;
		std::optional<ProcessedWriter::Sealed> sealed;
		const ExportChunk chunk = next_chunk(batch.records, i, sealed);
		i = chunk.end;
		if (chunk.size == 0)
			continue;
		RunFile &file = files[index];
		if (file.processed_number < 0)
			open(file, part_folder);
		ETL_FAULT("export_file");
		chunks.push_back(chunk);
		expected.push_back(
			{static_cast<uint32_t>(file.processed_number), false, std::move(sealed)});
	}
	// files that end here: with their last chunk, or without one
	std::vector<uint32_t> without;
	auto chunk = expected.rbegin();
	for (auto index = ended.rbegin(); index != ended.rend(); ++index)
	{
		if (files[*index].processed_number < 0)
			continue;
		const uint32_t number = static_cast<uint32_t>(files[*index].processed_number);
		while (chunk != expected.rend() && chunk->file > number)
			++chunk;
		if (chunk != expected.rend() && chunk->file == number)
			chunk->last = true;
		else
			without.push_back(number);
	}
	for (const uint32_t number : without)
		writer_->end_file(number);
	if (chunks.empty())
		return;
	writer_->expect(std::move(expected));
	export_chunks(batch.records, chunks, writer_->pipe());
}

void
ProcessedFiles::open(RunFile &file, const std::string &part_folder)
{
	if (!writer_)
		writer_.emplace((settings_.threads + 1) / 2);
	file.processed_path = reload_ != nullptr
							  ? reload_->processed_name(file.path)
							  : free_name(settings_.processed_dir, file.path, taken_);
	taken_.assign(1, file.processed_path);
	file.processed_part = part_name(part_folder, file.file_id, "new");
	remove_on_rollback(file.processed_part);
	file.processed_number = writer_->add_file(file.processed_part, is_gzip(file.path));
}

void
ProcessedFiles::wait()
{
	if (!writer_)
		return;
	wait_for_exports(*writer_);
	ETL_FAULT("exported");
}

void
ProcessedFiles::stop()
{
	if (writer_)
		writer_->stop();
}

} // namespace etl
