// Transactions in which nothing can be written.
#pragma once

#include <string>

namespace pg
{

/// Throws 25006 in a read-only transaction and on a standby, before the call has looked at
/// anything. name: of the function, without parentheses.
void require_writable(const std::string &name);
/// False where it would throw.
bool is_writable();

} // namespace pg
