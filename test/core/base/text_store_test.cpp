#include "core/base/text_store.h"

#include <vector>

#include <gtest/gtest.h>

using namespace etl;

namespace
{

/// A file in memory. Counts the files that exist.
class Memory : public SpillFile
{
  public:
	explicit Memory(int &files) : files_(files) { ++files_; }
	~Memory() override { --files_; }
	void append(const void *bytes, size_t size) override
	{
		bytes_.append(static_cast<const char *>(bytes), size);
	}
	void read(uint64_t at, void *to, size_t size) override
	{
		bytes_.copy(static_cast<char *>(to), size, at);
	}

  private:
	int &files_;
	std::string bytes_;
};

} // namespace

TEST(TextStore, GivesBackWhatWasPutInAnywhere)
{
	int files = 0;
	TextStore store([&] { return std::make_unique<Memory>(files); }, 100);
	std::vector<std::pair<TextStore::Place, std::string>> texts;
	std::string text;
	const auto check = [&]
	{
		for (const auto &[place, expected] : texts)
		{
			store.read(place, text);
			ASSERT_EQ(text, expected);
		}
	};
	for (int round = 0; round < 2; ++round)
	{
		for (const size_t size : {40, 60})
			texts.emplace_back(store.add(std::string(size, 'a')), std::string(size, 'a'));
		EXPECT_EQ(files, 0) << "as much as fits in memory";
		check();
		for (size_t i = 0; i < 500; ++i)
		{
			const std::string some(i % 7 == 0 ? i : i % 50, static_cast<char>('a' + i % 26));
			texts.emplace_back(store.add(some), some);
		}
		EXPECT_EQ(files, 1);
		check();
		store.clear();
		texts.clear();
		EXPECT_EQ(files, 0);
	}
}
