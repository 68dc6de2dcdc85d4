// Arguments of SQL functions, and conditions for a call.
#pragma once

#include <string>

#include "pg/guard.h"

namespace etl
{

/// Throws 0A000 unless the database's encoding is UTF8.
void require_utf8();

/// The text of a jsonb argument.
std::string jsonb_text(Datum value);

/// The absolute path of a file that the caller may read: in one of the three directories, or
/// anywhere for members of pg_read_server_files. Relative paths are relative to etl.raw_dir. Throws
/// 42501 for other files.
std::string readable_path(const std::string &path);

} // namespace etl
