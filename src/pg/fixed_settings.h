// Fixes the settings that affect the text form of values.
#pragma once

#include "pg/guard.h"

namespace pg
{

/// While an object of this class exists, the settings that affect the text form of values are the
/// same in every session, as for pg_dump: TimeZone UTC, DateStyle ISO with month before day,
/// IntervalStyle postgres, bytea_output hex, and floating-point numbers with all their digits. A
/// rollback restores the settings too.
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
