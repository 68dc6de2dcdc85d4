// Running and replaying one dataset.
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

/// Like run_dataset(), but a dataset that cannot be run gets a row of etl.run with the reason, and
/// the exception is stored in *error (which may be null).
RunResult try_run_dataset(const Catalog &catalog, const std::string &dataset,
						  const RunOptions &options, std::optional<pg::Error> *error = nullptr);

/// Throws for conditions that stop every dataset: the isolation level, a directory that is not set
/// or does not exist, a journal that is not applied.
void require_runnable();

/// Runs a dataset's staged files. Throws when the dataset cannot be run.
RunResult run_dataset(const Catalog &catalog, const std::string &dataset,
					  const RunOptions &options = {});

/// Throws when, at the isolation level of the transaction, rows that other sessions commit while it
/// waits for a dataset would stay invisible.
void require_read_committed();

} // namespace etl
