#include "pg/exclusive_call.h"

#include "core/base/sqlstate.h"
#include "pg/writable.h"

extern "C"
{
#include "utils/lsyscache.h"
}

namespace etl
{

namespace
{

/// The function that is at work.
Oid at_work = InvalidOid;

std::string
name_of(Oid function)
{
	const char *name = pg::call([=] { return get_func_name(function); });
	return name == nullptr ? "a function of pg_etl" : std::string(name);
}

} // namespace

ExclusiveCall::ExclusiveCall(FunctionCallInfo fcinfo, Kind kind)
{
	const Oid function = fcinfo->flinfo->fn_oid;
	if (OidIsValid(at_work))
		throw pg::Error(sqlstate::object_not_in_prerequisite_state,
						name_of(function) + "() cannot be called while " + name_of(at_work) +
							"() is at work in this session",
						"A trigger, default, check or function that it met has called it.",
						"Call it when that has ended: from another statement, or from a job.");
	if (kind == Kind::writes)
		pg::require_writable(name_of(function));
	at_work = function;
}

ExclusiveCall::~ExclusiveCall()
{
	at_work = InvalidOid;
}

} // namespace etl
