#include "publish/export_intent.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/scoped_fd.h"
#include "core/base/sqlstate.h"
#include "core/base/utf8.h"
#include "core/base/write_fully.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_move.h"
#include "pg/catalog_owner.h"
#include "pg/guard.h"
#include "pg/spi.h"
#include "publish/plan.h"

extern "C"
{
#include "access/xact.h"
}

namespace etl
{

namespace
{

constexpr const char *kind = "export";

[[noreturn]] void
fail(const std::string &note)
{
	throw pg::Error(sqlstate_of_errno(errno),
					"could not write file \"" + note + "\": " + std::string(pg_strerror(errno)));
}

/// Appends a line to the note and syncs it.
void
append(const std::string &note, const std::string &line, int flags)
{
	const ScopedFd fd(beneath::open(note, O_WRONLY | O_APPEND | flags, 0600));
	if (!fd || !write_fully(fd.get(), line) || fsync(fd.get()) != 0)
		fail(note);
}

std::string
from_hex(std::string_view text)
{
	std::string bytes;
	for (size_t i = 0; i + 1 < text.size(); i += 2)
		bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
	return bytes;
}

/// The words of the note's complete lines, which are in hexadecimal: directory, part and name; then
/// the path in etl.export, and the hash, inode, size and time of the file.
std::vector<std::string>
words_of(const std::string &note)
{
	std::string text(16384, '\0');
	const ScopedFd fd(beneath::open(note, O_RDONLY));
	const ssize_t got = fd ? read(fd.get(), text.data(), text.size()) : -1;
	text.resize(got < 0 ? 0 : static_cast<size_t>(got));
	text.resize(text.find_last_of('\n') == std::string::npos ? 0 : text.find_last_of('\n'));
	std::vector<std::string> words;
	for (size_t at = 0; at < text.size();)
	{
		const size_t end = std::min(text.find_first_of(" \n", at), text.size());
		words.push_back(from_hex(std::string_view(text).substr(at, end - at)));
		at = end + 1;
	}
	return words;
}

constexpr char is_noted_export_sql[] = R"(
SELECT 1 FROM etl.export WHERE dataset = $1 AND path = $2 AND sha256 = $3)";

bool
is_known(const std::string &dataset, const std::string &path, const std::string &sha256)
{
	const AsCatalogOwner owner;
	return !pg::query(is_noted_export_sql,
					  {pg::param(dataset), pg::param(path), pg::param_bytes(sha256)})
				.empty();
}

/// Removes the files that the note names. Returns false with errno on error.
bool
remove_unknown(const std::string &dataset, const std::vector<std::string> &words)
{
	const ScopedFd directory(beneath::open(words[0] + "/", O_RDONLY | O_DIRECTORY, 0, 0));
	if (!directory)
		return errno == ENOENT || errno == ENOTDIR;
	const auto remove = [&](const std::string &name)
	{ return unlinkat(directory.get(), name.c_str(), 0) == 0 || errno == ENOENT; };
	if (!remove(words[1]))
		return false;
	struct stat there;
	if (words.size() >= 8 &&
		fstatat(directory.get(), words[2].c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
		std::to_string(there.st_ino) == words[5] && std::to_string(there.st_size) == words[6] &&
		std::to_string(there.st_mtim.tv_sec) + "." + std::to_string(there.st_mtim.tv_nsec) ==
			words[7] &&
		!is_known(dataset, words[3], words[4]) && !remove(words[2]))
		return false;
	return fsync(directory.get()) == 0;
}

std::string
line_of(std::initializer_list<std::string_view> words)
{
	std::string line;
	for (const std::string_view word : words)
		line += (line.empty() ? "" : " ") + to_hex(word);
	return line + "\n";
}

} // namespace

ExportIntent::ExportIntent(const std::string &dataset, const pg::Settings &settings,
						   const std::string &directory, const std::string &part,
						   const std::string &name)
{
	const std::string folder = part_folder(settings, dataset);
	note_ = part_name(folder, 0, kind);
	remove_at_end(note_);
	append(note_, line_of({directory, part, name}), O_CREAT | O_EXCL);
	if (!sync_folder(folder))
		fail(note_);
}

void
ExportIntent::complete(const std::string &known_as, const Sha256 &sha256,
					   const FileIdentity &identity)
{
	// in the form of struct stat, so that people can compare it
	constexpr int64_t second = 1000000000;
	append(note_,
		   line_of({known_as,
					{reinterpret_cast<const char *>(sha256.data()), sha256.size()},
					std::to_string(identity.inode),
					std::to_string(identity.size),
					std::to_string(identity.modified_ns / second) + "." +
						std::to_string(identity.modified_ns % second)}),
		   0);
	// with synchronous_commit off, a crash could undo the row of etl.export after the note is
	// removed
	pg::call([] { ForceSyncCommit(); });
}

bool
is_export_intent(const char *name)
{
	return std::strncmp(name, "0.export.", 9) == 0;
}

void
settle_exports(const std::string &dataset, const pg::Settings &settings)
{
	// an older snapshot may not see what the session committed before it was killed
	if (IsolationUsesXactSnapshot())
		return;
	const std::string folder = part_folder(settings, dataset);
	const int fd = beneath::open(folder + "/.", O_RDONLY | O_DIRECTORY);
	const std::unique_ptr<DIR, int (*)(DIR *)> dir(fd < 0 ? nullptr : fdopendir(fd), closedir);
	if (!dir)
		return;
	std::vector<std::string> notes;
	while (const dirent *entry = readdir(dir.get()))
		if (is_export_intent(entry->d_name) && !is_pending_part(folder + "/" + entry->d_name) &&
			!is_written_now(entry->d_name))
			notes.push_back(folder + "/" + entry->d_name);
	for (const std::string &note : notes)
	{
		const std::vector<std::string> words = words_of(note);
		// without a complete line, no file had been written
		if (words.size() < 3 || remove_unknown(dataset, words))
			beneath::unlink(note);
		else
			pg::notice(WARNING,
					   "could not remove \"" + storable_text(words[0] + "/" + words[2]) +
						   "\": " + std::string(pg_strerror(errno)),
					   "A session that exported dataset \"" + dataset +
						   "\" was killed, and etl.export does not know the file.",
					   "Remove it.");
	}
}

} // namespace etl
