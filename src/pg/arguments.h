// Arguments of SQL functions, and what a call needs.
#pragma once

#include <string>

#include "pg/guard.h"

namespace etl
{

/// Throws 0A000 unless the database's encoding is UTF8.
void require_utf8();

/// The text of a jsonb argument.
std::string jsonb_text(Datum value);

/// The absolute path of a file that the caller may read: under the three folders, or anywhere for
/// members of pg_read_server_files. Relative paths begin at etl.raw_dir.
std::string readable_path(const std::string &path);

} // namespace etl
