#include "core/schema/registry.h"

#include <charconv>
#include <vector>

#include "core/json/pointer.h"
#include "core/schema/metaschema.h"
#include "core/schema/uri.h"

namespace etl
{

using nlohmann::json;

namespace
{

/// Deeper schemas are refused, so that recursive functions need no further limit.
constexpr size_t max_depth = 300;

void
check_depth(const json &document)
{
	std::vector<std::pair<const json *, size_t>> left{{&document, 1}};
	while (!left.empty())
	{
		const auto [value, depth] = left.back();
		left.pop_back();
		if (depth > max_depth)
			throw SchemaError("", "nested deeper than " + std::to_string(max_depth) + " levels");
		if (value->is_structured())
			for (const auto &part : *value)
				left.emplace_back(&part, depth + 1);
	}
}

bool
is_schema(const json &value)
{
	return value.is_object() || value.is_boolean();
}

const json *
step(const json &value, const std::string &name)
{
	if (value.is_object())
	{
		const auto found = value.find(name);
		return found == value.end() ? nullptr : &*found;
	}
	if (!value.is_array() || name.empty() || (name.size() > 1 && name[0] == '0'))
		return nullptr;
	size_t index = 0;
	const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), index);
	if (code != std::errc() || end != name.data() + name.size() || index >= value.size())
		return nullptr;
	return &value[index];
}

} // namespace

SchemaRegistry::SchemaRegistry(const json &schema, const SchemaOptions &options) : options_(options)
{
	root_ = load(schema, "");
	root_.base = base_at(schema, root_.base);
}

void
SchemaRegistry::fail(const SchemaPlace &place, std::initializer_list<std::string_view> steps,
					 const std::string &message)
{
	std::string pointer = place.pointer;
	for (std::string_view step : steps)
		append_pointer(pointer, step);
	throw SchemaError(pointer, place.document == nullptr || place.document->empty()
								   ? message
								   : "in " + *place.document + ": " + message);
}

SchemaPlace
SchemaRegistry::part(const SchemaPlace &of, const json &schema,
					 std::initializer_list<std::string_view> steps) const
{
	SchemaPlace place{&schema, base_at(schema, of.base), of.pointer, of.document};
	for (std::string_view step : steps)
		append_pointer(place.pointer, step);
	return place;
}

uint32_t
SchemaRegistry::base_index(const std::string &uri)
{
	bases_.push_back(uri);
	return static_cast<uint32_t>(bases_.size() - 1);
}

uint32_t
SchemaRegistry::base_at(const json &schema, uint32_t inherited) const
{
	const auto own = own_base_.find(&schema);
	return own == own_base_.end() ? inherited : own->second;
}

SchemaPlace
SchemaRegistry::load(const json &document, const std::string &uri)
{
	check_depth(document);
	documents_.push_back(uri);
	SchemaPlace place{&document, base_index(uri), "", &documents_.back()};
	name(uri, place);
	scan(place);
	return place;
}

void
SchemaRegistry::name(const std::string &uri, const SchemaPlace &place)
{
	const auto [found, added] = named_.emplace(uri, place);
	if (!added && found->second.schema != place.schema)
		fail(place, {"$id"}, "\"" + uri + "\" names another schema already");
}

/// Finds every $id, but only where a schema may be: an $id inside an enum is data.
void
SchemaRegistry::scan(const SchemaPlace &given)
{
	SchemaPlace place = given;
	const json &schema = *place.schema;
	if (!schema.is_object())
		return;
	const auto id = schema.find("$id");
	const auto ref = schema.find("$ref");
	if (id != schema.end() && (ref == schema.end() || !ref->is_string()))
	{
		if (!id->is_string())
			fail(place, {"$id"}, "expected a URI reference");
		const std::string uri = resolve_uri(bases_[place.base], id->get_ref<const std::string &>());
		std::string_view fragment;
		const std::string base(without_fragment(uri, fragment));
		if (base != bases_[place.base])
		{
			place.base = base_index(base);
			own_base_[&schema] = place.base;
			name(base, place);
		}
		if (!fragment.empty())
			name(uri, place);
	}
	for (const char *keyword : {"additionalItems", "items", "contains", "additionalProperties",
								"propertyNames", "not", "if", "then", "else"})
		if (const auto found = schema.find(keyword); found != schema.end())
			scan(part(place, *found, {keyword}));
	for (const char *keyword : {"items", "allOf", "anyOf", "oneOf"})
		if (const auto found = schema.find(keyword); found != schema.end() && found->is_array())
			for (size_t i = 0; i < found->size(); ++i)
				scan(part(place, (*found)[i], {keyword, std::to_string(i)}));
	for (const char *keyword : {"properties", "patternProperties", "definitions", "dependencies"})
		if (const auto found = schema.find(keyword); found != schema.end() && found->is_object())
			for (const auto &[key, value] : found->items())
				scan(part(place, value, {keyword, key}));
}

const SchemaPlace *
SchemaRegistry::document_at(const std::string &uri)
{
	if (const auto found = named_.find(uri); found != named_.end())
		return &found->second;
	if (options_.documents != nullptr)
		for (const auto &name : {uri, uri + "#"})
			if (const auto found = options_.documents->find(name);
				found != options_.documents->end())
			{
				load(found->second, uri);
				return &named_.at(uri);
			}
	if (uri == "http://json-schema.org/draft-07/schema")
	{
		load(draft07_metaschema(), uri);
		return &named_.at(uri);
	}
	return nullptr;
}

SchemaPlace
SchemaRegistry::resolve(const SchemaPlace &from, const std::string &reference)
{
	const auto lost = [&](const std::string &why)
	{ fail(from, {"$ref"}, "\"" + reference + "\" leads nowhere: " + why); };

	const std::string uri = resolve_uri(bases_[from.base], reference);
	std::string_view fragment;
	const std::string base(without_fragment(uri, fragment));
	const SchemaPlace *document = document_at(base);
	if (document == nullptr)
		lost("no schema is called \"" + base + "\" (nothing is fetched)");
	SchemaPlace place = *document;
	if (!fragment.empty() && fragment[0] != '/')
	{
		const auto found = named_.find(uri);
		if (found == named_.end())
			lost("no schema has that $id");
		place = found->second;
	}
	else
	{
		std::string pointer;
		Path path;
		if (!percent_decode(fragment, pointer) || !parse_pointer(pointer, path))
			lost("not a JSON Pointer");
		place.base = base_at(*place.schema, place.base);
		for (const auto &name : path)
		{
			const json *next = step(*place.schema, name);
			if (next == nullptr)
				lost("\"" + name + "\" is not there");
			place = part(place, *next, {name});
		}
	}
	if (!is_schema(*place.schema))
		lost("no schema there");
	return place;
}

} // namespace etl
