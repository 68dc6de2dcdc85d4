// Set-returning functions: they put rows into the caller's tuple store.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "pg/guard.h"

namespace pg
{

/// A value of a row.
struct Cell
{
	enum class Kind : uint8_t
	{
		null,
		text,
		bigint,
		timestamptz,
		jsonb,
		boolean
	};
	Kind kind = Kind::null;
	std::string_view bytes = {};
	int64_t number = 0;

	static Cell null() { return {}; }
	static Cell text(std::string_view bytes) { return {Kind::text, bytes, 0}; }
	/// Null if the text is empty.
	static Cell text_or_null(std::string_view bytes)
	{
		return bytes.empty() ? Cell{} : Cell{Kind::text, bytes, 0};
	}
	static Cell bigint(int64_t number) { return {Kind::bigint, {}, number}; }
	static Cell timestamptz(int64_t number) { return {Kind::timestamptz, {}, number}; }
	static Cell jsonb(std::string_view json) { return {Kind::jsonb, json, 0}; }
	static Cell boolean(bool yes) { return {Kind::boolean, {}, yes ? 1 : 0}; }
};

/// The result of a set-returning function in materialize mode. Rows beyond work_mem are in a
/// temporary file of the server, which is removed at the end of the query.
class ResultSet
{
  public:
	/// `scalar`: the function returns SETOF a single type and not rows.
	explicit ResultSet(FunctionCallInfo fcinfo, bool scalar = false);
	void add(std::initializer_list<Cell> cells);
	/// Adds a row of the result's own type.
	void add_tuple(HeapTuple tuple);

  private:
	ReturnSetInfo *info_;
	MemoryContext row_context_;
};

} // namespace pg
