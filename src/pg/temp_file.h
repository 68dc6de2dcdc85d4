// A temporary file of PostgreSQL's (storage/file/buffile.c): in temp_tablespaces, within
// temp_file_limit, gone with the transaction.
#pragma once

#include "core/base/spill_file.h"

struct BufFile;

namespace pg
{

/// Must be destroyed before the (sub)transaction in which it was made ends. Serves interrupts.
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
