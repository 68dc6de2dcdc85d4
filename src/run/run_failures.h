// The files and directories that a run could not read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/run_row.h"
#include "core/definition/definition.h"
#include "load/claim.h"
#include "load/run_file.h"

namespace etl
{

/// Counts what a run could not read. Both arguments must outlive it.
class RunFailures
{
  public:
	RunFailures(const Definition &definition, RunResult &result)
		: definition_(definition), result_(result)
	{
	}

	/// Counts a file that failed.
	void add(const RunFile &file) { note(file.path, file.outcome.error); }
	/// Deletes the rows of etl.file of files with these paths that failed in earlier runs.
	void forget_earlier(const std::vector<std::string_view> &paths) const;
	/// A directory that cannot be read is recorded as a failure under its path, like a file. The
	/// record is removed when the directory can be read again.
	void record_directories(const Claim &claim);
	/// Sets the status and the error of the result, if anything has failed.
	void set_status() const;

  private:
	void note(const std::string &path, const std::string &error);

	const Definition &definition_;
	RunResult &result_;
	int32_t count_ = 0;
	std::string first_; ///< path and error of the first failure
};

} // namespace etl
