// The etl.* settings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace pg
{

/// Registers the settings; called once when the library is loaded.
void define_settings();

/// The current values of the settings.
struct Settings
{
	std::string raw_dir, processed_dir, archive_dir; ///< without a trailing slash
	std::string key_file, signing_key_file, journal_dir;
	unsigned threads;
	size_t batch_memory, max_record_size;
	uint64_t max_file_size;
	bool postpone_indexes;
	int settle_time; ///< seconds

	/// Throws 55000 if a value was requested before the library was loaded and was not allowed. In
	/// this case PostgreSQL uses the default value and not the one that an administrator has set.
	static Settings current();
	/// The settings with the directories that other sessions of the database use: those of ALTER
	/// DATABASE or the configuration, whatever this session has set. The catalog refers to files
	/// relative to these.
	static Settings lasting();
	/// Throws 55000 if a directory is not set, with a hint that has the ALTER DATABASE command.
	/// Throws 58P01, 42501 … if a directory cannot be used.
	void require_folders() const;
};

/// Whether a value was requested that was not allowed, so that the configured value is hidden.
bool is_dropped_setting(const std::string &name);

/// A hint with the command that sets a setting in this database.
std::string hint_to_set(const std::string &name, const std::string &value);

} // namespace pg
