// Finds where and why a text is not JSON, for the people who have to correct it.
//
// The fast parser reports hardly more than that a text has a fault. This module reads a refused
// text a second time, byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace etl
{

struct JsonFault
{
	std::string message; ///< what was expected, or what is wrong; contains nothing of the text
	size_t at = 0;       ///< offset of the byte; the size of the text if it ends too early
	/// JSON Pointer (RFC 6901) of the value that is wrong, cut off or missing at this byte. If the
	/// fault is between the values of an array or object, the pointer of that array or object.
	/// Empty for a text that is not UTF-8 and for a pointer of more than 1,000 steps.
	std::string pointer;
	bool is_encoding = false; ///< the text is not UTF-8
};

/// Returns the first fault of the text, with an empty message if there is none. Nesting is not
/// limited. Invalid UTF-8 anywhere in the text is reported before any other fault. A text that ends
/// in the middle of a character is instead reported like any other text that was cut off.
JsonFault find_json_fault(std::string_view text);

} // namespace etl
