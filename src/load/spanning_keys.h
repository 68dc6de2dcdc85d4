// What is known of a file that spans several batches.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/key_set.h"

namespace etl
{

struct Batch;

/// Keys that a file had in earlier batches.
struct SpanningKeys
{
	SpanningKeys();
	/// The last file of a batch may go on in the next one: its keys must be known there. ended:
	/// files that the batch has read to their end.
	void remember(const Batch &batch, uint32_t last_file, const std::vector<uint32_t> &ended);
	uint32_t file = 0;
	KeySet keys; ///< 16 MB in memory, the rest in a temporary file
};

} // namespace etl
