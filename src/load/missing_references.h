// What is said of the keys that a record names and other datasets lack.
#pragma once

#include "core/definition/definition.h"
#include "core/staging/compressed_piece.h"
#include "load/batch.h"

namespace etl
{

/// Tells of the references that check() has found missing. Of a record with several, check() tells
/// of the first and notes the others with the references themselves: told of all at once, those of
/// a batch whose parents have not arrived would take many times what the batch does.
class MissingReferences
{
  public:
	explicit MissingReferences(const Definition &definition) : definition_(definition) {}

	/// Tells of the first one, and notes whether there are more.
	void tell_first(const BatchRecord &r);
	/// Tells of the others as well, up to max_violations, in the order of codes.
	void tell_all(const BatchRecord &r);
	/// Forgets again what tell_all() has told.
	static void forget(const BatchRecord &r);

  private:
	void tell(const BatchRecord &r, size_t first, size_t count);

	const Definition &definition_;
	TextReader texts_;
	Document document_;
};

} // namespace etl
