#include "pg/lent_function.h"

#include <cstring>

#include "pg/callback.h"

extern "C"
{
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace pg
{

namespace
{

const LentScope *current = nullptr;

AclResult
may_execute(Oid function, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE);
#else
	return pg_proc_aclcheck(function, role, ACL_EXECUTE);
#endif
}

struct Lending
{
	Oid role;
	Lent lent;
	Oid type; ///< etl_internal.lent
};

FuncExpr *
catalog_call(Oid function, Oid result, List *args, Oid collation)
{
	return makeFuncExpr(function, result, args, collation, DEFAULT_COLLATION_OID,
						COERCE_EXPLICIT_CALL);
}

Node *
through_text(Node *value, Oid type, Oid collation)
{
	CoerceViaIO *cast = makeNode(CoerceViaIO);
	cast->arg = reinterpret_cast<Expr *>(value);
	cast->resulttype = type;
	cast->resultcollid = collation;
	cast->coerceformat = COERCE_EXPLICIT_CAST;
	cast->location = -1;
	return reinterpret_cast<Node *>(cast);
}

Node *
text_constant(const char *text)
{
	return reinterpret_cast<Node *>(
		makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1, CStringGetTextDatum(text), false, false));
}

/// Replaces the call with substring(jsonb_build_array(token, function, argument,
/// …)::etl_internal.lent::text from '^v(.*)$'). Every role that may use a cast may call the input
/// function of its type. A cast cannot return null, so the pattern turns "n" into null.
Node *
lend(FuncExpr *call, Lending &lending)
{
	if (const AclResult refused = may_execute(call->funcid, lending.lent.user);
		refused != ACLCHECK_OK)
		aclcheck_error(refused, OBJECT_FUNCTION, get_func_name(call->funcid));
	if (!lending.lent.any)
	{
		uint8 random[Lent::token_size / 2];
		if (!pg_strong_random(random, sizeof random))
			elog(ERROR, "could not generate random values");
		(void)hex_encode(reinterpret_cast<const char *>(random), sizeof random, lending.lent.token);
		lending.type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("lent"),
									   ObjectIdGetDatum(get_namespace_oid("etl_internal", false)));
		lending.lent.any = true;
	}
	List *args = lcons(text_constant(psprintf("%u", call->funcid)), call->args);
	args = lcons(text_constant(lending.lent.token), args);
	FuncExpr *array = catalog_call(F_JSONB_BUILD_ARRAY_ANY, JSONBOID, args, InvalidOid);
	Node *lent = through_text(reinterpret_cast<Node *>(array), lending.type, InvalidOid);
	Node *marked = through_text(lent, TEXTOID, DEFAULT_COLLATION_OID);
	Node *result = reinterpret_cast<Node *>(
		catalog_call(F_SUBSTRING_TEXT_TEXT, TEXTOID, list_make2(marked, text_constant("^v(.*)$")),
					 DEFAULT_COLLATION_OID));
	return call->funcresulttype == TEXTOID
			   ? result
			   : through_text(result, call->funcresulttype, call->funccollid);
}

Node *
lend_inside(Node *node, void *context)
{
	if (node == nullptr)
		return nullptr;
#if PG_VERSION_NUM >= 160000
	constexpr auto mutator = callback<lend_inside>;
#else
	// PostgreSQL 15 declares mutators without their arguments
	const auto mutator =
		reinterpret_cast<Node *(*)()>(reinterpret_cast<void (*)()>(callback<lend_inside>));
#endif
	if (IsA(node, Query))
		return reinterpret_cast<Node *>(
			query_tree_mutator(reinterpret_cast<Query *>(node), mutator, context, 0));
	Node *copy = expression_tree_mutator(node, mutator, context);
	Lending &lending = *static_cast<Lending *>(context);
	FuncExpr *call = reinterpret_cast<FuncExpr *>(copy);
	if (!IsA(copy, FuncExpr) || call->funcretset ||
		may_execute(call->funcid, lending.role) == ACLCHECK_OK)
		return copy;
	return lend(call, lending);
}

} // namespace

Lent
lend_functions(Query **query, Oid role)
{
	Lending lending{role, {}, InvalidOid};
	lending.lent.user = GetUserId();
	*query = reinterpret_cast<Query *>(lend_inside(reinterpret_cast<Node *>(*query), &lending));
	return lending.lent;
}

LentScope::LentScope(const Lent &lent) : lent_(lent), outer_(current)
{
	current = this;
}

LentScope::~LentScope()
{
	current = outer_;
}

} // namespace pg

namespace
{

/// An element of the array as text or jsonb. Null if it is JSON null.
Datum
element(Datum array, int index, Oid type, bool *null)
{
	LOCAL_FCINFO(call, 2);
	FmgrInfo function;
	fmgr_info(F_JSONB_ARRAY_ELEMENT_TEXT, &function);
	InitFunctionCallInfoData(*call, &function, 2, DEFAULT_COLLATION_OID, nullptr, nullptr);
	call->args[0] = {array, false};
	call->args[1] = {Int32GetDatum(index), false};
	const Datum text = FunctionCallInvoke(call);
	*null = call->isnull;
	if (*null || type == TEXTOID)
		return text;
	if (type != JSONBOID)
		elog(ERROR, "a lent function has arguments of text and jsonb only");
	fmgr_info(F_JSONB_ARRAY_ELEMENT, &function);
	InitFunctionCallInfoData(*call, &function, 2, DEFAULT_COLLATION_OID, nullptr, nullptr);
	return FunctionCallInvoke(call);
}

/// The role that has lent the function. Refuses callers that do not know the token.
Oid
lender(Datum array)
{
	bool null;
	const Datum token = element(array, 0, TEXTOID, &null);
	if (!null)
	{
		const char *given = TextDatumGetCString(token);
		for (const pg::LentScope *scope = pg::current; scope != nullptr; scope = scope->outer())
			if (scope->lent().any && strlen(given) == pg::Lent::token_size &&
				memcmp(given, scope->lent().token, pg::Lent::token_size) == 0)
				return scope->lent().user;
	}
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("permission denied for type etl_internal.lent"),
					errdetail("It is internal to the statements of pg_etl.")));
}

bool
is_array(Datum value)
{
	Jsonb *jsonb = DatumGetJsonbP(value);
	return JB_ROOT_IS_ARRAY(jsonb) && !JB_ROOT_IS_SCALAR(jsonb);
}

/// Calls the function and returns its result as text.
Datum
call_lent(Datum array, bool *null)
{
	bool none;
	const Datum oid = element(array, 1, TEXTOID, &none);
	const Oid function_oid = static_cast<Oid>(strtoul(TextDatumGetCString(oid), nullptr, 10));
	Oid *types;
	int count;
	const Oid result_type = get_func_signature(function_oid, &types, &count);
	FmgrInfo function;
	fmgr_info(function_oid, &function);
	LOCAL_FCINFO(call, FUNC_MAX_ARGS);
	InitFunctionCallInfoData(*call, &function, static_cast<short>(count), DEFAULT_COLLATION_OID,
							 nullptr, nullptr);
	for (int i = 0; i < count; ++i)
	{
		call->args[i].value = element(array, i + 2, types[i], &call->args[i].isnull);
		if (function.fn_strict && call->args[i].isnull)
		{
			*null = true;
			return static_cast<Datum>(0);
		}
	}
	const Datum result = FunctionCallInvoke(call);
	*null = call->isnull;
	if (*null || result_type == TEXTOID)
		return result;
	Oid output;
	bool is_varlena;
	getTypeOutputInfo(result_type, &output, &is_varlena);
	return CStringGetTextDatum(OidOutputFunctionCall(output, result));
}

} // namespace

extern "C"
{
	PGDLLEXPORT Datum etl_lent_in(FunctionCallInfo fcinfo);
	PG_FUNCTION_INFO_V1(etl_lent_in);
	PGDLLEXPORT Datum etl_lent_out(FunctionCallInfo fcinfo);
	PG_FUNCTION_INFO_V1(etl_lent_out);
}

/// Reads '["token", "function", argument, …]' and calls the function. The value is "v" and the
/// function's result, or "n" for null.
Datum
etl_lent_in(PG_FUNCTION_ARGS)
{
	// this frame and those below have no C++ objects, so no guard is needed
	const Datum array = DirectFunctionCall1(jsonb_in, PG_GETARG_DATUM(0));
	if (!is_array(array))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied for type etl_internal.lent")));
	const Oid user = lender(array);
	// after an error, pg::RunAs around the statement restores the role
	Oid role;
	int flags;
	GetUserIdAndSecContext(&role, &flags);
	SetUserIdAndSecContext(user, flags | SECURITY_LOCAL_USERID_CHANGE);
	bool null;
	const Datum result = call_lent(array, &null);
	SetUserIdAndSecContext(role, flags);
	if (null)
		PG_RETURN_TEXT_P(cstring_to_text("n"));
	const text *value = DatumGetTextPP(result);
	const size_t size = VARSIZE_ANY_EXHDR(value);
	text *marked = static_cast<text *>(palloc(VARHDRSZ + 1 + size));
	SET_VARSIZE(marked, VARHDRSZ + 1 + size);
	*VARDATA(marked) = 'v';
	memcpy(VARDATA(marked) + 1, VARDATA_ANY(value), size);
	PG_RETURN_TEXT_P(marked);
}

Datum
etl_lent_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(text_to_cstring(DatumGetTextPP(PG_GETARG_DATUM(0))));
}
