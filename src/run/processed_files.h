// The processed files of a run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/output/processed_writer.h"
#include "load/batch.h"
#include "load/reload.h"
#include "load/run_file.h"
#include "pg/settings.h"

namespace etl
{

/// Passes the accepted records of batches to the threads that write processed files. Each file gets
/// its name, and the part that is published under this name after the commit, with its first
/// record.
class ProcessedFiles
{
  public:
	/// Both must outlive it. `reload` is null unless the run reloads files.
	ProcessedFiles(const pg::Settings &settings, Reload *reload)
		: settings_(settings), reload_(reload)
	{
	}

	/// Passes the accepted records of a batch on. `ended` are the indexes of the files whose last
	/// record is in this batch or in an earlier one.
	void hand_over(const Batch &batch, const std::vector<uint32_t> &ended,
				   std::vector<RunFile> &files, const std::string &part_folder);
	/// Waits until everything is written and synced. Throws if a file could not be written.
	void wait();
	/// To be called after wait(): the next files belong to another group.
	void end_group() { writer_.reset(); }
	/// Stops the threads when the backend exits.
	void stop();

  private:
	void open(RunFile &file, const std::string &part_folder);

	const pg::Settings &settings_;
	Reload *const reload_;
	std::optional<ProcessedWriter> writer_; ///< since the first record of the group
	std::vector<std::string> taken_;
};

} // namespace etl
