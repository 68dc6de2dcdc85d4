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

struct ColumnType
{
	TypeId id = TypeId::text;
	int precision =
		-1; ///< numeric(p, s); length of varchar(n) and char(n); timestamp(p); -1 without
	int scale = 0;
	std::string sql = "text"; ///< as format_type() would write it, e.g. "numeric(10,2)"

	/// Reads the name of an SQL type as PostgreSQL's documentation writes it, in any case and with
	/// aliases (int8, "double precision", "timestamp with time zone", "character varying(20)",
	/// decimal …). Returns false if this module cannot encode the type.
	static bool parse(std::string_view sql, ColumnType &type);
	/// The names of the supported types, for a hint.
	static const char *supported();
};

/// Whether the type is char(n), in which blanks at the end have no meaning.
bool is_blank_padded(const ColumnType &type);

} // namespace etl
