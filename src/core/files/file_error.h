// Errors of file operations, with the SQLSTATE that PostgreSQL would report.
#pragma once

#include <stdexcept>
#include <string>

namespace etl
{

/// The error for a file that cannot be read or written. The message says what is wrong and where,
/// and contains no content of the file.
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

/// The SQLSTATE that PostgreSQL's errcode_for_file_access() gives for the errno. 58030 for all
/// others.
const char *sqlstate_of_errno(int error);

/// Whether the errno says that the file does not exist. After any other error it is unknown whether
/// the file exists, for example if a directory must not be searched.
bool means_gone(int error);

/// An error with the message `what`, ": " and the text of the errno.
FileError system_error(const std::string &what, int error);

/// The error that an exception means for the file that a thread was working on. A FileError is
/// returned as it is. std::bad_alloc becomes "out of memory while `doing`", and any other exception
/// an internal error with its message.
FileError file_error_of(const std::exception &error, const char *doing);

/// How the work on a file ended. Both are empty if there was no error.
struct FileResult
{
	std::string error, sqlstate;

	void fail(const FileError &cause)
	{
		error = cause.what();
		sqlstate = cause.sqlstate();
	}
};

} // namespace etl
