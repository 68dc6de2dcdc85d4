// An object that a function keeps between the calls of one call site in a query.
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

/// Returns the object of this call site. make() creates it in the first call, and it is destroyed
/// at the end of the query, also after an error. The constructor of T may throw; its destructor
/// must not.
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
		MemoryContextRegisterResetCallback(function->fn_mcxt, callback); // does not report errors
		function->fn_extra = made.release();
	}
	return *static_cast<T *>(function->fn_extra);
}

} // namespace pg
