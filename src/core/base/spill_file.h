// Where what does not fit in memory goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace etl
{

/// Bytes that are written once, one after the other, and then read anywhere.
class SpillFile
{
  public:
	virtual ~SpillFile() = default;
	/// Both throw when it can't be done.
	virtual void append(const void *bytes, size_t size) = 0;
	virtual void read(uint64_t at, void *to, size_t size) = 0;
};

/// Makes a new one.
using OpenSpillFile = std::function<std::unique_ptr<SpillFile>()>;

} // namespace etl
