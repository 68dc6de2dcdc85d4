// The contents of etl.key_file: one secret, or after a rotation a ring of two keys.
//
// There are two keys because only one of them can be rotated. The erasure key makes the pseudonyms
// in etl.erasure, the tombstones and the hashes in etl.file. These are all that is left of an
// identifier and cannot be computed again with another key, so the erasure key never changes. The
// treatment key makes tokens, pseudonyms of values and everything else that is in data. A rotation
// replaces it.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// The key by which erasures are recognised. A rotation does not change it. `secret`: the bytes of
/// the key file.
std::string erasure_key(std::string_view secret);

/// The key of tokens and pseudonyms in data. `secret`: the bytes of the key file.
std::string treatment_key(std::string_view secret);

/// The bytes of the key file after a rotation: the same key for erasures, and fresh_key for
/// treatments. The previous treatment key cannot be computed from them. They contain its
/// fingerprint and those of up to 63 earlier keys.
std::string rotated_secret(std::string_view secret, std::string_view fresh_key);

/// A fingerprint by which a database recognises its key without storing it: keyed hashes of a
/// constant, in hexadecimal digits.
struct KeyFingerprint
{
	std::string erasures, treatments;
	bool operator==(const KeyFingerprint &) const = default;
};
/// `secret`: the bytes of the key file.
KeyFingerprint key_fingerprint(std::string_view secret);

/// The relation of a key file to a key that was used before.
enum class KeyDescent
{
	same,
	rotated, ///< made from that key by rotations, which another database of the server has done
	other
};
KeyDescent key_descent(std::string_view secret, const KeyFingerprint &known);

} // namespace etl
