// A store of texts that are added one after the other and read later. Most of the texts are in a
// file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/spill_file.h"

namespace etl
{

class TextStore
{
  public:
	/// Texts beyond `memory` bytes go to a file that open_file makes.
	TextStore(OpenSpillFile open_file, size_t memory)
		: open_file_(std::move(open_file)), memory_(memory)
	{
	}
	struct Place
	{
		uint64_t at = 0;
		uint64_t size = 0;
	};
	Place add(std::string_view text);
	/// Replaces the contents of `to` with the text.
	void read(const Place &place, std::string &to) const;
	/// Removes all texts and the file.
	void clear();

  private:
	const OpenSpillFile open_file_;
	const size_t memory_;
	std::unique_ptr<SpillFile> file_;
	uint64_t spilled_ = 0; ///< bytes in the file
	std::string last_;     ///< the texts after those in the file
};

} // namespace etl
