// Reads any text as a path. An accepted path must have a valid day, which is in the path as it was
// read.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/records/partition.h"

using namespace etl;

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string_view path(reinterpret_cast<const char *>(data), size);
	const auto p = parse_partition(path);
	if (!p)
		return 0;
	if (p->month < 1 || p->month > 12 || p->day < 1 || p->day > 31 || p->hour < 0 || p->hour > 23)
		abort();
	if (p->pg_date() < -730119 || p->pg_date() > 2921939)
		abort();
	char one[64], two[64];
	snprintf(one, sizeof one, "date=%04d-%02d-%02d/hour=%d/", p->year, p->month, p->day, p->hour);
	snprintf(two, sizeof two, "date=%04d-%02d-%02d/hour=%02d/", p->year, p->month, p->day, p->hour);
	if (!path.starts_with(one) && !path.starts_with(two))
		abort();
	return 0;
}
