#include "core/staging/key_dictionary.h"

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

TEST(KeyDictionary, AKeyTakesFewBytes)
{
	KeyDictionary dictionary;
	constexpr uint32_t many = 900'000;
	const auto text = [](uint32_t i) { return std::to_string(UINT64_C(1000000000000000) + i); };
	for (uint32_t i = 0; i < many; ++i)
		ASSERT_EQ(dictionary.add(1, text(i), std::string(8, static_cast<char>(i))), i);
	EXPECT_LE(dictionary.memory(), size_t{many} * 84);
	// text and binary form take 24 bytes of this
	dictionary.freeze();
	EXPECT_LE(dictionary.memory(), size_t{many} * 46);
	for (uint32_t i = 0; i < many; i += 1000)
	{
		ASSERT_EQ(dictionary[i].text, text(i));
		ASSERT_EQ(dictionary[i].binary, std::string(8, static_cast<char>(i)));
	}
	// the old key is found, and the next one is new
	EXPECT_EQ(dictionary.add(1, text(123'456), "?"), 123'456u);
	EXPECT_EQ(dictionary.add(1, text(many), ""), many);
	EXPECT_EQ(dictionary[many].binary, "");
	EXPECT_EQ(dictionary.add(2, text(many), ""), many + 1);
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
