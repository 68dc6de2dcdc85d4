// The partition of a staged file, as its path gives it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace etl
{

/// The date and hour in date=YYYY-MM-DD/hour=H[H], relative to the raw directory.
struct Partition
{
	int year = 0, month = 0, day = 0, hour = 0;
	/// Days since 2000-01-01, the epoch of PostgreSQL's type date.
	int32_t pg_date() const;
};

/// Reads "date=2020-01-31/hour=07/name" (also hour=7). The file must be directly in the directory
/// of the hour. Returns nothing if the path has another form or an invalid date or hour
/// (2020-13-01, 30 February, hour 24).
std::optional<Partition> parse_partition(std::string_view relative_path);

} // namespace etl
