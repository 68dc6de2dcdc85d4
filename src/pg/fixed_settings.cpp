#include "pg/fixed_settings.h"

extern "C"
{
#include "utils/guc.h"
}

namespace pg
{

namespace
{

constexpr const char *settings[][2] = {{"TimeZone", "UTC"},
									   {"DateStyle", "ISO, MDY"},
									   {"IntervalStyle", "postgres"},
									   {"bytea_output", "hex"},
									   {"extra_float_digits", "1"}};

} // namespace

FixedSettings::FixedSettings()
	: level_(call(
		  []
		  {
			  const int level = NewGUCNestLevel();
			  for (const char *const(&setting)[2] : settings)
				  (void)set_config_option(setting[0], setting[1], PGC_USERSET, PGC_S_SESSION,
										  GUC_ACTION_SAVE, true, 0, false);
			  return level;
		  }))
{
}

FixedSettings::~FixedSettings()
{
	// AtEOXact_GUC cannot fail here: after an error, the rollback restores the settings
	AtEOXact_GUC(false, level_);
}

} // namespace pg
