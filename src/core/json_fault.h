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
};

/// The first fault of the text; an empty message where none is found. Nesting is not limited.
JsonFault find_json_fault(std::string_view text);
/// The same when the text is known not to be UTF-8.
JsonFault find_encoding_fault(std::string_view text);

/// Bytes at the beginning of text that are UTF-8 (RFC 3629 section 4).
size_t valid_utf8_size(std::string_view text);

} // namespace etl
