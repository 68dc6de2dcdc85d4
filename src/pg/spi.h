// Queries through SPI, with errors as exceptions.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/guard.h"

extern "C"
{
#include "executor/spi.h"
}

namespace pg
{

/// A query parameter.
struct Param
{
	Oid type;
	Datum value;
	bool null = false;
};
Param param(int64_t value);
Param param(int32_t value);
Param param(bool value);
Param param(std::string_view text);
Param param(const std::optional<std::string> &text);
inline Param
param(const std::string &text)
{
	return param(std::string_view(text));
}
inline Param
param(const char *text)
{
	return param(std::string_view(text));
}
Param param_bytes(std::string_view bytes);
/// timestamptz, from microseconds since 2000-01-01 UTC.
Param param_timestamptz(int64_t microseconds);
Param param_array(const std::vector<std::string_view> &texts);
Param param_array(const std::vector<int64_t> &values);
/// An array of any type made of binary values, each as its receive function takes it.
Param param_array(Oid element, const std::vector<std::string_view> &encoded);
Param null_param(Oid type);

/// Rows of a query; freed with the object.
class Rows
{
  public:
	Rows(SPITupleTable *table, uint64_t count) : table_(table), count_(count) {}
	~Rows();
	Rows(Rows &&other) noexcept : table_(other.table_), count_(other.count_)
	{
		other.table_ = nullptr;
	}
	Rows(const Rows &) = delete;
	Rows &operator=(const Rows &) = delete;

	uint64_t size() const { return count_; }
	bool empty() const { return count_ == 0; }
	bool is_null(uint64_t row, int column) const;
	Datum datum(uint64_t row, int column, bool &null) const;
	/// Columns count from 0. Null gives 0, false and "".
	int64_t integer(uint64_t row, int column) const; ///< bigint
	int32_t int4(uint64_t row, int column) const;
	int16_t int2(uint64_t row, int column) const;
	bool boolean(uint64_t row, int column) const;
	std::string text(uint64_t row, int column) const;  ///< text
	std::string bytes(uint64_t row, int column) const; ///< bytea
	HeapTuple tuple(uint64_t row) const { return table_->vals[row]; }
	TupleDesc descriptor() const { return table_->tupdesc; }

  private:
	SPITupleTable *table_;
	uint64_t count_;
};

/// An SPI connection for the length of an entry point. Only released on the way out without an
/// exception: an error's rollback does it otherwise.
class Spi
{
  public:
	/// Connects, and fixes search_path to pg_catalog, pg_temp until the object goes.
	Spi();
	~Spi();
	Spi(const Spi &) = delete;
	Spi &operator=(const Spi &) = delete;

	/// The search_path of who called the entry point in hand.
	static const char *callers_search_path();

  private:
	int exceptions_;
	int guc_level_;
	std::string search_path_;
	Spi *outer_;
};

/// pg::call() for those of SPI's functions that run a query: they leave the connection's memory
/// context current, and this puts the caller's back (a MemoryScope's, say).
template <typename F>
auto
call_spi(F &&f) -> decltype(f())
{
	struct Restore
	{
		MemoryContext context = CurrentMemoryContext;
		~Restore() { MemoryContextSwitchTo(context); }
	} restore;
	return call(f);
}

/// Runs a query and returns its rows (of a statement with RETURNING too).
Rows query(const std::string &sql, std::initializer_list<Param> params = {});
/// Runs a query that changes nothing on what is committed now, also where the transaction's
/// snapshot is older.
Rows query_now(const std::string &sql, std::initializer_list<Param> params = {});
/// Runs a statement and returns the number of rows it touched.
uint64_t execute(const std::string &sql, std::initializer_list<Param> params = {});

/// A query whose rows are fetched a few at a time, under one snapshot.
class Cursor
{
  public:
	explicit Cursor(const std::string &sql, std::initializer_list<Param> params = {});
	~Cursor();
	Cursor(const Cursor &) = delete;
	Cursor &operator=(const Cursor &) = delete;
	/// The next rows, at most count; none at the end.
	Rows fetch(size_t count);
	/// Calls visit(rows, i) for each row, fetching some at a time. Serves interrupts.
	template <typename Visit>
	void for_each(size_t at_a_time, Visit &&visit);

  private:
	Portal portal_;
	int exceptions_;
};

/// What is palloc'd while it lives goes with it.
class MemoryScope
{
  public:
	MemoryScope();
	~MemoryScope();
	MemoryScope(const MemoryScope &) = delete;
	MemoryScope &operator=(const MemoryScope &) = delete;

  private:
	MemoryContext context_, outer_;
};

/// Calls visit(rows, i) for each row of a cursor, fetching some at a time. Serves interrupts.
template <typename AnyCursor, typename Visit>
void
for_each_row(AnyCursor &cursor, size_t at_a_time, Visit &&visit)
{
	for (;;)
	{
		check_for_interrupts();
		const MemoryScope memory_scope;
		const Rows rows = cursor.fetch(at_a_time);
		if (rows.empty())
			return;
		for (uint64_t i = 0; i < rows.size(); ++i)
			visit(rows, i);
	}
}

template <typename Visit>
void
Cursor::for_each(size_t at_a_time, Visit &&visit)
{
	for_each_row(*this, at_a_time, visit);
}

/// "schema"."table", quoted where needed.
std::string quote(std::string_view identifier);
std::string quote(std::string_view schema, std::string_view name);
std::string literal(std::string_view text);

/// Text argument of a function call.
std::string text_argument(FunctionCallInfo fcinfo, int n);
/// Raises 22004 where an argument is null that must be given: STRICT would answer with nothing, as
/// if there were nothing to say. hint: what to call instead.
void require_argument(FunctionCallInfo fcinfo, int n, const char *name,
					  const std::string &hint = {});
/// Text argument that must be given.
std::string required_text(FunctionCallInfo fcinfo, int n, const char *name,
						  const std::string &hint = {});
Datum text_datum(std::string_view text);

} // namespace pg
