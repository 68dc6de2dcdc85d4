// The Ed25519 key that signs certificates.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// The signature (64 bytes, RFC 8032) of the bytes with the key in etl.signing_key_file. The key is
/// created if the file does not exist.
std::string sign(std::string_view bytes);

/// The public key as PEM (SubjectPublicKeyInfo), for openssl pkeyutl.
std::string public_key_pem();

} // namespace etl
