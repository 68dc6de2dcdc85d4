// Functions that throw and report errors through several layers of C++ and PostgreSQL, for
// test/sql/boundary.sql. They are built with the extension's own src/pg.
#include "pg/callback.h"
#include "pg/spi.h"

extern "C"
{
#include "access/xact.h"

	PG_MODULE_MAGIC;
}

namespace
{

int alive = 0;

/// Represents any C++ object whose destructor must run.
struct Witness
{
	Witness() { ++alive; }
	~Witness() { --alive; }
};

void
throw_here(const std::string &kind)
{
	if (kind == "error")
		throw pg::Error("22023", "message of an error", "its detail", "its hint");
	if (kind == "runtime_error")
		throw std::runtime_error("message of a runtime_error");
	if (kind == "bad_alloc")
		throw std::bad_alloc();
	if (kind == "int")
		throw 42;
}

void
throw_below(const std::string &kind, int32_t depth)
{
	const Witness witness;
	if (depth == 0)
		throw_here(kind);
	else
		throw_below(kind, depth - 1);
}

void
execute_below(const std::string &sql, int32_t depth)
{
	const Witness witness;
	if (depth == 0)
		pg::execute(sql);
	else
		execute_below(sql, depth - 1);
}

/// What the next transaction that commits throws at its end; empty: nothing.
std::string at_end;

void
throw_at_end(XactEvent event, void *)
{
	if (event == XACT_EVENT_COMMIT)
		throw_below(std::exchange(at_end, ""), 3);
}

void
throw_at_reset(void *kind)
{
	throw_below(static_cast<const char *>(kind), 3);
}

} // namespace

/// Throws through several C++ frames.
PG_ETL_ENTRY(boundary_throw)
{
	throw_below(pg::text_argument(fcinfo, 0), PG_GETARG_INT32(1));
	return static_cast<Datum>(0);
}

/// Runs SQL below several C++ frames. Errors of the SQL pass through these frames.
PG_ETL_ENTRY(boundary_execute)
{
	const std::string sql = pg::text_argument(fcinfo, 0);
	const pg::Spi spi;
	execute_below(sql, PG_GETARG_INT32(1));
	return static_cast<Datum>(0);
}

/// C++ calls SQL, which calls C++, and so on. The innermost call throws.
PG_ETL_ENTRY(boundary_layers)
{
	const int32_t layers = PG_GETARG_INT32(0);
	const Witness witness;
	if (layers == 0)
		throw pg::Error("2F005", "from the innermost layer", "detail", "hint");
	const pg::Spi spi;
	pg::execute("SELECT public.boundary_layers($1)", {pg::param(layers - 1)});
	return static_cast<Datum>(0);
}

/// Catches the error of the SQL in a subtransaction and returns
/// SQLSTATE|message|detail|hint|constraint.
PG_ETL_ENTRY(boundary_catch)
{
	const std::string sql = pg::text_argument(fcinfo, 0);
	std::string caught = "nothing";
	{
		const pg::Spi spi;
		if (const auto error = pg::subtransaction([&] { execute_below(sql, 3); }))
			caught = error->sqlstate() + "|" + error->what() + "|" + error->detail() + "|" +
					 error->hint() + "|" + error->constraint();
		pg::execute("SELECT 1"); // the transaction continues
	}
	return pg::text_datum(caught);
}

/// Throws in a function that PostgreSQL calls back when it deletes a memory context.
PG_ETL_ENTRY(boundary_throw_at_reset)
{
	const std::string kind = pg::text_argument(fcinfo, 0);
	const MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "boundary", ALLOCSET_SMALL_SIZES);
	const auto callback = static_cast<MemoryContextCallback *>(
		MemoryContextAlloc(context, sizeof(MemoryContextCallback)));
	callback->func = pg::callback<throw_at_reset>;
	callback->arg = MemoryContextStrdup(context, kind.c_str());
	MemoryContextRegisterResetCallback(context, callback);
	MemoryContextDelete(context);
	return BoolGetDatum(true);
}

/// Lets a function that PostgreSQL calls back when the transaction commits throw.
PG_ETL_ENTRY(boundary_throw_at_end)
{
	static bool registered = false;
	if (!std::exchange(registered, true))
		RegisterXactCallback(pg::callback<throw_at_end>, nullptr);
	at_end = pg::text_argument(fcinfo, 0);
	return BoolGetDatum(true);
}

/// The number of C++ objects that still exist.
PG_ETL_ENTRY(boundary_alive)
{
	return Int32GetDatum(alive);
}
