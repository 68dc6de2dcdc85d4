#include "load/own_references.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "catalog/target_table.h"
#include "core/base/sqlstate.h"
#include "load/check.h"
#include "load/missing_references.h"

namespace etl
{

namespace
{

StagedReference &
reference_of(const Batch &batch, const OwnReference &own)
{
	return batch.records[own.record].piece->references[own.reference];
}

std::string_view
key_of(const Batch &batch, const OwnReference &own)
{
	return (*batch.records[own.record].piece->dictionary)[reference_of(batch, own).key].binary;
}

} // namespace

bool
refers_to_itself(const Definition &definition)
{
	return std::any_of(definition.references.begin(), definition.references.end(),
					   [&](const ReferenceDefinition &rule)
					   { return rule.dataset == definition.dataset; });
}

void
take_back_promises(Batch &batch)
{
	struct Key
	{
		uint32_t owners = 0;          ///< number of accepted records with this key
		std::vector<size_t> promises; ///< promises that refer to this key
	};
	std::unordered_map<std::string_view, Key> keys;
	for (size_t i = 0; i < batch.promised.size(); ++i)
		keys[key_of(batch, batch.promised[i])].promises.push_back(i);
	for (const BatchRecord &r : batch.records)
		if (r.accepted && r.record->key_binary.data() != nullptr)
			if (const auto key = keys.find(r.record->key_binary); key != keys.end())
				++key->second.owners;
	std::vector<const Key *> without_owner;
	for (const auto &[text, key] : keys)
		if (key.owners == 0)
			without_owner.push_back(&key);
	while (!without_owner.empty())
	{
		const Key &missing = *without_owner.back();
		without_owner.pop_back();
		for (const size_t i : missing.promises)
		{
			const OwnReference &own = batch.promised[i];
			BatchRecord &r = batch.records[own.record];
			reference_of(batch, own).missing = true;
			if (!r.accepted)
				continue;
			r.accepted = false;
			if (r.record->key_binary.data() == nullptr)
				continue;
			if (const auto key = keys.find(r.record->key_binary);
				key != keys.end() && --key->second.owners == 0)
				without_owner.push_back(&key->second);
		}
	}
	std::erase_if(batch.promised,
				  [&](const OwnReference &own) { return !batch.records[own.record].accepted; });
}

void
await_refused(const Definition &definition, Batch &batch)
{
	std::unordered_set<std::string_view> loaded;
	for (const BatchRecord &r : batch.records)
		if (r.accepted && r.record->key_binary.data() != nullptr)
			loaded.insert(r.record->key_binary);
	std::vector<uint32_t> waiting;
	for (const OwnReference &own : batch.promised)
	{
		const BatchRecord &r = batch.records[own.record];
		if (r.accepted || r.record->violations == nullptr ||
			r.record->violations->back().sqlstate != sqlstate::foreign_key_violation ||
			loaded.count(key_of(batch, own)) > 0)
			continue;
		reference_of(batch, own).missing = true;
		waiting.push_back(own.record);
	}
	MissingReferences missing(definition);
	waiting.erase(std::unique(waiting.begin(), waiting.end()), waiting.end());
	for (const uint32_t i : waiting)
	{
		batch.records[i].record->violations.reset();
		missing.tell_first(batch.records[i]);
	}
}

std::vector<size_t>
broken_promises(const Definition &definition, const Batch &batch)
{
	std::vector<std::string_view> keys;
	std::vector<size_t> which;
	for (size_t i = 0; i < batch.promised.size(); ++i)
		if (batch.records[batch.promised[i].record].accepted)
		{
			keys.push_back(key_of(batch, batch.promised[i]));
			which.push_back(i);
		}
	std::vector<size_t> broken;
	for (const size_t i : keys_not_in_table(definition, keys))
		broken.push_back(which[i]);
	return broken;
}

} // namespace etl
