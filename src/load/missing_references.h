// Violations for keys that a record refers to and that are missing in other datasets.
#pragma once

#include "core/definition/definition.h"
#include "core/staging/compressed_piece.h"
#include "load/batch.h"

namespace etl
{

/// Adds the violations for the references that check() has marked as missing. If a record has
/// several, check() adds only the first violation, and the others are added later. The violations
/// of a batch whose parents have not arrived would otherwise take many times the memory of the
/// batch.
class MissingReferences
{
  public:
	explicit MissingReferences(const Definition &definition) : definition_(definition) {}

	/// Adds the violation for the first missing reference, and notes whether there are more.
	void tell_first(const BatchRecord &r);
	/// Adds the violations for the other references, up to max_violations, in the order of codes.
	void tell_all(const BatchRecord &r);
	/// Removes the violations that tell_all() has added.
	static void forget(const BatchRecord &r);

  private:
	void tell(const BatchRecord &r, size_t first, size_t count);

	const Definition &definition_;
	TextReader texts_;
	Document document_;
};

} // namespace etl
