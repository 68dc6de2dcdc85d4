// Finishes what a crash has left unfinished.
#pragma once

#include <cstdint>
#include <string>

#include "pg/settings.h"

namespace etl
{

class Backlog;

/// Carries out the committed actions of a dataset that are not done, deletes the rows of those that
/// are done, and removes files of transactions that did not commit. Problems are recorded in
/// etl.file. The caller must have the dataset's lock. Returns the number of the last action that
/// was looked at. With a backlog that continues, only actions after its last batch are looked at.
int64_t recover(const std::string &dataset, const pg::Settings &settings,
				Backlog *backlog = nullptr);

} // namespace etl
