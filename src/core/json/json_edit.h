// Changes to a JSON text that leave the rest of its bytes as they are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/json/document.h"
#include "core/json/pointer.h"

namespace etl
{

/// Replaces `size` bytes at `offset` of the text.
struct Edit
{
	size_t offset;
	size_t size;
	std::string replacement;
};

/// Appends the edits that set the member at `path` (without "*") to the JSON text `json`. The edits
/// replace the value, or add the member to its object. Appends nothing if this object is missing.
void set_member(const Document &document, const Path &path, std::string_view json,
				std::vector<Edit> &edits);

/// Removes edits that lie inside another edit. Of several edits of the same bytes the first one is
/// kept.
void keep_outermost(std::vector<Edit> &edits);

/// Returns the text with the edits applied. The edits must not overlap.
std::string apply_edits(std::string_view text, std::vector<Edit> edits);

} // namespace etl
