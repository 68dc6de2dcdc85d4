// What is done to a file once the transaction has committed.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/hash.h"
#include "core/files/file_identity.h"

namespace etl
{

struct FileAction
{
	enum class Kind : uint8_t
	{
		publish, ///< rename a finished file to its final name, replacing what has it
		archive, ///< move a raw file
		remove,  ///< unlink a raw file, once its copy `to` (if any) has gone to its place
		replace  ///< publish over a raw file, if that still holds what was read
	};
	Kind kind = Kind::publish;
	int64_t file_id = 0;
	std::string from, to;  ///< absolute
	Sha256 sha256{};       ///< archive, remove, replace: what the raw file must hold
	FileIdentity identity; ///< of the same: what the raw file was when it was read

	/// Whether the source is a file that the run has written, and not one that was delivered.
	bool moves_part() const { return kind == Kind::publish || kind == Kind::replace; }
};

} // namespace etl
