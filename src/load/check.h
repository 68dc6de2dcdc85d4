// The checks of a batch that need the database: keys and references, with a query for many records.
#pragma once

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "load/batch.h"
#include "load/key_memory.h"
#include "load/spanning_keys.h"

namespace etl
{

/// Checks keys and references and loads the remaining records. Afterwards each record is accepted
/// or has its violations, sorted by code. `spanning` may be null.
void check_and_load(const Catalog &catalog, const Definition &definition, Batch &batch,
					const SpanningKeys *spanning);

/// The candidates (indices into `records`) whose key is in the target table. `memory` may be null.
std::vector<uint32_t> keys_in_table(const Definition &definition,
									const std::vector<BatchRecord> &records,
									std::vector<uint32_t> candidates,
									const CheckMemory *memory = nullptr);
/// The positions of the keys that are not in the target table. Keys are in the binary format of the
/// key column's type.
std::vector<size_t> keys_not_in_table(const Definition &definition,
									  const std::vector<std::string_view> &keys);
/// Call after the checks, and whenever a record is no longer accepted: the last accepted record
/// with a key counts, and earlier ones are superseded.
void find_superseded(const Definition &definition, std::vector<BatchRecord> &records);
Violation duplicate_violation(const Definition &definition, const char *what);
inline constexpr const char *key_came_earlier = "key appears earlier in the same file";
inline constexpr const char *key_is_loaded = "key is loaded already";
inline constexpr const char *key_is_quarantined = "key belongs to a record in quarantine";

/// Call after the load: if a record has the same key as an earlier record of the batch that was
/// refused, its violation says that the key belongs to a record in quarantine. Where a batch ends
/// depends on the speed of the threads, but what is reported must not.
void tell_of_refused_originals(const Definition &definition, std::vector<BatchRecord> &records);

/// Makes only the checks. `memory` may be null.
void check(const Catalog &catalog, const Definition &definition, Batch &batch,
		   const SpanningKeys *spanning, CheckMemory *memory = nullptr);

} // namespace etl
