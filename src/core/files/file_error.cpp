#include "core/files/file_error.h"

#include <cerrno>
#include <system_error>

namespace etl
{

const char *
sqlstate_of_errno(int error)
{
	switch (error)
	{
	case ENOENT:
		return "58P01"; // undefined_file
	case EEXIST:
		return "58P02"; // duplicate_file
	case EACCES:
	case EPERM:
	case EROFS:
		return "42501"; // insufficient_privilege
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
		return "42809"; // wrong_object_type
	case ENOSPC:
	case EDQUOT:
		return "53100"; // disk_full
	case ENOMEM:
		return "53200"; // out_of_memory
	case EMFILE:
	case ENFILE:
		return "53000"; // insufficient_resources
	case ENAMETOOLONG:
		return "42602"; // invalid_name
	case EFBIG:
		return "54000"; // program_limit_exceeded
	default:
		return "58030"; // io_error
	}
}

bool
means_gone(int error)
{
	return error == ENOENT || error == ENOTDIR;
}

FileError
system_error(const std::string &what, int error)
{
	return {sqlstate_of_errno(error), what + ": " + std::generic_category().message(error)};
}

} // namespace etl
