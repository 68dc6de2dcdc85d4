#include "pg/fault.h"

#ifdef ETL_FAULTS

#include <cstdio>
#include <map>
#include <string>

#include <signal.h>
#include <unistd.h>

#include "core/base/sqlstate.h"
#include "pg/guard.h"

extern "C"
{
#include "miscadmin.h"
#include "utils/guc.h"
}

namespace etl
{

void
fault(const char *name)
{
	const char *setting = GetConfigOption("etl_fault.point", true, false);
	if (setting == nullptr || *setting == '\0')
		return;
	const std::string text = setting;
	const size_t first = text.find(':');
	if (first == std::string::npos)
		return;
	const size_t second = text.find(':', first + 1);
	const std::string point = text.substr(0, first);
	const std::string action = text.substr(first + 1, second - first - 1);
	const std::string argument = second == std::string::npos ? "" : text.substr(second + 1);
	if (action == "trace")
	{
		if (FILE *file = std::fopen(argument.c_str(), "a"))
		{
			std::fprintf(file, "%s\n", name);
			std::fclose(file);
		}
		return;
	}
	static std::map<std::string, int> passed;
	if (point != name)
		return;
	if (action == "wait")
	{
		// tells the test that the backend waits here
		if (FILE *file = std::fopen((argument + ".waiting").c_str(), "w"))
			std::fclose(file);
		while (access(argument.c_str(), F_OK) != 0)
		{
			usleep(10000);
			pg::check_for_interrupts();
		}
		return;
	}
	if (++passed[text] != (argument.empty() ? 1 : std::stoi(argument)))
		return;
	if (action == "kill")
		kill(getpid(), SIGKILL);
	else if (action == "immediate")
		kill(PostmasterPid, SIGQUIT);
	else if (action == "error")
		throw pg::Error(sqlstate::io_error, std::string("fault at ") + name);
	for (;;) // until a signal ends the process; with sleep, also until an interrupt
	{
		usleep(20000);
		if (action == "sleep")
			pg::check_for_interrupts();
	}
}

} // namespace etl

#endif
