#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>

#include "core/base/sqlstate.h"
#include "core/files/file_error.h"

using namespace etl;

TEST(FileError, IsMadeOfAnyException)
{
	FileResult result;
	result.fail(file_error_of(FileError(sqlstate::disk_full, "no space"), "writing the file"));
	EXPECT_EQ(result.error, "no space");
	EXPECT_EQ(result.sqlstate, sqlstate::disk_full);
	result.fail(file_error_of(std::bad_alloc(), "writing the file"));
	EXPECT_EQ(result.error, "out of memory while writing the file");
	EXPECT_EQ(result.sqlstate, sqlstate::out_of_memory);
	result.fail(file_error_of(std::runtime_error("odd"), "writing the file"));
	EXPECT_EQ(result.error, "odd");
	EXPECT_EQ(result.sqlstate, sqlstate::internal_error);
}
