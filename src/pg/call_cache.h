// What a function keeps from one call to the next of the same call site in one query.
#pragma once

#include <memory>

#include "pg/callback.h"
#include "pg/guard.h"

extern "C"
{
#include "utils/memutils.h"
}

namespace pg
{

/// The T of this call site, made by make() at the first call and destroyed when the query ends,
/// however it ends. T's constructor may throw; its destructor must not.
template <typename T, typename Make>
T &
call_cache(FunctionCallInfo fcinfo, Make &&make)
{
	FmgrInfo *const function = fcinfo->flinfo;
	if (function->fn_extra == nullptr)
	{
		MemoryContextCallback *const callback = call(
			[=]
			{
				return static_cast<MemoryContextCallback *>(
					MemoryContextAllocZero(function->fn_mcxt, sizeof(MemoryContextCallback)));
			});
		std::unique_ptr<T> made = make();
		callback->func = pg::callback<[](void *object) { delete static_cast<T *>(object); }>;
		callback->arg = made.get();
		MemoryContextRegisterResetCallback(function->fn_mcxt, callback); // throws nothing
		function->fn_extra = made.release();
	}
	return *static_cast<T *>(function->fn_extra);
}

} // namespace pg
