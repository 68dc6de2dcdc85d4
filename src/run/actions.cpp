#include "run/actions.h"

#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

extern "C"
{
#include "access/xact.h"
}

namespace etl
{

namespace
{

struct Pending
{
	SubTransactionId subtransaction;
	FileAction action;
	std::string remove; ///< on rollback
};

/// Of the current transaction. Never touched by threads.
std::vector<Pending> pending;

const char *
kind_name(FileAction::Kind kind)
{
	return kind == FileAction::Kind::publish   ? "publish"
		   : kind == FileAction::Kind::archive ? "archive"
											   : "remove";
}

/// Removes the folders that have become empty above a path, up to but without root.
void
remove_empty_parents(const std::string &path, const std::string &root)
{
	std::string folder = path;
	for (;;)
	{
		const size_t slash = folder.rfind('/');
		if (slash == std::string::npos)
			return;
		folder.resize(slash);
		if (folder.size() <= root.size() || rmdir(folder.c_str()) != 0)
			return;
	}
}

bool
copy_and_sync(const std::string &from, const std::string &to)
{
	const int in = open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0)
		return false;
	const std::string part = to + ".part";
	unlink(part.c_str());
	const int out = open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = out >= 0;
	std::vector<char> buffer(1 << 20);
	while (good)
	{
		const ssize_t got = read(in, buffer.data(), buffer.size());
		if (got == 0)
			break;
		if (got < 0 && errno == EINTR)
			continue;
		good = got > 0;
		for (ssize_t at = 0; good && at < got;)
		{
			const ssize_t put = write(out, buffer.data() + at, static_cast<size_t>(got - at));
			if (put < 0 && errno == EINTR)
				continue;
			good = put > 0;
			at += put;
		}
	}
	close(in);
	if (out >= 0)
	{
		good = good && fsync(out) == 0;
		close(out);
		good = good && rename(part.c_str(), to.c_str()) == 0;
		if (!good)
			unlink(part.c_str());
	}
	return good;
}

/// Moves without replacing. Across file systems: copy, sync, then unlink.
bool
move_file(const std::string &from, const std::string &to)
{
	const auto move = [&]
	{ return renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0; };
	// most often the folders are there: they are made when they turn out to be missing
	if (move() || (errno == ENOENT && make_parents(to) && move()))
		return true;
	if (errno == EXDEV)
	{
		struct stat info;
		return lstat(to.c_str(), &info) != 0 && copy_and_sync(from, to) &&
			   unlink(from.c_str()) == 0;
	}
	if (errno == EINVAL || errno == ENOSYS) // a file system without RENAME_NOREPLACE
	{
		struct stat info;
		return lstat(to.c_str(), &info) != 0 && rename(from.c_str(), to.c_str()) == 0;
	}
	return false;
}

/// Carries an action out; false when it could not be. Doing it again does nothing.
bool
carry_out(const FileAction &action)
{
	if (action.kind == FileAction::Kind::publish)
	{
		const auto publish = [&] { return rename(action.from.c_str(), action.to.c_str()) == 0; };
		if (publish())
			return true;
		if (errno != ENOENT)
			return false;
		// done before, or the folders are missing
		struct stat info;
		return lstat(action.to.c_str(), &info) == 0 || (make_parents(action.to) && publish());
	}
	FileIdentity now;
	if (!identify(action.from, now))
		return true; // gone: moved or removed already
	if (action.identity.inode != 0)
	{
		if (!(now == action.identity))
			return true; // another delivery has taken the name: it is the next run's
	}
	else
	{
		// after a crash the identity is not known, the contents are
		try
		{
			FileReader reader(action.from, false, UINT64_MAX);
			std::vector<char> buffer(1 << 20);
			while (reader.read(buffer.data(), buffer.size()) > 0)
				;
			if (reader.sha256() != action.sha256)
				return true;
		}
		catch (const FileError &)
		{
			return false;
		}
	}
	const bool done = action.kind == FileAction::Kind::archive ? move_file(action.from, action.to)
															   : unlink(action.from.c_str()) == 0;
	if (done)
		remove_empty_parents(action.from, action.raw_root);
	return done;
}

void
carry_out_pending() noexcept
{
	for (const Pending &p : pending)
		try
		{
			if (p.remove.empty())
				carry_out(p.action);
		}
		catch (...)
		{
			// out of memory, say: etl.file_action has it, and the next run does it
		}
	pending.clear();
}

void
at_transaction_end(XactEvent event, void *)
{
	if (event == XACT_EVENT_COMMIT)
	{
		// committed: nothing here may fail. What can't be done now is done by the next run.
		carry_out_pending();
	}
	else if (event == XACT_EVENT_ABORT)
	{
		for (const Pending &p : pending)
			if (!p.remove.empty())
				unlink(p.remove.c_str());
		pending.clear();
	}
	else if (event == XACT_EVENT_PRE_PREPARE && !pending.empty())
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has run a dataset")));
}

void
at_subtransaction_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *)
{
	if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (Pending &p : pending)
			if (p.subtransaction == id)
				p.subtransaction = parent;
	}
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		std::erase_if(pending,
					  [&](const Pending &p)
					  {
						  if (p.subtransaction != id)
							  return false;
						  if (!p.remove.empty())
							  unlink(p.remove.c_str());
						  return true;
					  });
	}
}

} // namespace

void
register_action_callbacks()
{
	RegisterXactCallback(at_transaction_end, nullptr);
	RegisterSubXactCallback(at_subtransaction_end, nullptr);
}

bool
make_parents(const std::string &path)
{
	// from below: the folders further up are there, as a rule
	const size_t slash = path.rfind('/');
	if (slash == std::string::npos || slash == 0)
		return true;
	const std::string folder = path.substr(0, slash);
	const auto make = [&] { return mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST; };
	return make() || (errno == ENOENT && make_parents(folder) && make());
}

void
sync_folder(const std::string &folder)
{
	const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const int error = fd < 0 || fsync(fd) != 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	if (error != 0)
		throw pg::Error("58030",
						"could not fsync folder \"" + folder + "\": " + pg_strerror(error));
}

bool
identify(const std::string &path, FileIdentity &identity)
{
	struct stat info;
	if (lstat(path.c_str(), &info) != 0)
		return false;
	identity = {static_cast<uint64_t>(info.st_dev), static_cast<uint64_t>(info.st_ino),
				static_cast<uint64_t>(info.st_size),
				static_cast<int64_t>(info.st_mtim.tv_sec) * 1000000000 + info.st_mtim.tv_nsec};
	return true;
}

void
remove_on_rollback(const std::string &path)
{
	pending.push_back({GetCurrentSubTransactionId(), {}, path});
}

void
plan_actions(const std::string &dataset, std::vector<FileAction> actions)
{
	if (actions.empty())
		return;
	std::vector<int64_t> file_ids;
	std::vector<std::string_view> kinds, froms, tos, hashes;
	for (const FileAction &a : actions)
	{
		file_ids.push_back(a.file_id);
		kinds.push_back(kind_name(a.kind));
		froms.push_back(a.from);
		tos.push_back(a.to);
		hashes.push_back({reinterpret_cast<const char *>(a.sha256.data()), a.sha256.size()});
	}
	pg::execute("INSERT INTO etl.file_action (dataset, file_id, action, from_path, to_path, sha256)"
				" SELECT $1, a.* FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], "
				"$6::bytea[]) a",
				{pg::param(dataset), pg::param_array(file_ids), pg::param_array(kinds),
				 pg::param_array(froms), pg::param_array(tos),
				 pg::param_array(17 /* bytea */, hashes)});
	// with synchronous_commit off a crash could take back a commit whose files have moved already
	pg::call([] { ForceSyncCommit(); });
	const SubTransactionId id = GetCurrentSubTransactionId();
	for (FileAction &a : actions)
		pending.push_back({id, std::move(a), {}});
}

std::string
part_folder(const pg::Settings &settings, const std::string &dataset)
{
	const std::string folder =
		settings.processed_dir + "/.pg_etl/" + std::to_string(MyDatabaseId) + "/" + dataset;
	if (!make_parents(folder + "/"))
		throw pg::Error("58030",
						"could not create folder \"" + folder + "\": " + std::strerror(errno));
	return folder;
}

std::string
part_name(const std::string &folder, int64_t file_id, const char *kind)
{
	static uint64_t count = 0;
	return folder + "/" + std::to_string(file_id) + "." + kind + "." + std::to_string(getpid()) +
		   "." + std::to_string(++count) + ".part";
}

std::string
pending_source(const std::string &path)
{
	for (auto p = pending.rbegin(); p != pending.rend(); ++p)
		if (p->remove.empty() && p->action.to == path)
			return p->action.from;
	return path;
}

void
recover(const std::string &dataset, const pg::Settings &settings)
{
	std::set<std::string> wanted;
	const pg::Rows rows = pg::query(
		"SELECT action_id, action, from_path, coalesce(to_path, ''), sha256, coalesce(file_id, 0)"
		" FROM etl.file_action WHERE dataset = $1 ORDER BY action_id",
		{pg::param(dataset)});
	std::vector<int64_t> done;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		FileAction action;
		const std::string kind = rows.text(i, 1);
		action.kind = kind == "publish"   ? FileAction::Kind::publish
					  : kind == "archive" ? FileAction::Kind::archive
										  : FileAction::Kind::remove;
		action.from = rows.text(i, 2);
		action.to = rows.text(i, 3);
		const std::string hash = rows.bytes(i, 4);
		std::memcpy(action.sha256.data(), hash.data(), std::min(hash.size(), action.sha256.size()));
		action.raw_root = settings.raw_dir;
		if (carry_out(action))
			done.push_back(rows.integer(i, 0));
		else
			wanted.insert(action.from);
	}
	const std::string folder = part_folder(settings, dataset);
	if (!done.empty())
	{
		// the record of intent goes only when what it stands for is on the disk
		std::set<dev_t> synced; // most often all three are in one file system
		for (const std::string &root :
			 {settings.processed_dir, settings.archive_dir, settings.raw_dir})
		{
			struct stat info;
			const int fd = open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (fd < 0)
				continue;
			if (fstat(fd, &info) != 0 || synced.insert(info.st_dev).second)
				(void)syncfs(fd);
			close(fd);
		}
		pg::execute("DELETE FROM etl.file_action WHERE action_id = ANY ($1)",
					{pg::param_array(done)});
	}
	// what is left there belongs to transactions that never committed: the dataset is locked
	if (DIR *dir = opendir(folder.c_str()))
	{
		while (const dirent *entry = readdir(dir))
		{
			const std::string path = folder + "/" + entry->d_name;
			if (entry->d_name[0] != '.' && wanted.count(path) == 0)
				unlink(path.c_str());
		}
		closedir(dir);
	}
}

} // namespace etl
