#include "core/json/json_edit.h"
#include "core/json/write.h"

#include <algorithm>

namespace etl
{

void
set_member(const Document &document, const Path &path, std::string_view json,
		   std::vector<Edit> &edits)
{
	const char *base = document.text().data();
	if (const Value value = find(document.root(), path))
	{
		edits.push_back({static_cast<size_t>(value.raw().data() - base), value.raw().size(),
						 std::string(json)});
		return;
	}
	if (path.empty())
		return;
	const Value parent = find(document.root(), Path(path.begin(), path.end() - 1));
	if (!parent || !parent.is(Kind::object))
		return;
	std::string member = parent.count() > 0 ? ", " : "";
	append_json_string(member, path.back());
	member += ": ";
	member += json;
	// before the closing brace
	const size_t end = static_cast<size_t>(parent.raw().data() - base) + parent.raw().size() - 1;
	edits.push_back({end, 0, std::move(member)});
}

void
keep_outermost(std::vector<Edit> &edits)
{
	std::stable_sort(edits.begin(), edits.end(),
					 [](const Edit &a, const Edit &b)
					 { return a.offset != b.offset ? a.offset < b.offset : a.size > b.size; });
	size_t end = 0;
	std::erase_if(edits,
				  [&](const Edit &edit)
				  {
					  const bool is_inside = edit.offset < end;
					  end = is_inside ? end : edit.offset + edit.size;
					  return is_inside;
				  });
}

std::string
apply_edits(std::string_view text, std::vector<Edit> edits)
{
	std::stable_sort(edits.begin(), edits.end(),
					 [](const Edit &a, const Edit &b) { return a.offset < b.offset; });
	std::string out;
	size_t from = 0;
	for (const Edit &edit : edits)
	{
		out.append(text, from, edit.offset - from);
		out += edit.replacement;
		from = edit.offset + edit.size;
	}
	out.append(text, from, text.size() - from);
	return out;
}

} // namespace etl
