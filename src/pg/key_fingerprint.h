// Records which key a database has been used with.
//
// Pseudonyms, tombstones and tokens have a meaning only with the key with which they were made.
// With another key no erased person would be recognised, and their records would be loaded
// untreated. Therefore the first use that stores something notes a fingerprint
// (core/privacy/key_ring.h) in etl.key_fingerprint, which is included in dumps, backups and
// replicas, and every use compares it.
//
// The table has no constraint that could make sessions wait for each other: if two sessions note
// the key at the same time, there are two rows. The key must match every row. If another database
// of the server has rotated the key, this is recognised by the key file and noted by the next use
// that may write.
#pragma once

#include <string>
#include <vector>

#include "core/privacy/key_ring.h"

namespace pg
{

/// Reads the rows of etl.key_fingerprint. Needs no privilege and no SPI, and works in STABLE
/// functions, in parallel workers and on replicas.
std::vector<etl::KeyFingerprint> known_keys();

/// Throws 55000 if the secret is not the key of every row in `known`. `path` is the path of the key
/// file.
void require_known_key(const std::string &secret, const std::vector<etl::KeyFingerprint> &known,
					   const std::string &path);

/// Notes the key, as the owner of the extension, unless it is known already or the transaction
/// cannot write.
void note_key(const std::string &secret, const std::vector<etl::KeyFingerprint> &known);

} // namespace pg
