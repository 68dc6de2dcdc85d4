// Marks the statements of the extension that write to the quarantine.
#pragma once

#include "pg/catalog_owner.h"

namespace etl
{

/// Surrounds each statement of the extension that writes to etl.quarantine or
/// etl.quarantine_reference. The statement runs as the owner of the catalog, because operators may
/// only correct records. The change does not count as a correction by hand
/// (etl_internal.note_mended).
class WritingQuarantine
{
  public:
	WritingQuarantine() : outer_(at_work_) { at_work_ = true; }
	~WritingQuarantine() { at_work_ = outer_; }
	WritingQuarantine(const WritingQuarantine &) = delete;
	WritingQuarantine &operator=(const WritingQuarantine &) = delete;

	static bool at_work() { return at_work_; }

  private:
	static inline bool at_work_ = false;
	const AsCatalogOwner owner_;
	const bool outer_;
};

} // namespace etl
