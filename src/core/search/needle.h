// Finds a text in bytes, whatever the way it was written: in another case (core/base/casefold.h:
// "straße" matches "STRASSE"), with JSON escapes (RFC 8259, section 7; also escaped twice, for JSON
// inside a JSON string), or in another Unicode normalization if this is given as a further
// spelling.
#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace etl
{

class Needle
{
  public:
	/// The text in UTF-8, and its other spellings. Invalid UTF-8 is compared byte by byte.
	explicit Needle(const std::vector<std::string> &spellings);

	struct Match
	{
		size_t offset, length;
	};
	static constexpr size_t npos = static_cast<size_t>(-1);

	/// The first match that begins at `from` or later. Its offset is npos if there is none.
	Match find(std::string_view bytes, size_t from = 0) const;
	/// The number of matches that do not overlap.
	uint64_t count(std::string_view bytes) const;
	/// The largest possible number of bytes of a match.
	size_t longest() const { return longest_; }

  private:
	/// A character whose case folding is at this position of the folded spelling.
	struct Form
	{
		char32_t character;  ///< not_utf8: `encoded` is a byte that is not part of a character
		std::string encoded; ///< in UTF-8
		size_t units;        ///< number of characters in its folding
	};
	using Unit = std::vector<Form>;
	static constexpr char32_t not_utf8 = 0xFFFFFFFF;

	/// One unit for each character of the folded text.
	using Spelling = std::vector<Unit>;

	static Spelling fold(std::string_view text);
	void note_beginnings(const Spelling &spelling);
	static const char *match(const Spelling &spelling, size_t unit, const char *at,
							 const char *end);

	std::vector<Spelling> spellings_;
	/// Pairs of bytes (first + 256 × second) with which a match can begin.
	std::bitset<65536> beginnings_;
	size_t longest_ = 0;
};

/// Counts matches in a stream of bytes, including those that span two calls of feed(). Keeps the
/// last bytes of each call.
class NeedleStream
{
  public:
	explicit NeedleStream(const Needle &needle) : needle_(needle) {}

	void feed(std::string_view bytes);
	/// Call at the end of the stream. Returns the number of matches and starts again.
	uint64_t finish();

  private:
	void scan(bool last);

	const Needle &needle_;
	std::string held_;
	size_t next_ = 0; ///< position in held_ where the search continues
	uint64_t count_ = 0;
};

} // namespace etl
