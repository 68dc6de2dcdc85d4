#include "core/base/key_set.h"

#include <cstring>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace etl
{

namespace
{

/// Counts the spill files in memory and what is done with them.
struct Spilled
{
	int files = 0, open = 0;
	uint64_t reads = 0;
	bool full = false;
};

class MemorySpillFile : public SpillFile
{
  public:
	explicit MemorySpillFile(Spilled &spilled) : spilled_(spilled)
	{
		++spilled_.files;
		++spilled_.open;
	}
	~MemorySpillFile() override { --spilled_.open; }
	void append(const void *bytes, size_t size) override
	{
		if (spilled_.full)
			throw std::runtime_error("no room");
		bytes_.append(static_cast<const char *>(bytes), size);
	}
	void read(uint64_t at, void *to, size_t size) override
	{
		++spilled_.reads;
		if (at + size > bytes_.size())
			throw std::runtime_error("read behind the end");
		std::memcpy(to, bytes_.data() + at, size);
	}

  private:
	Spilled &spilled_;
	std::string bytes_;
};

OpenSpillFile
into(Spilled &spilled)
{
	return [&spilled] { return std::make_unique<MemorySpillFile>(spilled); };
}

} // namespace

TEST(KeySet, HoldsWhatWasAddedAndNothingElse)
{
	KeySet keys;
	EXPECT_TRUE(keys.empty());
	EXPECT_FALSE(keys.contains(""));
	for (int i = 0; i < 100000; i += 2)
		keys.add(std::to_string(i));
	keys.add("");
	for (int i = 0; i < 100000; ++i)
		ASSERT_EQ(keys.contains(std::to_string(i)), i % 2 == 0) << i;
	EXPECT_TRUE(keys.contains(""));
	EXPECT_FALSE(keys.empty());
}

TEST(KeySet, HoldsAKeyOnce)
{
	KeySet keys;
	for (int i = 0; i < 100000; ++i)
		keys.add("a");
	EXPECT_LE(keys.memory(), 1024u * 16);
}

TEST(KeySet, TakesFewBytesForAKeyHoweverLongItIs)
{
	KeySet keys;
	for (int i = 0; i < 200000; ++i)
		keys.add(std::to_string(i) + std::string(500, 'x'));
	EXPECT_LE(keys.memory(), 200000u * 43);
}

TEST(KeySet, HoldsWhatItHasWrittenToAFile)
{
	constexpr size_t memory = 4096;
	Spilled spilled;
	KeySet keys(into(spilled), memory);
	for (int i = 0; i < 20000; i += 2)
	{
		ASSERT_FALSE(keys.contains(std::to_string(i))) << i;
		keys.add(std::to_string(i));
		ASSERT_TRUE(keys.contains(std::to_string(i))) << i;
	}
	for (int i = 0; i < 20000; ++i)
		ASSERT_EQ(keys.contains(std::to_string(i)), i % 2 == 0) << i;
	EXPECT_GT(spilled.files, 10);
	EXPECT_EQ(spilled.open, 1);
	EXPECT_LE(keys.memory(), memory + 64u * 16 + (8u << 20));
}

TEST(KeySet, ReadsOneBlockForAKeyInTheFileAndNoneForMostOthers)
{
	Spilled spilled;
	KeySet keys(into(spilled), 4096);
	for (int i = 0; i < 20000; ++i)
		keys.add(std::to_string(i));
	spilled.reads = 0;
	for (int i = 20000; i < 30000; ++i)
		ASSERT_FALSE(keys.contains(std::to_string(i)));
	EXPECT_LE(spilled.reads, 100u);
	spilled.reads = 0;
	for (int i = 0; i < 10000; ++i)
		ASSERT_TRUE(keys.contains(std::to_string(i)));
	EXPECT_LE(spilled.reads, 10000u);
}

TEST(KeySet, HoldsAKeyThatIsAddedAgainAfterItWasWrittenOnce)
{
	Spilled spilled;
	KeySet keys(into(spilled), 4096);
	for (int round = 0; round < 20; ++round)
		for (int i = 0; i < 1000; ++i)
			keys.add(std::to_string(i));
	for (int i = 0; i < 2000; ++i)
		ASSERT_EQ(keys.contains(std::to_string(i)), i < 1000) << i;
	// 1,000 hashes are two blocks, although each was added several times
	EXPECT_LE(keys.memory(), 4096u + 4 * 16 + (8u << 20));
}

TEST(KeySet, SaysThatItsFileCannotBeWritten)
{
	Spilled spilled;
	spilled.full = true;
	KeySet keys(into(spilled), 4096);
	const auto add_many = [&]
	{
		for (int i = 0; i < 1000; ++i)
			keys.add(std::to_string(i));
	};
	EXPECT_THROW(add_many(), std::runtime_error);
}

TEST(KeySet, CanBeMoved)
{
	Spilled spilled;
	KeySet keys(into(spilled), 4096);
	for (int i = 0; i < 1000; ++i)
		keys.add(std::to_string(i));
	KeySet moved = std::move(keys);
	EXPECT_TRUE(moved.contains("1"));
	moved = KeySet();
	EXPECT_FALSE(moved.contains("1"));
	EXPECT_EQ(spilled.open, 0);
}

} // namespace etl
