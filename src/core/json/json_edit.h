// Changes to a JSON text that leave the rest as it came.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/json/document.h"

namespace etl
{

/// Replaces size bytes at offset of the text.
struct Edit
{
	size_t offset;
	size_t size;
	std::string replacement;
};

/// Edits that set the member at path (no "*") to a JSON text: replaces the value, or adds the
/// member to its object. Nothing when the object that would hold it is missing.
void set_member(const Document &document, const Path &path, std::string_view json,
				std::vector<Edit> &edits);

/// Of edits that lie in one another the outermost stays, of several of one place the first.
void keep_outermost(std::vector<Edit> &edits);

/// The text with the edits made. Edits must not overlap.
std::string apply_edits(std::string_view text, std::vector<Edit> edits);

} // namespace etl
