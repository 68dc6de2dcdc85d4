#include "core/search/search_pool.h"

#include <map>

#include <gtest/gtest.h>
#include <zstd.h>

#include "gzip_bytes.h"
#include "temp_folder.h"

using namespace etl;

namespace
{

const std::string person = "who.is.meant@example.org";

/// Lines in which the person is named `count` times, far enough apart that chunks end between them.
std::string
lines(int count)
{
	std::string text;
	for (int i = 0; i < 60000; ++i)
		text += "{\"id\": " + std::to_string(i) + ", \"email\": \"" +
				(i % 1000 == 500 && count-- > 0 ? person : "somebody.else@example.org") + "\"}\n";
	return text;
}

/// One frame of Zstandard (RFC 8878).
std::string
zstd_bytes(const std::string &text)
{
	std::string out(ZSTD_compressBound(text.size()), '\0');
	out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
	return out;
}

class SearchJobTest : public testing::Test
{
  protected:
	void add(SearchJob::Kind kind, const std::string &name, std::string_view bytes)
	{
		jobs_.push_back({kind, {folder_.write(name, bytes)}, 0});
	}
	/// The results by job.
	std::map<size_t, SearchResult> search(unsigned threads)
	{
		const Needle needle({person});
		const SearchSizes sizes{8192, 8192, 131072, UINT64_C(1) << 30, 1 << 20};
		SearchPool pool(jobs_, needle, sizes, threads);
		std::map<size_t, SearchResult> results;
		SearchPool::Done done;
		while (!pool.finished())
			if (pool.next(done, std::chrono::milliseconds(100)))
				results[done.job] = std::move(done.result);
		return results;
	}

	TempFolder folder_;
	std::vector<SearchJob> jobs_;
};

TEST_F(SearchJobTest, FindsInFilesAsTheyAreStaged)
{
	add(SearchJob::Kind::file, "plain.json", lines(3));
	// the first bytes and not the name decide how a file is read
	add(SearchJob::Kind::file, "zipped.json", gzip_bytes(lines(4)));
	add(SearchJob::Kind::file, "nobody.json.gz", gzip_bytes(lines(0)));
	add(SearchJob::Kind::bytes, "as.they.are", gzip_bytes(lines(4)));
	auto results = search(2);
	EXPECT_EQ(results[0].count, 3u);
	EXPECT_EQ(results[1].count, 4u);
	EXPECT_EQ(results[2].count, 0u);
	EXPECT_EQ(results[3].count, 0u);
	for (const auto &[job, result] : results)
		EXPECT_TRUE(result.unsearched.empty()) << job;
}

TEST_F(SearchJobTest, FindsInZstandard)
{
	const std::string whole = zstd_bytes(lines(5));
	ASSERT_EQ(whole.find(person), std::string::npos) << "the letters must not stand there";
	add(SearchJob::Kind::file, "a.zst", whole);
	add(SearchJob::Kind::file, "two frames", whole + whole);
	add(SearchJob::Kind::file, "cut", whole.substr(0, whole.size() / 2));
	auto results = search(1);
	EXPECT_EQ(results[0].count, 5u);
	EXPECT_TRUE(results[0].unsearched.empty());
	EXPECT_EQ(results[1].count, 10u);
	ASSERT_EQ(results[2].unsearched.size(), 1u);
	EXPECT_NE(results[2].unsearched[0].find("damaged or cut off"), std::string::npos);
}

TEST_F(SearchJobTest, SaysWhatItCouldNotSearch)
{
	add(SearchJob::Kind::file, "a.bz2", "BZh91AY&SY");
	add(SearchJob::Kind::file, "cut.gz", gzip_bytes(lines(2)).substr(0, 1000));
	jobs_.push_back({SearchJob::Kind::bytes, {folder_.file("")}, 0});
	auto results = search(4);
	for (const auto &[job, result] : results)
		EXPECT_EQ(result.unsearched.size(), 1u) << job;
}

TEST_F(SearchJobTest, ManyJobsOnManyThreads)
{
	const std::string once = gzip_bytes("x" + person + "x");
	for (int i = 0; i < 300; ++i)
		add(SearchJob::Kind::file, std::to_string(i), once);
	uint64_t found = 0;
	for (const auto &[job, result] : search(8))
		found += result.count;
	EXPECT_EQ(found, 300u);
}

TEST_F(SearchJobTest, StopsEarly)
{
	const std::string text = lines(1);
	for (int i = 0; i < 20; ++i)
		add(SearchJob::Kind::file, std::to_string(i), text);
	const Needle needle({person});
	const SearchSizes sizes{8192, 8192, 131072, UINT64_C(1) << 30, 1 << 20};
	SearchPool pool(jobs_, needle, sizes, 2);
	pool.stop();
	pool.stop();
	EXPECT_FALSE(pool.finished());
}

} // namespace
