// What stands for a person who has been erased: tokens in records, pseudonyms in the catalog.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// Where the tokens of subjects end.
constexpr std::string_view erased_domain = "@erased.invalid";

/// The token of a subject: 32 hex digits of HMAC-SHA-256 under the treatment key over the dataset
/// and the subject's canonical key, at "erased.invalid" (RFC 2606 section 2: never a real domain).
/// secret, here and below: the bytes of etl.key_file.
std::string subject_token(std::string_view secret, std::string_view dataset,
						  std::string_view subject);

/// The pseudonym by which catalog and audit know a subject: 64 hex digits of HMAC-SHA-256, with
/// another label than the token so that neither gives the other. Under the erasure key, which
/// survives rotations: erasures stay recognisable.
std::string subject_pseudonym(std::string_view secret, std::string_view dataset,
							  std::string_view kind, std::string_view identifier);

} // namespace etl
