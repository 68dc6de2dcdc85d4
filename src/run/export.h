// Export: accepted records to processed files, by COPY TO.
#pragma once

#include <string_view>
#include <vector>

#include "core/export_writer.h"

namespace etl
{

/// COPY (SELECT etl.exported_records()) TO the pipe: each line as COPY BINARY of one bytea. The
/// lines must stay where they are until the call returns.
void export_lines(const std::vector<std::string_view> &lines, int fd);

/// Waits until every file is written and synced, serving interrupts. Throws pg::Error when one
/// could not be written.
void wait_for_exports(ExportWriter &writer);

/// `relative`, or with ".2", ".3" … before the first dot of its name, so that neither
/// root/relative nor a path in `taken` is it.
std::string free_name(const std::string &root, const std::string &relative,
					  const std::vector<std::string> &taken);

/// Closes a file descriptor at the end of a scope.
class ScopedFd
{
  public:
	explicit ScopedFd(int fd) : fd_(fd) {}
	~ScopedFd();
	ScopedFd(const ScopedFd &) = delete;
	ScopedFd &operator=(const ScopedFd &) = delete;
	int get() const { return fd_; }

  private:
	int fd_;
};

} // namespace etl
