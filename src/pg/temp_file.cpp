#include "pg/temp_file.h"

#include "pg/guard.h"

extern "C"
{
#include "storage/buffile.h"
}

namespace pg
{

namespace
{

BufFile *
as_buffile(void *file)
{
	return static_cast<BufFile *>(file);
}

} // namespace

TempFile::TempFile()
	: file_(call(
		  []() -> void *
		  {
			  // as long as the resource owner's files
			  const MemoryContext outer = MemoryContextSwitchTo(CurTransactionContext);
			  BufFile *const file = BufFileCreateTemp(false);
			  MemoryContextSwitchTo(outer);
			  return file;
		  }))
{
}

TempFile::~TempFile()
{
	try
	{
		call([this] { BufFileClose(as_buffile(file_)); });
	}
	catch (const PgError &)
	{
		// the end of the transaction closes it
	}
}

void
TempFile::append(const void *bytes, size_t size)
{
	call(
		[=, this]
		{
			CHECK_FOR_INTERRUPTS();
			// PostgreSQL 15 takes void *
			BufFileWrite(as_buffile(file_), const_cast<void *>(bytes), size);
		});
}

void
TempFile::read(uint64_t at, void *to, size_t size)
{
	const size_t got = call(
		[=, this]() -> size_t
		{
			BufFile *const file = as_buffile(file_);
			// by block: an offset would have to be split into segment and place in it
			if (BufFileSeekBlock(file, static_cast<long>(at / BLCKSZ)) != 0)
				ereport(ERROR, (errcode_for_file_access(),
								errmsg("could not seek to block %ld of temporary file",
									   static_cast<long>(at / BLCKSZ))));
			char skipped[BLCKSZ];
			if (at % BLCKSZ != 0)
				(void)BufFileRead(file, skipped, at % BLCKSZ);
			return BufFileRead(file, to, size);
		});
	if (got != size)
		throw Error("58030", "could not read from a temporary file", "It is shorter than it was.");
}

} // namespace pg
