#include "pg/settings.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pg/guard.h"

extern "C"
{
#include "commands/dbcommands.h"
#include "utils/guc.h"
}

namespace pg
{

namespace
{

/// Where the server keeps the values.
struct
{
	char *raw_dir, *processed_dir, *archive_dir, *key_file, *signing_key_file, *journal_dir;
	int threads, batch_memory, max_record_size, max_file_size;
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

/// The hint that shows what to type.
std::string
hint_to_set(const std::string &name, const std::string &value)
{
	const char *database =
		call([] { return const_cast<char *>(quote_identifier(get_database_name(MyDatabaseId))); });
	return "ALTER DATABASE " + std::string(database) + " SET " + name + " = '" + value +
		   "';  then reconnect.";
}

const char *
sqlstate_of(int error)
{
	return error == ENOENT ? "58P01" : error == EACCES || error == EPERM ? "42501" : "58030";
}

} // namespace

void
define_settings()
{
	const auto path = [](const char *name, const char *text, char **variable)
	{
		DefineCustomStringVariable(name, text, nullptr, variable, "", PGC_SUSET, 0, check_folder,
								   nullptr, nullptr);
	};
	path("etl.raw_dir", "Folder of the staged files.", &guc.raw_dir);
	path("etl.processed_dir", "Folder of the processed files.", &guc.processed_dir);
	path("etl.archive_dir", "Folder of the archived raw files.", &guc.archive_dir);
	path("etl.key_file",
		 "File with the secret for pseudonyms; empty: the data directory's path with .etl.key "
		 "added.",
		 &guc.key_file);
	path("etl.signing_key_file",
		 "File with the Ed25519 key that signs certificates; empty: the data directory's path with "
		 ".etl.signing_key added.",
		 &guc.signing_key_file);
	path("etl.journal_dir", "Folder of the erasure journal, outside the data directory.",
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
	DefineCustomBoolVariable(
		"etl.postpone_indexes", "Build the indexes of a table after the first rows are loaded.",
		"Whoever writes the table meanwhile waits, and so does, while they are built, whoever "
		"reads it.",
		&guc.postpone_indexes, true, PGC_USERSET, 0, nullptr, nullptr, nullptr);
	MarkGUCPrefixReserved("etl");
}

Settings
Settings::current()
{
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
				"55000", std::string("setting \"") + f.name + "\" is not set",
				"It names an absolute folder on the server.",
				hint_to_set(f.name, "/srv/etl/" + std::string(f.name + 4, strchr(f.name, '_'))));
		struct stat info;
		if (stat(f.path.c_str(), &info) != 0)
			throw Error(sqlstate_of(errno),
						std::string("cannot use ") + f.name + " \"" + f.path +
							"\": " + pg_strerror(errno),
						"", "Create the folder on the server, or change the setting.");
		if (!S_ISDIR(info.st_mode))
			throw Error("42809", std::string(f.name) + " \"" + f.path + "\" is not a folder");
		if (access(f.path.c_str(), f.mode) != 0)
			throw Error(sqlstate_of(errno),
						std::string("cannot use ") + f.name + " \"" + f.path +
							"\": " + pg_strerror(errno),
						"The server runs as the operating system user that must be able to read "
						"and write the folder.",
						"chown or chmod the folder for the server's user.");
	}
	const auto inside = [](const std::string &a, const std::string &b)
	{ return a == b || a.compare(0, b.size() + 1, b + "/") == 0; };
	if (inside(raw_dir, processed_dir) || inside(raw_dir, archive_dir) ||
		inside(processed_dir, raw_dir) || inside(archive_dir, raw_dir) ||
		inside(processed_dir, archive_dir) || inside(archive_dir, processed_dir))
		throw Error("55000", "etl.raw_dir, etl.processed_dir and etl.archive_dir must lie apart",
					"One of them is the same as, or inside, another.",
					"Give each a folder of its own.");
}

std::string
key_file(const std::string &path, const char *setting, const char *suffix, std::string (*make)())
{
	const std::string data = std::string(DataDir) + "/",
					  named = std::string(setting) + " \"" + path + "\"";
	if (path.compare(0, data.size(), data) == 0)
		throw Error("55000", named + " is inside the data directory",
					"Every base backup would carry the key with what it protects.",
					hint_to_set(setting, std::string(DataDir) + suffix));
	for (int attempt = 0; attempt < 2; ++attempt)
	{
		const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
		{
			struct stat info;
			char bytes[4096];
			const bool stated = fstat(fd, &info) == 0;
			const ssize_t size = read(fd, bytes, sizeof bytes);
			close(fd);
			if (!stated || !S_ISREG(info.st_mode) || (info.st_mode & 077) != 0)
				throw Error("55000", named + " can be read by others",
							"It must be a regular file with mode 0600.", "chmod 600 " + path);
			if (size < 16)
				throw Error("55000", named + " holds no key", "It must hold at least 16 bytes.");
			return std::string(bytes, static_cast<size_t>(size));
		}
		if (errno != ENOENT)
			break;
		const std::string bytes = make();
		// written under another name, so that nobody ever reads half a key
		const std::string part = path + "." + std::to_string(getpid());
		const int out = open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (out < 0)
			break;
		const bool written =
			write(out, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
			fsync(out) == 0;
		close(out);
		// link, not rename: whoever comes second must not replace the first one's key
		if (written)
			(void)!link(part.c_str(), path.c_str());
		unlink(part.c_str());
	}
	throw Error(sqlstate_of(errno), "cannot read or create " + named + ": " + pg_strerror(errno),
				"",
				std::string("Set ") + setting +
					" to a path, outside the data directory, that the server's user may write.");
}

std::string
secret()
{
	return key_file(Settings::current().key_file, "etl.key_file", ".etl.key",
					[]
					{
						char bytes[32];
						if (!pg_strong_random(bytes, sizeof bytes))
							throw Error("XX000", "could not get random bytes for etl.key_file");
						return std::string(bytes, sizeof bytes);
					});
}

} // namespace pg
