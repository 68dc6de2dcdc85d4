#include "core/key_ring.h"

#include "core/staged_file.h"

namespace etl
{

namespace
{

constexpr std::string_view header = "pg_etl key ring 1\n";
constexpr std::string_view erasures = "erasures ";
constexpr std::string_view treatments = "treatments ";

int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// The key on the line with that name; empty when this is no ring.
std::string
ring_key(std::string_view secret, std::string_view name)
{
	if (secret.substr(0, header.size()) != header)
		return {};
	const size_t line = secret.find("\n" + std::string(name));
	if (line == std::string_view::npos)
		return {};
	std::string key;
	for (size_t at = line + 1 + name.size(); at + 1 < secret.size(); at += 2)
	{
		const int high = hex_digit(secret[at]), low = hex_digit(secret[at + 1]);
		if (high < 0 || low < 0)
			break;
		key += static_cast<char>(high * 16 + low);
	}
	return key;
}

} // namespace

std::string
erasure_key(std::string_view secret)
{
	std::string key = ring_key(secret, erasures);
	if (key.empty())
	{
		// derived, so that a ring which keeps this key does not keep the first treatment key
		const auto mac = hmac_sha256(secret, "etl.erasures");
		key.assign(reinterpret_cast<const char *>(mac.data()), mac.size());
	}
	return key;
}

std::string
treatment_key(std::string_view secret)
{
	std::string key = ring_key(secret, treatments);
	return key.empty() ? std::string(secret) : key;
}

std::string
rotated_secret(std::string_view secret, std::string_view fresh_key)
{
	std::string ring(header);
	ring.append(erasures).append(to_hex(erasure_key(secret))).append("\n");
	ring.append(treatments).append(to_hex(fresh_key)).append("\n");
	return ring;
}

} // namespace etl
