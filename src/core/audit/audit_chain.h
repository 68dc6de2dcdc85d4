// The audit trail's chain of hashes: how a row is hashed, and what is wrong with a sequence of
// rows. docs/explanation/audit.md describes the encoding for people.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl
{

/// A row of etl.audit. An empty hash stands for null.
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

/// What the first row has as previous hash: 32 zero bytes.
std::string audit_origin();

/// SHA-256 over the row's fields in the order previous_hash, audit_id, erasure_id, at, actor,
/// action, place, columns, row_count. Each field is its length in bytes (4 bytes, big-endian; -1
/// for null) and its bytes: integers and the time as 8 bytes big-endian, texts as UTF-8, columns as
/// their number (4 bytes) followed by each one with its length. These are the formats of
/// int8send, textsend and timestamptz_send.
std::string audit_hash(const AuditRow &row);

/// Reads rows in order of audit_id and tells what is wrong with each.
class ChainVerifier
{
  public:
	/// What is wrong with the row, "" when nothing is.
	std::string next(const AuditRow &row);
	/// Rows that were read, and the last one's number and hash.
	int64_t count() const { return count_; }
	int64_t last_id() const { return last_id_; }
	const std::string &last_hash() const { return last_hash_; }

  private:
	int64_t count_ = 0, last_id_ = 0;
	std::string last_hash_ = audit_origin();
};

} // namespace etl
