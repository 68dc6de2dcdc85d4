#include "core/privacy/anonymize.h"
#include "core/json/pointer.h"

#include <utility>

namespace etl
{

namespace
{

/// Calls visit(value, false) for each value at the path from `step` on. Calls visit(value, true)
/// for each value on the way that is not null and cannot contain the next step.
template <typename Visit>
void
find_personal(Value from, const Path &path, size_t step, Visit &&visit)
{
	for (; from && !from.is(Kind::null); ++step)
	{
		if (step == path.size())
			return visit(from, false);
		const bool is_each = path[step] == "*";
		if (from.is(Kind::object) && is_each)
		{
			for (Member m(from); m; m.advance())
				find_personal(m.value(), path, step + 1, visit);
			return;
		}
		if (from.is(Kind::array) && is_each)
		{
			Value element = from.first();
			for (uint32_t i = 0; i < from.count(); ++i, element = element.next())
				find_personal(element, path, step + 1, visit);
			return;
		}
		if (!from.is(Kind::object) && !(from.is(Kind::array) && is_index(path[step])))
			return visit(from, true);
		from = step_into(from, path[step]);
	}
}

/// The replacement for a text, a number or an array where an object with personal members is
/// expected. It is of the same kind if possible, because the schema may allow no other kind.
std::string_view
instead_of_whole(Value value)
{
	switch (value.kind())
	{
	case Kind::string:
		return value.text().empty() ? value.raw() : "\"[erased]\"";
	case Kind::array:
		return value.count() == 0 ? value.raw() : "[]";
	case Kind::boolean:
		return value.truth() ? "null" : value.raw();
	default:
		return "null";
	}
}

} // namespace

void
add_personal_edits(const Document &document, const std::vector<PersonalDefinition> &personal,
				   const TreatmentContext &context, std::vector<Edit> &edits)
{
	const char *base = document.text().data();
	for (const PersonalDefinition &field : personal)
		if (field.treatment != Treatment::keep)
			find_personal(document.root(), field.path, 0,
						  [&](Value value, bool whole)
						  {
							  edits.push_back({static_cast<size_t>(value.raw().data() - base),
											   value.raw().size(),
											   whole ? std::string(instead_of_whole(value))
													 : treat(field, value, context)});
						  });
}

std::string
anonymize(const Document &document, const std::vector<PersonalDefinition> &personal,
		  const TreatmentContext &context)
{
	std::vector<Edit> edits;
	add_personal_edits(document, personal, context, edits);
	// several fields may replace the same value, which is in the place of an object
	keep_outermost(edits);
	return apply_edits(document.text(), std::move(edits));
}

} // namespace etl
