#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "temp_folder.h"

#include "core/files/file_error.h"
#include "core/records/for_each_record.h"

using namespace etl;

namespace
{

std::vector<std::string>
records_of(const std::string &path, bool whole_json)
{
	FileReader reader(path, Content::staged, UINT64_MAX);
	std::vector<std::string> records;
	EXPECT_TRUE(for_each_record(
		reader, 1000, whole_json, [&](const RawRecord &raw) { records.emplace_back(raw.text); },
		[] { return true; }));
	return records;
}

} // namespace

TEST(ForEachRecord, VisitsTheRecordsOfAFile)
{
	TempFolder folder;
	const std::vector<std::string> expected = {"1", "2", "3"};
	EXPECT_EQ(records_of(folder.write("lines.json", "1\n2\n\n3"), true), expected);
	EXPECT_EQ(records_of(folder.write("array.json", "[1,\n2,\n3]"), true), expected);
	EXPECT_TRUE(records_of(folder.write("empty.json", ""), true).empty());
}

TEST(ForEachRecord, RefusesAFileThatDoesNotEnd)
{
	TempFolder folder;
	EXPECT_THROW(records_of(folder.write("array.json", "[1,\n2"), true), FileError);
}

TEST(ForEachRecord, ReadsNoFurtherThanWanted)
{
	TempFolder folder;
	const size_t lines = 1000000;
	std::string text;
	for (size_t i = 0; i < lines; ++i)
		text += "1\n";
	FileReader reader(folder.write("lines.json", text), Content::staged, UINT64_MAX);
	size_t records = 0;
	EXPECT_FALSE(for_each_record(
		reader, 1000, false, [&](const RawRecord &) { ++records; }, [] { return false; }));
	EXPECT_GT(records, 0u);
	EXPECT_LT(records, lines);
}
