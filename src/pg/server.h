// Includes PostgreSQL's headers. All C++ files include them only through this file.
#pragma once

// <libintl.h> must come first: PostgreSQL redefines gettext functions as macros
#include <clocale>
#include <libintl.h>

extern "C"
{
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
}

// macros that break C++ headers and code
#undef Min
#undef Max
#undef snprintf
#undef printf
#undef fprintf
#undef sprintf
#undef vsnprintf
#undef strerror
