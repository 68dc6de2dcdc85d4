// Functions of the extension that PostgreSQL calls back, for example at the end of a transaction.
// For functions that SQL calls see PG_ETL_ENTRY (guard.h).
#pragma once

#include <type_traits>

#include "pg/guard.h"

namespace pg
{

namespace detail
{

template <auto function, typename Signature>
struct Callback;

template <auto function, typename Result, typename... Arguments>
struct Callback<function, Result (*)(Arguments...)>
{
	static Result call(Arguments... arguments) noexcept
	{
		if constexpr (!std::is_void_v<Result>)
			return function(arguments...);
		else
		{
			try
			{
				function(arguments...);
			}
			catch (...)
			{
				warn_of_current_exception();
			}
		}
	}
};

} // namespace detail

/// A pointer through which PostgreSQL can call `function`. No C++ exception enters PostgreSQL's
/// frames. Work at the end of a transaction can neither be undone nor refused, so an exception
/// becomes a WARNING, and the next call completes the work, as after a crash. A function with a
/// result must not throw, because no result would be right after a failure, so the process ends.
/// ereport(ERROR) is allowed where PostgreSQL allows it.
template <auto function>
constexpr auto callback = &detail::Callback<function, decltype(+function)>::call;

} // namespace pg
