// The chain of hashes in the audit trail: how a row is hashed, and how a sequence of rows is
// checked. docs/explanation/audit.md describes the encoding.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl
{

/// A row of etl.audit. An empty hash means null.
struct AuditRow
{
	int64_t audit_id = 0;
	std::optional<int64_t> erasure_id;
	int64_t at = 0; ///< microseconds since 2000-01-01 UTC
	std::string actor, action, place;
	std::optional<std::vector<std::string>> columns;
	int64_t row_count = 0;
	std::string previous_hash, hash;
};

/// The previous hash of the first row: 32 zero bytes.
std::string audit_origin();

/// SHA-256 of the fields of the row, in the order previous_hash, audit_id, erasure_id, at, actor,
/// action, place, columns, row_count. Each field is encoded as its length in bytes (4 bytes,
/// big-endian; -1 for null) and its bytes. Integers and the time are 8 bytes, big-endian; texts are
/// UTF-8; columns are their number (4 bytes) and then each column with its length. These are the
/// formats of int8send, textsend and timestamptz_send.
std::string audit_hash(const AuditRow &row);

/// Checks rows in the order of audit_id.
class ChainVerifier
{
  public:
	/// Returns what is wrong with the row, or "".
	std::string next(const AuditRow &row);
	/// The number of rows so far, and the audit_id and hash of the last row.
	int64_t count() const { return count_; }
	int64_t last_id() const { return last_id_; }
	const std::string &last_hash() const { return last_hash_; }

  private:
	int64_t count_ = 0, last_id_ = 0;
	std::string last_hash_ = audit_origin();
};

} // namespace etl
