// Key files: etl.key_file with its secret and the rotation of its key, and etl.signing_key_file.
#pragma once

#include <string>
#include <vector>

namespace pg
{

/// The purpose of reading the secret.
enum class KeyUse
{
	look, ///< nothing made with the secret is stored
	keep  ///< something made with the secret is stored, so its fingerprint is noted
};

/// Returns the secret in etl.key_file. Creates the file if it does not exist and this database has
/// never had a key. Throws 55000 if the key is not that of this database (pg/key_fingerprint.h), if
/// other users can read the file, or if it is in the data directory. Throws an error with another
/// SQLSTATE if the file cannot be read or created.
std::string secret(KeyUse use);

/// Returns the contents of a key file. If the file does not exist, it is created from the result of
/// make(), with mode 0600 and never with partial contents. Without `make`, a missing file is error
/// 55000. `setting` and `suffix` (of the default path) are used in messages. Throws as secret()
///    does.
std::string key_file(const std::string &path, const char *setting, const char *suffix,
					 std::string (*make)());

/// Returns files beside a key file that were to replace it. They belong to a session that was
/// killed, or to one that is rotating at this moment.
std::vector<std::string> unfinished_key_files(const std::string &path);

struct KeyRotation
{
	std::string path;    ///< of the key file
	std::string kept_as; ///< name under which the old file was kept; empty if it was destroyed
	int destroyed = 0;   ///< number of files that were destroyed
};

/// Replaces the key of tokens and pseudonyms with a random one (core/privacy/key_ring.h says what
/// stays). The new file is written beside the old one, synced and renamed, so that after a crash
/// the key file is the old or the new one. Unfinished files of earlier crashes are removed. The old
/// file is kept as "….old-N". With `destroy` it is overwritten and removed, and so are the files
/// that earlier rotations kept. Takes effect at once; a rollback does not undo it. Throws what
/// secret() throws, and 55006 if another session is rotating the key.
KeyRotation rotate_key_file(bool destroy);

} // namespace pg
