// What went wrong with a file, with the SQLSTATE that PostgreSQL would report.
#pragma once

#include <stdexcept>
#include <string>

namespace etl
{

/// A file that can't be read to its end. The message names what is wrong and where, and no content.
class FileError : public std::runtime_error
{
  public:
	FileError(std::string sqlstate, const std::string &message)
		: std::runtime_error(message), sqlstate_(std::move(sqlstate))
	{
	}
	const std::string &sqlstate() const { return sqlstate_; }

  private:
	std::string sqlstate_;
};

/// The SQLSTATE that PostgreSQL's errcode_for_file_access() has for it; 58030 for all others.
const char *sqlstate_of_errno(int error);

/// Whether it says that there is no such file. Any other error leaves open whether there is one, as
/// a directory that may not be searched does.
bool means_gone(int error);

/// what + ": " + the system's message.
FileError system_error(const std::string &what, int error);

} // namespace etl
