// The etl.* settings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace pg
{

/// Registers the settings; called once when the library is loaded.
void define_settings();

/// The settings as they are now.
struct Settings
{
	std::string raw_dir, processed_dir, archive_dir; ///< without a trailing slash
	std::string key_file, signing_key_file, journal_dir;
	unsigned threads;
	size_t batch_memory, max_record_size;
	uint64_t max_file_size;
	bool postpone_indexes;

	static Settings current();
	/// Throws 55000 with the ALTER DATABASE to type when a folder is unset, and 58P01, 42501 … when
	/// one can't be used.
	void require_folders() const;
};

/// The secret in etl.key_file, created when it does not exist. Throws when others can read it, when
/// it lies in the data directory or can't be read or made.
std::string secret();

/// The contents of a key file, which make() gives when it does not exist: written with mode 0600
/// and never half. setting and suffix (of the default path) are for messages. Throws as secret()
/// does.
std::string key_file(const std::string &path, const char *setting, const char *suffix,
					 std::string (*make)());

} // namespace pg
