// Records that leave quarantine get their place in the processed files of the files they came from.
//
// A database that was restored has records in quarantine that a run which it does not know has
// released: the processed file has them already, perhaps as another run has written them. Of a
// record that is released anew only what this run writes stays.
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
	/// All must outlive it; it must go before the (sub)transaction ends.
	ProcessedFileMerger(const Definition &definition, const pg::Settings &settings);

	/// A record that was released: its file, its line there, and what the processed file gets.
	void add(int64_t file_id, uint64_t line, std::string_view output);

	/// Merges the records of those files for which is_complete(file_id): no record of them comes
	/// any more. Updates etl.file. Returns how many files there were.
	int32_t complete(const std::function<bool(int64_t)> &is_complete);

  private:
	/// A released record: its line, and where what the processed file gets of it is kept.
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
	/// Of files that have records to come; in the order of lines once the file is merged.
	std::map<int64_t, std::vector<Released>> released_;
	TextStore texts_;
	/// Present names of the files in hand.
	std::unordered_map<std::string, std::string> pending_;
};

} // namespace etl
