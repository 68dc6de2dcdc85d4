// What is known of a file that spans several batches.
#pragma once

#include "core/key_set.h"

namespace etl
{

/// Keys that a file had in earlier batches.
struct SpanningKeys
{
	SpanningKeys();
	uint32_t file = 0;
	KeySet keys; ///< 16 MB in memory, the rest in a temporary file
};

} // namespace etl
