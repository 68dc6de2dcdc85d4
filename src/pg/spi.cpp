#include "pg/spi.h"

#include <cstring>
#include <exception>

#include "core/base/calendar.h"
#include "core/base/sqlstate.h"

extern "C"
{
#include "access/parallel.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

namespace pg
{

Param
param(int64_t value)
{
	return {INT8OID, Int64GetDatum(value), false};
}

Param
param(int32_t value)
{
	return {INT4OID, Int32GetDatum(value), false};
}

Param
param(bool value)
{
	return {BOOLOID, BoolGetDatum(value), false};
}

Param
param(std::string_view text)
{
	return {TEXTOID, text_datum(text), false};
}

Param
param(const std::optional<std::string> &text)
{
	return text ? param(std::string_view(*text)) : null_param(TEXTOID);
}

Param
null_param(Oid type)
{
	return {type, static_cast<Datum>(0), true};
}

Param
param_bytes(std::string_view bytes)
{
	return {BYTEAOID, text_datum(bytes), false};
}

Param
param_timestamptz(int64_t microseconds)
{
	return {TIMESTAMPTZOID, TimestampTzGetDatum(microseconds), false};
}

namespace
{

/// A one-dimensional array without nulls, whose elements consist of zero bytes. Without elements,
/// an array without dimensions, like '{}'.
ArrayType *
new_array(Oid element, size_t count, size_t size)
{
	if (size > MaxAllocSize || count > MaxArraySize)
		throw Error(sqlstate::program_limit_exceeded,
					"an array of " + std::to_string(count) + " elements is too large");
	return call(
		[=]
		{
			if (count == 0)
				return construct_empty_array(element);
			ArrayType *const array = static_cast<ArrayType *>(palloc0(size));
			SET_VARSIZE(array, size);
			array->ndim = 1;
			array->dataoffset = 0;
			array->elemtype = element;
			ARR_DIMS(array)[0] = static_cast<int>(count);
			ARR_LBOUND(array)[0] = 1;
			return array;
		});
}

} // namespace

Param
param_array(const std::vector<std::string_view> &texts)
{
	// builds the array at once, because construct_array() would need each element separately first
	size_t size = ARR_OVERHEAD_NONULLS(1);
	for (const std::string_view text : texts)
		size += INTALIGN(VARHDRSZ + text.size());
	ArrayType *const array = new_array(TEXTOID, texts.size(), size);
	char *to = ARR_DATA_PTR(array);
	for (const std::string_view text : texts)
	{
		SET_VARSIZE(to, VARHDRSZ + text.size());
		if (!text.empty())
			std::memcpy(VARDATA(to), text.data(), text.size());
		to += INTALIGN(VARHDRSZ + text.size()); // the padding is zero
	}
	return {TEXTARRAYOID, PointerGetDatum(array), false};
}

Param
param_array(const std::vector<int64_t> &items)
{
	const size_t bytes = items.size() * sizeof(int64_t);
	ArrayType *const array = new_array(INT8OID, items.size(), ARR_OVERHEAD_NONULLS(1) + bytes);
	if (bytes > 0)
		std::memcpy(ARR_DATA_PTR(array), items.data(), bytes);
	return {INT8ARRAYOID, PointerGetDatum(array), false};
}

Param
param_array(Oid element, const std::vector<std::string_view> &encoded)
{
	const std::string_view *items = encoded.data();
	const size_t count = encoded.size();
	Oid array_type = InvalidOid;
	const Datum array = call(
		[&array_type, element, items, count]
		{
			Oid receive, io_param;
			int16 length;
			bool by_value;
			char align;
			FmgrInfo function;
			getTypeBinaryInputInfo(element, &receive, &io_param);
			get_typlenbyvalalign(element, &length, &by_value, &align);
			fmgr_info(receive, &function);
			array_type = get_array_type(element);
			Datum *values = static_cast<Datum *>(
				MemoryContextAllocHuge(CurrentMemoryContext, (count + 1) * sizeof(Datum)));
			StringInfoData buffer;
			initStringInfo(&buffer);
			for (size_t i = 0; i < count; ++i)
			{
				resetStringInfo(&buffer);
				appendBinaryStringInfo(&buffer, items[i].data(), static_cast<int>(items[i].size()));
				values[i] = ReceiveFunctionCall(&function, &buffer, io_param, -1);
			}
			pfree(buffer.data);
			return PointerGetDatum(
				construct_array(values, static_cast<int>(count), element, length, by_value, align));
		});
	return {array_type, array, false};
}

Rows::~Rows()
{
	if (table_ != nullptr)
		SPI_freetuptable(table_);
}

Datum
Rows::datum(uint64_t row, int column, bool &null) const
{
	return SPI_getbinval(table_->vals[row], table_->tupdesc, column + 1, &null);
}

bool
Rows::is_null(uint64_t row, int column) const
{
	bool null;
	datum(row, column, null);
	return null;
}

int64_t
Rows::integer(uint64_t row, int column) const
{
	bool null;
	const Datum value = datum(row, column, null);
	return null ? 0 : DatumGetInt64(value);
}

int32_t
Rows::int4(uint64_t row, int column) const
{
	bool null;
	const Datum value = datum(row, column, null);
	return null ? 0 : DatumGetInt32(value);
}

int16_t
Rows::int2(uint64_t row, int column) const
{
	bool null;
	const Datum value = datum(row, column, null);
	return null ? static_cast<int16_t>(0) : DatumGetInt16(value);
}

bool
Rows::boolean(uint64_t row, int column) const
{
	bool null;
	const Datum value = datum(row, column, null);
	return !null && DatumGetBool(value);
}

std::string
Rows::text(uint64_t row, int column) const
{
	bool null;
	const Datum value = datum(row, column, null);
	if (null)
		return {};
	const struct varlena *plain = call(
		[=] {
			return pg_detoast_datum_packed(
				reinterpret_cast<struct varlena *>(DatumGetPointer(value)));
		});
	std::string text(VARDATA_ANY(plain), static_cast<size_t>(VARSIZE_ANY_EXHDR(plain)));
	// the value may be large, and more may be read before the memory context is reset
	if (plain != reinterpret_cast<const struct varlena *>(DatumGetPointer(value)))
		call([=] { pfree(const_cast<struct varlena *>(plain)); });
	return text;
}

std::string
Rows::bytes(uint64_t row, int column) const
{
	return text(row, column);
}

std::string
Rows::time(uint64_t row, int column) const
{
	bool null;
	const Datum value = datum(row, column, null);
	return null ? std::string() : etl::format_utc(DatumGetTimestampTz(value));
}

namespace
{

/// The innermost connection.
Spi *current_spi = nullptr;

const char *
search_path_now()
{
	return call([] { return GetConfigOption("search_path", false, false); });
}

} // namespace

Spi::Spi()
	: exceptions_(std::uncaught_exceptions()), search_path_(search_path_now()), outer_(current_spi)
{
	guc_level_ = call(
		[]
		{
			if (SPI_connect() != SPI_OK_CONNECT)
				elog(ERROR, "SPI_connect failed");
			const int level = NewGUCNestLevel();
			// Unqualified names must not depend on the caller's search_path. client_encoding
			// affects the receive function of text.
			(void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
									PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
			// A parallel worker cannot change it, and copies nothing from or to a client.
			if (!IsParallelWorker())
				(void)set_config_option("client_encoding", "UTF8", PGC_USERSET, PGC_S_SESSION,
										GUC_ACTION_SAVE, true, 0, false);
			// names of types are compared with those in definitions
			(void)set_config_option("quote_all_identifiers", "off", PGC_USERSET, PGC_S_SESSION,
									GUC_ACTION_SAVE, true, 0, false);
			// Compiling a statement for each batch costs more than it saves, and the compiler takes
			// 50 MB that no setting limits.
			(void)set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
									0, false);
			return level;
		});
	current_spi = this;
}

Spi::~Spi()
{
	current_spi = outer_;
	// After an exception, the rollback cleans up. SPI must not be called in a failed transaction.
	if (std::uncaught_exceptions() > exceptions_)
		return;
	AtEOXact_GUC(false, guc_level_);
	SPI_finish();
}

const char *
Spi::callers_search_path()
{
	return current_spi != nullptr ? current_spi->search_path_.c_str() : search_path_now();
}

namespace
{

constexpr size_t max_params = 24;

/// Parameters in the form that SPI takes.
struct Arguments
{
	explicit Arguments(std::initializer_list<Param> params)
	{
		if (params.size() > max_params)
			throw Error(sqlstate::internal_error, "too many query parameters");
		for (const Param &p : params)
		{
			types[n] = p.type;
			values[n] = p.value;
			nulls[n++] = p.null ? 'n' : ' ';
		}
	}
	Oid types[max_params];
	Datum values[max_params];
	char nulls[max_params];
	int n = 0;
};

/// `now`: uses a new snapshot, whatever the snapshot of the transaction is.
Rows
run(const std::string &sql, std::initializer_list<Param> params, bool now = false)
{
	Arguments a(params);
	const char *text = sql.c_str();
	call_spi(
		[&]
		{
			if (now)
				PushActiveSnapshot(GetLatestSnapshot());
			// a read-only query uses the active snapshot
			const int rc = SPI_execute_with_args(text, a.n, a.types, a.values, a.nulls, now, 0);
			if (rc < 0)
				elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
			if (now)
				PopActiveSnapshot();
		});
	return Rows(SPI_tuptable, SPI_processed);
}

} // namespace

Rows
query(const std::string &sql, std::initializer_list<Param> params)
{
	return run(sql, params);
}

Rows
query_now(const std::string &sql, std::initializer_list<Param> params)
{
	return run(sql, params, true);
}

Datum
query_value(const std::string &sql, std::initializer_list<Param> params)
{
	const Rows rows = run(sql, params);
	bool null;
	const Datum value = rows.datum(0, 0, null);
	return call([=] { return SPI_datumTransfer(value, false, -1); });
}

uint64_t
execute(const std::string &sql, std::initializer_list<Param> params)
{
	return run(sql, params).size();
}

Cursor::Cursor(const std::string &sql, std::initializer_list<Param> params)
	: exceptions_(std::uncaught_exceptions())
{
	Arguments a(params);
	const char *text = sql.c_str();
	portal_ = call_spi(
		[&]
		{
			return SPI_cursor_open_with_args(nullptr, text, a.n, a.types, a.values, a.nulls, false,
											 CURSOR_OPT_NO_SCROLL);
		});
}

Cursor::~Cursor()
{
	// after an error, the rollback closes the cursor
	if (std::uncaught_exceptions() <= exceptions_)
		SPI_cursor_close(portal_);
}

Rows
Cursor::fetch(size_t count)
{
	const long n = static_cast<long>(count);
	call_spi([=, this] { SPI_cursor_fetch(portal_, true, n); });
	return Rows(SPI_tuptable, SPI_processed);
}

MemoryScope::MemoryScope()
{
	context_ = call(
		[] {
			return AllocSetContextCreate(CurrentMemoryContext, "etl scope", ALLOCSET_DEFAULT_SIZES);
		});
	outer_ = MemoryContextSwitchTo(context_);
}

MemoryScope::~MemoryScope()
{
	MemoryContextSwitchTo(outer_);
	MemoryContextDelete(context_);
}

std::string
quote(std::string_view identifier)
{
	const std::string copy(identifier);
	const char *c = copy.c_str();
	return call([=] { return quote_identifier(c); });
}

std::string
quote(std::string_view schema, std::string_view name)
{
	return quote(schema) + "." + quote(name);
}

std::string
literal(std::string_view text)
{
	const std::string copy(text);
	const char *c = copy.c_str();
	return call([=] { return quote_literal_cstr(c); });
}

Datum
text_datum(std::string_view text)
{
	return call(
		[=]
		{
			return PointerGetDatum(cstring_to_text_with_len(text.data() ? text.data() : "",
															static_cast<int>(text.size())));
		});
}

std::string
text_argument(FunctionCallInfo fcinfo, int n)
{
	const Datum value = PG_GETARG_DATUM(n);
	const struct varlena *plain = call(
		[=] {
			return pg_detoast_datum_packed(
				reinterpret_cast<struct varlena *>(DatumGetPointer(value)));
		});
	return {VARDATA_ANY(plain), static_cast<size_t>(VARSIZE_ANY_EXHDR(plain))};
}

void
require_argument(FunctionCallInfo fcinfo, int n, const char *name, const std::string &hint)
{
	if (PG_ARGISNULL(n))
		throw Error(sqlstate::null_value_not_allowed, std::string(name) + " must not be null", "",
					hint);
}

std::string
required_text(FunctionCallInfo fcinfo, int n, const char *name, const std::string &hint)
{
	require_argument(fcinfo, n, name, hint);
	return text_argument(fcinfo, n);
}

} // namespace pg
