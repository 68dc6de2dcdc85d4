#include "pg/table_statement.h"

#include <exception>

#include "pg/callback.h"

extern "C"
{
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "nodes/params.h"
#include "parser/analyze.h"
#include "parser/parse_relation.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
}

namespace pg
{

namespace
{

/// A statement that has been analysed and has to be planned and run.
struct Analysed
{
	Portal portal;
	const char *sql;
	List *queries;
	ParamListInfo params;
	CommandTag tag;
	Actor actor;
	Lent lent;
};

/// The role that is chosen while the tables of a statement are examined.
struct Tables
{
	Actor actor{InvalidOid, 0}; ///< the role that runs the statement; none so far
	bool written = false;       ///< the actor owns a table that is written
};

/// Calls visit(query) for the query and all queries inside it.
template <typename Visit>
bool
visit_queries(Node *node, void *visit)
{
	if (node == nullptr)
		return false;
#if PG_VERSION_NUM >= 160000
	constexpr auto walker = callback<visit_queries<Visit>>;
#else
	// PostgreSQL 15 declares walkers without their arguments
	const auto walker =
		reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(callback<visit_queries<Visit>>));
#endif
	if (!IsA(node, Query))
		return expression_tree_walker(node, walker, visit);
	Query *query = reinterpret_cast<Query *>(node);
	(*static_cast<Visit *>(visit))(query);
	return query_tree_walker(query, walker, visit, 0);
}

template <typename Visit>
void
for_queries(Query *query, Visit visit)
{
	(void)visit_queries<Visit>(reinterpret_cast<Node *>(query), &visit);
}

/// Checks the current user's privileges on every table of the query.
void
check_privileges(Query *query)
{
#if PG_VERSION_NUM >= 160000
	(void)ExecCheckPermissions(query->rtable, query->rteperminfos, true);
#else
	(void)ExecCheckRTPerms(query->rtable, true);
#endif
}

/// Calls visit(entry, is_written) for the tables of the query.
template <typename Visit>
void
for_tables(Query *query, Visit visit)
{
	int index = 0;
	ListCell *cell;
	foreach (cell, query->rtable)
	{
		++index;
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);
		if (entry->rtekind == RTE_RELATION)
			visit(entry, index == query->resultRelation);
	}
}

/// Whether the relation is a table without a foreign table below it.
bool
is_local_table(Oid relation)
{
	const auto is_local = [](Oid oid)
	{
		const char kind = get_rel_relkind(oid);
		return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
	};
	if (!is_local(relation))
		return false;
	if (!has_subclass(relation))
		return true;
	ListCell *cell;
	foreach (cell, find_all_inheritors(relation, NoLock, nullptr))
		if (!is_local(lfirst_oid(cell)))
			return false;
	return true;
}

/// Makes the privileges of the current user apply, although another role runs the statement,
/// because an owner may have lost privileges on the table. Does nothing if there may be a foreign
/// table, because checkAsUser would also decide as which role the other server is asked.
void
keep_privileges_of(Oid user, Query *query, RangeTblEntry *entry)
{
	const bool trusted = actor_on(entry->relid).role == user;
	if (!trusted && !is_local_table(entry->relid))
		return;
#if PG_VERSION_NUM >= 160000
	getRTEPermissionInfo(query->rteperminfos, entry)->checkAsUser = user;
#else
	(void)query;
	entry->checkAsUser = user;
#endif
}

/// Whether a statement with this table runs code of its owner. Reading a plain table runs none; the
/// owner's code is for writes, or for users to whom policies apply.
bool
runs_code(Oid relation, bool written)
{
	return written || get_rel_relkind(relation) == RELKIND_VIEW ||
		   check_enable_rls(relation, GetUserId(), true) == RLS_ENABLED;
}

/// Throws 42501 if the code of a table's owner would run as a role that this owner cannot become. A
/// statement on tables of several owners runs as one of them.
void
refuse_others_code(Query *query, Oid role)
{
	const Oid user = GetUserId();
	for_queries(query,
				[&](Query *part)
				{
					for_tables(part,
							   [&](const RangeTblEntry *entry, bool written)
							   {
								   const Oid owner = actor_on(entry->relid).role;
								   if (owner == user || owner == role || can_become(owner, role) ||
									   !runs_code(entry->relid, written))
									   return;
								   ereport(
									   ERROR,
									   (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
										errmsg("cannot work on tables of several roles at once"),
										errdetail("The code of \"%s\" would run with the rights "
												  "of another table's owner.",
												  get_rel_name(entry->relid)),
										errhint("Give the tables one owner with ALTER … OWNER TO, "
												"or let the one be a member of the other.")));
							   });
				});
}

Actor
actor_of(Query *query)
{
	const Oid user = GetUserId();
	Tables tables;
	for_queries(query,
				[&](Query *part)
				{
					for_tables(part,
							   [&](const RangeTblEntry *entry, bool written)
							   {
								   const Actor actor = actor_on(entry->relid);
								   const bool less = actor.role != user;
								   if (tables.actor.role == InvalidOid ||
									   (less && (tables.actor.role == user ||
												 (written && !tables.written))))
									   tables.actor = actor, tables.written = written;
							   });
				});
	if (tables.actor.role == InvalidOid)
		tables.actor = {user, 0};
	if (tables.actor.role == user)
		return tables.actor;
	refuse_others_code(query, tables.actor.role);
	for_queries(query,
				[&](Query *part) {
					for_tables(part, [&](RangeTblEntry *entry, bool)
							   { keep_privileges_of(user, part, entry); });
				});
	return tables.actor;
}

Actor
actor_of(const char *sql)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	const Actor actor = actor_of(parse_analyze_fixedparams(
		linitial_node(RawStmt, pg_parse_query(sql)), sql, nullptr, 0, nullptr));
	PopActiveSnapshot();
	return actor;
}

ParamListInfo
make_params(const Param *params, int count, bool copy)
{
	if (count == 0)
		return nullptr;
	const ParamListInfo list = makeParamList(count);
	for (int i = 0; i < count; ++i)
	{
		list->params[i].value = params[i].value;
		list->params[i].isnull = params[i].null;
		list->params[i].ptype = params[i].type;
		list->params[i].pflags = PARAM_FLAG_CONST;
	}
	return copy ? copyParamList(list) : list;
}

/// Everything that the portal needs is in its memory context and freed with it.
Analysed
analyse(const char *sql, const Param *params, int count, QueryEnvironment *environment,
		bool copy_params)
{
	CommandCounterIncrement();
	Analysed a;
	a.portal = CreateNewPortal();
	a.portal->visible = false;
	a.portal->queryEnv = environment;
	const MemoryContext outer = MemoryContextSwitchTo(a.portal->portalContext);
	a.sql = pstrdup(sql);
	a.params = make_params(params, count, copy_params);
	Oid *types = static_cast<Oid *>(palloc(sizeof(Oid) * static_cast<size_t>(count + 1)));
	for (int i = 0; i < count; ++i)
		types[i] = params[i].type;
	RawStmt *statement = linitial_node(RawStmt, pg_parse_query(a.sql));
	a.tag = CreateCommandTag(statement->stmt);
	PushActiveSnapshot(GetTransactionSnapshot());
	Query *query = parse_analyze_fixedparams(statement, a.sql, types, count, environment);
	for_queries(query, check_privileges);
	a.actor = actor_of(query);
	a.lent = a.actor.role == GetUserId() ? Lent() : lend_functions(&query, a.actor.role);
	a.queries = pg_rewrite_query(query);
	PopActiveSnapshot();
	MemoryContextSwitchTo(outer);
	return a;
}

Analysed
analyse(const std::string &sql, std::initializer_list<Param> params, const NamedRows *staged,
		bool copy_params)
{
	const char *text = sql.c_str();
	const Param *first = params.begin();
	const int count = static_cast<int>(params.size());
	QueryEnvironment *environment = staged != nullptr ? staged->environment() : nullptr;
	return call([=] { return analyse(text, first, count, environment, copy_params); });
}

void
start(const Analysed &a)
{
	const MemoryContext outer = MemoryContextSwitchTo(a.portal->portalContext);
	PushActiveSnapshot(GetTransactionSnapshot());
	List *plans = pg_plan_queries(a.queries, a.sql, 0, a.params);
	PopActiveSnapshot();
	MemoryContextSwitchTo(outer);
	PortalDefineQuery(a.portal, nullptr, a.sql, a.tag, plans, nullptr);
	PortalStart(a.portal, a.params, 0, InvalidSnapshot);
}

Rows
fetch_rows(Portal portal, long count)
{
	call_spi([=] { SPI_cursor_fetch(portal, true, count); });
	return Rows(SPI_tuptable, SPI_processed);
}

} // namespace

Rows
query_table(const std::string &sql, std::initializer_list<Param> params, const NamedRows *staged)
{
	const Analysed analysed = analyse(sql, params, staged, false);
	const LentScope lent(analysed.lent);
	const TableScope scope(analysed.actor);
	call([&] { start(analysed); });
	Rows rows = fetch_rows(analysed.portal, FETCH_ALL);
	call(
		[&]
		{
			PortalDrop(analysed.portal, false);
			CommandCounterIncrement();
		});
	return rows;
}

uint64_t
execute_table(const std::string &sql, std::initializer_list<Param> params, const NamedRows *staged)
{
	const Analysed analysed = analyse(sql, params, staged, false);
	const LentScope lent(analysed.lent);
	const TableScope scope(analysed.actor);
	return call(
		[&]() -> uint64_t
		{
			start(analysed);
			QueryCompletion completion;
			InitializeQueryCompletion(&completion);
			(void)PortalRun(analysed.portal, FETCH_ALL, false,
#if PG_VERSION_NUM < 180000
							true,
#endif
							None_Receiver, None_Receiver, &completion);
			PortalDrop(analysed.portal, false);
			CommandCounterIncrement();
			return completion.nprocessed;
		});
}

bool
runs_as_owner(const std::string &sql)
{
	return call([text = sql.c_str()] { return actor_of(text).role != GetUserId(); });
}

bool
keeps_callers_privileges(Oid relation)
{
	return call([=] { return is_local_table(relation); });
}

bool
runs_as_caller(const std::string &sql)
{
	return call(
		[text = sql.c_str()]
		{
			const Actor actor = actor_of(text);
			return actor.role == GetUserId() && actor.security_flags == 0;
		});
}

TableCursor::TableCursor(const std::string &sql, std::initializer_list<Param> params)
	: exceptions_(std::uncaught_exceptions())
{
	const Analysed analysed = analyse(sql, params, nullptr, true);
	const LentScope lent(analysed.lent);
	const TableScope scope(analysed.actor);
	call([&] { start(analysed); });
	portal_ = analysed.portal;
	actor_ = analysed.actor;
	lent_ = analysed.lent;
}

TableCursor::~TableCursor()
{
	// after an error, the rollback closes the cursor
	if (std::uncaught_exceptions() <= exceptions_)
		SPI_cursor_close(portal_);
}

Rows
TableCursor::fetch(size_t count)
{
	const LentScope lent(lent_);
	const TableScope scope(actor_);
	return fetch_rows(portal_, static_cast<long>(count));
}

} // namespace pg
