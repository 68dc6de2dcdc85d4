// The interface of a temporary file for data that does not fit in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace etl
{

/// A file whose bytes are written once, in order, and then read at any position.
class SpillFile
{
  public:
	virtual ~SpillFile() = default;
	/// Both functions throw if they fail.
	virtual void append(const void *bytes, size_t size) = 0;
	virtual void read(uint64_t at, void *to, size_t size) = 0;
};

/// Creates a new, empty file.
using OpenSpillFile = std::function<std::unique_ptr<SpillFile>()>;

} // namespace etl
