#include "core/key_dictionary.h"

#include <gtest/gtest.h>

#include <string>

using namespace etl;

TEST(KeyDictionary, GivesAKeyOneNumberAndKeepsItWhereItIs)
{
	KeyDictionary dictionary;
	const uint32_t first = dictionary.add(0, "key", "binary");
	const char *text = dictionary[first].text.data();
	for (int i = 0; i < 100000; ++i)
		ASSERT_EQ(dictionary.add(0, "k" + std::to_string(i), std::to_string(i)),
				  static_cast<uint32_t>(i + 1));
	EXPECT_EQ(dictionary.add(0, "key", "binary"), first);
	EXPECT_EQ(dictionary[first].text.data(), text);
	for (uint32_t i = 0; i < 100000; ++i)
	{
		ASSERT_EQ(dictionary[i + 1].text, "k" + std::to_string(i));
		ASSERT_EQ(dictionary[i + 1].binary, std::to_string(i));
	}
	EXPECT_EQ(dictionary.size(), 100001u);
	EXPECT_TRUE(dictionary.full());
}

TEST(KeyDictionary, TellsDatasetsApart)
{
	KeyDictionary dictionary;
	const uint32_t a = dictionary.add(0, "7", "x"), b = dictionary.add(1, "7", "y");
	EXPECT_NE(a, b);
	EXPECT_EQ(dictionary[b].target, 1u);
	EXPECT_EQ(dictionary[b].binary, "y");
	EXPECT_EQ(dictionary.add(0, "7", "x"), a);
}
