// Calls that cannot stand inside one another.
#pragma once

#include "pg/guard.h"

namespace etl
{

/// Stands at the beginning of a function that runs, erases, or changes what runs and erasures go
/// by. Their tables belong to users, whose triggers, defaults and checks may call whatever they
/// like: a run that begins inside a run of the same session (which holds the locks that would keep
/// another session out) would load the same files. Throws 55000 where one is at work already.
class ExclusiveCall
{
  public:
	enum class Kind
	{
		writes, ///< throws 25006 where nothing can be written
		looks   ///< works in a read-only transaction, too, at least where it is asked to look only
	};
	explicit ExclusiveCall(FunctionCallInfo fcinfo, Kind kind = Kind::writes);
	~ExclusiveCall();
	ExclusiveCall(const ExclusiveCall &) = delete;
	ExclusiveCall &operator=(const ExclusiveCall &) = delete;
};

} // namespace etl
