#include "core/files/action_log.h"

#include <cstring>
#include <stdexcept>

#include <gtest/gtest.h>

namespace etl
{

namespace
{

/// A file in memory, which may be full.
class MemoryFile : public SpillFile
{
  public:
	explicit MemoryFile(const bool &full) : full_(full) {}
	void append(const void *bytes, size_t size) override
	{
		if (full_)
			throw std::runtime_error("no room");
		bytes_.append(static_cast<const char *>(bytes), size);
	}
	void read(uint64_t at, void *to, size_t size) override
	{
		if (at + size > bytes_.size())
			throw std::runtime_error("read behind the end");
		std::memcpy(to, bytes_.data() + at, size);
	}

  private:
	const bool &full_;
	std::string bytes_;
};

class ActionLogTest : public testing::Test
{
  protected:
	ActionLog log(size_t memory)
	{
		return ActionLog(
			[this]
			{
				++files_;
				return std::make_unique<MemoryFile>(full_);
			},
			memory);
	}
	int files_ = 0;
	bool full_ = false;
};

FileAction
action(int64_t n)
{
	FileAction a;
	a.kind = static_cast<FileAction::Kind>(n % 4);
	a.file_id = n / 2;
	a.from = "/raw/" + std::string(static_cast<size_t>(n % 300), 'f') + std::to_string(n);
	if (n % 4 != 2)
		a.to = "/archive/" + std::to_string(n);
	a.sha256.fill(static_cast<unsigned char>(n));
	a.identity = {static_cast<uint64_t>(n), static_cast<uint64_t>(n * 3), -n};
	return a;
}

void
expect_action(const FileAction &got, int64_t n)
{
	const FileAction wanted = action(n);
	EXPECT_EQ(got.kind, wanted.kind);
	EXPECT_EQ(got.file_id, wanted.file_id);
	EXPECT_EQ(got.from, wanted.from);
	EXPECT_EQ(got.to, wanted.to);
	EXPECT_EQ(got.sha256, wanted.sha256);
	EXPECT_EQ(got.identity, wanted.identity);
}

} // namespace

TEST_F(ActionLogTest, GivesBackWhatWasAddedWhereverItLies)
{
	// all actions in memory; some of them in the file; a write for each action
	for (const size_t memory : {size_t{1} << 30, size_t{100000}, size_t{1}})
	{
		files_ = 0;
		ActionLog actions = log(memory);
		for (int64_t n = 0; n < 3000; ++n)
			actions.add(action(n));
		EXPECT_EQ(files_, memory == size_t{1} << 30 ? 0 : 1);
		ActionLog::Cursor cursor(actions, 0, actions.end());
		FileAction got;
		for (int64_t n = 0; n < 3000; ++n)
		{
			ASSERT_TRUE(cursor.next(got));
			expect_action(got, n);
		}
		EXPECT_FALSE(cursor.next(got));
	}
}

TEST_F(ActionLogTest, APartIsReadAloneAndOnlyWhatIsWanted)
{
	ActionLog actions = log(5000);
	std::vector<ActionLog::Position> places{actions.end()};
	for (int64_t n = 0; n < 500; ++n)
	{
		actions.add(action(n));
		places.push_back(actions.end());
	}
	ActionLog::Cursor cursor(actions, places[123], places[321]);
	FileAction got;
	for (int64_t n = 123; n < 321; ++n)
		if (n / 2 % 3 == 1)
		{
			ASSERT_TRUE(cursor.next(got, [](int64_t file_id) { return file_id % 3 == 1; }));
			expect_action(got, n);
		}
	EXPECT_FALSE(cursor.next(got, [](int64_t file_id) { return file_id % 3 == 1; }));
	ActionLog::Cursor none(actions, places[7], places[7]);
	EXPECT_FALSE(none.next(got));
}

TEST_F(ActionLogTest, AnActionLargerThanABlock)
{
	ActionLog actions = log(1000);
	FileAction large = action(4);
	large.from = std::string(200000, 'x');
	actions.add(action(3));
	actions.add(large);
	actions.add(action(5));
	ActionLog::Cursor cursor(actions, 0, actions.end());
	FileAction got;
	ASSERT_TRUE(cursor.next(got));
	expect_action(got, 3);
	ASSERT_TRUE(cursor.next(got));
	EXPECT_EQ(got.from, large.from);
	ASSERT_TRUE(cursor.next(got));
	expect_action(got, 5);
	EXPECT_FALSE(cursor.next(got));
}

TEST_F(ActionLogTest, AFullDiskIsReportedAndLosesNothingThatWasAddedBefore)
{
	ActionLog actions = log(2000);
	int64_t n = 0;
	for (; files_ == 0; ++n)
		actions.add(action(n));
	full_ = true;
	const auto fill = [&]
	{
		for (;; ++n)
			actions.add(action(n));
	};
	EXPECT_THROW(fill(), std::runtime_error);
	full_ = false;
	ActionLog::Cursor cursor(actions, 0, actions.end());
	FileAction got;
	for (int64_t i = 0; i < n; ++i)
	{
		ASSERT_TRUE(cursor.next(got));
		expect_action(got, i);
	}
}

} // namespace etl
