#include "core/privacy/refused_record.h"

#include <algorithm>
#include <utility>

#include "core/base/ascii.h"
#include "core/definition/column_path.h"
#include "core/json/pointer.h"
#include "core/json/write.h"
#include "core/privacy/anonymize.h"
#include "core/privacy/email.h"
#include "core/privacy/key_form.h"
#include "core/privacy/place_tree.h"
#include "core/privacy/pseudonym.h"
#include "core/schema/violation.h"
#include "core/types/column_type.h"
#include "core/types/encode.h"
#include "core/types/type_error.h"

namespace etl
{

namespace
{

constexpr std::string_view erased_json = "\"[erased]\"";

bool
is_scalar(Value value)
{
	return !value.is(Kind::array) && !value.is(Kind::object);
}

bool
is_json_type(const ColumnType &type)
{
	return type.id == TypeId::json || type.id == TypeId::jsonb;
}

/// Whether the text may contain an object or array, whose members could be anything.
bool
may_hold_json(std::string_view text)
{
	text = trim_ascii(text);
	return !text.empty() && (text.front() == '{' || text.front() == '[' || text.front() == '"');
}

} // namespace

/// The state of one pass through a record.
struct RefusedRecord::Walk
{
	const Document &document;
	const TreatmentContext &context;
	std::set<std::string> broken = {}; ///< pointers of the values that violate the schema
	std::string pointer = {};
	/// The new text of the record, and how much of the old text has been copied. The values come in
	/// their order, because a record may have a million of them.
	std::string out = {};
	size_t read = 0;

	void replace(std::string_view raw, std::string_view json)
	{
		const size_t at = static_cast<size_t>(raw.data() - document.text().data());
		out.append(document.text(), read, at - read).append(json);
		read = at + raw.size();
	}
};

RefusedRecord::RefusedRecord(const Definition &definition, const KeyTypes &key_types,
							 TypeInput *types)
	: definition_(definition), key_types_(key_types), types_(types), places_(1)
{
	static const ColumnType text;
	const auto key_type_of = [&](const std::string &dataset) -> const ColumnType &
	{
		if (dataset == definition.dataset && definition.key_column() != nullptr)
			return definition.key_column()->type;
		const auto found = key_types.find(dataset);
		return found == key_types.end() ? text : found->second;
	};
	for (const std::string &name : definition.member_names)
		spellings_.insert(letters_and_digits(name));
	if (!definition.key.empty())
		keep(definition.key, key_type_of(definition.dataset), true);
	if (definition.subject)
		keep(definition.subject->path, key_type_of(definition.subject->dataset), true);
	for (const ReferenceDefinition &reference : definition.references)
		keep(reference.path, key_type_of(reference.dataset), true);
	for (const TableDefinition &table : definition.tables)
		add_columns(table);
	ColumnType number;
	(void)ColumnType::parse("numeric", number);
	for (const CheckDefinition &check : definition.checks)
	{
		keep(check.equals, number, false);
		for (const Path &factor : check.factors)
		{
			Path path = check.sum_over;
			path.insert(path.end(), factor.begin(), factor.end());
			keep(path, number, false);
		}
	}
	for (const PersonalDefinition &field : definition.personal)
		add_personal(field);
	if (definition.erases)
	{
		if (!definition.erases->subject.empty())
			places_[place_of(definition.erases->subject)].meaning = Place::Meaning::subject;
		if (!definition.erases->email.empty())
			places_[place_of(definition.erases->email)].meaning = Place::Meaning::email;
	}
}

void
RefusedRecord::add_personal(const PersonalDefinition &field)
{
	Place &place = places_[place_of(field.path)];
	// a personal key that is to be kept stays like every other key
	if (field.treatment == Treatment::keep && place.meaning == Place::Meaning::kept)
		return;
	place.meaning = Place::Meaning::personal;
	place.field = &field;
	size_t at = 0;
	for (const std::string &step : field.path)
	{
		places_[at].has_personal = true;
		at = places_[at].members.at(step);
	}
}

size_t
RefusedRecord::place_of(const Path &path)
{
	for (const std::string &step : path)
		if (step != "*")
			spellings_.insert(letters_and_digits(step));
	return place_at(places_, path);
}

void
RefusedRecord::keep(const Path &path, const ColumnType &type, bool is_key)
{
	if (path.empty())
		return;
	Place &place = places_[place_of(path)];
	place.meaning = Place::Meaning::kept;
	place.types.push_back({type, is_key});
}

void
RefusedRecord::add_columns(const TableDefinition &table)
{
	for (const ColumnDefinition &column : table.columns)
		if (const std::optional<Path> path = column_path(table, column))
			keep(*path, column.type, takes_key(definition_, column));
	if (table.is_child)
	{
		Path element = table.each;
		element.push_back("*");
		(void)place_of(element);
	}
}

/// Types are read as for the columns of a record: core/staging/staged_rows.cpp.
bool
RefusedRecord::fits(const ColumnType &type, bool is_key, Value value) const
{
	std::string encoded;
	TypeError error;
	if (encode(type, value, encoded, error))
		return true;
	encoded.clear();
	return types_ != nullptr && !is_key && value.is(Kind::string) &&
		   may_be_input(type, value.text(), error) &&
		   types_->read(type, value.text(), encoded, error);
}

bool
RefusedRecord::row_fits(const TableDefinition &table, Value record, Value element) const
{
	return std::all_of(table.columns.begin(), table.columns.end(),
					   [&](const ColumnDefinition &column)
					   {
						   if (takes_run_time(definition_, column) ||
							   (column.source != Source::field && column.source != Source::element))
							   return true;
						   const Value value = find(
							   column.source == Source::element ? element : record, column.path);
						   if (!value || value.is(Kind::null))
							   return !column.not_null;
						   return fits(column.type, takes_key(definition_, column), value);
					   });
}

/// Whether the subject of a request is not a valid key, or the request names no person.
bool
RefusedRecord::names_nobody(const Document &document) const
{
	const ErasesDefinition &erases = *definition_.erases;
	const auto is_there = [&](const Path &path)
	{
		const Value value = path.empty() ? Value() : find(document.root(), path);
		return value && !value.is(Kind::null);
	};
	if (is_there(erases.subject))
	{
		static const ColumnType text;
		const auto type = key_types_.find(erases.dataset);
		return !fits(type == key_types_.end() ? text : type->second, true,
					 find(document.root(), erases.subject));
	}
	if (!is_there(erases.email))
		return true;
	const Value email = find(document.root(), erases.email);
	return !is_scalar(email) || fold_email(email.text()).empty();
}

bool
RefusedRecord::is_refused(const Document &document) const
{
	const Value root = document.root();
	if (definition_.schema != nullptr && !definition_.schema->is_valid(root))
		return true;
	if (definition_.erases && names_nobody(document))
		return true;
	bool fits = true;
	std::string pointer;
	for (const TableDefinition &table : definition_.tables)
		if (!table.is_child)
			fits = fits && row_fits(table, root, root);
		else
			find_all(root, table.each, 0, pointer,
					 [&](Value array, const std::string &)
					 {
						 if (!fits || array.is(Kind::null))
							 return;
						 fits = array.is(Kind::array);
						 Value element = array.first();
						 for (uint32_t i = 0; fits && i < array.count();
							  ++i, element = element.next())
							 fits = row_fits(table, root, element);
					 });
	return !fits;
}

bool
RefusedRecord::is_known(std::string_view name) const
{
	const std::string spelling = letters_and_digits(name);
	return !spelling.empty() && spellings_.count(spelling) > 0;
}

std::string
RefusedRecord::treat(const Document &document, const TreatmentContext &context) const
{
	Walk walk{document, context};
	Violations violations;
	if (definition_.schema != nullptr && !definition_.schema->is_valid(document.root()))
		definition_.schema->validate(document.root(), violations);
	for (const Violation &violation : violations)
		walk.broken.insert(violation.pointer);
	visit(walk, document.root(), {0});
	walk.out.append(document.text(), walk.read);
	return std::move(walk.out);
}

std::string
RefusedRecord::treat_pointer(std::string_view pointer) const
{
	Path steps;
	// a pointer that was shortened may end in the middle of an escape
	if (!parse_pointer(pointer, steps))
		return "/[erased]";
	std::string out;
	for (const std::string &step : steps)
		append_pointer(out, is_known(step) || is_index(step) ? std::string_view(step)
															 : std::string_view("[erased]"));
	return out;
}

RefusedRecord::Places
RefusedRecord::below(const Places &places, std::string_view step) const
{
	Places found;
	for (const size_t place : places)
		for (const std::string_view name : {step, std::string_view("*")})
			if (const auto member = places_[place].members.find(name);
				member != places_[place].members.end() &&
				std::find(found.begin(), found.end(), member->second) == found.end())
				found.push_back(member->second);
	return found;
}

/// Whether a value that the definition keeps fits everything that the definition says about its
/// place.
bool
RefusedRecord::may_stay(const Walk &walk, Value value, const Places &places) const
{
	bool is_kept = false;
	for (const size_t at : places)
		for (const auto &[type, is_key] : places_[at].types)
		{
			is_kept = true;
			if (!fits(type, is_key, value))
				return false;
			// type text allows any text, so more is checked
			if (type.id == TypeId::text && !is_key &&
				(walk.broken.count(walk.pointer) > 0 || may_hold_json(value.text())))
				return false;
		}
	return is_kept;
}

void
RefusedRecord::visit(Walk &walk, Value value, const Places &places) const
{
	if (value.is(Kind::null) || (!is_scalar(value) && value.count() == 0))
		return;
	bool is_inside = false, has_personal = false, takes_json = false;
	for (const size_t at : places)
	{
		const Place &place = places_[at];
		is_inside = is_inside || !place.members.empty();
		has_personal = has_personal || place.has_personal;
		takes_json =
			takes_json || std::any_of(place.types.begin(), place.types.end(),
									  [](const Place::Type &of) { return is_json_type(of.type); });
		if (place.meaning == Place::Meaning::subject || place.meaning == Place::Meaning::email)
		{
			const std::string pseudonym =
				pseudonymized_identifier(*definition_.erases, walk.context.secret,
										 place.meaning == Place::Meaning::email, value);
			return walk.replace(value.raw(),
								pseudonym.empty() ? erased_json : std::string_view(pseudonym));
		}
		if (place.meaning == Place::Meaning::personal)
		{
			if (place.field->treatment != Treatment::keep)
				return walk.replace(value.raw(), etl::treat(*place.field, value, walk.context));
			if (is_scalar(value) && fits(place.field->type, false, value))
				return;
			return walk.replace(value.raw(), erased_json);
		}
	}
	// a value inside a JSON column is kept or replaced as a whole
	if (takes_json && !has_personal && may_stay(walk, value, places))
		return;
	if (value.is(Kind::object) && is_inside)
		return visit_members(walk, value, places);
	if (value.is(Kind::array) && is_inside)
		return visit_elements(walk, value, places);
	if (!is_scalar(value) || has_personal || !may_stay(walk, value, places))
		walk.replace(value.raw(), erased_json);
}

void
RefusedRecord::visit_members(Walk &walk, Value object, const Places &places) const
{
	const size_t length = walk.pointer.size();
	const std::string_view text = walk.document.text();
	size_t at = static_cast<size_t>(object.raw().data() - text.data()) + 1;
	size_t number = 1;
	for (Member m(object); m; m.advance())
	{
		const size_t value = static_cast<size_t>(m.value().raw().data() - text.data());
		if (!is_known(m.name()))
		{
			std::string name;
			do
				name = number == 1 ? "[erased]" : "[erased " + std::to_string(number) + "]";
			while (++number, is_known(name));
			const size_t open = text.find('"', at), close = text.rfind('"', value - 1);
			walk.replace(text.substr(open, close + 1 - open), "\"" + name + "\"");
		}
		at = value + m.value().raw().size();
		append_pointer(walk.pointer, m.name());
		visit(walk, m.value(), below(places, m.name()));
		walk.pointer.resize(length);
	}
}

/// A member whose name is an index also describes the element of an array.
void
RefusedRecord::visit_elements(Walk &walk, Value array, const Places &places) const
{
	const bool is_expected = std::any_of(
		places.begin(), places.end(),
		[&](size_t place)
		{
			return std::any_of(places_[place].members.begin(), places_[place].members.end(),
							   [](const auto &member)
							   { return member.first == "*" || is_index(member.first); });
		});
	if (!is_expected)
		return walk.replace(array.raw(), erased_json);
	const size_t length = walk.pointer.size();
	Value element = array.first();
	for (uint32_t i = 0; i < array.count(); ++i, element = element.next())
	{
		append_pointer(walk.pointer, std::to_string(i));
		visit(walk, element, below(places, std::to_string(i)));
		walk.pointer.resize(length);
	}
}

std::string
pseudonymized_identifier(const ErasesDefinition &erases, std::string_view secret, bool is_email,
						 Value value)
{
	if (!value.is(Kind::string) && !value.is(Kind::number))
		return {};
	std::string json;
	append_json_string(json,
					   subject_pseudonym(secret, erases.dataset, is_email ? "email" : "subject",
										 is_email ? fold_email(value.text()) : value.text()));
	return json;
}

} // namespace etl
