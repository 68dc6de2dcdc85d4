#include "run/run_all.h"

#include <set>

#include "catalog/definitions.h"
#include "catalog/run_row.h"
#include "load/postponed_indexes.h"
#include "load/run_options.h"
#include "pg/guard.h"
#include "run/run.h"

extern "C"
{
#include "access/xact.h"
}

namespace etl
{

RunOptions
options_of_call()
{
	RunOptions options;
	const bool alone = !pg::call([] { return IsTransactionBlock(); });
	options.postpone_indexes = options.wait_for_release = alone;
	return options;
}

std::vector<RunResult>
run_all(const Catalog &catalog)
{
	// datasets that others refer to keep their indexes, because keys are looked up in them
	std::set<std::string> parents;
	for (const auto &[name, definition] : catalog.all())
		for (const ReferenceDefinition &reference : definition.references)
			parents.insert(reference.dataset);
	require_runnable();
	bool postpone = options_of_call().postpone_indexes;
	for (;;)
	{
		std::vector<RunResult> results;
		std::vector<PostponedIndexes> postponed;
		try
		{
			const auto error = pg::subtransaction(
				[&]
				{
					for (const std::string &dataset : catalog.run_order())
					{
						RunOptions options;
						options.postpone_indexes = postpone && parents.count(dataset) == 0;
						options.postponed = &postponed;
						results.push_back(try_run_dataset(catalog, dataset, options));
					}
					for (PostponedIndexes &indexes : postponed)
						indexes.build();
				});
			if (error)
				throw *error;
			for (const RunResult &result : results)
				if (!result.sqlstate.empty())
					pg::notice(WARNING, "dataset \"" + result.dataset + "\" could not be run",
							   result.error, "The other datasets were run.");
			return results;
		}
		catch (const CannotPostpone &error)
		{
			error.notice();
			postpone = false;
		}
	}
}

} // namespace etl
