// Compares the pointers of a definition with its JSON Schema. check.cpp compares the parts of x-etl
// with each other.
#include "core/definition/reach.h"
#include "core/json/pointer.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace etl
{

using nlohmann::json;

namespace
{

/// A longer chain of references is a circle.
constexpr int max_references = 32;

bool
allows_type(const json &schema, const char *type)
{
	const auto found = schema.find("type");
	if (found == schema.end())
		return true;
	if (found->is_array())
		return std::find(found->begin(), found->end(), type) != found->end();
	return *found == type;
}

bool
is_index(const std::string &step)
{
	return step == "*" ||
		   (!step.empty() && step.find_first_not_of("0123456789") == std::string::npos);
}

/// Follows a path through a schema.
class Reach
{
  public:
	Reach(const json &root, const Path &path) : root_(root), path_(path) {}

	bool reaches(const json &schema, size_t step, int references = 0)
	{
		if (schema.is_boolean())
			return schema.get<bool>() || refuse(step);
		if (!schema.is_object())
			return true;
		// everything beside $ref is ignored (draft-07, core, section 8.3)
		if (const auto reference = schema.find("$ref"); reference != schema.end())
			return follows(*reference, step, references);
		for (const json &part : list(schema, "allOf"))
			if (!reaches(part, step, references))
				return false;
		for (const char *keyword : {"anyOf", "oneOf"})
			if (const json &parts = list(schema, keyword);
				!parts.empty() &&
				std::none_of(parts.begin(), parts.end(),
							 [&](const json &part) { return reaches(part, step, references); }))
				return false;
		if (step == path_.size())
			return true;
		return in_object(schema, step) || in_array(schema, step);
	}

	/// The pointer up to the step that the schema does not allow.
	std::string where() const
	{
		std::string pointer;
		for (size_t i = 0; i < std::min(deepest_, path_.size()); ++i)
			pointer += "/" + path_[i];
		return pointer;
	}

  private:
	static const json &list(const json &schema, const char *keyword)
	{
		static const json none = json::array();
		const auto found = schema.find(keyword);
		return found == schema.end() || !found->is_array() ? none : *found;
	}

	bool refuse(size_t steps)
	{
		deepest_ = std::max(deepest_, steps);
		return false;
	}

	bool follows(const json &reference, size_t step, int references)
	{
		if (!reference.is_string() || references == max_references)
			return true;
		const std::string &uri = reference.get_ref<const std::string &>();
		if (uri.empty() || uri[0] != '#' || uri.find('%') != std::string::npos)
			return true; // the reference is to another document or to an $id
		try
		{
			return reaches(root_.at(json::json_pointer(uri.substr(1))), step, references + 1);
		}
		catch (const json::exception &)
		{
			return true; // a plain name; Schema::compile checks whether it exists
		}
	}

	bool in_object(const json &schema, size_t step)
	{
		if (!allows_type(schema, "object"))
			return refuse(step + 1);
		const std::string &name = path_[step];
		if (name == "*")
			return true;
		const auto properties = schema.find("properties");
		if (properties != schema.end() && properties->is_object() && properties->contains(name))
			return reaches((*properties)[name], step + 1);
		if (const auto patterns = schema.find("patternProperties");
			patterns != schema.end() && !patterns->empty())
			return true;
		const auto others = schema.find("additionalProperties");
		return others == schema.end() || reaches(*others, step + 1);
	}

	bool in_array(const json &schema, size_t step)
	{
		const std::string &name = path_[step];
		if (!is_index(name) || !allows_type(schema, "array"))
			return refuse(step + 1);
		const auto items = schema.find("items");
		if (items == schema.end())
			return true;
		if (!items->is_array())
			return reaches(*items, step + 1);
		if (name == "*")
			return true;
		const size_t index = name.size() > 9 ? items->size() : std::stoul(name);
		if (index < items->size())
			return reaches((*items)[index], step + 1);
		const auto others = schema.find("additionalItems");
		return others == schema.end() || reaches(*others, step + 1);
	}

	const json &root_;
	const Path &path_;
	size_t deepest_ = 0;
};

/// Checks the pointers of one definition.
class Pointers
{
  public:
	Pointers(const json &schema, const Definition &definition)
		: schema_(schema), definition_(definition)
	{
	}

	void check(const Path &path, const std::string &place)
	{
		// a field that a run sets need not be in the record
		for (const NormalizeDefinition &rule : definition_.normalize)
			if (rule.action == NormalizeDefinition::Action::set_run_time && rule.path == path)
				return;
		const std::string why = why_unreachable(schema_, path);
		if (!why.empty())
			throw DefinitionError("/x-etl" + place, why,
								  "Add the property to the schema, or name one that it has.");
	}

	void check_table(const TableDefinition &table, const std::string &place)
	{
		if (table.is_child)
			check(table.each, place + "/each");
		for (size_t i = 0; i < table.columns.size(); ++i)
		{
			const ColumnDefinition &column = table.columns[i];
			const std::string from = place + "/columns/" + std::to_string(i) + "/from";
			if (column.source == Source::field)
				check(column.path, from);
			if (column.source != Source::element)
				continue;
			Path path = table.each;
			if (path.empty() || path.back() != "*")
				path.push_back("*");
			path.insert(path.end(), column.path.begin(), column.path.end());
			check(path, from);
		}
	}

  private:
	const json &schema_;
	const Definition &definition_;
};

} // namespace

std::string
why_unreachable(const json &schema, const Path &path)
{
	Reach reach(schema, path);
	if (reach.reaches(schema, 0))
		return {};
	return "the schema allows no record that has " + reach.where();
}

void
check_pointers(const json &schema, const Definition &d)
{
	Pointers pointers(schema, d);
	const auto at = [](const char *list, size_t i)
	{ return std::string("/") + list + "/" + std::to_string(i); };
	pointers.check(d.key, "/key");
	for (size_t i = 0; i < d.tables.size(); ++i)
		pointers.check_table(d.tables[i], at("tables", i));
	for (size_t i = 0; i < d.references.size(); ++i)
		pointers.check(d.references[i].path, at("references", i) + "/field");
	for (size_t i = 0; i < d.checks.size(); ++i)
	{
		pointers.check(d.checks[i].sum_over, at("checks", i) + "/sum_over");
		pointers.check(d.checks[i].equals, at("checks", i) + "/equals");
		for (size_t f = 0; f < d.checks[i].factors.size(); ++f)
		{
			Path path = d.checks[i].sum_over;
			path.insert(path.end(), d.checks[i].factors[f].begin(), d.checks[i].factors[f].end());
			pointers.check(path, at("checks", i) + at("sum_of", f));
		}
	}
	for (size_t i = 0; i < d.normalize.size(); ++i)
		pointers.check(d.normalize[i].path, at(d.normalize_member.c_str(), i) + "/field");
	for (size_t i = 0; i < d.personal.size(); ++i)
		pointers.check(d.personal[i].path, at("personal", i) + "/field");
	if (d.subject)
	{
		pointers.check(d.subject->path, "/subject/field");
		pointers.check(d.subject->email, "/subject/email");
	}
	if (d.erases)
	{
		pointers.check(d.erases->subject, "/erases/subject");
		pointers.check(d.erases->email, "/erases/email");
	}
}

} // namespace etl
