#include "core/key_set.h"

#include <string>

#include <gtest/gtest.h>

namespace etl
{

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
	EXPECT_EQ(keys.size(), 50001u);
}

TEST(KeySet, CountsAKeyOnce)
{
	KeySet keys;
	for (int i = 0; i < 3; ++i)
		keys.add("a");
	EXPECT_EQ(keys.size(), 1u);
}

TEST(KeySet, TakesFewBytesForAKeyHoweverLongItIs)
{
	KeySet keys;
	for (int i = 0; i < 200000; ++i)
		keys.add(std::to_string(i) + std::string(500, 'x'));
	EXPECT_LE(keys.memory(), 200000u * 43);
}

} // namespace etl
