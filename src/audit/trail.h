// The audit trail: who did what to whose data, in a chain of hashes that reveals later changes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace etl
{

/// A step of an erasure or of another act that must be recorded. It contains no value of a record
/// and no identifier of a person.
struct AuditEntry
{
	int64_t erasure_id = 0; ///< 0 if it belongs to no erasure
	std::string action;     ///< "erase", "reinstate", "hold", …
	std::string place; ///< "data.customers", "etl.quarantine", "processed/date=…/customers.json.gz"
	std::vector<std::string> columns;
	int64_t row_count = 0;
};

/// Appends to etl.audit in the current transaction, in order. Other transactions that append wait
/// until this one ends, because the chain has only one end. Call it inside an SPI connection.
void append_audit(const std::vector<AuditEntry> &entries);
/// Like append_audit() above, for entries that are made one by one, because an erasure of a million
/// people has many.
void append_audit(size_t count, const std::function<AuditEntry(size_t)> &entry);

} // namespace etl
