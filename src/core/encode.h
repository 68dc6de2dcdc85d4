// JSON values as PostgreSQL column values, in the binary format of COPY and of the types' receive
// functions, and what does not fit its column.
//
// Formats: https://www.postgresql.org/docs/15/sql-copy.html (Binary Format) and the *_recv
// functions of src/backend/utils/adt.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/json.h"

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

/// Why a value does not fit; no value of the record in it.
struct TypeError
{
	const char *sqlstate; ///< 22P02, 22003, 22008, 22P05 (NUL), 22001 (too long)
	std::string message;  ///< "expected bigint, got text that is no integer"
};

/// Appends the column's binary value (on success only) without its length word. A JSON string is
/// read as the type's text form, a number or boolean as such; text columns take strings, numbers
/// and booleans as written; json and jsonb take anything. JSON null is the caller's business.
///
/// Integers: optional sign and digits, leading zeros allowed, blanks around trimmed; a JSON number
/// without fraction (1.0, 1e3) is one. numeric(p,s) rounds half away from zero to s places as
/// PostgreSQL does, then overflows with 22003. date: YYYY-MM-DD (a time after it is dropped only if
/// it is all zero). timestamp[tz]: date, 'T' or blank, hh:mm[:ss[.fraction]], then 'Z', "UTC",
/// "GMT", ±hh[:mm] or nothing, which means UTC; more than 6 digits of a second are rounded;
/// 24:00:00 and :60 as PostgreSQL takes them. Years 0001 to 9999. Other forms are the server's to
/// read (type_input.h).
bool encode(const ColumnType &type, Value value, std::string &out, TypeError &error);

/// The text form PostgreSQL would print for an encoded value of a type usable as a key (integers,
/// numeric, text, uuid, date, timestamps, boolean): the canonical key, equal for equal values
/// ("067318" and 67318 as bigint both give "67318").
std::string canonical_text(const ColumnType &type, std::string_view encoded);

/// A byte string that sorts (memcmp) as PostgreSQL sorts the type's values, as far as prefix_bytes
/// say; used to order rows by key before they are loaded, so ties and prefixes only cost speed.
uint64_t sort_prefix(const ColumnType &type, std::string_view encoded);

/// Big-endian integers, as PostgreSQL's wire formats have them.
inline void
append_int16(std::string &out, int16_t v)
{
	const uint16_t u = static_cast<uint16_t>(v);
	const char b[2] = {static_cast<char>(u >> 8), static_cast<char>(u)};
	out.append(b, 2);
}
inline void
append_int32(std::string &out, int32_t v)
{
	const uint32_t u = __builtin_bswap32(static_cast<uint32_t>(v));
	out.append(reinterpret_cast<const char *>(&u), 4);
}
inline void
append_int64(std::string &out, int64_t v)
{
	const uint64_t u = __builtin_bswap64(static_cast<uint64_t>(v));
	out.append(reinterpret_cast<const char *>(&u), 8);
}

} // namespace etl
