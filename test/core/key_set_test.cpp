#include "core/key_set.h"

#include <gtest/gtest.h>

using namespace etl;

TEST(KeySet, HoldsWhatWasAddedAndNothingElse)
{
	KeySet set;
	EXPECT_TRUE(set.empty());
	EXPECT_FALSE(set.contains("1"));
	EXPECT_FALSE(set.contains(""));
	// through several times of growing
	for (int i = 0; i < 20000; ++i)
		set.add(std::to_string(i));
	EXPECT_EQ(set.size(), 20000u);
	for (int i = 0; i < 20000; ++i)
	{
		ASSERT_TRUE(set.contains(std::to_string(i))) << i;
		ASSERT_FALSE(set.contains("0" + std::to_string(i))) << i;
	}
	EXPECT_FALSE(set.contains(""));
	set.add("");
	EXPECT_TRUE(set.contains(""));
}

TEST(KeySet, AKeyThatComesAgainIsHeldOnce)
{
	KeySet set;
	for (int round = 0; round < 3; ++round)
		for (const char *key : {"a", "b", "a"})
			set.add(key);
	EXPECT_EQ(set.size(), 2u);
}

TEST(KeySet, TakesNoMoreMemoryForLongKeys)
{
	KeySet set;
	for (int i = 0; i < 10000; ++i)
		set.add(std::string(1000, 'x') + std::to_string(i));
	EXPECT_EQ(set.size(), 10000u);
	EXPECT_LE(set.memory(), size_t{10000} * 43);
}
