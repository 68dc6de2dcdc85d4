// The partition that a staged file stands in, as its path tells it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace etl
{

/// date=YYYY-MM-DD/hour=H[H] of a path relative to the raw folder.
struct Partition
{
	int year = 0, month = 0, day = 0, hour = 0;
	/// Days since 2000-01-01, PostgreSQL's date epoch.
	int32_t pg_date() const;
};

/// Reads "date=2020-01-31/hour=07/name" (hour=7 too; the file stands directly in the hour folder).
/// nullopt when it is no partition: another shape, 2020-13-01, 30 February, hour 24.
std::optional<Partition> parse_partition(std::string_view relative_path);

} // namespace etl
