#include "core/privacy/key_search.h"

#include "core/base/casefold.h"
#include "core/privacy/place_tree.h"
#include "core/records/plain_text.h"
#include "core/types/column_type.h"
#include "core/types/encode.h"
#include "core/types/type_error.h"

namespace etl
{

namespace
{

/// Index of the place for all members that the definition does not know.
constexpr size_t unknown = 1;

} // namespace

/// The state of a search through one record.
struct KeySearch::Walk
{
	const Identities &people;
	uint32_t person = Identities::nobody;
	bool has_key = false; ///< a member contains a text or number that has the form of a key
	std::vector<std::string_view> known_texts;
};

KeySearch::KeySearch(const Definition &definition, const Path &subject, const KeyForm &form,
					 bool in_known_texts)
	: form_(form), in_known_texts_(in_known_texts), places_(2)
{
	static const ColumnType text;
	if (!subject.empty())
		add(subject, Place::Meaning::key, text);
	if (!definition.key.empty())
		add(definition.key, Place::Meaning::other, text);
	for (const ReferenceDefinition &reference : definition.references)
		add(reference.path, Place::Meaning::other, text);
	for (const TableDefinition &table : definition.tables)
		for (const ColumnDefinition &column : table.columns)
			if (column.source == Source::field)
				add(column.path, Place::Meaning::value, column.type);
			else if (column.source == Source::element)
			{
				Path path = table.each;
				path.push_back("*");
				path.insert(path.end(), column.path.begin(), column.path.end());
				add(path, Place::Meaning::value, column.type);
			}
	for (const PersonalDefinition &field : definition.personal)
		add(field.path, Place::Meaning::value, field.type);
	if (definition.subject && !definition.subject->email.empty())
		add(definition.subject->email, Place::Meaning::value, text);
	if (definition.erases && !definition.erases->email.empty())
		add(definition.erases->email, Place::Meaning::value, text);
}

/// If several parts of the definition describe a path, the first one is used.
void
KeySearch::add(const Path &path, Place::Meaning meaning, const ColumnType &type)
{
	const size_t at = place_at(places_, path);
	if (places_[at].meaning == Place::Meaning::none)
	{
		places_[at].meaning = meaning;
		places_[at].type = type;
	}
}

uint32_t
KeySearch::find(const Document &document, const Identities &people) const
{
	Walk walk{people, Identities::nobody, false, {}};
	visit(walk, document.root(), 0, false);
	if (in_known_texts_ && walk.person == Identities::nobody && !walk.has_key)
		for (const std::string_view text : walk.known_texts)
			if (walk.person = people.named_in(text, &form_); walk.person != Identities::nobody)
				break;
	return walk.person;
}

/// `named`: the value must be the key if it has the form of a key.
void
KeySearch::visit(Walk &walk, Value value, size_t place, bool named) const
{
	if (walk.person != Identities::nobody)
		return;
	const auto place_of = [&](std::string_view step)
	{
		const auto found = places_[place].members.find(step);
		return found == places_[place].members.end() ? unknown : found->second;
	};
	if (value.is(Kind::array))
	{
		const size_t below = place_of("*");
		Value element = value.first();
		for (uint32_t i = 0; i < value.count(); ++i, element = element.next())
			visit(walk, element, below, named && value.count() == 1);
	}
	else if (value.is(Kind::object))
		for (Member m(value); m; m.advance())
		{
			const size_t below = place_of(m.name());
			const bool is_key = places_[below].meaning == Place::Meaning::key ||
								(places_[below].meaning == Place::Meaning::none &&
								 ((named && value.count() == 1) || form_.is_name(m.name())));
			visit(walk, m.value(), below, is_key);
			// the member may be in a map whose names are keys
			if (below == unknown && walk.person == Identities::nobody)
				walk.person = walk.people.by_word(m.name(), form_, true);
		}
	else
		visit_scalar(walk, value, places_[place], named);
}

void
KeySearch::visit_scalar(Walk &walk, Value value, const Place &place, bool named) const
{
	if ((!value.is(Kind::string) && !value.is(Kind::number)) ||
		place.meaning == Place::Meaning::other)
		return;
	const std::string_view text = value.text();
	if (place.meaning == Place::Meaning::value)
	{
		std::string encoded;
		TypeError error;
		if (place.type.id == TypeId::text || !encode(place.type, value, encoded, error))
			walk.known_texts.push_back(text);
		return;
	}
	const std::string whole = plain_characters(text);
	std::string canonical;
	if (form_.read(trim_unicode(whole), canonical) && (named || form_.is_telling(canonical)))
	{
		walk.has_key = true;
		walk.person = walk.people.by_word(trim_unicode(whole), form_, !named);
	}
	if (walk.person == Identities::nobody && value.is(Kind::string))
		walk.person = walk.people.named_in(text, &form_);
}

} // namespace etl
