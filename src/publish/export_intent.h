// Notes which file an export is about to write, before the file exists. Without the note, a crash
// would roll back the row of etl.export and leave a file that the database does not know.
//
// The note is a file in the directory for parts of the dataset. It names the part and the file
// before a byte of either is written, and the identity of the file before it gets its name. It is
// removed at the end of the transaction: after the commit, when etl.export has the file, or after a
// rollback, when the file is gone. A note that is found later is from a session that was killed.
// The files that it names are removed, unless etl.export has them.
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
	/// `directory` is a path without links. `part` and `name` are the names of the part and of the
	/// file in it.
	ExportIntent(const std::string &dataset, const pg::Settings &settings,
				 const std::string &directory, const std::string &part, const std::string &name);
	/// Call when the part is complete and etl.export has the file as `known_as`, before the part
	/// gets its final name.
	void complete(const std::string &known_as, const Sha256 &sha256, const FileIdentity &identity);

  private:
	std::string note_;
};

/// Removes the files of exports of sessions that were killed. A WARNING names files that cannot be
/// removed yet.
void settle_exports(const std::string &dataset, const pg::Settings &settings);

/// Whether a file in the directory for parts is such a note.
bool is_export_intent(const char *name);

} // namespace etl
