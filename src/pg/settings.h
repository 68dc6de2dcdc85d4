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
	int settle_time; ///< seconds

	/// Throws 55000 where a value was asked for before the library was loaded and could not be
	/// taken: what PostgreSQL leaves then is the default, not what an administrator has set.
	static Settings current();
	/// With the directories that other sessions of the database have: those that ALTER DATABASE or
	/// the configuration says, whatever this session has set. By these the catalog knows files.
	static Settings lasting();
	/// Throws 55000 with the ALTER DATABASE to type when a folder is unset, and 58P01, 42501 … when
	/// one can't be used.
	void require_folders() const;
};

/// Whether a value was asked for that could not be taken, so that the configured one is hidden.
bool is_dropped_setting(const std::string &name);

/// The hint that shows what to type to set a setting in this database.
std::string hint_to_set(const std::string &name, const std::string &value);

} // namespace pg
