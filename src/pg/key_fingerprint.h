// Which key this database has been used with.
//
// Pseudonyms, tombstones and tokens mean something only under the key that they were made with:
// under another one nobody who was erased is recognised, and their records are loaded in clear. So
// the first use that leaves something behind notes a fingerprint (core/privacy/key_ring.h) in
// etl.key_fingerprint, which goes with dumps, backups and replicas, and every use compares.
//
// The table has no constraint that could make sessions wait for each other: two that note the key
// at the same time leave two rows. Every row must fit. A rotation by another database of the server
// is recognised by the key file, and noted by the next use that may write.
#pragma once

#include <string>
#include <vector>

#include "core/privacy/key_ring.h"

namespace pg
{

/// The rows of etl.key_fingerprint. Needs no privilege and no SPI, and works in STABLE functions,
/// parallel workers and on replicas.
std::vector<etl::KeyFingerprint> known_keys();

/// Throws 55000 when the secret is not the key of one of them. path: of the key file.
void require_known_key(const std::string &secret, const std::vector<etl::KeyFingerprint> &known,
					   const std::string &path);

/// Notes the key, as the extension's owner, where it is not known and this transaction may write.
void note_key(const std::string &secret, const std::vector<etl::KeyFingerprint> &known);

} // namespace pg
