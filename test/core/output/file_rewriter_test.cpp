#include "core/base/hash.h"
#include "core/output/file_rewriter.h"

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "temp_folder.h"

using namespace etl;

namespace
{

/// Treats records that contain "gone" as those of a person.
FileRewriter::Transform
erase_gone(size_t, TypeInput *)
{
	return [](std::string_view text, std::string &out, RewriteOutcome &) -> uint32_t
	{
		if (text.find("gone") == std::string_view::npos)
			return UINT32_MAX;
		out = "[erased]";
		return 7;
	};
}

std::vector<RewriteOutcome>
rewrite(std::vector<RewriteTask> tasks)
{
	FileRewriter rewriter(std::move(tasks), erase_gone, 3);
	while (!rewriter.wait(std::chrono::milliseconds(100)))
		;
	return std::move(rewriter.outcomes());
}

RewriteTask
task(const TempFolder &folder, const std::string &name, const std::string &contents)
{
	RewriteTask task;
	task.source = folder.write(name, contents);
	task.part = folder.file(name + ".part");
	return task;
}

std::string
hash_of(const std::array<uint8_t, 32> &hash)
{
	return to_hex({reinterpret_cast<const char *>(hash.data()), hash.size()});
}

} // namespace

// More files than are synced at the same time.
TEST(FileRewriter, ManyFiles)
{
	const TempFolder folder;
	std::vector<RewriteTask> tasks;
	for (int i = 0; i < 700; ++i)
		tasks.push_back(task(folder, std::to_string(i),
							 i % 7 == 0 ? "\"stays\"\n" : "\"gone\"\n\n\"stays\"\n"));
	const auto outcomes = rewrite(tasks);
	for (size_t i = 0; i < outcomes.size(); ++i)
	{
		const bool changes = i % 7 != 0;
		EXPECT_EQ(outcomes[i].error, "");
		EXPECT_EQ(outcomes[i].changed, changes);
		ASSERT_EQ(std::filesystem::exists(tasks[i].part), changes);
		if (!changes)
			continue;
		const std::string text = TempFolder::read(tasks[i].part);
		EXPECT_EQ(text, "[erased]\n\n\"stays\"\n");
		EXPECT_EQ(hash_of(outcomes[i].new_sha256), hash_of(sha256(text)));
		EXPECT_EQ(outcomes[i].found, (std::map<uint32_t, int64_t>{{7, 1}}));
	}
}

TEST(FileRewriter, HandsOverTextsInTheOrderOfFilesAndWaitsUntilTheyAreTaken)
{
	const TempFolder folder;
	std::vector<RewriteTask> tasks;
	std::vector<std::string> expected;
	for (int i = 0; i < 20; ++i)
	{
		std::string contents;
		for (int k = 0; k < 3; ++k)
		{
			expected.push_back("\"gone " + std::to_string(i) + " " + std::to_string(k) +
							   std::string(1 << 20, 'x') + "\"");
			contents += expected.back() + "\n\"stays\"\n";
		}
		tasks.push_back(task(folder, std::to_string(i), contents));
		tasks.back().part.clear();
		tasks.back().collect = true;
	}
	FileRewriter rewriter(std::move(tasks), erase_gone, 4);
	std::vector<std::string> texts;
	for (bool done = false; !done;)
	{
		done = rewriter.wait(std::chrono::milliseconds(100));
		size_t bytes = 0;
		for (auto &[number, text] : rewriter.take_texts())
		{
			EXPECT_EQ(number, texts.size() / 3);
			bytes += text.size();
			texts.push_back(std::move(text));
		}
		EXPECT_LE(bytes, 9u << 20);
	}
	EXPECT_EQ(texts, expected);
}

TEST(FileRewriter, StopsWhileTextsWait)
{
	const TempFolder folder;
	RewriteTask collects =
		task(folder, "a", "\"gone" + std::string(9 << 20, 'x') + "\"\n\"gone\"\n");
	collects.part.clear();
	collects.collect = true;
	FileRewriter rewriter({collects, collects}, erase_gone, 2);
	EXPECT_FALSE(rewriter.wait(std::chrono::milliseconds(1000)));
}

TEST(FileRewriter, ProbeWritesOnlyWhatChanges)
{
	const TempFolder folder;
	std::vector<RewriteTask> tasks = {task(folder, "a", "\"stays\"\n"),
									  task(folder, "b", "\"gone\"\n")};
	for (RewriteTask &t : tasks)
		t.probe = true;
	const auto outcomes = rewrite(tasks);
	EXPECT_FALSE(std::filesystem::exists(tasks[0].part));
	EXPECT_EQ(TempFolder::read(tasks[1].part), "[erased]\n");
	EXPECT_EQ(outcomes[1].found.at(7), 1);
}

// A file that fails does not prevent the others from being written.
TEST(FileRewriter, ErrorsAreOfOneFile)
{
	const TempFolder folder;
	std::vector<RewriteTask> tasks = {task(folder, "a", "\"gone\"\n"), task(folder, "b", ""),
									  task(folder, "c", "\"gone\"\n")};
	tasks[1].source = folder.file("missing");
	tasks[2].part = folder.file("no folder/part");
	const auto outcomes = rewrite(tasks);
	EXPECT_EQ(outcomes[0].error, "");
	EXPECT_EQ(outcomes[1].sqlstate, "58P01");
	EXPECT_EQ(outcomes[2].sqlstate, "58P01");
	EXPECT_EQ(TempFolder::read(tasks[0].part), "[erased]\n");
}

TEST(FileRewriter, NothingIsLeftOfWhatCouldNotBeRead)
{
	const TempFolder folder;
	RewriteTask broken = task(folder, "a.gz", "\x1f\x8b\x08 gone\n");
	const auto outcomes = rewrite({broken});
	EXPECT_NE(outcomes[0].error, "");
	EXPECT_FALSE(std::filesystem::exists(broken.part));
}

TEST(FileRewriter, ThreadsAskTheCaller)
{
	struct Server : TypeInput
	{
		std::thread::id thread = std::this_thread::get_id();
		bool read(const ColumnType &, std::string_view text, std::string &, TypeError &) override
		{
			EXPECT_EQ(std::this_thread::get_id(), thread);
			return text == "yes";
		}
	} server;
	const auto ask = [](size_t, TypeInput *types) -> FileRewriter::Transform
	{
		return [types](std::string_view text, std::string &out, RewriteOutcome &) -> uint32_t
		{
			TypeError error{"", {}};
			std::string value;
			out = "read";
			return types->read(ColumnType(), text, value, error) ? 1 : UINT32_MAX;
		};
	};
	const TempFolder folder;
	std::vector<RewriteTask> tasks;
	for (int i = 0; i < 8; ++i)
	{
		RewriteTask &reads = tasks.emplace_back();
		reads.source = folder.write("f" + std::to_string(i), "yes\nno\nyes\n");
	}
	FileRewriter rewriter(std::move(tasks), ask, 3, &server);
	while (!rewriter.wait(std::chrono::milliseconds(10)))
		;
	for (const RewriteOutcome &outcome : rewriter.outcomes())
	{
		EXPECT_EQ(outcome.error, "");
		EXPECT_EQ(outcome.found.at(1), 2);
	}
	// after stop() there is no answer
	RewriteTask waits;
	waits.source = folder.write("g", "yes\n");
	FileRewriter stopped({waits}, ask, 1, &server);
	stopped.stop();
}
