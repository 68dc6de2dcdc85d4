// What the catalog knows of erasures and decisions, compared with the journal.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "audit/journal_state.h"

namespace etl
{

/// Makes the n-th of the lines that are to be appended: an erasure of a million people has as many.
using MakeLine = std::function<JournalLine(size_t)>;

/// Lines for a journal that begins: its name, and the erasures and decisions that the database
/// knows, in the order in which they were made; without the `count` ones of `own`, which are to
/// follow.
void append_history(const JournalMark &mark, const std::string &key, size_t count,
					const MakeLine &own, JournalEnd &end, std::string &out);

/// Takes out the decisions that the catalog knows.
void drop_known_decisions(std::vector<JournalLine> &decisions);

} // namespace etl
