// Key files: etl.key_file with its secret, etl.signing_key_file, and rotation of the former.
#pragma once

#include <string>
#include <vector>

namespace pg
{

/// What the secret is wanted for.
enum class KeyUse
{
	look, ///< nothing stays that was made with it
	keep  ///< the database will hold something that was made with it, and notes which key that was
};

/// The secret in etl.key_file, created when it does not exist and this database has never had one.
/// Throws 55000 when it is not the key of this database (pg/key_fingerprint.h), when others can
/// read it or when it lies in the data directory, and otherwise when it cannot be read or made.
std::string secret(KeyUse use);

/// The contents of a key file, which make() gives when it does not exist: written with mode 0600
/// and never half. Without make a file that does not exist is 55000. setting and suffix (of the
/// default path) are for messages. Throws as secret() does.
std::string key_file(const std::string &path, const char *setting, const char *suffix,
					 std::string (*make)());

/// Files beside a key file that were to become it: of a session that was killed, or is at it now.
std::vector<std::string> unfinished_key_files(const std::string &path);

struct KeyRotation
{
	std::string path;    ///< of the key file
	std::string kept_as; ///< the file of before; empty where it was destroyed
	int destroyed = 0;   ///< files
};

/// Replaces the key of tokens and pseudonyms by a random one (core/privacy/key_ring.h says what
/// stays). The new file is written beside the old one, synced and renamed, so that a crash leaves
/// one or the other, and what a crash left unfinished is removed. The old one stays as "….old-N",
/// or with destroy is overwritten and removed, as are all that earlier rotations kept. At once: a
/// rollback does not undo it. Throws what secret() throws, 55006 when another session is rotating.
KeyRotation rotate_key_file(bool destroy);

} // namespace pg
