#include "erase/readings.h"

#include <algorithm>

#include "anonymize/exports.h"
#include "core/definition/definition.h"

namespace etl
{

namespace
{

bool
has_field(const std::vector<PersonalDefinition> &fields, const Path &path)
{
	return std::ranges::find(fields, path, &PersonalDefinition::path) != fields.end();
}

/// A former definition, with the treatments of fields and "on_erasure" of the definition in force
/// where that one has them.
Definition
as_treated_now(Definition former, const Definition &present)
{
	for (PersonalDefinition &field : former.personal)
		if (const auto now =
				std::ranges::find(present.personal, field.path, &PersonalDefinition::path);
			now != present.personal.end())
			field = *now;
	if (former.subject && present.subject)
		former.subject->on_erasure = present.subject->on_erasure;
	return former;
}

} // namespace

Readings::Readings(const Catalog &catalog, const std::string &people)
	: catalog_(catalog), people_(people)
{
	std::set<std::string> dropped;
	for (FormerDefinition &former : former_definitions())
	{
		// a dataset with an invalid definition is defined, too
		const bool is_dropped = !catalog.defined_at(former.dataset);
		if (is_dropped)
		{
			// former_definitions() is in order of time: this definition is later than the one kept
			// so far
			dropped_.erase(former.dataset);
			unreadable_.erase(former.dataset);
			if (former.definition == nullptr)
				unreadable_[former.dataset] = former.error;
			else
				dropped_[former.dataset] = former.definition;
		}
		if (former.definition == nullptr || !concerns(*former.definition))
			continue;
		if (is_dropped)
			dropped.insert(former.dataset);
		former_[former.dataset].push_back(std::move(former));
	}
	for (const auto &[name, definition] : catalog.all())
		if (concerns(definition) || former_.count(name) > 0)
			related_.push_back(name);
	related_.insert(related_.end(), dropped.begin(), dropped.end());
}

bool
Readings::concerns(const Definition &definition) const
{
	return (definition.subject && definition.subject->dataset == people_) ||
		   (definition.erases && definition.erases->dataset == people_);
}

bool
Readings::is_related(const std::string &dataset) const
{
	return std::ranges::find(related_, dataset) != related_.end();
}

bool
Readings::has_emails(const std::string &dataset) const
{
	const auto has = [&](const Definition &definition)
	{
		return definition.subject && definition.subject->dataset == people_ &&
			   !definition.subject->email.empty();
	};
	if (const Definition *definition = present(dataset); definition != nullptr && has(*definition))
		return true;
	const auto former = former_.find(dataset);
	return former != former_.end() &&
		   std::ranges::any_of(former->second,
							   [&](const FormerDefinition &f) { return has(*f.definition); });
}

const Definition *
Readings::last(const std::string &dataset) const
{
	if (const Definition *definition = present(dataset))
		return definition;
	const auto found = dropped_.find(dataset);
	return found == dropped_.end() ? nullptr : found->second.get();
}

std::string
Readings::claimant(std::string_view file_name) const
{
	if (const std::string name = catalog_.claimant(file_name); !name.empty())
		return name;
	for (const auto &[name, definition] : dropped_)
		if (definition->claims(file_name))
			return name;
	return {};
}

std::vector<const Definition *>
Readings::former_of(const std::string &dataset) const
{
	Definitions definitions;
	if (const auto found = former_.find(dataset); found != former_.end())
		for (const FormerDefinition &former : found->second)
			if (std::ranges::find(definitions, former.definition.get()) == definitions.end())
				definitions.push_back(former.definition.get());
	return definitions;
}

const Definition *
Readings::keep(Definition definition)
{
	kept_.push_back(std::make_unique<const Definition>(std::move(definition)));
	return kept_.back().get();
}

/// former: in order of time. The definition in force is appended as the last one, unless it does
/// not concern the people and a former one does.
std::unique_ptr<Reading>
Readings::reading(const std::string &dataset, const Definitions &former, bool exported)
{
	const Definition *const now = last(dataset);
	Definitions definitions;
	for (const Definition *definition : former)
		if (definition != now)
			definitions.push_back(now == nullptr ? definition
												 : keep(as_treated_now(*definition, *now)));
	if (now != nullptr && (definitions.empty() || concerns(*now)))
		definitions.push_back(now);
	if (definitions.empty())
		return nullptr;
	auto reading = std::make_unique<Reading>();
	std::vector<PersonalDefinition> before;
	for (const Definition *definition : definitions)
	{
		if (exported)
		{
			if (definition->tables.empty() || !definition->subject)
				continue;
			definition = keep(export_definition(*definition));
		}
		Definition rest = *definition;
		std::erase_if(rest.personal, [&](const PersonalDefinition &field)
					  { return has_field(before, field.path); });
		reading->steps.push_back({definition, keep(std::move(rest))});
		before.insert(before.end(), definition->personal.begin(), definition->personal.end());
		reading->removes =
			reading->removes || (definition->subject && definition->subject->dataset == people_ &&
								 definition->subject->on_erasure == OnErasure::remove);
	}
	return reading->steps.empty() ? nullptr : std::move(reading);
}

const Reading *
Readings::of(const std::string &dataset, std::optional<int64_t> defined_at)
{
	auto &known = readings_[{dataset, defined_at}];
	if (known == nullptr)
	{
		Definitions former;
		const auto found = former_.find(dataset);
		if (found != former_.end() && !defined_at)
			former = former_of(dataset);
		else if (found != former_.end())
			for (const FormerDefinition &f : found->second)
				if (f.defined_at == *defined_at)
					former.push_back(f.definition.get());
		known = reading(dataset, former, false);
	}
	return known.get();
}

const Reading *
Readings::of_export(const std::string &dataset, int64_t exported_at)
{
	Definitions former;
	if (const auto found = former_.find(dataset); found != former_.end())
		for (const FormerDefinition &f : found->second)
			if (f.replaced_at >= exported_at &&
				std::ranges::find(former, f.definition.get()) == former.end())
				former.push_back(f.definition.get());
	auto &known = export_readings_[{dataset, former}];
	if (known == nullptr)
		known = reading(dataset, former, true);
	return known.get();
}

ReadingEraser::ReadingEraser(const Reading &reading, const KeyTypes &key_types,
							 const Identities &people, const std::string &secret,
							 const std::string &dataset, const RecordEraser::Options &options,
							 const std::vector<PeopleKey> &keys)
{
	for (const Reading::Step &step : reading.steps)
	{
		const auto eraser = [&](const Definition &definition)
		{ return RecordEraser(definition, key_types, people, secret, dataset, options); };
		steps_.push_back(std::unique_ptr<Step>(new Step{eraser(*step.whole), eraser(*step.rest)}));
		steps_.back()->whole.find_keys_of(keys);
	}
}

uint32_t
ReadingEraser::erase(std::string_view text, std::string &out)
{
	known_email_ = 0;
	uint32_t person = Identities::nobody;
	for (const auto &step : steps_)
	{
		RecordEraser &eraser = person == Identities::nobody ? step->whole : step->rest;
		// after one definition has treated the record, another one applies only where it still
		// names a person by it
		if (person != Identities::nobody &&
			(text == erased_text || eraser.subject_of(text).empty()))
			continue;
		std::string treated;
		const uint32_t found = eraser.erase(text, treated);
		if (found == Identities::nobody)
			continue;
		if (person == Identities::nobody)
			person = found;
		if (known_email_ == 0)
			known_email_ = eraser.known_email();
		between_ = std::move(treated);
		text = between_;
	}
	if (person != Identities::nobody)
		out = between_;
	return person;
}

uint32_t
ReadingEraser::whose(std::string_view text)
{
	known_email_ = 0;
	for (const auto &step : steps_)
		if (const uint32_t person = step->whole.whose(text); person != Identities::nobody)
		{
			known_email_ = step->whole.known_email();
			return person;
		}
	return Identities::nobody;
}

} // namespace etl
