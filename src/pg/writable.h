// Detects transactions that cannot write.
#pragma once

#include <string>

namespace pg
{

/// Throws 25006 in a read-only transaction and on a standby. Call it before a function does
/// anything else. `name` is the name of the function, without parentheses.
void require_writable(const std::string &name);
/// Returns false if require_writable() would throw.
bool is_writable();

} // namespace pg
