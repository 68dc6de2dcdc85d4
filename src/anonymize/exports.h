// Records the files that etl_export has written, so that an erasure finds them.
#pragma once

#include <string>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "publish/export_intent.h"

namespace etl
{

/// Waits for a running erasure and blocks the next one until the end of the transaction, so that no
/// export has the rows from before an erasure; and vice versa. Throws 40001 if the snapshot of the
/// transaction is older than an erasure that has committed.
void lock_exports(bool erases);

/// Adds a row to etl.export, as the owner of the extension, and completes the note of the export.
/// `part`: path of the finished file. `path`: its future path, absolute and without links.
void note_export(const Definition &definition, ExportIntent &intent, const std::string &part,
				 const std::string &path, const std::string &format, bool anonymized, int64_t rows);

/// The definition of a dataset's exported records: the columns of its first table are the fields.
Definition export_definition(const Definition &definition);

} // namespace etl
