// Adds records that leave quarantine to the processed files of the files they came from.
//
// A restored database may have records in quarantine that were released by a run it does not know:
// the processed file contains them already, perhaps as another run has written them. When such a
// record is released again, only the text that this run writes stays in the file.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/text_store.h"
#include "core/definition/definition.h"
#include "pg/settings.h"

namespace etl
{

/// Merges released records into processed files, in source order. A file is rewritten beside its
/// final name and published when the transaction commits.
class ProcessedFileMerger
{
  public:
	/// The arguments must outlive this object, which must be destroyed before the (sub)transaction
	/// ends.
	ProcessedFileMerger(const Definition &definition, const pg::Settings &settings);

	/// Adds a record that was released: its file, its line in that file, and its text for the
	/// processed file.
	void add(int64_t file_id, uint64_t line, std::string_view output);

	/// Merges the records of those files for which is_complete(file_id) is true: no more records of
	/// them will be added. Updates etl.file. Returns the number of these files.
	int32_t complete(const std::function<bool(int64_t)> &is_complete);

  private:
	/// A released record: its line, and where the text for the processed file is stored.
	struct Released
	{
		uint64_t line;
		TextStore::Place text;
	};
	static void sort_released(std::vector<Released> &released);
	std::string present_name(const std::string &path) const;
	std::vector<uint64_t> record_lines(int64_t file_id, const std::string &archived,
									   int64_t records, int64_t last_line);
	std::vector<bool> released_earlier(int64_t file_id, const std::string &existing, bool gzip,
									   size_t known) const;
	bool is_of_lost_run(int64_t file_id, const std::string &path) const;
	void merge(int64_t file_id, const std::string &existing, const std::vector<uint64_t> &lines,
			   const std::string &part, bool gzip);

	const Definition &definition_;
	const std::string &dataset_;
	const pg::Settings &settings_;
	/// The records of files that may get more; in the order of lines once the file is merged.
	std::map<int64_t, std::vector<Released>> released_;
	TextStore texts_;
	/// The present names of the files that are being merged.
	std::unordered_map<std::string, std::string> pending_;
};

} // namespace etl
