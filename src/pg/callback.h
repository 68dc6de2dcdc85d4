// Functions of ours that PostgreSQL calls back, at the end of a transaction, say. Functions that
// SQL calls go through PG_ETL_ENTRY (guard.h).
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

/// What PostgreSQL is given to call function. No C++ exception gets into PostgreSQL's frames. What
/// happens at a transaction's end can neither be taken back nor be refused: an exception becomes a
/// WARNING there, and what was left is done by the next call, as after a crash. A function that
/// returns something must throw nothing: no result is right when it has failed, and the process
/// ends. ereport(ERROR) passes where PostgreSQL allows it.
template <auto function>
constexpr auto callback = &detail::Callback<function, decltype(+function)>::call;

} // namespace pg
