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

/// Takes the lock of a name until the end of the transaction. Without `wait`, returns false if
/// another session has the lock. Waiting is subject to lock_timeout and deadlock detection, and the
/// lock is released however the session ends. Unlike an advisory lock it cannot be taken by an SQL
/// function or statement: it is a lock on an object of class etl.dataset, which the server does not
/// have. So a role that may not run or erase anything cannot block those who may. On a standby,
/// where nothing runs, the call returns true without a lock.
bool lock_name(std::string_view name, LockKind kind, bool wait);

/// The pid of the session that has the exclusive lock of the name, or 0.
int32_t holder_of_name(std::string_view name);

} // namespace pg
