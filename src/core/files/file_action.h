// What is done to a file after the transaction has committed.
#pragma once

#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/base/hash.h"
#include "core/files/file_identity.h"

namespace etl
{

struct FileAction
{
	enum class Kind : uint8_t
	{
		publish, ///< rename a finished file to its final name and replace a file of that name
		archive, ///< move a raw file
		remove,  ///< unlink a raw file after its copy `to` (if any) has got its final name
		replace  ///< publish over a raw file if this is still the file that was read
	};
	/// The names of the kinds in etl.file_action, in the order of Kind.
	static constexpr std::string_view kind_names[] = {"publish", "archive", "remove", "replace"};
	static constexpr std::string_view name_of(Kind kind)
	{
		return kind_names[static_cast<size_t>(kind)];
	}
	/// Throws std::invalid_argument for a name of no kind.
	static constexpr Kind kind_named(std::string_view name)
	{
		for (size_t i = 0; i < std::size(kind_names); ++i)
			if (kind_names[i] == name)
				return static_cast<Kind>(i);
		throw std::invalid_argument("etl.file_action has an unknown action");
	}

	Kind kind = Kind::publish;
	int64_t file_id = 0;
	std::string from, to;  ///< absolute paths
	Sha256 sha256{};       ///< archive, remove, replace: hash that the raw file must have
	FileIdentity identity; ///< of the raw file when it was read

	/// Whether the source is a file that the run has written, and not a delivered file.
	bool moves_part() const { return kind == Kind::publish || kind == Kind::replace; }
};

} // namespace etl
