#include "anonymize/export_name.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "core/base/sqlstate.h"
#include "core/base/utf8.h"
#include "core/records/file_name.h"
#include "load/claim.h"
#include "load/quarantine.h"
#include "pg/guard.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

/// The text after the last dot of the name, in lower case.
std::string
ending_of(std::string_view path)
{
	const std::string_view name = path.substr(path.rfind('/') + 1);
	const size_t dot = name.rfind('.');
	std::string ending(dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1));
	std::transform(ending.begin(), ending.end(), ending.begin(),
				   [](char c)
				   { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
	return ending;
}

bool
is_one_of(std::string_view ending, std::initializer_list<std::string_view> endings)
{
	return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

/// The format that an ending stands for. "" if it stands for none.
std::string
format_of(std::string_view ending)
{
	if (is_one_of(ending, {"jsonl", "ndjson", "json"}))
		return "jsonl";
	if (is_one_of(ending, {"csv", "tsv", "tab", "xml", "parquet", "avro", "orc", "arrow", "feather",
						   "xls", "xlsx", "ods", "sql", "html", "yaml", "yml"}))
		return std::string(ending);
	return {};
}

} // namespace

void
require_fitting_name(const std::string &dataset, const std::string &path, const std::string &format)
{
	const std::string shown = "\"" + storable_text(path) + "\"";
	const bool gzip = is_gzip(path);
	const std::string last = ending_of(path);
	if (!gzip && last == "gz")
		throw pg::Error(sqlstate::invalid_parameter_value,
						"path " + shown + " would not be compressed", "",
						"Write the ending as .gz.");
	const std::string ending = gzip ? ending_of(path.substr(0, path.size() - 3)) : last;
	if (is_one_of(ending, {"gz", "zst", "zstd", "bz2", "xz", "lz4", "lzma", "lzo", "br", "z", "zip",
						   "7z", "rar", "tar", "tgz", "snappy", "sz"}))
		throw pg::Error(sqlstate::feature_not_supported,
						"cannot write " + shown + " in the compression that it names",
						"Exports are compressed with gzip or not at all.",
						"Give a path that ends in .gz.");
	const std::string named = format_of(ending);
	if (named.empty() || named == format)
		return;
	const std::string own = format == "csv" ? ".csv" : ".jsonl";
	throw pg::Error(sqlstate::invalid_parameter_value,
					"path " + shown + " names another format than " + format, "",
					(named == "csv" || named == "jsonl"
						 ? "SELECT etl_export(" + pg::literal(dataset) + ", " +
							   pg::literal(storable_text(path)) + ", '" + named + "');  or give"
						 : "Formats are jsonl and csv. Give") +
						" a path that ends in " + own + " or " + own + ".gz.");
}

} // namespace etl
