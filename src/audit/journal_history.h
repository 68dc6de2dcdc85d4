// Compares the erasures and decisions in the catalog with the journal.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "audit/journal.h"
#include "audit/journal_state.h"

namespace etl
{

/// Appends the lines with which a new journal begins: its identity, and the erasures and decisions
/// that the database knows, in the order in which they were made. The `count` lines of `own` are
/// left out, because the caller appends them afterwards.
void append_history(const JournalMark &mark, const std::string &key, size_t count,
					const MakeLine &own, JournalEnd &end, std::string &out);

/// Removes the decisions that the catalog knows.
void drop_known_decisions(std::vector<JournalLine> &decisions);

} // namespace etl
