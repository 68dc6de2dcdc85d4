#include "core/privacy/pseudonym.h"

#include <initializer_list>

#include "core/base/hash.h"
#include "core/privacy/key_ring.h"

namespace etl
{

namespace
{

std::string
keyed(std::string_view key, std::initializer_list<std::string_view> parts)
{
	// each part with its length, so that different lists give different bytes
	std::string message;
	for (const std::string_view part : parts)
	{
		message += std::to_string(part.size());
		message += ':';
		message += part;
	}
	const auto mac = hmac_sha256(key, message);
	return to_hex({reinterpret_cast<const char *>(mac.data()), mac.size()});
}

} // namespace

std::string
subject_token(std::string_view secret, std::string_view dataset, std::string_view subject)
{
	return keyed(treatment_key(secret), {"token", dataset, subject}).substr(0, 32) +
		   "@erased.invalid";
}

std::string
subject_pseudonym(std::string_view secret, std::string_view dataset, std::string_view kind,
				  std::string_view identifier)
{
	return keyed(erasure_key(secret), {"pseudonym", dataset, kind, identifier});
}

} // namespace etl
