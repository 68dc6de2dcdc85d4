#include "run/spanning_keys.h"

#include "pg/temp_file.h"

namespace etl
{

namespace
{

#ifdef ETL_FAULTS
constexpr size_t key_memory = 512; // the tests that crash have few keys
#else
constexpr size_t key_memory = 16 << 20;
#endif

} // namespace

SpanningKeys::SpanningKeys() : keys([] { return std::make_unique<pg::TempFile>(); }, key_memory) {}

} // namespace etl
