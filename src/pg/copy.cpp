#include "pg/copy.h"

#include "pg/callback.h"
#include "pg/table_scope.h"

#include <algorithm>
#include <cstring>

extern "C"
{
#include "access/table.h"
#include "commands/copy.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
}

namespace pg
{

namespace
{

/// Turns rows into the byte stream of COPY. COPY's callback has no argument of its own, so the
/// current stream is a static pointer, which nested COPYs (a trigger that runs etl_run) restore.
class Stream
{
  public:
	explicit Stream(RowSource &source) : source_(source), outer_(current)
	{
		// the NUL at the end is part of the signature
		static const char signature[] = "PGCOPY\n\377\r\n";
		header_.assign(signature, 11);
		header_.append(8, '\0'); // flags, length of the header extension
		rest_ = header_;
		current = this;
	}
	~Stream() { current = outer_; }

	static int read(void *buffer, int, int size)
	{
		return static_cast<int>(
			current->fill(static_cast<char *>(buffer), static_cast<size_t>(size)));
	}

  private:
	size_t fill(char *buffer, size_t size) noexcept
	{
		size_t filled = 0;
		while (filled < size)
		{
			if (rest_.empty() && !advance())
				break;
			const size_t part = std::min(size - filled, rest_.size());
			std::memcpy(buffer + filled, rest_.data(), part);
			rest_.remove_prefix(part);
			filled += part;
		}
		return filled;
	}
	bool advance() noexcept
	{
		if (ended_)
			return false;
		if (source_.next(rest_))
			return true;
		ended_ = true;
		rest_ = std::string_view("\377\377", 2); // trailer
		return true;
	}

	static Stream *current;
	RowSource &source_;
	Stream *outer_;
	std::string header_;
	std::string_view rest_;
	bool ended_ = false;
};

Stream *Stream::current = nullptr;

List *
binary_option()
{
	return list_make1(makeDefElem(pstrdup("format"),
								  reinterpret_cast<Node *>(makeString(pstrdup("binary"))), -1));
}

} // namespace

namespace
{

/// The checks that DoCopy does before BeginCopyFrom.
void
check_copy(ParseState *state, Relation rel, const std::string *names, size_t count)
{
	const Oid relation = RelationGetRelid(rel);
	ParseNamespaceItem *item =
		addRangeTableEntryForRelation(state, rel, RowExclusiveLock, nullptr, false, false);
	Bitmapset *columns = nullptr;
	for (size_t i = 0; i < count; ++i)
		columns = bms_add_member(columns, get_attnum(relation, names[i].c_str()) -
											  FirstLowInvalidHeapAttributeNumber);
#if PG_VERSION_NUM >= 160000
	item->p_perminfo->requiredPerms = ACL_INSERT;
	item->p_perminfo->insertedCols = columns;
	ExecCheckPermissions(state->p_rtable, list_make1(item->p_perminfo), true);
#else
	item->p_rte->requiredPerms = ACL_INSERT;
	item->p_rte->insertedCols = columns;
	ExecCheckRTPerms(state->p_rtable, true);
#endif
	if (check_enable_rls(relation, InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot load table \"%s\" with row-level security",
							   RelationGetRelationName(rel)),
						errhint("Run as a role that bypasses row-level security.")));
}

/// A table that is about to be loaded. It is open, and the current user may load it.
struct Target
{
	Relation rel;
	ParseState *state;
};

Target
open_target(Oid relation, const std::string *names, size_t count)
{
	Target target{table_open(relation, RowExclusiveLock), make_parsestate(nullptr)};
	check_copy(target.state, target.rel, names, count);
	return target;
}

uint64_t
copy_rows(const Target &target, const std::string *names, size_t count)
{
	List *attributes = NIL;
	for (size_t i = 0; i < count; ++i)
		attributes = lappend(attributes, makeString(pstrdup(names[i].c_str())));
	CopyFromState copy = BeginCopyFrom(target.state, target.rel, nullptr, nullptr, false,
									   callback<Stream::read>, attributes, binary_option());
	const uint64_t rows = CopyFrom(copy);
	EndCopyFrom(copy);
	table_close(target.rel, NoLock);
	free_parsestate(target.state);
	return rows;
}

} // namespace

uint64_t
copy_in(Oid relation, const std::vector<std::string> &columns, RowSource &source)
{
	Stream stream(source);
	const std::string *names = columns.data();
	const size_t count = columns.size();
	return call([=] { return copy_rows(open_target(relation, names, count), names, count); });
}

uint64_t
copy_into_target(Oid relation, const std::vector<std::string> &columns, RowSource &source)
{
	Stream stream(source);
	const std::string *names = columns.data();
	const size_t count = columns.size();
	const Target target = call([=] { return open_target(relation, names, count); });
	const TableScope scope(call([=] { return actor_on(relation); }));
	return call([=] { return copy_rows(target, names, count); });
}

uint64_t
copy_out(const std::string &query, int fd,
		 const std::vector<std::pair<std::string, std::string>> &options)
{
	// COPY opens its output file by name. The name of the descriptor in /proc makes it write to the
	// pipe, so no uncompressed copy of the data is ever on disk. PostgreSQL 16 has a callback that
	// would do the same.
	const std::string path = "/proc/self/fd/" + std::to_string(fd);
	const char *sql = query.c_str(), *name = path.c_str();
	const auto *option = options.data();
	const size_t option_count = options.size();
	return call(
		[=]() -> uint64_t
		{
			List *list = NIL;
			for (size_t i = 0; i < option_count; ++i)
				list = lappend(list, makeDefElem(pstrdup(option[i].first.c_str()),
												 reinterpret_cast<Node *>(
													 makeString(pstrdup(option[i].second.c_str()))),
												 -1));
			List *parsed = raw_parser(sql, RAW_PARSE_DEFAULT);
			ParseState *state = make_parsestate(nullptr);
			state->p_sourcetext = sql;
			// the snapshot of the calling statement may be older than a lock that was waited for
			PushActiveSnapshot(GetTransactionSnapshot());
			// the statement COPY checks pg_write_server_files here, which this pipe does not need
			CopyToState copy =
				BeginCopyTo(state, nullptr, linitial_node(RawStmt, parsed), InvalidOid, name, false,
#if PG_VERSION_NUM >= 160000
							nullptr,
#endif
							NIL, list);
			const uint64_t rows = DoCopyTo(copy);
			EndCopyTo(copy);
			free_parsestate(state);
			PopActiveSnapshot();
			return rows;
		});
}

} // namespace pg
