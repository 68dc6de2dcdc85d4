#include "pg/temp_file.h"

#include "core/base/sqlstate.h"
#include "pg/guard.h"

extern "C"
{
#include "storage/buffile.h"
}

namespace pg
{

TempFile::TempFile()
	: file_(call(
		  []
		  {
			  // must exist as long as the files of the resource owner
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
		call([this] { BufFileClose(file_); });
	}
	catch (const PgError &)
	{
		// Buffered data could not be written. It is not needed any more, and the end of the
		// transaction closes the file.
	}
}

void
TempFile::append(const void *bytes, size_t size)
{
	call(
		[=, this]
		{
			CHECK_FOR_INTERRUPTS();
			// PostgreSQL before 16 declares the argument without const
			BufFileWrite(file_, const_cast<void *>(bytes), size);
		});
}

void
TempFile::read(uint64_t at, void *to, size_t size)
{
	const size_t got = call(
		[=, this]() -> size_t
		{
			CHECK_FOR_INTERRUPTS();
			if (BufFileSeek(file_, 0, static_cast<off_t>(at), SEEK_SET) != 0)
				ereport(ERROR,
						(errcode_for_file_access(), errmsg("could not seek in a temporary file")));
			return BufFileRead(file_, to, size);
		});
	if (got != size)
		throw Error(sqlstate::io_error, "could not read from a temporary file",
					"It is shorter than it was.");
}

} // namespace pg
