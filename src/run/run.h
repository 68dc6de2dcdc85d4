// A run's state: the files it has taken up and what became of their records.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "catalog/run_row.h"
#include "core/base/hash.h"
#include "core/files/file_identity.h"
#include "core/staging/stager.h"
#include "load/run_options.h"
#include "pg/guard.h"
#include "pg/settings.h"

namespace etl
{

/// As run_dataset(), but a dataset that cannot be run gets a row of etl.run that says why, and
/// *error (which may be null) what was thrown.
RunResult try_run_dataset(const Catalog &catalog, const std::string &dataset,
						  const RunOptions &options, std::optional<pg::Error> *error = nullptr);

/// Throws for what keeps every dataset from being run: the isolation level, a directory that is not
/// set or not there, a journal that is not applied.
void require_runnable();

/// Runs a dataset's staged files. Throws when it cannot be run.
RunResult run_dataset(const Catalog &catalog, const std::string &dataset,
					  const RunOptions &options = {});

/// Replays a dataset's open quarantined records, and what waited for those that are loaded.
RunResult replay_dataset(const Catalog &catalog, const std::string &dataset);

/// Throws where a transaction would not see what others commit while it waits for a dataset.
void require_read_committed();

} // namespace etl
