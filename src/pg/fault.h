// Fault points: places where tests stop the backend or the server. Nothing in a normal build.
//
// `make faults` builds build/faults/pg_etl.so, in which ETL_FAULT("name") looks at the setting
// etl_fault.point: "name:action" or "name:action:N" for the N-th time that the point is passed.
// Actions: kill (SIGKILL to the backend), immediate (an immediate shutdown of the server), error,
// sleep (until it is cancelled), wait (while the file that follows is missing). Any name with the
// action "trace" appends the names of the points that are passed to the file that follows:
// "*:trace:/path".
#pragma once

#ifdef ETL_FAULTS

namespace etl
{
void fault(const char *name);
}
#define ETL_FAULT(name) ::etl::fault(name)

#else

#define ETL_FAULT(name) static_cast<void>(0)

#endif
