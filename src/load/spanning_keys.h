// Keys already seen in a file that is loaded in several batches.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/key_set.h"

namespace etl
{

struct Batch;

/// The keys of a file in earlier batches.
struct SpanningKeys
{
	SpanningKeys();
	/// Remembers the keys of the last file of a batch, because the next batch may continue it.
	/// `ended`: files that the batch has read to their end.
	void remember(const Batch &batch, uint32_t last_file, const std::vector<uint32_t> &ended);
	uint32_t file = 0;
	KeySet keys; ///< 16 MB in memory, the rest in a temporary file
};

} // namespace etl
