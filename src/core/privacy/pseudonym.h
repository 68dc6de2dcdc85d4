// Replacements for the identifiers of erased people: tokens in records, and pseudonyms in the
// catalog.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// The domain at the end of the subjects' tokens.
constexpr std::string_view erased_domain = "@erased.invalid";

/// The token of a subject: 32 hexadecimal digits of HMAC-SHA-256 with the treatment key over the
/// dataset and the subject's canonical key, followed by "@erased.invalid" (RFC 2606, section 2:
/// never a real domain). `secret`, here and below: the bytes of etl.key_file.
std::string subject_token(std::string_view secret, std::string_view dataset,
						  std::string_view subject);

/// The pseudonym of a subject in the catalog and the audit trail: 64 hexadecimal digits of
/// HMAC-SHA-256. Its label differs from that of the token, so neither can be computed from the
/// other. It uses the erasure key, which never changes, so erasures stay recognisable.
std::string subject_pseudonym(std::string_view secret, std::string_view dataset,
							  std::string_view kind, std::string_view identifier);

} // namespace etl
