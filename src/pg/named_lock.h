// Locks that only the extension can take.
#pragma once

#include <cstdint>
#include <string_view>

#include "pg/guard.h"

namespace pg
{

enum class LockKind
{
	shared,
	exclusive
};

/// Takes a lock of a name for the rest of the transaction; without wait, false where somebody else
/// has it. Waits are subject to lock_timeout and to the detection of deadlocks, and a session that
/// ends, however it does, lets go of it. Unlike an advisory lock it can be taken by no SQL function
/// or statement: it is one of an object of class etl.dataset, which the server has none of, so that
/// nobody who may not run or erase anything can keep others from it. On a standby, where nothing
/// runs, it is had at once.
bool lock_name(std::string_view name, LockKind kind, bool wait);

/// The pid of a session that holds the name's exclusive lock; 0: none does.
int32_t holder_of_name(std::string_view name);

} // namespace pg
