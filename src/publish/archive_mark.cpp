#include "publish/archive_mark.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <sstream>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "catalog/definitions.h"
#include "core/base/scoped_fd.h"
#include "core/base/sqlstate.h"
#include "core/base/write_fully.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_move.h"
#include "pg/fault.h"
#include "pg/guard.h"
#include "pg/run_as.h"
#include "pg/settings.h"
#include "pg/spi.h"

extern "C"
{
#include "access/xact.h"
}

namespace etl
{

namespace
{

constexpr const char *header = "pg_etl archive mark 1";

/// A mark that is written when the transaction commits. The last mark of each dataset counts.
struct PlannedMark
{
	SubTransactionId subtransaction;
	std::string path, text;
};
std::vector<PlannedMark> planned_marks;

std::string
text_of(const ArchiveMark &mark)
{
	return std::string(header) + "\n" + std::to_string(mark.count) + " " + mark.nonce + "\n";
}

[[noreturn]] void
fail(int error, const std::string &path)
{
	throw pg::Error(sqlstate_of_errno(error),
					"could not read \"" + path + "\": " + std::generic_category().message(error),
					"It says which files were loaded into this database.",
					"The server's user must be able to read and write etl.archive_dir.");
}

ArchiveMark
read_mark(const std::string &path)
{
	const ScopedFd fd(beneath::open(path, O_RDONLY | O_NONBLOCK));
	if (!fd)
	{
		if (errno == ENOENT)
			return {};
		fail(errno, path);
	}
	char buffer[256];
	const ssize_t size = read(fd.get(), buffer, sizeof buffer);
	if (size < 0)
		fail(errno, path);
	std::istringstream text(std::string(buffer, static_cast<size_t>(size)));
	std::string first;
	ArchiveMark mark;
	if (!std::getline(text, first) || first != header || !(text >> mark.count >> mark.nonce) ||
		mark.count <= 0)
		throw pg::Error(sqlstate::object_not_in_prerequisite_state, "\"" + path + "\" is damaged",
						"It says which files were loaded into this database.",
						"Remove it if you know that the database has all of its files.");
	return mark;
}

/// Replaces a mark and syncs it, so that after a crash the old or the new mark is there. Returns
/// false with errno on error.
bool
write_mark(const std::string &path, const std::string &text)
{
	bool created = false;
	if (!make_parents(path, &created) || (created && !sync_parents(path)))
		return false;
	const std::string part = path + ".new";
	(void)beneath::unlink(part);
	const ScopedFd fd(beneath::open(part, O_WRONLY | O_CREAT | O_EXCL, 0600));
	if (!fd)
		return false;
	if (write_fully(fd.get(), text) && fsync(fd.get()) == 0 && beneath::rename(part, path) == 0 &&
		sync_folder(path.substr(0, path.rfind('/'))))
		return true;
	const int error = errno;
	(void)beneath::unlink(part);
	errno = error;
	return false;
}

constexpr char read_archive_id_sql[] = R"(SELECT archive_id::text FROM etl.archive)";

/// The directory of this database's marks. Needs the rights of the owner.
std::string
marks_folder(const pg::Settings &settings)
{
	const pg::Rows identity = pg::query(read_archive_id_sql);
	if (identity.empty())
		throw pg::Error(sqlstate::data_corrupted, "etl.archive has no row",
						"It says which marks in the archive are this database's.");
	return settings.archive_dir + "/.pg_etl/" + identity.text(0, 0);
}

constexpr char read_archive_mark_sql[] = R"(
SELECT count, nonce FROM etl.archive_mark WHERE dataset = $1)";

} // namespace

ArchiveState
archive_state(const std::string &dataset, const pg::Settings &settings)
{
	ArchiveState state;
	// users of etl.health and of runs need no right to read these tables
	const pg::RunAs owner(pg::extension_owner(), SECURITY_LOCAL_USERID_CHANGE);
	state.path = marks_folder(settings) + "/" + dataset;
	state.archived = read_mark(state.path);
	const pg::Rows known = pg::query(read_archive_mark_sql, {pg::param(dataset)});
	if (!known.empty())
		state.known = {known.integer(0, 0), known.text(0, 1)};
	return state;
}

void
require_files_known(const std::string &dataset, const pg::Settings &settings)
{
	const ArchiveState state = archive_state(dataset, settings);
	if (!state.is_behind())
		return;
	throw pg::Error(
		sqlstate::object_not_in_prerequisite_state,
		"the database is behind the archived files of dataset \"" + dataset + "\"",
		"\"" + settings.archive_dir +
			"\" holds files that were loaded and are not known here: the database was restored "
			"from "
			"before them, or is a standby that had not got them yet.",
		"SELECT * FROM etl_reload(since => '-infinity'); loads them again from the archive; since "
		"=> 'infinity' leaves them out for good.");
}

void
require_files_known(const Catalog &catalog, const pg::Settings &settings)
{
	for (const auto &[dataset, definition] : catalog.all())
		require_files_known(dataset, settings);
	const std::vector<std::string> lost = lost_datasets(catalog, settings);
	if (!lost.empty())
		throw pg::Error(sqlstate::object_not_in_prerequisite_state,
						"the database is behind the archived files of dataset \"" + lost[0] +
							"\", which is not defined",
						"\"" + settings.archive_dir +
							"\" holds files that were loaded and are not known here: the database "
							"was restored from before the dataset was defined.",
						lost_dataset_hint);
}

const char *const lost_dataset_hint =
	"Define it again (etl_define), then SELECT * FROM etl_reload(since => '-infinity');";

std::vector<std::string>
lost_datasets(const Catalog &catalog, const pg::Settings &settings)
{
	std::string folder;
	{
		const pg::RunAs owner(pg::extension_owner(), SECURITY_LOCAL_USERID_CHANGE);
		folder = marks_folder(settings);
	}
	std::vector<std::string> lost;
	const int fd = beneath::open(folder + "/.", O_RDONLY | O_DIRECTORY);
	if (fd < 0 && errno == ENOENT)
		return lost;
	const std::unique_ptr<DIR, int (*)(DIR *)> dir(fd < 0 ? nullptr : fdopendir(fd), closedir);
	if (!dir)
		fail(errno, folder);
	while (const dirent *entry = readdir(dir.get()))
	{
		// names with a dot are the directory itself and unfinished marks
		const std::string name = entry->d_name;
		if (name.find('.') == std::string::npos && catalog.find(name) == nullptr &&
			catalog.invalid().count(name) == 0)
			lost.push_back(name);
	}
	// the database knows the mark of a dataset that was dropped
	std::erase_if(lost, [&](const std::string &name)
				  { return !archive_state(name, settings).is_behind(); });
	std::sort(lost.begin(), lost.end());
	return lost;
}

constexpr char advance_archive_mark_sql[] = R"(
INSERT INTO etl.archive_mark AS m (dataset, count, nonce)
VALUES ($1, $2 + 1, gen_random_uuid()::text)
ON CONFLICT (dataset) DO UPDATE
   SET count = greatest(m.count, $2) + 1, nonce = excluded.nonce, noted_at = now()
RETURNING m.count, m.nonce)";

void
advance_archive_mark(const std::string &dataset, const pg::Settings &settings)
{
	const ArchiveState state = archive_state(dataset, settings);
	ArchiveMark mark;
	{
		const pg::RunAs owner(pg::extension_owner(), SECURITY_LOCAL_USERID_CHANGE);
		const pg::Rows rows = pg::query(advance_archive_mark_sql,
										{pg::param(dataset), pg::param(state.archived.count)});
		mark = {rows.integer(0, 0), rows.text(0, 1)};
	}
	const SubTransactionId now = GetCurrentSubTransactionId();
	if (!planned_marks.empty() && planned_marks.back().path == state.path &&
		planned_marks.back().subtransaction == now)
		planned_marks.back().text = text_of(mark);
	else
		planned_marks.push_back({now, state.path, text_of(mark)});
}

bool
write_planned_marks() noexcept
{
	for (size_t i = 0; i < planned_marks.size(); ++i)
	{
		const PlannedMark &mark = planned_marks[i];
		if (std::any_of(planned_marks.begin() + static_cast<std::ptrdiff_t>(i) + 1,
						planned_marks.end(),
						[&](const PlannedMark &later) { return later.path == mark.path; }))
			continue;
		try
		{
			ETL_FAULT("mark");
			if (!write_mark(mark.path, mark.text))
				return false;
			ETL_FAULT("marked");
		}
		catch (...)
		{
			return false;
		}
	}
	return true;
}

void
forget_planned_marks() noexcept
{
	planned_marks.clear();
}

void
keep_planned_marks(SubTransactionId subtransaction, SubTransactionId parent) noexcept
{
	for (auto m = planned_marks.rbegin();
		 m != planned_marks.rend() && m->subtransaction == subtransaction; ++m)
		m->subtransaction = parent;
}

void
drop_planned_marks(SubTransactionId subtransaction) noexcept
{
	while (!planned_marks.empty() && planned_marks.back().subtransaction == subtransaction)
		planned_marks.pop_back();
}

std::string
heal_archive_mark(const std::string &dataset, const pg::Settings &settings)
{
	const ArchiveState state = archive_state(dataset, settings);
	// The count of this transaction is not committed. Earlier counts were written when the
	// transaction began.
	const bool own = std::any_of(planned_marks.begin(), planned_marks.end(),
								 [&](const PlannedMark &mark) { return mark.path == state.path; });
	if (own || state.known.count <= state.archived.count)
		return {};
	if (write_mark(state.path, text_of(state.known)))
		return {};
	return "raw file could not be archived: " + std::generic_category().message(errno);
}

} // namespace etl
