// Determines which records are new in a staged file that has grown since it was loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/hash.h"
#include "core/files/file_reader.h"

namespace etl
{

/// The part of a file that was loaded: its size on disk, and the line of its last record.
struct LoadedPart
{
	uint64_t size = 0; ///< 0 if nothing was loaded
	Sha256 sha256{};
	uint64_t last_line = 0;
};

/// Where the new part of the file begins.
struct RestOfFile
{
	uint64_t last_line = 0;
	/// The loaded part ended in the middle of a line. The complete line is a new record.
	bool is_cut = false;
	bool was_loaded(uint64_t line) const
	{
		return line < last_line || (line == last_line && !is_cut);
	}
};

/// Finds the end of the loaded part in the text of a file. The reader must have been told the size
/// of this part by expect_prefix().
class RestFinder
{
  public:
	/// The reader must outlive the object.
	RestFinder(const LoadedPart &loaded, const FileReader &reader)
		: loaded_(loaded), reader_(reader)
	{
	}
	/// Takes the text that the reader has returned, in order.
	void feed(std::string_view text);
	/// Call after the whole text was fed. Returns nothing if the file does not begin with the
	/// loaded part, or if its lines are counted in another way (a JSON array).
	std::optional<RestOfFile> find() const;

  private:
	const LoadedPart loaded_;
	const FileReader &reader_;
	uint64_t fed_ = 0;
	uint64_t line_ = 1, last_line_ = 0; ///< the current line, and the last one that is not blank
	bool is_blank_ = true;              ///< the current line is blank so far
	bool line_ended_ = false;           ///< the line in which the loaded part ended is complete
	bool is_cut_ = false;
};

} // namespace etl
