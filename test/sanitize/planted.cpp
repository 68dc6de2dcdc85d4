// Two deliberate errors for scripts/sanitize-server: a run that does not find them is not reliable.
extern "C"
{
#include "postgres.h"

#include "fmgr.h"

	PG_MODULE_MAGIC;
	PGDLLEXPORT Datum planted_leak(PG_FUNCTION_ARGS);
	PGDLLEXPORT Datum planted_read(PG_FUNCTION_ARGS);
	PG_FUNCTION_INFO_V1(planted_leak);
	PG_FUNCTION_INFO_V1(planted_read);
}

namespace etl::planted
{

/// A volatile pointer, so that the compiler cannot remove the allocation.
char *volatile block;

} // namespace etl::planted

/// Leaks a thousand bytes.
Datum
planted_leak(PG_FUNCTION_ARGS)
{
	(void)fcinfo;
	etl::planted::block = new char[1000];
	etl::planted::block = nullptr;
	PG_RETURN_VOID();
}

/// Reads one byte after the end of ten.
Datum
planted_read(PG_FUNCTION_ARGS)
{
	(void)fcinfo;
	etl::planted::block = new char[10]();
	const char behind = etl::planted::block[10];
	delete[] etl::planted::block;
	PG_RETURN_BOOL(behind != 0);
}
