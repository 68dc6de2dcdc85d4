// Exported files in an erasure. The people's rows that etl_export wrote are treated where the file
// is below etl.processed_dir, and the file is reported where it is elsewhere. anonymize/exports.cpp
// describes exports and how they are noted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/definition/definition.h"
#include "erase/erase_copies.h"
#include "erase/erasure.h"

namespace etl
{

class ExportEraser
{
  public:
	/// Both must outlive this object.
	ExportEraser(Erasure &erasure, CopyEraser &copies) : erasure_(erasure), copies_(copies) {}

	/// Finds the files that etl_export wrote of the people's rows. Gives files with JSON to
	/// CopyEraser::add(), and treats CSV files itself.
	void find_all();
	/// Notes the new hashes of the exported files that were treated. To be called after the last
	/// CopyEraser::rewrite().
	void note_rewritten();

  private:
	void find_exports_of(const std::string &dataset, const std::vector<int64_t> &ids,
						 const std::string &processed_dir);
	void rewrite_csv(FileCopy &copy, const TableDefinition &table);
	void rewrite_rows(const FileCopy &copy, const TableDefinition &table, RewriteOutcome &outcome);

	Erasure &erasure_;
	CopyEraser &copies_;
};

} // namespace etl
