// A temporary file of PostgreSQL (storage/file/buffile.c). It is in temp_tablespaces, is limited by
// temp_file_limit, and is removed at the end of the transaction.
#pragma once

#include "core/base/spill_file.h"

struct BufFile;

namespace pg
{

/// Must be destroyed before the end of the (sub)transaction in which it was created. Processes
/// interrupts.
class TempFile : public etl::SpillFile
{
  public:
	TempFile();
	~TempFile() override;
	TempFile(const TempFile &) = delete;
	TempFile &operator=(const TempFile &) = delete;
	void append(const void *bytes, size_t size) override;
	void read(uint64_t at, void *to, size_t size) override;

  private:
	BufFile *file_;
};

} // namespace pg
