// What etl.key_file holds: one secret, or after a rotation a ring of two keys.
//
// Two purposes, because only one of them can be rotated. Pseudonyms in etl.erasure, tombstones and
// the hashes in etl.file are all that is left of an identifier, so nobody could compute them again
// under another key: their key stays for good. Tokens, pseudonyms of values and whatever else
// stands in data are made with the other key, and a rotation replaces that one.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// The key by which erasures are recognised. Survives every rotation. secret: the key file's bytes.
std::string erasure_key(std::string_view secret);

/// The key of tokens and pseudonyms in data. secret: the key file's bytes.
std::string treatment_key(std::string_view secret);

/// The key file's bytes after a rotation: the same key for erasures, fresh_key for treatments. The
/// treatment key of before cannot be computed from them, but its fingerprint is among them, as are
/// those of the sixty or so before it.
std::string rotated_secret(std::string_view secret, std::string_view fresh_key);

/// By what a database recognises its key without knowing it: keyed hashes of a constant, in hex.
struct KeyFingerprint
{
	std::string erasures, treatments;
	bool operator==(const KeyFingerprint &) const = default;
};
/// secret: the key file's bytes.
KeyFingerprint key_fingerprint(std::string_view secret);

/// How a key file relates to a key that was known before.
enum class KeyDescent
{
	same,
	rotated, ///< made from that one by rotations: another database of the server has done so
	other
};
KeyDescent key_descent(std::string_view secret, const KeyFingerprint &known);

} // namespace etl
