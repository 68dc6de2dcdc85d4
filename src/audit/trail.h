// The audit trail: who did what to whose data, in a chain of hashes that shows any later change.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace etl
{

/// One step of an erasure or of another act that must be accounted for. No value of a record and no
/// identifier of a person stands in it.
struct AuditEntry
{
	int64_t erasure_id = 0; ///< 0: belongs to none
	std::string action;     ///< "erase", "reinstate", "hold", …
	std::string place; ///< "data.customers", "etl.quarantine", "processed/date=…/customers.json.gz"
	std::vector<std::string> columns;
	int64_t row_count = 0;
};

/// Appends to etl.audit in the current transaction, in order. Other transactions that append wait
/// until this one ends: the chain has one end. Must be called inside an SPI connection.
void append_audit(const std::vector<AuditEntry> &entries);
/// The same of entries that are made one by one: an erasure of a million people has many.
void append_audit(size_t count, const std::function<AuditEntry(size_t)> &entry);

} // namespace etl
