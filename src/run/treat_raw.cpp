#include "run/treat_raw.h"

#include "core/file_rewriter.h"
#include "core/record_eraser.h"
#include "run/actions.h"
#include "run/claim.h"
#include "run/quarantine.h"
#include "run/threads.h"

namespace etl
{

void
treat_raw_files(const Catalog &catalog, const Definition &definition, const ErasedPeople &erased,
				const std::string &part_folder, unsigned threads, std::vector<RunFile> &files)
{
	std::vector<RewriteTask> tasks;
	std::vector<RunFile *> treated;
	for (RunFile &file : files)
		if (file.status != "failed" && (file.treated || file.status == "duplicate"))
		{
			RewriteTask task;
			task.source = file.absolute;
			task.part = part_name(part_folder, file.file_id, "treated");
			task.gzip = is_gzip(file.path);
			task.whole_json = is_whole_json(file.path);
			remove_on_rollback(task.part);
			tasks.push_back(std::move(task));
			treated.push_back(&file);
		}
	if (tasks.empty())
		return;
	FileRewriter rewriter(
		std::move(tasks),
		[&](size_t) -> FileRewriter::Transform
		{
			const auto eraser =
				std::make_shared<RecordEraser>(definition, catalog.key_types(), erased.people,
											   erased.secret, erased.dataset, false);
			return [eraser](std::string_view text, std::string &out, RewriteOutcome &)
			{ return eraser->erase(text, out); };
		},
		threads);
	const StopOnExit stop_on_exit(rewriter);
	while (!rewriter.wait(std::chrono::milliseconds(100)))
		pg::check_for_interrupts();
	for (size_t i = 0; i < treated.size(); ++i)
	{
		const RewriteOutcome &outcome = rewriter.outcomes()[i];
		if (!outcome.error.empty())
			throw pg::Error(outcome.sqlstate,
							"could not rewrite a file about people who have been erased: " +
								outcome.error,
							"File \"" + storable_text(treated[i]->path) + "\".");
		if (!outcome.changed)
			continue;
		treated[i]->treated_part = rewriter.tasks()[i].part;
		treated[i]->treated_sha256 = outcome.new_sha256;
	}
}

} // namespace etl
