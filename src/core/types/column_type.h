// Types of columns, and their SQL names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace etl
{

enum class TypeId : uint8_t
{
	smallint,
	integer,
	bigint,
	numeric,
	real,
	double_precision,
	boolean,
	text, ///< text, varchar(n), char(n): length limits count characters
	date,
	timestamp,
	timestamptz,
	uuid,
	json,
	jsonb
};

/// A column's type.
struct ColumnType
{
	TypeId id = TypeId::text;
	int precision =
		-1; ///< numeric(p, s); length of varchar(n) and char(n); timestamp(p); -1 without
	int scale = 0;
	std::string sql = "text"; ///< as format_type() would write it, e.g. "numeric(10,2)"

	/// Reads an SQL type name as PostgreSQL's documentation spells it, aliases included (int8,
	/// "double precision", "timestamp with time zone", "character varying(20)", decimal …), in any
	/// case. False when it is none that this module encodes.
	static bool parse(std::string_view sql, ColumnType &type);
	/// The names for a hint.
	static const char *supported();
};

/// char(n), whose trailing blanks mean nothing.
bool is_blank_padded(const ColumnType &type);

} // namespace etl
