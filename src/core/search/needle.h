// Finds a literal text in bytes however it was written: in another case (core/base/casefold.h:
// "straße" is "STRASSE"), with JSON's escapes (RFC 8259 section 7, also escaped twice: JSON inside
// a JSON string), in another Unicode normalization when that is given as a further spelling.
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

	/// The first match that begins at from or later; offset npos when there is none.
	Match find(std::string_view bytes, size_t from = 0) const;
	/// Matches that do not overlap.
	uint64_t count(std::string_view bytes) const;
	/// No match is longer than this many bytes.
	size_t longest() const { return longest_; }

  private:
	/// A character whose case folding stands at this place of the folded spelling.
	struct Form
	{
		char32_t character;  ///< not_utf8: encoded is a byte that is part of none
		std::string encoded; ///< in UTF-8
		size_t units;        ///< so many characters it folds to
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

/// Counts matches in a stream of bytes, those across its pieces too. Holds a piece's last bytes.
class NeedleStream
{
  public:
	explicit NeedleStream(const Needle &needle) : needle_(needle) {}

	void feed(std::string_view bytes);
	/// The end of the stream; returns the number of matches and starts anew.
	uint64_t finish();

  private:
	void scan(bool last);

	const Needle &needle_;
	std::string held_;
	size_t next_ = 0; ///< in held_: where the search goes on
	uint64_t count_ = 0;
};

} // namespace etl
