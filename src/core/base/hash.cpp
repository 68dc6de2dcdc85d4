// SHA-256 and HMAC-SHA-256 through libcrypto. SipHash is written here, because libcrypto offers it
// only through a slow interface.

#include <bit>
#include <climits>
#include <cstring>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/base/ascii.h"
#include "core/base/hash.h"

namespace etl
{

std::array<uint8_t, 32>
sha256(std::string_view bytes)
{
	std::array<uint8_t, 32> hash{};
	unsigned size = 0;
	if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1 ||
		size != hash.size())
		throw std::runtime_error("libcrypto could not compute SHA-256");
	return hash;
}

std::array<uint8_t, 32>
hmac_sha256(std::string_view key, std::string_view bytes)
{
	// libcrypto takes the length of the key as int. RFC 2104 hashes a key longer than a block
	// anyway.
	std::array<uint8_t, 32> hashed_key;
	if (key.size() > 64)
	{
		hashed_key = sha256(key);
		key = {reinterpret_cast<const char *>(hashed_key.data()), hashed_key.size()};
	}
	std::array<uint8_t, 32> mac{};
	unsigned size = 0;
	// for libcrypto a null key means the key of the previous call
	const char *key_data = key.empty() ? "" : key.data();
	if (HMAC(EVP_sha256(), key_data, static_cast<int>(key.size()),
			 reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size(), mac.data(),
			 &size) == nullptr ||
		size != mac.size())
		throw std::runtime_error("libcrypto could not compute HMAC-SHA-256");
	return mac;
}

std::string
to_hex(std::string_view bytes)
{
	std::string hex;
	hex.reserve(bytes.size() * 2);
	for (const char c : bytes)
	{
		const auto byte = static_cast<uint8_t>(c);
		hex += hex_digits[byte >> 4];
		hex += hex_digits[byte & 15];
	}
	return hex;
}

namespace
{

/// The 64 bits at p in little-endian order, on any machine.
uint64_t
little_endian(const void *p)
{
	uint64_t value;
	std::memcpy(&value, p, sizeof value);
	if constexpr (std::endian::native == std::endian::big)
		value = __builtin_bswap64(value);
	return value;
}

struct SipState
{
	uint64_t v0, v1, v2, v3;

	void round()
	{
		v0 += v1;
		v1 = std::rotl(v1, 13) ^ v0;
		v0 = std::rotl(v0, 32);
		v2 += v3;
		v3 = std::rotl(v3, 16) ^ v2;
		v0 += v3;
		v3 = std::rotl(v3, 21) ^ v0;
		v2 += v1;
		v1 = std::rotl(v1, 17) ^ v2;
		v2 = std::rotl(v2, 32);
	}
	void compress(uint64_t word)
	{
		v3 ^= word;
		round();
		round();
		v0 ^= word;
	}
};

} // namespace

uint64_t
siphash(const SipKey &key, std::string_view bytes)
{
	const uint64_t k0 = little_endian(key.data()), k1 = little_endian(key.data() + 8);
	SipState s{k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
			   k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
	const uint64_t length = bytes.size();
	for (; bytes.size() >= 8; bytes.remove_prefix(8))
		s.compress(little_endian(bytes.data()));
	uint64_t last = length << 56;
	for (size_t i = 0; i < bytes.size(); ++i)
		last |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
	s.compress(last);
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; ++i)
		s.round();
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

} // namespace etl
