// A staged file that has grown since it was loaded: which of its records are new.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/hash.h"
#include "core/files/file_reader.h"

namespace etl
{

/// What was loaded of a file: so many bytes on disk, and the line of the last record in them.
struct LoadedPart
{
	uint64_t size = 0; ///< 0: nothing
	Sha256 sha256{};
	uint64_t last_line = 0;
};

/// Where the rest begins.
struct RestOfFile
{
	uint64_t last_line = 0;
	/// The loaded part ended in the middle of its last line: the whole line is a record now.
	bool is_cut = false;
	bool was_loaded(uint64_t line) const
	{
		return line < last_line || (line == last_line && !is_cut);
	}
};

/// Looks through a file for the end of what was loaded. The reader must have been told of it by
/// expect_prefix().
class RestFinder
{
  public:
	/// The reader must outlive it.
	RestFinder(const LoadedPart &loaded, const FileReader &reader)
		: loaded_(loaded), reader_(reader)
	{
	}
	/// What the reader has given, in order.
	void feed(std::string_view text);
	/// Once all has been fed. None: the file does not begin with what was loaded, or its lines are
	/// not counted in the same way (a JSON array).
	std::optional<RestOfFile> find() const;

  private:
	const LoadedPart loaded_;
	const FileReader &reader_;
	uint64_t fed_ = 0;
	uint64_t line_ = 1, last_line_ = 0; ///< in hand, and the last one that holds anything
	bool is_blank_ = true;              ///< the line in hand, so far
	bool line_ended_ = false;           ///< that the loaded part has ended in
	bool is_cut_ = false;
};

} // namespace etl
