// What an export is about to leave on the disk, noted before it is there: a crash would leave a
// file that nobody knows, with the row of etl.export rolled back.
//
// The note is a file in the dataset's folder for parts. It names the part and the file before
// there is a byte of either, and which file it will be before it gets its name. It goes with the
// transaction: after the commit, when etl.export has the file, or after a rollback, when the file
// is gone. One that is found later is of a session that was killed: what it names is removed,
// unless etl.export has it.
#pragma once

#include <string>

#include "core/base/hash.h"
#include "core/files/file_identity.h"
#include "pg/settings.h"

namespace etl
{

class ExportIntent
{
  public:
	/// The directory without links, and the names in it of the part and the file.
	ExportIntent(const std::string &dataset, const pg::Settings &settings,
				 const std::string &directory, const std::string &part, const std::string &name);
	/// The part is complete, noted in etl.export under that path, and is given its name next.
	void complete(const std::string &known_as, const Sha256 &sha256, const FileIdentity &identity);

  private:
	std::string note_;
};

/// Puts right what exports of sessions that were killed have left. A warning tells what cannot be
/// removed yet.
void settle_exports(const std::string &dataset, const pg::Settings &settings);

/// Whether a file in the folder for parts is such a note.
bool is_export_intent(const char *name);

} // namespace etl
