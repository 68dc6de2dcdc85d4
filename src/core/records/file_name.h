// What the name of a file says about it. How a file is compressed is known by its first bytes
// (core/files/file_format.h); its name says only how the files made from it are written.
#pragma once

#include <string>

namespace etl
{

/// Whether the name ends in ".gz".
bool is_gzip(const std::string &name);

/// Whether the name (without ".gz") ends in ".json". Such a file may be one JSON value.
bool is_whole_json(const std::string &name);

/// "customers.json.gz" for "customers.2.json.gz": the name or path under which a file was delivered
/// that has a number in the archive or among the processed files.
std::string path_without_count(const std::string &path);

} // namespace etl
