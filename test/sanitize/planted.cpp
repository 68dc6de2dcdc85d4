// Two errors on purpose, for scripts/sanitize-server: what does not find these finds nothing.
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

/// Behind a volatile pointer, or the compiler would see that nobody needs it.
char *volatile block;

} // namespace etl::planted

/// Loses a thousand bytes.
Datum
planted_leak(PG_FUNCTION_ARGS)
{
	(void)fcinfo;
	etl::planted::block = new char[1000];
	etl::planted::block = nullptr;
	PG_RETURN_VOID();
}

/// Reads a byte behind ten.
Datum
planted_read(PG_FUNCTION_ARGS)
{
	(void)fcinfo;
	etl::planted::block = new char[10]();
	const char behind = etl::planted::block[10];
	delete[] etl::planted::block;
	PG_RETURN_BOOL(behind != 0);
}
