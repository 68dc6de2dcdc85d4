// Cryptographic and keyed hashes, and their hexadecimal form.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace etl
{

using Sha256 = std::array<uint8_t, 32>;

/// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), computed by libcrypto.
std::array<uint8_t, 32> sha256(std::string_view bytes);
std::array<uint8_t, 32> hmac_sha256(std::string_view key, std::string_view bytes);
std::string to_hex(std::string_view bytes);
using SipKey = std::array<uint8_t, 16>;
/// SipHash-2-4 (Aumasson and Bernstein, 2012).
uint64_t siphash(const SipKey &key, std::string_view bytes);

} // namespace etl
