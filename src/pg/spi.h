// Queries through SPI, whose errors are exceptions.
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
/// timestamptz as microseconds since 2000-01-01 UTC.
Param param_timestamptz(int64_t microseconds);
Param param_array(const std::vector<std::string_view> &texts);
Param param_array(const std::vector<int64_t> &values);
/// An array of any type from binary values, each in the format of the type's receive function.
Param param_array(Oid element, const std::vector<std::string_view> &encoded);
Param null_param(Oid type);

/// The rows of a query. They are freed with the object.
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
	/// Columns are counted from 0. For null the result is 0, false or "".
	int64_t integer(uint64_t row, int column) const; ///< bigint
	int32_t int4(uint64_t row, int column) const;
	int16_t int2(uint64_t row, int column) const;
	bool boolean(uint64_t row, int column) const;
	std::string text(uint64_t row, int column) const;  ///< text
	std::string bytes(uint64_t row, int column) const; ///< bytea
	/// timestamptz, as format_utc() writes it.
	std::string time(uint64_t row, int column) const;
	HeapTuple tuple(uint64_t row) const { return table_->vals[row]; }
	TupleDesc descriptor() const { return table_->tupdesc; }

  private:
	SPITupleTable *table_;
	uint64_t count_;
};

/// An SPI connection for the duration of an entry point. The destructor closes it unless an
/// exception is being thrown, because then the rollback does.
class Spi
{
  public:
	/// Connects, and sets search_path to pg_catalog, pg_temp until the object is destroyed.
	Spi();
	~Spi();
	Spi(const Spi &) = delete;
	Spi &operator=(const Spi &) = delete;

	/// The search_path that was set when the current entry point was called.
	static const char *callers_search_path();

  private:
	int exceptions_;
	int guc_level_;
	std::string search_path_;
	Spi *outer_;
};

/// Like pg::call(), for functions of SPI that run a query. These leave the memory context of the
/// connection current, so call_spi() restores the caller's memory context (e.g. that of a
/// MemoryScope).
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

/// Runs a query, or a statement with RETURNING, and returns the rows.
Rows query(const std::string &sql, std::initializer_list<Param> params = {});
/// Runs a query that changes nothing. It sees what is committed now, even if the snapshot of the
/// transaction is older.
Rows query_now(const std::string &sql, std::initializer_list<Param> params = {});
/// Runs a query whose result is one row with one column that is not null, and returns this value,
/// usually the row of a table, in memory that outlives the SPI connection.
Datum query_value(const std::string &sql, std::initializer_list<Param> params = {});
/// Runs a statement and returns the number of affected rows.
uint64_t execute(const std::string &sql, std::initializer_list<Param> params = {});

/// A query whose rows are fetched a few at a time, with one snapshot.
class Cursor
{
  public:
	explicit Cursor(const std::string &sql, std::initializer_list<Param> params = {});
	~Cursor();
	Cursor(const Cursor &) = delete;
	Cursor &operator=(const Cursor &) = delete;
	/// The next rows, at most `count`. Empty at the end.
	Rows fetch(size_t count);
	/// Calls visit(rows, i) for each row, fetching some at a time. Processes interrupts.
	template <typename Visit>
	void for_each(size_t at_a_time, Visit &&visit);

  private:
	Portal portal_;
	int exceptions_;
};

/// Memory that is palloc'd while an object of this class exists is freed with the object.
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

/// Calls visit(rows, i) for each row of a cursor, fetching some at a time. Processes interrupts.
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

/// "schema"."table", quoted if necessary.
std::string quote(std::string_view identifier);
std::string quote(std::string_view schema, std::string_view name);
std::string literal(std::string_view text);

/// A text argument of a function call.
std::string text_argument(FunctionCallInfo fcinfo, int n);
/// Raises 22004 if a required argument is null. With STRICT the function would return null instead,
/// as if the result were empty. `hint` says what to call instead.
void require_argument(FunctionCallInfo fcinfo, int n, const char *name,
					  const std::string &hint = {});
/// A text argument that is required.
std::string required_text(FunctionCallInfo fcinfo, int n, const char *name,
						  const std::string &hint = {});
Datum text_datum(std::string_view text);

} // namespace pg
