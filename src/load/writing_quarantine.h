// Who writes quarantined records.
#pragma once

#include "pg/catalog_owner.h"

namespace etl
{

/// Stands around each statement of the extension that writes to etl.quarantine or
/// etl.quarantine_reference: it runs as the owner of the catalog, since operators may mend a record
/// and nothing else, and what it does to a record is no mending by hand (etl_internal.note_mended).
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
