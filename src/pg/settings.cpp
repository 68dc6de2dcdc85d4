#include "pg/settings.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include "core/base/sqlstate.h"
#include "core/files/file_error.h"
#include "core/files/inside.h"
#include "pg/callback.h"
#include "pg/guard.h"
#include "pg/spi.h"
#include "pg/srf.h"

extern "C"
{
#include "commands/dbcommands.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
}

namespace pg
{

namespace
{

/// The variables in which the server stores the values.
struct
{
	char *raw_dir, *processed_dir, *archive_dir, *key_file, *signing_key_file, *journal_dir;
	int threads, batch_memory, max_record_size, max_file_size, settle_time;
	bool postpone_indexes;
} guc;

bool
check_folder(char **value, void **, GucSource)
{
	if (**value == '\0' || is_absolute_path(*value))
		return true;
	GUC_check_errdetail("The path must be absolute.");
	return false;
}

std::string
folder(const char *value)
{
	std::string path = value == nullptr ? "" : value;
	while (path.size() > 1 && path.back() == '/')
		path.pop_back();
	return path;
}

/// Settings that only administrators may set. Before the library is loaded, any user may request a
/// value in the options of a connection. PostgreSQL drops this value with a WARNING when the
/// setting is defined, but then it has already forgotten the value of the database or of the
/// configuration file.
struct Guarded
{
	const char *name;
	const config_generic *setting;
	bool dropped;
} guarded[] = {{"etl.raw_dir", nullptr, false},          {"etl.processed_dir", nullptr, false},
			   {"etl.archive_dir", nullptr, false},      {"etl.key_file", nullptr, false},
			   {"etl.signing_key_file", nullptr, false}, {"etl.journal_dir", nullptr, false},
			   {"etl.batch_memory", nullptr, false},     {"etl.max_record_size", nullptr, false},
			   {"etl.max_file_size", nullptr, false},    {"etl.settle_time", nullptr, false}};

/// The setting, or null if it is not known, not even as a placeholder without a definition.
const config_generic *
find_setting(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, 0);
#else
	config_generic **const all = get_guc_variables();
	const int count = GetNumConfigOptions();
	const auto found =
		std::find_if(all, all + count,
					 [=](const config_generic *g) { return pg_strcasecmp(g->name, name) == 0; });
	return found == all + count ? nullptr : *found;
#endif
}

/// Called before the settings are defined: notes for which of them the session has a value.
void
note_values_asked_for()
{
	for (Guarded &g : guarded)
	{
		const config_generic *const placeholder = find_setting(g.name);
		g.dropped = placeholder != nullptr && placeholder->reset_source > PGC_S_DEFAULT;
	}
}

/// Called after the settings are defined: notes which of these values are gone.
void
note_values_dropped()
{
	for (Guarded &g : guarded)
	{
		g.setting = find_setting(g.name);
		g.dropped = g.dropped && g.setting != nullptr && g.setting->reset_source <= PGC_S_DEFAULT;
	}
}

/// Whether the configured value is hidden. A superuser may have set a value since.
bool
is_hidden(const Guarded &g)
{
	return g.dropped && g.setting->source <= PGC_S_DEFAULT;
}

void
refuse_dropped_values()
{
	for (const Guarded &g : guarded)
		if (is_hidden(g))
			throw Error(
				sqlstate::object_not_in_prerequisite_state,
				std::string("setting \"") + g.name + "\" was given a value that could not be taken",
				"It was asked for before pg_etl was loaded, by a role that may not set it or "
				"with a value that is not valid, and hides what an administrator has set.",
				"Connect without it (PGOPTIONS, options=… in the connection string), or "
				"mend it where it is set: SELECT * FROM pg_db_role_setting;");
}

/// Reads the settings, with the source of each value in the extension's own words.
constexpr char settings_sql[] = R"(
SELECT s.name, s.setting, s.unit, s.boot_val,
       CASE s.source
           WHEN 'database user' THEN 'role in database'
           WHEN 'user' THEN 'role'
           WHEN 'client' THEN 'connection'
           WHEN 'override' THEN 'server'
           ELSE s.source
       END,
       s.short_desc || coalesce(' ' || s.extra_desc, '')
  FROM pg_catalog.pg_settings s
 WHERE s.name LIKE 'etl.%'
 ORDER BY s.name)";

} // namespace

bool
is_dropped_setting(const std::string &name)
{
	return std::any_of(std::begin(guarded), std::end(guarded),
					   [&](const Guarded &g) { return g.name == name && is_hidden(g); });
}

std::string
hint_to_set(const std::string &name, const std::string &value)
{
	const char *database =
		call([] { return const_cast<char *>(quote_identifier(get_database_name(MyDatabaseId))); });
	return "ALTER DATABASE " + std::string(database) + " SET " + name + " = '" + value +
		   "';  then reconnect.";
}

void
define_settings()
{
	note_values_asked_for();
	const auto path = [](const char *name, const char *text, char **variable)
	{
		DefineCustomStringVariable(name, text, nullptr, variable, "", PGC_SUSET, 0,
								   callback<check_folder>, nullptr, nullptr);
	};
	path("etl.raw_dir", "Directory of the staged files.", &guc.raw_dir);
	path("etl.processed_dir", "Directory of the processed files.", &guc.processed_dir);
	path("etl.archive_dir", "Directory of the archived raw files.", &guc.archive_dir);
	path("etl.key_file",
		 "File with the secret for pseudonyms; empty: the data directory's path with .etl.key "
		 "added.",
		 &guc.key_file);
	path("etl.signing_key_file",
		 "File with the Ed25519 key that signs certificates; empty: the data directory's path with "
		 ".etl.signing_key added.",
		 &guc.signing_key_file);
	path("etl.journal_dir", "Directory of the erasure journal, outside the data directory.",
		 &guc.journal_dir);
	DefineCustomIntVariable(
		"etl.threads", "Worker threads for decompressing, parsing, validating and compressing.",
		"0 means one per core, at most 8.", &guc.threads, 0, 0, 64, PGC_USERSET, 0, nullptr,
		nullptr, nullptr);
	DefineCustomIntVariable("etl.batch_memory", "Memory of one batch.", nullptr, &guc.batch_memory,
							256 * 1024, 16 * 1024, INT_MAX, PGC_SUSET, GUC_UNIT_KB, nullptr,
							nullptr, nullptr);
	DefineCustomIntVariable("etl.max_record_size",
							"Longest record in bytes; a longer one is quarantined as malformed.",
							nullptr, &guc.max_record_size, 16 * 1024 * 1024, 1024,
							512 * 1024 * 1024, PGC_SUSET, GUC_UNIT_BYTE, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("etl.max_file_size", "Largest staged file after decompression.",
							nullptr, &guc.max_file_size, 64 * 1024, 1, INT_MAX, PGC_SUSET,
							GUC_UNIT_MB, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("etl.settle_time",
							"How long a staged file must not have been written to before it is "
							"loaded.",
							"0: it is enough that nobody has it open for writing.",
							&guc.settle_time, 0, 0, 86400, PGC_SUSET, GUC_UNIT_S, nullptr, nullptr,
							nullptr);
	DefineCustomBoolVariable(
		"etl.postpone_indexes", "Build the indexes of a table after the first rows are loaded.",
		"Whoever writes the table meanwhile waits, and so does, while they are built, whoever "
		"reads it.",
		&guc.postpone_indexes, true, PGC_USERSET, 0, nullptr, nullptr, nullptr);
	MarkGUCPrefixReserved("etl");
	note_values_dropped();
}

Settings
Settings::current()
{
	refuse_dropped_values();
	Settings s;
	s.raw_dir = folder(guc.raw_dir);
	s.processed_dir = folder(guc.processed_dir);
	s.archive_dir = folder(guc.archive_dir);
	s.key_file = guc.key_file != nullptr && *guc.key_file ? std::string(guc.key_file)
														  : std::string(DataDir) + ".etl.key";
	s.signing_key_file = guc.signing_key_file != nullptr && *guc.signing_key_file
							 ? std::string(guc.signing_key_file)
							 : std::string(DataDir) + ".etl.signing_key";
	s.journal_dir = folder(guc.journal_dir);
	const unsigned cores = std::thread::hardware_concurrency();
	s.threads =
		guc.threads > 0 ? static_cast<unsigned>(guc.threads) : std::min(8u, std::max(1u, cores));
	s.batch_memory = static_cast<size_t>(guc.batch_memory) * 1024;
	s.max_record_size = static_cast<size_t>(guc.max_record_size);
	s.max_file_size = static_cast<uint64_t>(guc.max_file_size) << 20;
	s.postpone_indexes = guc.postpone_indexes;
	s.settle_time = guc.settle_time;
	return s;
}

constexpr char read_settings_of_database_sql[] = R"(
SELECT lower(split_part(c.text, '=', 1)), substr(c.text, strpos(c.text, '=') + 1)
  FROM pg_db_role_setting s, unnest(s.setconfig) c(text)
 WHERE s.setrole = 0 AND s.setdatabase IN (0, $1::oid)
 ORDER BY s.setdatabase)";

Settings
Settings::lasting()
{
	Settings s = current();
	const struct
	{
		const char *name;
		std::string &value;
	} directories[] = {{"etl.raw_dir", s.raw_dir},
					   {"etl.processed_dir", s.processed_dir},
					   {"etl.archive_dir", s.archive_dir}};
	for (const auto &directory : directories)
		// null if only this session has set a value
		if (const char *const reset =
				call([&] { return GetConfigOptionResetString(directory.name); });
			reset != nullptr && *reset != '\0')
			directory.value = folder(reset);
	// options of the connection or of its role hide the value of the database
	const Rows rows =
		query(read_settings_of_database_sql, {param(static_cast<int64_t>(MyDatabaseId))});
	for (uint64_t i = 0; i < rows.size(); ++i)
		for (const auto &directory : directories)
			if (rows.text(i, 0) == directory.name && !rows.text(i, 1).empty())
				directory.value = folder(rows.text(i, 1).c_str());
	return s;
}

void
Settings::require_folders() const
{
	const struct
	{
		const char *name;
		const std::string &path;
		int mode;
	} folders[] = {{"etl.raw_dir", raw_dir, R_OK | W_OK | X_OK},
				   {"etl.processed_dir", processed_dir, W_OK | X_OK},
				   {"etl.archive_dir", archive_dir, W_OK | X_OK}};
	for (const auto &f : folders)
	{
		if (f.path.empty())
			throw Error(
				sqlstate::object_not_in_prerequisite_state,
				std::string("setting \"") + f.name + "\" is not set",
				"It names an absolute directory on the server.",
				hint_to_set(f.name, "/srv/etl/" + std::string(f.name + 4, strchr(f.name, '_'))));
		struct stat info;
		if (stat(f.path.c_str(), &info) != 0)
			throw Error(etl::sqlstate_of_errno(errno),
						std::string("cannot use ") + f.name + " \"" + f.path +
							"\": " + pg_strerror(errno),
						"", "Create the directory on the server, or change the setting.");
		if (!S_ISDIR(info.st_mode))
			throw Error(sqlstate::wrong_object_type,
						std::string(f.name) + " \"" + f.path + "\" is not a directory");
		if (access(f.path.c_str(), f.mode) != 0)
			throw Error(etl::sqlstate_of_errno(errno),
						std::string("cannot use ") + f.name + " \"" + f.path +
							"\": " + pg_strerror(errno),
						"The server runs as the operating system user that must be able to read "
						"and write the directory.",
						"chown or chmod the directory for the server's user.");
	}
	for (const auto &a : folders)
		for (const auto &b : folders)
			if (&a != &b && etl::is_inside(a.path, b.path))
				throw Error(sqlstate::object_not_in_prerequisite_state,
							"etl.raw_dir, etl.processed_dir and etl.archive_dir must lie apart",
							std::string(a.name) + " \"" + a.path +
								"\" is the same as, or inside, " + b.name + " \"" + b.path + "\".",
							"Give each a directory of its own.");
}

} // namespace pg

// etl_internal.settings(). It is a function of this library, so the call loads the library and
// defines the settings.
PG_ETL_ENTRY(etl_settings)
{
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const pg::Rows rows = pg::query(pg::settings_sql);
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		std::string cells[6];
		for (int column = 0; column < 6; ++column)
			if (!rows.is_null(i, column))
				cells[column] = rows.text(i, column);
		if (pg::is_dropped_setting(cells[0]))
			cells[4] = "refused";
		result.add({pg::Cell::text(cells[0]), pg::Cell::text(cells[1]),
					pg::Cell::text_or_null(cells[2]), pg::Cell::text(cells[3]),
					pg::Cell::text(cells[4]), pg::Cell::text(cells[5])});
	}
	return static_cast<Datum>(0);
}
