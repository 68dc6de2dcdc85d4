#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "temp_folder.h"

#include "core/base/hash.h"
#include "core/files/file_error.h"
#include "core/files/whole_file.h"

using namespace etl;

namespace
{

/// More than one chunk, whatever a chunk is.
const std::string large(1000000, 'x');

} // namespace

TEST(WholeFile, ChunksAreTheFile)
{
	TempFolder folder;
	FileReader reader(folder.write("file", large), Content::stored, UINT64_MAX);
	std::string read;
	size_t chunks = 0;
	EXPECT_TRUE(for_each_chunk(reader,
							   [&](std::string_view chunk)
							   {
								   read += chunk;
								   return ++chunks > 0;
							   }));
	EXPECT_EQ(read, large);
	EXPECT_GT(chunks, 1u);
	EXPECT_EQ(reader.sha256(), sha256(large));
}

TEST(WholeFile, IsReadNoFurtherThanWanted)
{
	TempFolder folder;
	FileReader reader(folder.write("file", large), Content::stored, UINT64_MAX);
	EXPECT_FALSE(for_each_chunk(reader, [](std::string_view) { return false; }));
	EXPECT_LT(reader.bytes_out(), large.size());
}

TEST(WholeFile, IsKnownByItsBytesOnDisk)
{
	TempFolder folder;
	const std::string path = folder.write("file.gz", "not gzip");
	const StoredFile file = read_stored(path);
	EXPECT_EQ(file.sha256, sha256("not gzip"));
	EXPECT_EQ(file.size, 8u);
	EXPECT_EQ(file.identity.size, 8u);
	EXPECT_NE(file.identity.inode, 0u);
	EXPECT_THROW(read_stored(path + ".none"), FileError);
	EXPECT_THROW(read_stored(path, [] { throw std::runtime_error("cancelled"); }),
				 std::runtime_error);
}
