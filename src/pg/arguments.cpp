#include "pg/arguments.h"

#include <limits.h>
#include <stdlib.h>

#include "core/base/sqlstate.h"
#include "core/base/utf8.h"
#include "core/files/file_error.h"
#include "core/files/inside.h"
#include "pg/settings.h"

extern "C"
{
#include "catalog/pg_authid.h"
#include "mb/pg_wchar.h"
#include "utils/acl.h"
#include "utils/jsonb.h"
}

namespace etl
{

void
require_utf8()
{
	if (GetDatabaseEncoding() != PG_UTF8)
		throw pg::Error(
			sqlstate::feature_not_supported, "pg_etl needs a database with encoding UTF8",
			std::string("This database has encoding ") + GetDatabaseEncodingName() + ".",
			"CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.");
}

std::string
jsonb_text(Datum value)
{
	const char *text = pg::call(
		[=]
		{
			Jsonb *jsonb = DatumGetJsonbP(value);
			return JsonbToCString(nullptr, &jsonb->root, static_cast<int>(VARSIZE(jsonb)));
		});
	return text;
}

std::string
readable_path(const std::string &path)
{
	if (path.empty())
		throw pg::Error(sqlstate::invalid_parameter_value, "path \"\" names no file", "",
						"Give a path relative to etl.raw_dir, or an absolute one.");
	const pg::Settings settings = pg::Settings::current();
	const std::string absolute = path[0] == '/' ? path : settings.raw_dir + "/" + path;
	if (path[0] != '/' && settings.raw_dir.empty())
		settings.require_folders();
	char resolved[PATH_MAX];
	if (realpath(absolute.c_str(), resolved) == nullptr)
		throw pg::Error(sqlstate_of_errno(errno),
						"could not open file \"" + storable_text(path) +
							"\": " + pg_strerror(errno),
						"", "Give a path relative to etl.raw_dir, or an absolute one.");
	if (pg::call([] { return has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES); }))
		return resolved;
	for (const std::string *root :
		 {&settings.raw_dir, &settings.processed_dir, &settings.archive_dir})
		if (!root->empty() && is_inside(resolved, *root))
			return resolved;
	throw pg::Error(sqlstate::insufficient_privilege,
					"permission denied to read file \"" + storable_text(path) + "\"",
					"It lies outside etl.raw_dir, etl.processed_dir and etl.archive_dir.",
					"Only members of pg_read_server_files may read other files.");
}

} // namespace etl
