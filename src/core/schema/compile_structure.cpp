#include "core/schema/compile_structure.h"

#include <algorithm>

namespace etl
{

using nlohmann::json;

namespace
{

const json *
find(const json &schema, const char *name)
{
	const auto found = schema.find(name);
	return found == schema.end() ? nullptr : &*found;
}

void
expect_object(const json &value, const SchemaPlace &place, const char *name)
{
	if (!value.is_object())
		SchemaRegistry::fail(place, {name}, "expected an object");
}

} // namespace

void
StructureCompiler::condition(const json &schema)
{
	uint32_t nodes[3] = {no_index, no_index, no_index};
	const char *const names[3] = {"if", "then", "else"};
	for (int i = 0; i < 3; ++i)
		if (const json *found = find(schema, names[i]))
			nodes[i] = part(*found, {names[i]});
	if (nodes[0] == no_index || (nodes[1] == no_index && nodes[2] == no_index))
		return;
	compiler_.emit(draft_.any, Op::condition, program_.lists.size(), 3);
	program_.lists.insert(program_.lists.end(), nodes, nodes + 3);
}

void
StructureCompiler::items(const json &schema)
{
	const json *items = find(schema, "items");
	const json *additional = find(schema, "additionalItems");
	const uint32_t additional_node =
		additional == nullptr ? no_index : part(*additional, {"additionalItems"});
	if (items == nullptr)
		return; // additionalItems has no meaning without items
	if (!items->is_array())
	{
		compiler_.emit(draft_.array, Op::items, part(*items, {"items"}));
		return;
	}
	if (items->empty())
		SchemaRegistry::fail(draft_.place, {"items"},
							 "expected a schema or an array of one schema or more");
	std::vector<uint32_t> list;
	for (size_t i = 0; i < items->size(); ++i)
		list.push_back(part((*items)[i], {"items", std::to_string(i)}));
	compiler_.emit(draft_.array, Op::tuple, program_.lists.size(), list.size());
	list.push_back(additional_node);
	program_.lists.insert(program_.lists.end(), list.begin(), list.end());
}

void
StructureCompiler::properties(const json &value, ObjectRules &rules)
{
	expect_object(value, draft_.place, "properties");
	for (const auto &[name, schema] : value.items())
	{
		rules.names.add(compiler_.keep(name));
		rules.nodes.push_back(part(schema, {"properties", name}));
	}
}

void
StructureCompiler::patterns(const json &value, ObjectRules &rules)
{
	expect_object(value, draft_.place, "patternProperties");
	for (const auto &[pattern, schema] : value.items())
	{
		PatternProperty property;
		property.regex = compiler_.regex(draft_.place, {"patternProperties", pattern}, pattern);
		property.node = part(schema, {"patternProperties", pattern});
		property.source = program_.patterns[property.regex].source;
		rules.patterns.push_back(property);
	}
}

void
StructureCompiler::dependencies(const json &value, ObjectRules &rules)
{
	expect_object(value, draft_.place, "dependencies");
	for (const auto &[name, needed] : value.items())
	{
		Dependency dependency;
		dependency.name = rules.names.add(compiler_.keep(name));
		if (needed.is_array())
			dependency.required = name_list(rules, {"dependencies", name}, needed);
		else
			dependency.node = part(needed, {"dependencies", name});
		rules.dependencies.push_back(std::move(dependency));
	}
}

void
StructureCompiler::object_rules(const json &schema)
{
	ObjectRules rules;
	std::vector<uint32_t> required;
	bool any = false;
	const auto member_of = [&](const char *name) -> const json *
	{
		const json *found = find(schema, name);
		any = any || found != nullptr;
		return found;
	};
	if (const json *value = member_of("properties"))
		properties(*value, rules);
	if (const json *list = member_of("required"))
		required = name_list(rules, {"required"}, *list);
	if (const json *value = member_of("patternProperties"))
		patterns(*value, rules);
	if (const json *value = member_of("dependencies"))
		dependencies(*value, rules);
	if (const json *additional = member_of("additionalProperties"))
		rules.additional = part(*additional, {"additionalProperties"});
	if (!any)
		return;

	rules.nodes.resize(rules.names.names().size(), no_index);
	rules.required.resize((rules.nodes.size() + 63) / 64, 0);
	for (uint32_t index : required)
		rules.required[index / 64] |= uint64_t{1} << (index % 64);
	compiler_.emit(draft_.object, Op::members, program_.objects.size());
	program_.objects.push_back(std::move(rules));
}

std::vector<uint32_t>
StructureCompiler::name_list(ObjectRules &rules, std::initializer_list<std::string_view> steps,
							 const json &list)
{
	std::vector<uint32_t> indices;
	if (!list.is_array())
		SchemaRegistry::fail(draft_.place, steps, "expected an array of names");
	for (const auto &name : list)
	{
		if (!name.is_string())
			SchemaRegistry::fail(draft_.place, steps, "expected an array of names");
		indices.push_back(rules.names.add(compiler_.keep(name.get<std::string>())));
	}
	auto sorted = indices;
	std::sort(sorted.begin(), sorted.end());
	if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
		SchemaRegistry::fail(draft_.place, steps, "a name is repeated");
	return indices;
}

} // namespace etl
