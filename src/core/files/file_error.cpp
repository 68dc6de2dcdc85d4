#include "core/files/file_error.h"

#include <cerrno>
#include <new>
#include <system_error>

#include "core/base/sqlstate.h"

namespace etl
{

const char *
sqlstate_of_errno(int error)
{
	switch (error)
	{
	case ENOENT:
		return sqlstate::undefined_file;
	case EEXIST:
		return sqlstate::duplicate_file;
	case EACCES:
	case EPERM:
	case EROFS:
		return sqlstate::insufficient_privilege;
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
		return sqlstate::wrong_object_type;
	case ENOSPC:
	case EDQUOT:
		return sqlstate::disk_full;
	case ENOMEM:
		return sqlstate::out_of_memory;
	case EMFILE:
	case ENFILE:
		return sqlstate::insufficient_resources;
	case ENAMETOOLONG:
		return sqlstate::invalid_name;
	case EFBIG:
		return sqlstate::program_limit_exceeded;
	default:
		return sqlstate::io_error;
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

FileError
file_error_of(const std::exception &error, const char *doing)
{
	if (const auto *known = dynamic_cast<const FileError *>(&error))
		return *known;
	if (dynamic_cast<const std::bad_alloc *>(&error) != nullptr)
		return {sqlstate::out_of_memory, std::string("out of memory while ") + doing};
	return {sqlstate::internal_error, error.what()};
}

} // namespace etl
