// Compiles the keywords that depend on each other: if/then/else, items, and those about members.
#include <algorithm>

#include "core/schema/compiler.h"

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

} // namespace

void
SchemaCompiler::condition(Draft &draft, const json &schema)
{
	uint32_t nodes[3] = {no_index, no_index, no_index};
	const char *const names[3] = {"if", "then", "else"};
	for (int i = 0; i < 3; ++i)
		if (const json *found = find(schema, names[i]))
			nodes[i] = part(draft, *found, {names[i]});
	if (nodes[0] == no_index || (nodes[1] == no_index && nodes[2] == no_index))
		return;
	emit(draft.any, Op::condition, program_->lists.size(), 3);
	program_->lists.insert(program_->lists.end(), nodes, nodes + 3);
}

void
SchemaCompiler::items(Draft &draft, const json &schema)
{
	const json *items = find(schema, "items");
	const json *additional = find(schema, "additionalItems");
	const uint32_t additional_node =
		additional == nullptr ? no_index : part(draft, *additional, {"additionalItems"});
	if (items == nullptr)
		return; // additionalItems has no meaning without items
	if (!items->is_array())
	{
		emit(draft.array, Op::items, part(draft, *items, {"items"}));
		return;
	}
	if (items->empty())
		SchemaRegistry::fail(draft.place, {"items"},
							 "expected a schema or an array of one schema or more");
	std::vector<uint32_t> list;
	for (size_t i = 0; i < items->size(); ++i)
		list.push_back(part(draft, (*items)[i], {"items", std::to_string(i)}));
	emit(draft.array, Op::tuple, program_->lists.size(), list.size());
	list.push_back(additional_node);
	program_->lists.insert(program_->lists.end(), list.begin(), list.end());
}

void
SchemaCompiler::object_rules(Draft &draft, const json &schema)
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
	const auto expect_object = [&](const json &value, const char *name)
	{
		if (!value.is_object())
			SchemaRegistry::fail(draft.place, {name}, "expected an object");
	};

	if (const json *properties = member_of("properties"))
	{
		expect_object(*properties, "properties");
		for (const auto &[name, value] : properties->items())
		{
			rules.names.add(keep(name));
			rules.nodes.push_back(part(draft, value, {"properties", name}));
		}
	}
	if (const json *list = member_of("required"))
		required = name_list(draft, rules, {"required"}, *list);
	if (const json *patterns = member_of("patternProperties"))
	{
		expect_object(*patterns, "patternProperties");
		for (const auto &[pattern, value] : patterns->items())
		{
			PatternProperty property;
			property.regex = regex(draft.place, {"patternProperties", pattern}, pattern);
			property.node = part(draft, value, {"patternProperties", pattern});
			property.source = program_->patterns[property.regex].source;
			rules.patterns.push_back(property);
		}
	}
	if (const json *value = member_of("dependencies"))
	{
		expect_object(*value, "dependencies");
		for (const auto &[name, needed] : value->items())
		{
			Dependency dependency;
			dependency.name = rules.names.add(keep(name));
			if (needed.is_array())
				dependency.required = name_list(draft, rules, {"dependencies", name}, needed);
			else
				dependency.node = part(draft, needed, {"dependencies", name});
			rules.dependencies.push_back(std::move(dependency));
		}
	}
	if (const json *additional = member_of("additionalProperties"))
		rules.additional = part(draft, *additional, {"additionalProperties"});
	if (!any)
		return;

	rules.nodes.resize(rules.names.names().size(), no_index);
	rules.required.resize((rules.nodes.size() + 63) / 64, 0);
	for (uint32_t index : required)
		rules.required[index / 64] |= uint64_t{1} << (index % 64);
	emit(draft.object, Op::members, program_->objects.size());
	program_->objects.push_back(std::move(rules));
}

std::vector<uint32_t>
SchemaCompiler::name_list(const Draft &draft, ObjectRules &rules,
						  std::initializer_list<std::string_view> steps, const json &list)
{
	std::vector<uint32_t> indices;
	if (!list.is_array())
		SchemaRegistry::fail(draft.place, steps, "expected an array of names");
	for (const auto &name : list)
	{
		if (!name.is_string())
			SchemaRegistry::fail(draft.place, steps, "expected an array of names");
		indices.push_back(rules.names.add(keep(name.get<std::string>())));
	}
	auto sorted = indices;
	std::sort(sorted.begin(), sorted.end());
	if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
		SchemaRegistry::fail(draft.place, steps, "a name is repeated");
	return indices;
}

/// Refuses schemas that refer back to themselves for the same value, because validation would never
/// end.
void
SchemaCompiler::refuse_loops()
{
	enum : uint8_t
	{
		unseen,
		open,
		done
	};
	std::vector<uint8_t> state(in_place_.size(), unseen);
	std::vector<std::pair<uint32_t, size_t>> path;
	for (uint32_t start = 0; start < in_place_.size(); ++start)
	{
		if (state[start] != unseen)
			continue;
		state[start] = open;
		path.emplace_back(start, 0);
		while (!path.empty())
		{
			auto &[node, next] = path.back();
			if (next == in_place_[node].size())
			{
				state[node] = done;
				path.pop_back();
				continue;
			}
			const uint32_t followed = in_place_[node][next++];
			if (state[followed] == open)
				SchemaRegistry::fail(places_[node], {},
									 "leads back to itself without going into the value: "
									 "validation would never end");
			if (state[followed] == unseen)
			{
				state[followed] = open;
				path.emplace_back(followed, 0);
			}
		}
	}
}

} // namespace etl
