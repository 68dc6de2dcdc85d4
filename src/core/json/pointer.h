// JSON Pointers (RFC 6901): reading and writing them, and what they point to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json/document.h"

namespace etl
{

/// The unescaped steps of a JSON Pointer (RFC 6901). The step "*" is the wildcard of definitions
/// and not part of the RFC. The callers decide whether they allow it.
using Path = std::vector<std::string>;

/// Splits a pointer into its steps. Returns false if the pointer has a wrong '~' escape, or is not
/// empty and does not begin with '/'.
bool parse_pointer(std::string_view pointer, Path &path);
/// Appends "/" and the escaped step. A NUL becomes U+FFFD, as in a record, because no text in
/// PostgreSQL can contain it.
void append_pointer(std::string &pointer, std::string_view step);

/// Whether the step consists of digits. Such a step may be the index of an array element.
bool is_index(std::string_view step);

/// The value at `path`, or an empty Value if there is none.
Value find(Value from, const Path &path);
/// The value one step below `from`, or an empty Value if there is none.
Value step_into(Value from, const std::string &step);

/// Calls visit(Value, pointer) for every value that `path` matches. "*" matches each element of an
/// array and each member of an object.
template <typename Visit>
void
find_all(Value from, const Path &path, size_t step, std::string &pointer, Visit &&visit)
{
	if (!from)
		return;
	if (step == path.size())
	{
		visit(from, pointer);
		return;
	}
	const size_t length = pointer.size();
	if (path[step] != "*")
	{
		const Value value = step_into(from, path[step]);
		append_pointer(pointer, path[step]);
		find_all(value, path, step + 1, pointer, visit);
		pointer.resize(length);
		return;
	}
	if (from.is(Kind::array))
	{
		Value element = from.first();
		for (uint32_t i = 0; i < from.count(); ++i, element = element.next())
		{
			append_pointer(pointer, std::to_string(i));
			find_all(element, path, step + 1, pointer, visit);
			pointer.resize(length);
		}
	}
	else if (from.is(Kind::object))
		for (Member m(from); m; m.advance())
		{
			append_pointer(pointer, m.name());
			find_all(m.value(), path, step + 1, pointer, visit);
			pointer.resize(length);
		}
}

} // namespace etl
