#include "core/privacy/key_ring.h"

#include <algorithm>
#include <vector>

#include "core/base/ascii.h"
#include "core/base/hash.h"

namespace etl
{

namespace
{

constexpr std::string_view header = "pg_etl key ring 1\n";
constexpr std::string_view erasures = "erasures ";
constexpr std::string_view treatments = "treatments ";
/// The fingerprint of an earlier treatment key. The latest one is first.
constexpr std::string_view before = "before ";
/// At most 4096 bytes of a key file are read.
constexpr size_t max_before = 64;

/// The key on the line with this name. Empty if the secret is not a key ring.
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
		const int high = hex_value(secret[at]), low = hex_value(secret[at + 1]);
		if (high < 0 || low < 0)
			break;
		key += static_cast<char>(high * 16 + low);
	}
	return key;
}

std::string
fingerprint_of(std::string_view key)
{
	const auto mac = hmac_sha256(key, "etl.key_fingerprint");
	return to_hex({reinterpret_cast<const char *>(mac.data()), 16});
}

/// The lines with fingerprints of earlier keys.
std::vector<std::string_view>
lines_before(std::string_view secret)
{
	std::vector<std::string_view> lines;
	if (secret.substr(0, header.size()) != header)
		return lines;
	for (size_t at = header.size(); at < secret.size();)
	{
		const size_t end = std::min(secret.find('\n', at), secret.size());
		const std::string_view line = secret.substr(at, end - at);
		if (line.substr(0, before.size()) == before)
			lines.push_back(line.substr(before.size()));
		at = end + 1;
	}
	return lines;
}

} // namespace

std::string
erasure_key(std::string_view secret)
{
	std::string key = ring_key(secret, erasures);
	if (key.empty())
	{
		// derived, so that a ring with this key does not contain the first treatment key
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
	const std::vector<std::string_view> older = lines_before(secret);
	ring.append(before).append(fingerprint_of(treatment_key(secret))).append("\n");
	for (size_t i = 0; i < older.size() && i + 1 < max_before; ++i)
		ring.append(before).append(older[i]).append("\n");
	return ring;
}

KeyFingerprint
key_fingerprint(std::string_view secret)
{
	return {fingerprint_of(erasure_key(secret)), fingerprint_of(treatment_key(secret))};
}

KeyDescent
key_descent(std::string_view secret, const KeyFingerprint &known)
{
	const KeyFingerprint present = key_fingerprint(secret);
	if (present == known)
		return KeyDescent::same;
	if (present.erasures != known.erasures)
		return KeyDescent::other;
	const std::vector<std::string_view> older = lines_before(secret);
	return std::find(older.begin(), older.end(), known.treatments) == older.end()
			   ? KeyDescent::other
			   : KeyDescent::rotated;
}

} // namespace etl
