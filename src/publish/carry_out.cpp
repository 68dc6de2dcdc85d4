#include "publish/carry_out.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/base/scoped_fd.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_identity.h"
#include "core/files/file_move.h"
#include "pg/fault.h"
#include "pg/limits.h"
#include "pg/server.h"
#include "publish/raw_bytes.h"

extern "C"
{
#include "miscadmin.h"
}

namespace etl
{

namespace
{

ActionResult
not_done(const char *what)
{
	return {false, std::string(what) + ": " + std::generic_category().message(errno)};
}

std::string
folder_of(const std::string &path)
{
	return path.substr(0, path.rfind('/'));
}

/// Removes the empty directories above a file that is gone, but not the raw or archive directory
/// itself.
void
remove_emptied_folders(const std::string &path)
{
	remove_empty_parents(path, path.substr(0, beneath::root_length(path)));
}

ActionResult
not_readable(const char *what)
{
	return {false, std::string(what) + ": it cannot be read"};
}

ActionResult
publish(const FileAction &action)
{
	static const char *const failed = "processed file could not be published";
	switch (look_for(action.from))
	{
	case Presence::gone:
		return {}; // done already; readers know where the file went later
	case Presence::unknown:
		return not_done(failed);
	case Presence::there:
		break;
	}
	if (!make_parents(action.to))
		return not_done(failed);
	ETL_FAULT("publish_rename");
	if (beneath::rename(action.from, action.to) == 0)
		return {};
	if (errno != EXDEV)
		return not_done(failed);
	// a rewritten raw file goes to the archive, which may be on another file system
	const std::string part = part_beside(action);
	beneath::unlink(part);
	if (!copy_file(action.from, part, nullptr))
		return not_done(failed);
	ETL_FAULT("publish_copied");
	if (beneath::rename(part, action.to) != 0 || !sync_parents(action.to))
	{
		const ActionResult result = not_done(failed);
		beneath::unlink(part);
		return result;
	}
	ETL_FAULT("publish_unlink");
	beneath::unlink(action.from);
	return {};
}

constexpr const char *not_archived = "raw file could not be archived";
constexpr const char *not_checked = "archived file could not be compared with what was loaded";
constexpr const char *replaced =
	"raw file was replaced by another delivery before it could be archived";
constexpr const char *being_written = "raw file is still open for writing";

ActionResult
grown()
{
	return {false,
			"raw file has grown since it was loaded: what was added is loaded when it is complete",
			true};
}

/// The result if the raw file could not get its name back.
ActionResult
not_back(const std::string &at)
{
	if (errno != EEXIST)
		return not_done("raw file could not be given its name back");
	return {false, "another delivery of the raw file was taken for it and waits at \"" + at + "\""};
}

/// Gives a set-aside file its name back if it is another delivery or has grown.
ActionResult
give_back(const std::string &at, const FileAction &action)
{
	FileIdentity now;
	// if it cannot be read now, it is examined again under its own name
	const Answer more = identify(at, now) ? has_grown(at, now, action) : Answer::unknown;
	if (!rename_new(at, action.from))
		return not_back(at); // a third delivery has the name, and its contents must not be lost
	if (more == Answer::unknown)
		return not_readable(not_archived);
	return more == Answer::yes ? grown() : ActionResult{true, replaced};
}

/// Gives a set-aside file its name back if a process is still writing to it, because data that is
/// written later would be lost.
ActionResult
still_written(const std::string &at, const std::string &name)
{
	return rename_new(at, name) ? ActionResult{false, being_written} : not_back(at);
}

/// Sets the raw file `from` aside under a hidden name beside it, so that no delivery can replace
/// it. Returns false and the result if this fails.
bool
set_aside(const FileAction &action, const FileIdentity &identity, const char *failed,
		  ActionResult &result)
{
	const std::string aside = set_aside_name(action);
	if (!rename_new(action.from, aside))
	{
		result = not_done(failed);
		return false;
	}
	ETL_FAULT("raw_set_aside");
	FileIdentity now;
	if (identify(aside, now) && now == identity)
		return true;
	result = give_back(aside, action);
	return false;
}

/// Archives to another file system: the file is copied and synced there before the original is
/// removed. `is_set_aside`: the original has its hidden name already.
ActionResult
archive_copy(const FileAction &action, const FileIdentity &identity, bool is_set_aside)
{
	const std::string aside = set_aside_name(action);
	const std::string part = part_beside(action);
	beneath::unlink(part);
	if (!copy_file(is_set_aside ? aside : action.from, part, &identity))
		return errno == ESTALE ? ActionResult{true, replaced} : not_done(not_archived);
	ETL_FAULT("archive_copied");
	ActionResult result;
	if (!is_set_aside && !set_aside(action, identity, not_archived, result))
	{
		beneath::unlink(part);
		return result;
	}
	if (is_being_written(aside))
	{
		beneath::unlink(part);
		return still_written(aside, action.from);
	}
	if (!rename_new(part, action.to) || !sync_parents(action.to))
	{
		result = not_done(not_archived);
		beneath::unlink(part);
		(void)rename_new(aside, action.from); // visible again until the error is corrected
		return result;
	}
	ETL_FAULT("archive_unlink");
	if (beneath::unlink(aside) != 0)
		return not_done(not_archived);
	return {};
}

/// Checks a raw file that is in the archive. If it has grown or a process still has it open for
/// writing, the file goes back to the raw directory.
ActionResult
archived(const FileAction &action)
{
	FileIdentity now;
	const Presence presence = look_for(action.to, now);
	if (presence == Presence::unknown)
		return not_done(not_archived);
	// a copy has another inode, and no process writes to it
	if (presence == Presence::gone || now.inode != action.identity.inode)
		return {};
	const bool same = now == action.identity;
	const Writers writers = writers_of_path(action.to);
	ActionResult result;
	if (same && writers != Writers::some)
	{
		result.watch =
			writers == Writers::unknown && is_young(now.modified_ns, limits::watched_seconds);
		return result;
	}
	const Answer more = same ? Answer::no : has_grown(action.to, now, action);
	if (more == Answer::unknown)
		return not_readable(not_checked);
	if (!same && more == Answer::no)
	{
		switch (holds(action.to, action.sha256))
		{
		case Answer::unknown:
			return not_readable(not_checked);
		case Answer::no:
			result.problem = "archived file was changed after it was loaded";
			break;
		case Answer::yes:
			break;
		}
		return result;
	}
	if (!make_parents(action.from) || !rename_new(action.to, action.from))
		return not_done("archived file is not complete and cannot be put back");
	ETL_FAULT("archived_put_back");
	return same ? ActionResult{false, being_written} : grown();
}

/// Archives a set-aside file after a crash between two steps of a copy.
ActionResult
archive_set_aside(const FileAction &action, const FileIdentity &identity)
{
	if (action.identity.inode != 0 && !(identity == action.identity))
		return give_back(set_aside_name(action), action);
	switch (look_for(action.to))
	{
	case Presence::unknown:
		return not_done(not_archived);
	case Presence::gone:
		return archive_copy(action, identity, true);
	case Presence::there:
		break;
	}
	switch (holds(action.to, action.sha256))
	{
	case Answer::unknown:
		return not_readable(not_checked);
	case Answer::no:
		return {false, std::string(not_archived) + ": another file has its name"};
	case Answer::yes:
		break;
	}
	if (is_being_written(set_aside_name(action)))
		return {false, being_written};
	return beneath::unlink(set_aside_name(action)) == 0 ? ActionResult{} : not_done(not_archived);
}

/// Whether the raw file still has to be archived. If not, `result` is set. `now` is the identity of
/// the file with the raw file's name.
bool
is_to_be_archived(const FileAction &action, bool thorough, FileIdentity &now, ActionResult &result)
{
	const Presence raw = look_for(action.from, now);
	const bool there = raw == Presence::there;
	if (there && now == action.identity)
		return true;
	result = raw == Presence::unknown ? not_done(not_archived) : ActionResult{};
	if (raw == Presence::unknown)
		return false;
	const Answer more = there && thorough ? has_grown(action.from, now, action) : Answer::no;
	if (more != Answer::no)
		result = more == Answer::yes ? grown() : not_readable(not_archived);
	else if (const Presence present = look_for(action.to); present == Presence::unknown)
		result = not_done(not_archived);
	// archived before; the file that has the name now is another delivery
	else if (present == Presence::there)
		result = thorough ? archived(action) : ActionResult{};
	else if (!there)
		result.problem = "raw file was gone before it could be archived, and is not in the archive";
	else if (!thorough)
		result = {false, replaced};
	else
		// the file may have been copied back from a backup, and counts if it has the same contents
		switch (holds(action.from, action.sha256))
		{
		case Answer::yes:
			return true;
		case Answer::no:
			result.problem = replaced;
			break;
		case Answer::unknown:
			result = not_readable(not_archived);
			break;
		}
	return false;
}

ActionResult
archive(const FileAction &action, bool thorough)
{
	FileIdentity now;
	ActionResult result;
	switch (look_for(set_aside_name(action), now))
	{
	case Presence::there:
		return archive_set_aside(action, now);
	case Presence::unknown:
		return not_done(not_archived);
	case Presence::gone:
		break;
	}
	if (!is_to_be_archived(action, thorough, now, result))
		return result;
	if (!make_parents(action.to))
		return not_done(not_archived);
	ETL_FAULT("archive_rename");
	if (rename_new(action.from, action.to))
	{
		FileIdentity moved;
		if (identify(action.to, moved) && !(moved == now))
			return give_back(action.to, action);
		ETL_FAULT("archive_folders");
	}
	else if (errno != EXDEV)
		return not_done(not_archived);
	else if (result = archive_copy(action, now, false); !result.done || !result.problem.empty())
		return result;
	remove_emptied_folders(action.from);
	return thorough ? archived(action) : ActionResult{};
}

/// Sets a raw file aside that is to be removed. Returns false and the result if this is not
/// possible.
bool
set_aside_removed(const FileAction &action, const char *failed, ActionResult &result)
{
	FileIdentity now;
	const Presence raw = look_for(action.from, now);
	if (raw == Presence::unknown)
	{
		result = not_done(failed);
		return false;
	}
	const Answer more = raw == Presence::there ? has_grown(action.from, now, action) : Answer::no;
	if (more != Answer::no)
		result = more == Answer::yes ? grown() : not_readable(failed);
	else if (raw == Presence::there && now == action.identity)
		return set_aside(action, now, failed, result);
	return false; // removed already, or replaced by another delivery
}

ActionResult
remove(const FileAction &action)
{
	static const char *const failed = "raw file could not be removed";
	const Presence copy = action.to.empty() ? Presence::gone : look_for(action.to);
	if (copy == Presence::unknown)
		return not_done(failed);
	if (copy == Presence::there)
		return {false, "raw file stays until its copy is in the archive"};
	const std::string aside = set_aside_name(action);
	FileIdentity now;
	ActionResult result;
	switch (look_for(aside, now))
	{
	case Presence::unknown:
		return not_done(failed);
	case Presence::gone:
		if (!set_aside_removed(action, failed, result))
			return result;
		break;
	case Presence::there:
		if (action.identity.inode != 0 && !(now == action.identity))
			return give_back(aside, action);
		break;
	}
	if (is_being_written(aside))
		return still_written(aside, action.from);
	ETL_FAULT("remove_unlink");
	if (beneath::unlink(aside) != 0)
		return not_done(failed);
	remove_emptied_folders(action.from);
	return {};
}

/// Moves the treated copy of a raw file to the raw file's name. Returns false with errno on error.
bool
place_copy(const FileAction &action)
{
	if (rename_new(action.from, action.to))
		return true;
	if (errno != EXDEV)
		return false;
	const std::string part = part_beside(action);
	beneath::unlink(part);
	if (copy_file(action.from, part, nullptr) && rename_new(part, action.to) &&
		sync_parents(action.to))
		return true;
	const int error = errno;
	beneath::unlink(part);
	// a crash came after the copy got its name
	if (error == EEXIST && holds_same(action.from, action.to))
		return true;
	errno = error;
	return false;
}

/// Sets a raw file aside that is to be replaced. Returns false and the result if this is not
/// possible.
bool
set_aside_replaced(const FileAction &action, const FileAction &raw, const char *failed,
				   ActionResult &result)
{
	FileIdentity now;
	const Presence presence = look_for(action.to, now);
	if (presence == Presence::unknown)
	{
		result = not_done(failed);
		return false;
	}
	const Answer same = presence == Presence::gone ? Answer::no
						: now == action.identity   ? Answer::yes
												   : holds(action.to, action.sha256);
	if (same == Answer::yes)
		return set_aside(raw, now, failed, result);
	if (presence == Presence::there && now.inode == action.identity.inode &&
		is_being_written(action.to))
		result = {false, being_written};
	else if (same == Answer::unknown)
		result = not_readable(failed);
	else
		beneath::unlink(action.from);
	return false;
}

/// Replaces a raw file that names an erased person with its treated copy. If another delivery has
/// taken its place, this stays, because the next run treats the person's records when it loads the
/// delivery.
ActionResult
replace(const FileAction &action)
{
	static const char *const failed = "staged file could not be rewritten for an erasure";
	FileAction raw = action;
	raw.from = action.to;
	const std::string aside = set_aside_name(raw);
	const Presence old = look_for(aside);
	if (old == Presence::unknown)
		return not_done(failed);
	switch (look_for(action.from))
	{
	case Presence::unknown:
		return not_done(failed);
	case Presence::gone: // the copy has its final name
		return old == Presence::gone || beneath::unlink(aside) == 0 ? ActionResult{}
																	: not_done(failed);
	case Presence::there:
		break;
	}
	ActionResult result;
	if (old == Presence::gone && !set_aside_replaced(action, raw, failed, result))
		return result;
	if (is_being_written(aside))
		return still_written(aside, action.to);
	ETL_FAULT("replace_set_aside");
	if (!place_copy(action))
	{
		result = not_done(failed);
		(void)rename_new(aside, action.to); // visible again until the error is corrected
		return result;
	}
	ETL_FAULT("replace_placed");
	// The set-aside file names the person. The action is not done as long as this file exists, even
	// though the copy has its final name.
	if (beneath::unlink(aside) != 0)
		return not_done(failed);
	beneath::unlink(action.from);
	return {};
}

} // namespace

std::string
part_beside(const FileAction &action)
{
	return folder_of(action.to) + "/.pg_etl." + std::to_string(action.file_id) + ".part";
}

std::string
set_aside_name(const FileAction &action)
{
	const std::string folder = folder_of(action.from);
	std::string name =
		folder + "/.pg_etl." + std::to_string(MyDatabaseId) + "." + std::to_string(action.file_id);
	// a file that is not in the catalog yet has no file_id
	if (action.file_id == 0)
		name += "." + action.from.substr(folder.size() + 1);
	return name;
}

int
obstacle(const FileAction &action)
{
	// parts are in a directory of the extension
	if (!action.moves_part() && beneath::may_change(action.from) != 0)
		return errno;
	if (action.kind != FileAction::Kind::remove && beneath::may_change(action.to) != 0)
		return errno;
	if (action.kind == FileAction::Kind::replace && is_being_written(action.to))
		return ETXTBSY;
	return 0;
}

std::string
obstacle_message(int error)
{
	return error == ETXTBSY ? "it is open for writing" : std::generic_category().message(error);
}

ActionResult
carry_out(const FileAction &action, bool thorough)
{
	const beneath::KeepOpen keep_parents(beneath::Folders::parents);
	switch (action.kind)
	{
	case FileAction::Kind::publish:
		return publish(action);
	case FileAction::Kind::archive:
		return archive(action, thorough);
	case FileAction::Kind::replace:
		return replace(action);
	case FileAction::Kind::remove:
		break;
	}
	return remove(action);
}

} // namespace etl
