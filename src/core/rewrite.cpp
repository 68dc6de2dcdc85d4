#include "core/rewrite.h"

#include <algorithm>

#include "core/casefold.h"
#include "core/key_ring.h"
#include "core/staged_file.h"

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

std::string
anonymize(const Document &document, const std::vector<PersonalDefinition> &personal,
		  const TreatmentContext &context)
{
	std::vector<Edit> edits;
	const char *base = document.text().data();
	std::string pointer;
	for (const PersonalDefinition &field : personal)
		find_all(document.root(), field.path, 0, pointer,
				 [&](Value value, const std::string &)
				 {
					 if (!value.is(Kind::null) && field.treatment != Treatment::keep)
						 edits.push_back({static_cast<size_t>(value.raw().data() - base),
										  value.raw().size(), treat(field, value, context)});
				 });
	return apply_edits(document.text(), std::move(edits));
}

std::optional<std::string>
erased_record(const Document &document, const Definition &definition,
			  const TreatmentContext &context)
{
	if (definition.subject && definition.subject->on_erasure == OnErasure::remove)
		return std::nullopt;
	return anonymize(document, definition.personal, context);
}

namespace
{

std::string
keyed(std::string_view key, std::initializer_list<std::string_view> parts)
{
	// each part with its length, so that no two lists give the same bytes
	std::string message;
	for (const std::string_view part : parts)
	{
		message += std::to_string(part.size());
		message += ':';
		message += part;
	}
	const auto mac = hmac_sha256(key, message);
	return to_hex({reinterpret_cast<const char *>(mac.data()), mac.size()});
}

} // namespace

std::string
subject_token(std::string_view secret, std::string_view dataset, std::string_view subject)
{
	return keyed(treatment_key(secret), {"token", dataset, subject}).substr(0, 32) +
		   "@erased.invalid";
}

std::string
subject_pseudonym(std::string_view secret, std::string_view dataset, std::string_view kind,
				  std::string_view identifier)
{
	return keyed(erasure_key(secret), {"pseudonym", dataset, kind, identifier});
}

std::string
fold_email(std::string_view email)
{
	return fold_case(trim_unicode(email));
}

} // namespace etl
