// Functions that must not call each other in a session.
#pragma once

#include "pg/guard.h"

namespace etl
{

/// Create an object of this class at the beginning of a function that runs, erases, or changes
/// settings of runs and erasures. Triggers, defaults and checks of users' tables may call any
/// function. If a run began inside a run of the same session (which has the locks that keep other
/// sessions out), it would load the same files again. Throws 55000 if another of these functions is
/// at work.
class ExclusiveCall
{
  public:
	enum class Kind
	{
		writes, ///< throws 25006 if the transaction cannot write
		looks   ///< also allowed in a read-only transaction, at least for calls that only read
	};
	explicit ExclusiveCall(FunctionCallInfo fcinfo, Kind kind = Kind::writes);
	~ExclusiveCall();
	ExclusiveCall(const ExclusiveCall &) = delete;
	ExclusiveCall &operator=(const ExclusiveCall &) = delete;
};

} // namespace etl
