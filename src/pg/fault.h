// Fault points: places where tests can stop the backend or the server. A normal build has none.
//
// `make faults` builds build/faults/pg_etl.so, in which ETL_FAULT("name") reads the setting
// etl_fault.point: "name:action", or "name:action:N" for the N-th time that the point is passed.
// Actions: kill (SIGKILL to the backend), immediate (an immediate shutdown of the server), error,
// sleep (until cancelled), wait (until the file named after it exists). The action "trace" appends
// the name of each point that is passed to the file named after it, with any name: "*:trace:/path".
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
