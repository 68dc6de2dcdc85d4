#include "load/treat_raw_files.h"

#include "catalog/definitions.h"
#include "core/base/utf8.h"
#include "core/definition/definition.h"
#include "core/output/file_rewriter.h"
#include "core/privacy/record_eraser.h"
#include "core/records/file_name.h"
#include "load/claim.h"
#include "load/quarantine.h"
#include "load/run_file.h"
#include "pg/exit_guard.h"
#include "pg/guard.h"
#include "pg/type_input.h"
#include "publish/plan.h"

namespace etl
{

void
treat_raw_files(const Catalog &catalog, const Definition &definition, const ErasedPeople &erased,
				const std::string &part_folder, unsigned threads, std::vector<RunFile> &files)
{
	std::vector<RewriteTask> tasks;
	std::vector<RunFile *> treated;
	for (RunFile &file : files)
		if (file.status != "failed" &&
			(file.treated || file.status == "duplicate" || file.grown_from != 0))
		{
			RewriteTask task;
			task.source = file.absolute;
			task.part = part_name(part_folder, file.file_id, "treated");
			task.whole_json = is_whole_json(file.path);
			remove_on_rollback(task.part);
			tasks.push_back(std::move(task));
			treated.push_back(&file);
		}
	if (tasks.empty())
		return;
	pg::ServerTypeInput type_input;
	FileRewriter rewriter(
		std::move(tasks),
		[&](size_t, TypeInput *types) -> FileRewriter::Transform
		{
			const auto eraser = std::make_shared<RecordEraser>(
				definition, catalog.key_types(), erased.people, erased.secret, erased.dataset,
				RecordEraser::Options{false, false, types});
			eraser->find_keys_of(erased.keys);
			// a removed record leaves a blank line, so that the line numbers of the others stay the
			// same
			const bool removes =
				definition.subject && definition.subject->on_erasure == OnErasure::remove;
			return [eraser, removes](std::string_view text, std::string &out, RewriteOutcome &)
			{
				const uint32_t person = eraser->erase(text, out);
				if (removes && out == erased_text)
					out.clear();
				return person;
			};
		},
		threads, &type_input);
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
