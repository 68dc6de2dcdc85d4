// The engine of an erasure.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "catalog/definitions.h"
#include "erase/erase_copies.h"
#include "erase/erase_exports.h"
#include "erase/erase_files.h"
#include "erase/erase_quarantine.h"
#include "erase/erase_tables.h"
#include "erase/erasure.h"
#include "erase/people_in_files.h"
#include "pg/settings.h"

namespace etl
{

/// One erasure of a set of people. It can also search without erasing, and pass on the records that
/// it finds. This class has the order of its steps: tables first, then quarantine, then files,
/// because each may tell of emails and files that the next ones look for. The parts do the rest.
class Eraser
{
  public:
	using Mode = Erasure::Mode;
	Eraser(const Catalog &catalog, const std::string &dataset, const std::string &secret,
		   std::vector<ErasureRequest> &requests, const pg::Settings &settings, Mode mode);

	void run();
	/// Only quarantined records in which a word names the people, and the files of these records.
	void run_words();
	/// Only the lines of archived files whose records were corrected since and are about the people
	/// now.
	void run_mended();
	ErasureReport &report() { return erasure_.report; }
	/// For Mode::collect, to be called before run(): sink is called with the place and the text, as
	/// JSON, of each record found.
	void on_record(std::function<void(const std::string &, const std::string &)> sink)
	{
		erasure_.sink = std::move(sink);
	}

  private:
	void note_invalid_definitions();
	void fingerprint_definitions();
	void erase_unnamed_records();
	void erase_quarantined_files();
	void erase_emails_of_files(const KnownEmails &known);

	Erasure erasure_;
	SoughtPeople &people_;
	TableEraser tables_;
	QuarantineEraser quarantine_;
	PeopleInFiles people_in_files_;
	CopyEraser copies_;
	FileEraser files_;
	ExportEraser exports_;
};

} // namespace etl
