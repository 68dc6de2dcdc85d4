// What a crash has left is finished by the next run.
#pragma once

#include <cstdint>
#include <string>

#include "pg/settings.h"

namespace etl
{

class Backlog;

/// Finishes what a crash left: carries out the committed actions of a dataset that are not done and
/// forgets those that are; removes files of transactions that never committed. What can't be done
/// yet is told in etl.file. Needs the dataset's lock. Returns the number of the last action that
/// was looked at. With a backlog that goes on, only what came after its last batch is.
int64_t recover(const std::string &dataset, const pg::Settings &settings,
				Backlog *backlog = nullptr);

} // namespace etl
