// Where and why a text is no JSON, for people who have to mend it.
//
// The parser is made for speed and knows of a fault hardly more than that it is there. This reads
// the text once more, byte by byte, when it has been refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace etl
{

struct JsonFault
{
	std::string message; ///< what was expected, or what is wrong; holds nothing of the text
	size_t at = 0;       ///< offset of the byte; the text's size where it ends too early
	/// JSON Pointer (RFC 6901) of the value that is wrong, cut off or missing at that byte; of the
	/// array or object where something is wrong between its contents. Empty for a text that is not
	/// UTF-8, and where it would have more than a thousand steps.
	std::string pointer;
	bool is_encoding = false; ///< the text is not UTF-8
};

/// The first fault of the text; an empty message where none is found. Nesting is not limited.
/// What is not UTF-8 anywhere is told first, unless the text only ends inside a character: then it
/// was cut off, as texts are that end elsewhere.
JsonFault find_json_fault(std::string_view text);

} // namespace etl
