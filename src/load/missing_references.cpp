#include "load/missing_references.h"
#include "core/base/malloc_tuning.h"
#include "core/base/sqlstate.h"
#include "pg/limits.h"

#include <algorithm>

namespace etl
{

namespace
{

void
sort_by_code(Violations &violations)
{
	std::stable_sort(violations.begin(), violations.end(),
					 [](const Violation &a, const Violation &b) { return a.code < b.code; });
}

bool
is_reference(const Violation &violation)
{
	return violation.code == Code::reference;
}

} // namespace

/// Adds violations for `count` missing references from the one at `first` on.
void
MissingReferences::tell(const BatchRecord &r, size_t first, size_t count)
{
	std::vector<StagedReference> missing;
	const StagedReference *reference = r.piece->references.data() + r.record->first_reference;
	for (uint32_t i = 0; i < r.record->reference_count && missing.size() < count; ++i, ++reference)
		if (reference->missing && (first == 0 || first-- == 0))
			missing.push_back(*reference);
	if (missing.empty())
		return;
	ParseError error;
	std::vector<std::string> pointers(missing.size());
	// in the form in which it was staged
	if (document_.parse(texts_.text(*r.piece, *r.record), error))
		pointers = reference_pointers(definition_, missing, document_);
	if (document_.memory() > limits::kept_document_bytes)
	{
		document_.release();
		give_back_freed_memory();
	}
	for (size_t i = 0; i < missing.size(); ++i)
	{
		const std::string &dataset = definition_.references[missing[i].rule].dataset;
		std::string key;
		if (missing[i].key != StagedReference::no_key)
			key = (*r.piece->dictionary)[missing[i].key].text;
		r.record->add({Code::reference, "references", pointers[i],
					   "/x-etl/references/" + std::to_string(missing[i].rule),
					   sqlstate::foreign_key_violation,
					   pointers[i] + ": no such key in dataset " + dataset, dataset, key});
	}
}

void
MissingReferences::tell_first(const BatchRecord &r)
{
	const auto first =
		r.piece->references.begin() + static_cast<ptrdiff_t>(r.record->first_reference);
	const auto count = std::count_if(first, first + r.record->reference_count,
									 [](const StagedReference &s) { return s.missing; });
	r.record->has_more_missing = count > 1;
	if (count > 0)
		tell(r, 0, 1);
}

void
MissingReferences::tell_all(const BatchRecord &r)
{
	if (!r.record->has_more_missing || !r.record->violations)
		return;
	Violations &violations = *r.record->violations;
	const size_t told =
		static_cast<size_t>(std::count_if(violations.begin(), violations.end(), is_reference));
	tell(r, told, max_violations);
	sort_by_code(violations);
}

void
MissingReferences::forget(const BatchRecord &r)
{
	if (!r.record->has_more_missing || !r.record->violations)
		return;
	Violations &violations = *r.record->violations;
	const auto first = std::find_if(violations.begin(), violations.end(), is_reference);
	if (first == violations.end())
		return;
	violations.erase(first + 1, std::find_if_not(first + 1, violations.end(), is_reference));
	violations.shrink_to_fit();
}

} // namespace etl
