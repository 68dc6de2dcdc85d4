#include "core/output/file_rewriter.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <unistd.h>

#include "core/base/sqlstate.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_reader.h"
#include "core/files/file_writer.h"
#include "core/files/whole_file.h"
#include "core/records/for_each_record.h"

namespace etl
{

namespace
{

/// Limit in bytes for the texts that wait to be taken.
constexpr size_t max_texts = 8 << 20;

} // namespace

FileRewriter::FileRewriter(std::vector<RewriteTask> tasks, Factory factory, unsigned threads,
						   TypeInput *type_input)
	: tasks_(std::move(tasks)), factory_(std::move(factory)), outcomes_(tasks_.size()),
	  type_input_(type_input), is_done_(tasks_.size())
{
	const size_t count = std::min<size_t>(std::max(1u, threads), tasks_.size());
	const size_t parts = static_cast<size_t>(std::count_if(
		tasks_.begin(), tasks_.end(), [](const RewriteTask &task) { return !task.part.empty(); }));
	if (parts > 0)
		sync_.emplace([this](size_t number, const FileError &error) { not_synced(number, error); },
					  parts);
	threads_.start(count, [this](size_t) { work(); });
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
		questions_.stop();
	}
	room_.notify_all();
	if (sync_)
		sync_->stop(); // the result is not needed any more
	threads_.join();
}

bool
FileRewriter::wait(std::chrono::milliseconds time)
{
	{
		std::unique_lock lock(mutex_);
		if (std::exchange(caller_has_texts_, false))
			room_.notify_all();
		news_.wait_for(lock, time,
					   [&]
					   { return done_ == tasks_.size() || !texts_.empty() || questions_.waits(); });
		if (questions_.waits())
			questions_.answer(lock, *type_input_);
		if (done_ < tasks_.size())
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
	TypeQuestions::Asker asker(questions_);
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
				transform = factory_(tasks_[task].group, type_input_ == nullptr ? nullptr : &asker);
			rewrite(task, transform);
		}
		catch (const Stopped &)
		{
			return;
		}
		catch (const std::exception &e)
		{
			outcome.fail(file_error_of(e, "rewriting the file"));
		}
		{
			const std::lock_guard lock(mutex_);
			++done_;
			is_done_[task] = true;
			while (head_ < tasks_.size() && is_done_[head_])
				++head_;
		}
		news_.notify_one();
		room_.notify_all();
	}
}

void
FileRewriter::rewrite(size_t number, const Transform &transform)
{
	const RewriteTask &task = tasks_[number];
	RewriteOutcome &outcome = outcomes_[number];
	if (task.part.empty() || task.probe)
	{
		FileReader source(task.source, Content::staged, UINT64_MAX);
		pass(source, number, transform, outcome, nullptr);
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
	FileReader source(task.source, Content::staged, UINT64_MAX);
	FileWriter writer(task.part, source.compression());
	pass(source, number, transform, outcome, &writer);
	if (!outcome.changed)
		return; // the destructor of the writer removes the new file
	writer.finish();
	// read the new file, because the next delivery is compared with its hash
	const StoredFile written = read_stored(task.part);
	outcome.new_sha256 = written.sha256;
	outcome.new_size = written.size;
	// must be last: from here on the syncing threads may change the outcome
	sync_->add(writer.release(), number);
}

/// Waits until the files before this one are done and there is space for the text.
void
FileRewriter::hand_over(size_t number, std::string_view text)
{
	{
		std::unique_lock lock(mutex_);
		room_.wait(lock,
				   [&]
				   {
					   return stopping_ ||
							  (head_ == number &&
							   (texts_.empty() || texts_bytes_ + text.size() <= max_texts));
				   });
		if (stopping_)
			throw Stopped{};
		texts_bytes_ += text.size();
		texts_.emplace_back(number, text);
		if (text.size() > long_record_bytes)
		{
			// the caller needs many times the size of the text, so this thread waits before its
			// next record
			news_.notify_one();
			room_.wait(lock, [&] { return stopping_ || (texts_.empty() && !caller_has_texts_); });
			return;
		}
	}
	news_.notify_one();
}

std::vector<std::pair<size_t, std::string>>
FileRewriter::take_texts()
{
	std::vector<std::pair<size_t, std::string>> taken;
	{
		const std::lock_guard lock(mutex_);
		taken.swap(texts_);
		texts_bytes_ = 0;
		caller_has_texts_ = !taken.empty();
	}
	room_.notify_all();
	return taken;
}

/// Called in a syncing thread.
void
FileRewriter::not_synced(size_t number, const FileError &error)
{
	beneath::unlink(tasks_[number].part);
	outcomes_[number].fail(error);
}

void
FileRewriter::pass(FileReader &reader, size_t number, const Transform &transform,
				   RewriteOutcome &outcome, FileWriter *writer)
{
	const RewriteTask &task = tasks_[number];
	std::string out;
	uint64_t line = 1;
	const bool at_end = for_each_record(
		reader, max_rewritten_record, task.whole_json,
		[&](const RawRecord &raw)
		{
			if (raw.too_long)
				throw FileError(sqlstate::program_limit_exceeded,
								"record at line " + std::to_string(raw.line) +
									" exceeds 1 GB and cannot be rewritten");
			++outcome.records;
			uint32_t person = transform(raw.text, out, outcome);
			if (person == UINT32_MAX && raw.text != task.lines_text)
				if (const auto line = task.lines.find(raw.line); line != task.lines.end())
				{
					person = line->second;
					out = task.lines_text;
				}
			if (person != UINT32_MAX)
			{
				++outcome.found[person];
				if (task.collect)
					hand_over(number, raw.text);
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
		},
		[&]
		{
			const std::lock_guard lock(mutex_);
			return !stopping_;
		});
	if (!at_end)
		throw Stopped{};
	outcome.sha256 = reader.sha256();
	outcome.size = reader.size_on_disk();
}

} // namespace etl
