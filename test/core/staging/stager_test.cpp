// The threads of the Stager: pieces come in the order of the files, a bad file does not affect
// others, memory is bounded, and the Stager can be stopped at any moment. Also run under
// ThreadSanitizer.
#include "core/base/hash.h"
#include "core/staging/stager.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "core/staging/compressed_piece.h"
#include "gzip_bytes.h"
#include "temp_folder.h"

using namespace etl;

namespace
{

constexpr const char *definition_text = R"({
	"type": "object",
	"properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
	"required": ["id"],
	"x-etl": {
		"dataset": "things", "files": ["things.json"], "key": "/id",
		"tables": [{"schema": "data", "name": "things", "primary_key": ["id"],
			"columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "name", "from": "/name"}]}]
	}
})";

std::string
line(size_t id, size_t name_size)
{
	return "{\"id\": " + std::to_string(id) + ", \"name\": \"" + std::string(name_size, 'x') +
		   "\"}\n";
}

struct StagerTest : testing::Test
{
	FileTask task(const std::string &name, const std::string &text)
	{
		FileTask t;
		t.path = folder.write(name, text);
		return t;
	}
	/// The result for a file: the texts of the records, and the outcome.
	struct Seen
	{
		std::vector<std::string> records;
		FileOutcome outcome;
		size_t pieces = 0;
		size_t sealed = 0;  ///< number of sealed records
		std::string lines;  ///< lines of the sealed texts
		bool whole = false; ///< the sealed text consists of the bytes in the file
		size_t largest = 0; ///< largest piece in bytes, without its buffer
		bool ended = false;
	};
	std::vector<Seen> run(std::vector<FileTask> tasks, StagerOptions options)
	{
		std::vector<Seen> seen(tasks.size());
		Stager stager(definition, key_types, std::move(tasks), options);
		uint32_t at = 0;
		for (;;)
		{
			Stager::Step step = stager.next(std::chrono::milliseconds(1000));
			if (step.kind == Stager::Step::Kind::done)
				break;
			if (step.kind == Stager::Step::Kind::timeout)
				continue;
			EXPECT_EQ(step.file, at) << "in order";
			Seen &file = seen[step.file];
			EXPECT_FALSE(file.ended);
			if (step.kind == Stager::Step::Kind::piece)
			{
				++file.pieces;
				file.largest = std::max(file.largest, step.piece->memory_without_buffer());
				TextReader reader;
				for (const StagedRecord &r : step.piece->records)
				{
					EXPECT_EQ(r.file, step.file);
					file.sealed += r.sealed ? 1 : 0;
					file.records.emplace_back(reader.text(*step.piece, r));
				}
				if (step.piece->sealed)
				{
					file.lines += open_sealed(*step.piece->sealed);
					file.whole = step.piece->sealed->whole;
				}
			}
			else
			{
				file.outcome = std::move(step.outcome);
				file.ended = true;
				++at;
			}
		}
		return seen;
	}

	const TempFolder folder;
	const Definition definition = Definition::read(definition_text);
	const KeyTypes key_types{{"things", definition.tables[0].columns[0].type}};
};

TEST_F(StagerTest, FilesComeInOrderWhateverTheirSize)
{
	std::vector<FileTask> tasks;
	std::vector<size_t> counts;
	for (size_t i = 0; i < 40; ++i)
	{
		std::string text;
		counts.push_back(i % 7 == 0 ? 3000 : i % 3);
		for (size_t k = 0; k < counts[i]; ++k)
			text += line(i * 10000 + k, 10);
		tasks.push_back(task("f" + std::to_string(i), text));
	}
	StagerOptions options;
	options.threads = 4;
	options.memory = 1 << 20;
	const std::vector<Seen> seen = run(std::move(tasks), options);
	for (size_t i = 0; i < seen.size(); ++i)
	{
		ASSERT_TRUE(seen[i].ended);
		EXPECT_EQ(seen[i].outcome.error, "");
		EXPECT_EQ(seen[i].outcome.records, counts[i]);
		ASSERT_EQ(seen[i].records.size(), counts[i]);
		for (size_t k = 0; k < counts[i]; ++k)
			ASSERT_EQ(seen[i].records[k] + "\n", line(i * 10000 + k, 10));
	}
}

TEST_F(StagerTest, SealedRecordsComeBackAsTheyWere)
{
	// good and bad records, blank lines, other line ends, a last line without an end, tiny files,
	// empty files, and files larger than a piece
	const auto gzip_task = [&](const std::string &name, const std::string &text, bool whole_json)
	{
		FileTask t = task(name, gzip_bytes(text));
		t.gzip = true;
		t.whole_json = whole_json;
		return t;
	};
	std::string large, large_good;
	std::vector<std::string> large_records;
	for (size_t i = 0; large.size() < (20 << 20); ++i)
	{
		std::string record = i % 100 == 7 ? std::string("{\"id\": \"no\"}\n") : line(i, i % 3000);
		large += record;
		if (i % 100 != 7)
			large_good += record;
		record.pop_back();
		large_records.push_back(std::move(record));
	}
	StagerOptions options;
	options.threads = 3;
	options.seal = true;
	const std::vector<Seen> seen = run(
		{gzip_task("mixed",
				   line(1, 3) + "{\"id\": \n\n" + line(2, 4) + "{\"id\": 3}\r\n{\"id\": 4}", false),
		 gzip_task("tiny", line(1, 3), false), gzip_task("none", "", false),
		 gzip_task("all bad", "x\ny\n", false),
		 gzip_task("array", "[{\"id\": 1}, {\"id\": 2},\n{\"id\": \"x\"}, {\"id\":\n3}]", true),
		 gzip_task("large", large, false), task("plain", line(1, 3))},
		options);
	using Texts = std::vector<std::string>;
	EXPECT_EQ(seen[0].records, Texts({line(1, 3).substr(0, line(1, 3).size() - 1),
									  "{\"id\":", line(2, 4).substr(0, line(2, 4).size() - 1),
									  "{\"id\": 3}", "{\"id\": 4}"}));
	EXPECT_EQ(seen[0].sealed, 4u);
	EXPECT_EQ(seen[0].lines, line(1, 3) + line(2, 4) + "{\"id\": 3}\n{\"id\": 4}\n");
	EXPECT_EQ(seen[1].lines, line(1, 3));
	EXPECT_EQ(seen[2].outcome.records, 0u);
	EXPECT_EQ(seen[3].records, Texts({"x", "y"}));
	EXPECT_EQ(seen[3].sealed, 0u);
	EXPECT_EQ(seen[4].records.size(), 4u);
	EXPECT_EQ(seen[4].records[0], "{\"id\": 1}");
	EXPECT_EQ(seen[4].sealed, 3u);
	EXPECT_EQ(seen[4].lines,
			  seen[4].records[0] + "\n" + seen[4].records[1] + "\n" + seen[4].records[3] + "\n");
	EXPECT_EQ(seen[4].records[3].find('\n'), std::string::npos);
	EXPECT_GT(seen[5].pieces, 2u);
	EXPECT_TRUE(seen[5].records == large_records);
	EXPECT_TRUE(seen[5].lines == large_good);
	EXPECT_EQ(seen[6].sealed, 0u) << "not a gzip file: nothing would be saved";
}

TEST_F(StagerTest, OfAFileOfGoodLinesTheBytesThatCameAreKept)
{
	StagerOptions options;
	options.threads = 2;
	options.seal = true;
	const std::string good = line(1, 3) + line(2, 5000) + line(3, 4), last = line(4, 4);
	std::string named = gzip_bytes(good);
	named[3] = 8; // FNAME
	named.insert(10, std::string("a name\0", 7));
	std::vector<FileTask> tasks;
	const auto add = [&](const std::string &bytes)
	{
		tasks.push_back(task("f" + std::to_string(tasks.size()), bytes));
		tasks.back().gzip = true;
	};
	add(gzip_bytes(good));
	add(named);
	const size_t whole = tasks.size();
	add(gzip_bytes(good + "{\"id\": \"no\"}\n"));            // one record is bad
	add(gzip_bytes(good + last.substr(0, last.size() - 1))); // the last line does not end
	add(gzip_bytes(good + "\n" + last));                     // a blank line
	add(gzip_bytes("\n" + good));
	add(gzip_bytes(good + "\n"));
	add(gzip_bytes(good + " " + last)); // blanks around a record
	add(gzip_bytes(good + "{\"id\": 9}\r\n"));
	add(gzip_bytes("\xef\xbb\xbf" + good));   // a byte-order mark
	add(gzip_bytes(good) + gzip_bytes(last)); // two members
	add(gzip_bytes(good) + gzip_bytes(""));
	add(gzip_bytes(""));
	const std::vector<Seen> seen = run(std::move(tasks), options);
	for (size_t i = 0; i < seen.size(); ++i)
	{
		EXPECT_EQ(seen[i].outcome.error, "") << i;
		EXPECT_EQ(seen[i].whole, i < whole) << i;
		EXPECT_EQ(seen[i].lines.substr(0, good.size()), i + 1 < seen.size() ? good : "") << i;
	}
	EXPECT_EQ(seen[3].lines, good + last);
	EXPECT_EQ(seen[4].lines, good + last);
	EXPECT_EQ(seen[8].lines, good + "{\"id\": 9}\n");
	EXPECT_EQ(seen[10].lines, good + last);
}

TEST_F(StagerTest, WhatIsWrittenOtherwiseIsNotSealed)
{
	const Definition rewriting = Definition::read(
		std::string(definition_text)
			.replace(std::string(definition_text).find("\"key\""), 0,
					 "\"normalize\": [{\"field\": \"/at\", \"to\": \"run_time\"}], "));
	FileTask t = task("f", gzip_bytes(line(1, 3)));
	t.gzip = true;
	StagerOptions options;
	options.seal = true;
	Stager stager(rewriting, key_types, {t}, options);
	Stager::Step step = stager.next(std::chrono::seconds(10));
	ASSERT_EQ(step.kind, Stager::Step::Kind::piece);
	ASSERT_EQ(step.piece->records.size(), 1u);
	EXPECT_FALSE(step.piece->sealed);
	EXPECT_FALSE(step.piece->records[0].sealed);
	EXPECT_NE(step.piece->records[0].output, step.piece->records[0].text);
}

TEST_F(StagerTest, ATrailerMayPromiseLessThanTheFileHolds)
{
	// with several gzip members, the last trailer has the length of the last one only
	std::string text;
	for (size_t i = 0; i < 5000; ++i)
		text += line(i, 30);
	std::vector<FileTask> tasks;
	tasks.push_back(task("members.gz", gzip_bytes(text) + gzip_bytes(line(5000, 30))));
	tasks.back().gzip = true;
	tasks.push_back(task("again.gz", gzip_bytes("") + gzip_bytes(text) + gzip_bytes("")));
	tasks.back().gzip = true;
	const std::vector<Seen> seen = run(std::move(tasks), {});
	ASSERT_EQ(seen[0].records.size(), 5001u);
	ASSERT_EQ(seen[1].records.size(), 5000u);
	for (size_t i = 0; i < 5000; ++i)
	{
		ASSERT_EQ(seen[0].records[i] + "\n", line(i, 30));
		ASSERT_EQ(seen[1].records[i], seen[0].records[i]);
	}
}

TEST_F(StagerTest, AFileThatFailsTakesNothingWithIt)
{
	std::vector<FileTask> tasks;
	tasks.push_back(task("good", line(1, 1)));
	tasks.push_back(task("bad.gz", "\x1f\x8b\x08 no gzip"));
	tasks.back().gzip = true;
	tasks.push_back(task("gone", ""));
	std::filesystem::remove(tasks.back().path);
	tasks.push_back(task("known", line(2, 1)));
	tasks.back().known.push_back(sha256(line(2, 1)));
	tasks.push_back(task("last", line(3, 1)));
	StagerOptions options;
	options.threads = 3;
	const std::vector<Seen> seen = run(std::move(tasks), options);
	EXPECT_EQ(seen[0].records.size(), 1u);
	EXPECT_EQ(seen[1].outcome.sqlstate, "22P04");
	EXPECT_EQ(seen[1].pieces, 0u);
	EXPECT_EQ(seen[2].outcome.sqlstate, "58P01");
	EXPECT_TRUE(seen[3].outcome.duplicate);
	EXPECT_EQ(seen[3].pieces, 0u);
	EXPECT_EQ(seen[4].records.size(), 1u);
}

TEST_F(StagerTest, ALargeFileComesInPieces)
{
	std::string text;
	size_t count = 0;
	while (text.size() < (20u << 20))
		text += line(count++, 1000);
	StagerOptions options;
	options.threads = 2;
	options.memory = 1 << 20; // less than one piece; one piece may always be staged
	std::vector<FileTask> tasks{task("large", text), task("small", line(1, 1))};
	const std::vector<Seen> seen = run(std::move(tasks), options);
	EXPECT_GT(seen[0].pieces, 2u);
	ASSERT_EQ(seen[0].records.size(), count);
	for (size_t i = 0; i < count; i += 997)
		ASSERT_EQ(seen[0].records[i] + "\n", line(i, 1000));
	EXPECT_EQ(seen[0].outcome.bytes, text.size());
	EXPECT_EQ(seen[0].outcome.sha256, sha256(text));
	EXPECT_EQ(seen[1].records.size(), 1u);
}

TEST_F(StagerTest, ALargeFileThatIsCutHandsOutNothing)
{
	std::string text;
	for (size_t i = 0; text.size() < (20u << 20); ++i)
		text += line(i, 1000);
	StagerOptions options;
	options.max_file_size = 19u << 20;
	const std::vector<Seen> seen = run({task("large", text)}, options);
	EXPECT_EQ(seen[0].pieces, 0u);
	EXPECT_EQ(seen[0].outcome.sqlstate, "54000");
}

TEST_F(StagerTest, ManyTinyRecordsAreSeveralPieces)
{
	// good records, bad records, and records of an array on one line; in files that are read once
	// and twice
	const size_t count = 100'000, large_count = 1'000'000;
	std::string good, bad, array = "[";
	for (size_t i = 0; i < count; ++i)
	{
		good += "{\"id\":" + std::to_string(i) + "}\n";
		bad += "1\n";
		array += "1,";
	}
	std::string large;
	for (size_t i = 0; i < large_count; ++i)
		large += "{\"id\":" + std::to_string(i) + "}\n";
	array.back() = ']';
	std::vector<FileTask> tasks{task("good", good),
								task("bad", bad),
								task("array", array),
								task("zipped", gzip_bytes(good)),
								task("open", array.substr(0, 199'999)),
								task("large", large),
								task("large zipped", gzip_bytes(large))};
	tasks[2].whole_json = tasks[4].whole_json = true;
	tasks[3].gzip = tasks[6].gzip = true;
	StagerOptions options;
	options.threads = 2;
	options.memory = 8 << 20;
	options.seal = true;
	const std::vector<Seen> seen = run(std::move(tasks), options);
	for (const size_t i : {0, 1, 2, 3, 5, 6})
	{
		EXPECT_EQ(seen[i].outcome.error, "") << i;
		EXPECT_EQ(seen[i].outcome.records, i < 5 ? count : large_count) << i;
		EXPECT_GT(seen[i].pieces, 3u) << i;
		EXPECT_LT(seen[i].largest, 8u << 20) << i;
		EXPECT_FALSE(seen[i].whole) << i;
		ASSERT_EQ(seen[i].records.size(), i < 5 ? count : large_count) << i;
		for (size_t k = 0; k < seen[i].records.size(); ++k)
			ASSERT_EQ(seen[i].records[k],
					  i == 1 || i == 2 ? "1" : "{\"id\":" + std::to_string(k) + "}")
				<< i;
	}
	EXPECT_EQ(seen[3].lines, good);
	EXPECT_EQ(seen[6].lines, large);
	EXPECT_EQ(seen[4].outcome.sqlstate, "22P04") << "an array that is not closed";
	EXPECT_EQ(seen[4].pieces, 0u) << "of which nothing is handed out";
}

TEST_F(StagerTest, OfARecordAHundredViolationsAreKept)
{
	const Definition refers = Definition::read(R"({
		"type": "object",
		"x-etl": {
			"dataset": "things", "files": ["things.json"], "key": "/id",
			"tables": [
				{"schema": "data", "name": "things", "primary_key": ["id"],
					"columns": [{"name": "id", "type": "bigint", "from": "/id"}]},
				{"schema": "data", "name": "parts", "primary_key": ["id", "line"], "each": "/parts",
					"columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "line", "type": "integer", "from": "$line"},
						{"name": "n", "type": "integer", "from": "./n"}]}]}})");
	std::string text = "{\"id\": 1, \"parts\": [";
	for (int i = 0; i < 200'000; ++i)
		text += "{\"n\":\"x\"},";
	text.back() = ']';
	Stager stager(refers, key_types, {task("f", text + "}\n")}, {});
	Stager::Step step = stager.next(std::chrono::seconds(60));
	ASSERT_EQ(step.kind, Stager::Step::Kind::piece);
	ASSERT_EQ(step.piece->records.size(), 1u);
	const StagedRecord &record = step.piece->records[0];
	ASSERT_TRUE(record.violations);
	EXPECT_FALSE(record.loadable);
	EXPECT_EQ(record.violations->size(), max_violations);
	EXPECT_EQ(record.violations->back().pointer, "/parts/99/n");
}

TEST_F(StagerTest, RowsThatRepeatALongTextAreRefused)
{
	const Definition repeats = Definition::read(R"({
		"type": "object",
		"x-etl": {
			"dataset": "things", "files": ["things.json"], "key": "/id",
			"tables": [
				{"schema": "data", "name": "things", "primary_key": ["id"],
					"columns": [{"name": "id", "type": "text", "from": "/id"}]},
				{"schema": "data", "name": "parts", "primary_key": ["id", "line"], "each": "/parts",
					"columns": [{"name": "id", "type": "text", "from": "/id"}, {"name": "line", "type": "integer", "from": "$line"}]}]}})");
	const auto text = [](size_t key_size, size_t parts)
	{
		std::string json = "{\"id\": \"" + std::string(key_size, 'x') + "\", \"parts\": [";
		for (size_t i = 0; i < parts; ++i)
			json += "{},";
		json.back() = ']';
		return json + "}\n";
	};
	// one record with rows of 200 GB, and one whose rows fit
	Stager stager(repeats, key_types, {task("f", text(1 << 20, 200'000) + text(1 << 10, 20'000))},
				  {});
	std::vector<bool> loadable;
	for (;;)
	{
		Stager::Step step = stager.next(std::chrono::seconds(60));
		if (step.kind == Stager::Step::Kind::file_end)
			break;
		ASSERT_EQ(step.kind, Stager::Step::Kind::piece);
		EXPECT_LE(step.piece->memory(), 150u << 20);
		for (const StagedRecord &record : step.piece->records)
		{
			loadable.push_back(record.loadable);
			if (record.loadable)
				continue;
			ASSERT_TRUE(record.violations);
			ASSERT_EQ(record.violations->size(), 1u);
			EXPECT_EQ(record.violations->front().code, Code::type);
			EXPECT_EQ(record.violations->front().sqlstate, "54000");
		}
	}
	EXPECT_EQ(loadable, (std::vector<bool>{false, true}));
}

TEST_F(StagerTest, WhatIsStagedAheadIsBounded)
{
	std::vector<FileTask> tasks;
	std::string text;
	for (size_t k = 0; k < 1000; ++k)
		text += line(k, 200);
	for (size_t i = 0; i < 60; ++i)
		tasks.push_back(task("f" + std::to_string(i), text));
	StagerOptions options;
	options.threads = 4;
	options.memory = 2 << 20;
	Stager stager(definition, key_types, std::move(tasks), options);
	// no piece is taken, so the memory of the threads must stay at the limit plus what each thread
	// had begun (a file may be larger than the memory that was left)
	size_t before = SIZE_MAX;
	for (;;)
	{
		std::this_thread::sleep_for(std::chrono::milliseconds(100));
		const size_t now = stager.in_flight();
		if (now == before && now >= options.memory)
			break;
		before = now;
	}
	const Stager::Step step = stager.next(std::chrono::milliseconds(1000));
	ASSERT_EQ(step.kind, Stager::Step::Kind::piece);
	EXPECT_LE(before, options.memory + options.threads * step.piece->memory());
}

TEST_F(StagerTest, LongRecordsWaitForWhatTheCallerHolds)
{
	// the long records of each of three files may be staged when the previous file is loaded
	constexpr size_t long_size = 2 << 20;
	std::vector<FileTask> tasks;
	for (size_t i = 0; i < 3; ++i)
		tasks.push_back(task("f" + std::to_string(i),
							 line(1, 1) + line(2, long_size) + line(3, long_size) + line(4, 1)));
	StagerOptions options;
	options.threads = 4;
	options.memory = 1 << 20;
	Stager stager(definition, key_types, std::move(tasks), options);
	size_t held = 0, most = 0, records = 0, crowded = 0;
	for (;;)
	{
		Stager::Step step = stager.next(std::chrono::seconds(10), held);
		ASSERT_NE(step.kind, Stager::Step::Kind::timeout) << "somebody waits for ever";
		if (step.kind == Stager::Step::Kind::done)
			break;
		if (step.kind == Stager::Step::Kind::crowded)
		{
			EXPECT_GT(held, 0u);
			held = 0; // loaded
			++crowded;
		}
		if (step.kind != Stager::Step::Kind::piece)
			continue;
		size_t long_records = 0;
		for (const StagedRecord &r : step.piece->records)
			long_records += r.text.size() > long_size;
		EXPECT_LE(long_records, 1u);
		records += step.piece->records.size();
		held += step.piece->memory();
		most = std::max(most, held);
	}
	EXPECT_EQ(records, 12u);
	EXPECT_GE(crowded, 3u);
	// the bytes of the file, which all its pieces share, and one long record
	EXPECT_LE(most, 16u << 20);
}

TEST_F(StagerTest, StopsWhileBusy)
{
	std::string text;
	for (size_t k = 0; text.size() < (9u << 20); ++k)
		text += line(k, 100);
	for (int when = 0; when < 4; ++when)
	{
		std::vector<FileTask> tasks;
		for (size_t i = 0; i < 6; ++i)
			tasks.push_back(task("f" + std::to_string(i), i % 2 ? text : line(i, 1)));
		StagerOptions options;
		options.threads = 4;
		options.memory = 1 << 20;
		Stager stager(definition, key_types, std::move(tasks), options);
		for (int i = 0; i < when; ++i)
			(void)stager.next(std::chrono::milliseconds(10));
		if (when % 2 == 0)
			stager.stop();
	}
}

} // namespace
