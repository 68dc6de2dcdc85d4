// The database's checks of a batch: keys and references, set-based.
#pragma once

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "load/batch.h"
#include "load/key_memory.h"
#include "load/spanning_keys.h"

namespace etl
{

/// Checks keys and references, set-based, then loads what is left; afterwards each record is either
/// accepted or has its violations, sorted by code. spanning may be null.
void check_and_load(const Catalog &catalog, const Definition &definition, Batch &batch,
					const SpanningKeys *spanning);

/// Which of the candidates (positions in records) have a key that is in the target table. memory
/// may be null.
std::vector<uint32_t> keys_in_table(const Definition &definition,
									const std::vector<BatchRecord> &records,
									std::vector<uint32_t> candidates,
									const CheckMemory *memory = nullptr);
/// Which of the keys, as the key column's type has them in binary, are not in the target table.
std::vector<size_t> keys_not_in_table(const Definition &definition,
									  const std::vector<std::string_view> &keys);
/// After the checks, and whenever a record is no longer accepted: of accepted records with one key
/// the last one counts, and those before it are superseded.
void find_superseded(const Definition &definition, std::vector<BatchRecord> &records);
Violation duplicate_violation(const Definition &definition, const char *where);
inline constexpr const char *key_is_loaded = "is loaded already";
inline constexpr const char *key_is_quarantined = "belongs to a record in quarantine";

/// After the load: says of the records whose key an earlier record of the batch had, and was
/// refused with it, that the key belongs to a record in quarantine. Where a batch ends depends on
/// the pace of the threads, and what is said of a record must not.
void tell_of_refused_originals(const Definition &definition, std::vector<BatchRecord> &records);

/// The checks alone. memory may be null.
void check(const Catalog &catalog, const Definition &definition, Batch &batch,
		   const SpanningKeys *spanning, CheckMemory *memory = nullptr);

} // namespace etl
