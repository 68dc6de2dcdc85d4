// Settings under which values become text, and texts values.
#pragma once

#include "pg/guard.h"

namespace pg
{

/// While it lives, what the forms of values depend on is the same in every session, as pg_dump sets
/// it: TimeZone UTC, DateStyle ISO with month before day, IntervalStyle postgres, bytea_output hex
/// and floating-point numbers with all their digits. A rollback puts the settings back as well.
class FixedSettings
{
  public:
	FixedSettings();
	~FixedSettings();
	FixedSettings(const FixedSettings &) = delete;
	FixedSettings &operator=(const FixedSettings &) = delete;

  private:
	int level_;
};

} // namespace pg
