#include "core/base/bloom_filter.h"

#include <random>

#include <gtest/gtest.h>

namespace etl
{

TEST(BloomFilter, ContainsNothingAtFirst)
{
	const BloomFilter filter;
	EXPECT_TRUE(filter.empty());
	EXPECT_EQ(filter.memory(), 0u);
	EXPECT_FALSE(filter.may_contain(0));
}

TEST(BloomFilter, MayContainWhatWasAddedAndLittleElse)
{
	BloomFilter filter;
	std::mt19937_64 random(1);
	std::vector<uint64_t> added(1000000);
	for (uint64_t &hash : added)
		filter.add(hash = random());
	for (const uint64_t hash : added)
		ASSERT_TRUE(filter.may_contain(hash));
	int wrong = 0;
	for (int i = 0; i < 100000; ++i)
		wrong += filter.may_contain(random());
	EXPECT_LT(wrong, 200);
}

} // namespace etl
