// Files that etl_export has written: remembered, so that an erasure finds them.
#pragma once

#include <string>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "publish/export_intent.h"

namespace etl
{

/// Waits for an erasure that is under way, and keeps the next one waiting until the transaction
/// ends: nobody is exported as they were before it. Throws 40001 where the transaction's snapshot
/// is older than an erasure that has committed.
void lock_exports(bool erases);

/// Adds a row to etl.export, as the extension's owner, and completes the note of what the export is
/// about to leave. part: the finished file; path: what it will be called, absolute and without
/// links.
void note_export(const Definition &definition, ExportIntent &intent, const std::string &part,
				 const std::string &path, const std::string &format, bool anonymized, int64_t rows);

/// What a dataset's exported records look like: the columns of its first table are the fields.
Definition export_definition(const Definition &definition);

} // namespace etl
