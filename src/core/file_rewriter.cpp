#include "core/file_rewriter.h"

#include <algorithm>
#include <optional>

#include <unistd.h>

#include "core/beneath.h"
#include "core/signals_blocked.h"

namespace etl
{

FileRewriter::FileRewriter(std::vector<RewriteTask> tasks, Factory factory, unsigned threads)
	: tasks_(std::move(tasks)), factory_(std::move(factory)), outcomes_(tasks_.size())
{
	const size_t count = std::min<size_t>(std::max(1u, threads), tasks_.size());
	const size_t parts = static_cast<size_t>(std::count_if(
		tasks_.begin(), tasks_.end(), [](const RewriteTask &task) { return !task.part.empty(); }));
	if (parts > 0)
		sync_.emplace([this](size_t number, const FileError &error) { not_synced(number, error); },
					  parts);
	const SignalsBlocked signals_blocked;
	try
	{
		for (size_t i = 0; i < count; ++i)
			threads_.emplace_back([this] { work(); });
	}
	catch (...)
	{
		stop();
		throw;
	}
}

FileRewriter::~FileRewriter()
{
	stop();
}

void
FileRewriter::stop()
{
	{
		const std::lock_guard lock(mutex_);
		stopping_ = true;
	}
	if (sync_)
		sync_->stop(); // nobody waits for it any more
	for (std::thread &thread : threads_)
		if (thread.joinable())
			thread.join();
}

bool
FileRewriter::wait(std::chrono::milliseconds time)
{
	{
		std::unique_lock lock(mutex_);
		if (!news_.wait_for(lock, time, [&] { return done_ == tasks_.size(); }))
			return false;
	}
	if (!sync_)
		return true;
	sync_->flush();
	return sync_->wait(time);
}

void
FileRewriter::work()
{
	const beneath::KeepOpen keep_roots(beneath::Folders::roots);
	std::map<size_t, Transform> transforms;
	for (;;)
	{
		size_t task;
		{
			const std::lock_guard lock(mutex_);
			if (stopping_ || next_ >= tasks_.size())
				return;
			task = next_++;
		}
		RewriteOutcome &outcome = outcomes_[task];
		try
		{
			Transform &transform = transforms[tasks_[task].group];
			if (!transform)
				transform = factory_(tasks_[task].group);
			rewrite(task, transform);
		}
		catch (const Stopped &)
		{
			return;
		}
		catch (const FileError &e)
		{
			outcome.error = e.what();
			outcome.sqlstate = e.sqlstate();
		}
		catch (const std::bad_alloc &)
		{
			outcome.error = "out of memory while rewriting the file";
			outcome.sqlstate = "53200";
		}
		catch (const std::exception &e)
		{
			outcome.error = e.what();
			outcome.sqlstate = "XX000";
		}
		{
			const std::lock_guard lock(mutex_);
			++done_;
		}
		news_.notify_one();
	}
}

void
FileRewriter::rewrite(size_t number, const Transform &transform)
{
	const RewriteTask &task = tasks_[number];
	RewriteOutcome &outcome = outcomes_[number];
	if (task.part.empty() || task.probe)
	{
		pass(task, transform, outcome, nullptr);
		if (task.part.empty() || !outcome.changed)
			return;
		outcome = RewriteOutcome();
	}
	write(number, transform);
}

void
FileRewriter::write(size_t number, const Transform &transform)
{
	const RewriteTask &task = tasks_[number];
	RewriteOutcome &outcome = outcomes_[number];
	FileWriter writer(task.part, task.gzip);
	pass(task, transform, outcome, &writer);
	if (!outcome.changed)
		return; // the writer removes what it has written
	writer.finish();
	// what is in the file now, read back: it is what the next delivery is compared with
	FileReader reader(task.part, false, UINT64_MAX);
	std::vector<char> buffer(256 * 1024);
	while (reader.read(buffer.data(), buffer.size()) > 0)
		;
	outcome.new_sha256 = reader.sha256();
	outcome.new_size = reader.size_on_disk();
	// last: from here on the outcome is the syncing threads' affair
	sync_->add(writer.release(), number);
}

/// In a syncing thread.
void
FileRewriter::not_synced(size_t number, const FileError &error)
{
	beneath::unlink(tasks_[number].part);
	outcomes_[number].error = error.what();
	outcomes_[number].sqlstate = error.sqlstate();
}

void
FileRewriter::pass(const RewriteTask &task, const Transform &transform, RewriteOutcome &outcome,
				   FileWriter *writer)
{
	FileReader reader(task.source, task.gzip, UINT64_MAX);
	std::string out;
	uint64_t line = 1;
	RecordSplitter splitter(max_rewritten_record, task.whole_json,
							[&](const RawRecord &raw)
							{
								if (raw.too_long)
									throw FileError(
										"54000", "record at line " + std::to_string(raw.line) +
													 " is longer than 1 GB and can't be rewritten");
								++outcome.records;
								const uint32_t person = transform(raw.text, out, outcome);
								if (person != UINT32_MAX)
								{
									++outcome.found[person];
									if (task.collect)
										outcome.texts.emplace_back(raw.text);
								}
								const bool changed = person != UINT32_MAX && out != raw.text;
								outcome.changed = outcome.changed || changed;
								if (writer == nullptr)
									return;
								for (; line < raw.line; ++line)
									writer->write("\n");
								writer->write(changed ? std::string_view(out) : raw.text);
								writer->write("\n");
								++line;
							});
	std::vector<char> buffer(256 * 1024);
	while (const size_t got = reader.read(buffer.data(), buffer.size()))
	{
		{
			const std::lock_guard lock(mutex_);
			if (stopping_)
				throw Stopped{};
		}
		splitter.feed({buffer.data(), got});
	}
	splitter.finish();
	outcome.sha256 = reader.sha256();
	outcome.size = reader.size_on_disk();
}

} // namespace etl
