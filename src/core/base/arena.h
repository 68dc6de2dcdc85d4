// Bump allocation for data that lives as long as a batch: keys, rewritten texts, bytes of rows.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/prefault.h"

namespace etl
{

class Arena
{
  public:
	/// Copies the bytes. The copy does not move and is valid until the arena is destroyed.
	std::string_view copy(std::string_view bytes)
	{
		// Empty text has a pointer that is not null too: a null pointer means that there is no
		// text.
		if (bytes.empty())
			return {"", 0};
		char *to = allocate(bytes.size());
		std::memcpy(to, bytes.data(), bytes.size());
		return {to, bytes.size()};
	}

	char *allocate(size_t size)
	{
		if (size > left_)
		{
			const size_t block = size > block_size / 4 ? size : block_size;
			blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
			memory_ += block;
			if (blocks_.size() > 1) // the first block may stay nearly empty
				prefault(blocks_.back().get(), block);
			if (block != block_size)
				return blocks_.back().get();
			next_ = blocks_.back().get();
			left_ = block;
		}
		char *to = next_;
		next_ += size;
		left_ -= size;
		return to;
	}

	/// Bytes of memory that the arena has allocated.
	size_t memory() const { return memory_; }

  private:
	static constexpr size_t block_size = 64 * 1024;
	std::vector<std::unique_ptr<char[]>> blocks_;
	char *next_ = nullptr;
	size_t left_ = 0;
	size_t memory_ = 0;
};

} // namespace etl
