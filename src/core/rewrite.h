// Changes to a record's text that leave the rest as it came: normalisation and erasure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/definition.h"
#include "core/json.h"
#include "core/treatment.h"

namespace etl
{

/// Replaces size bytes at offset of the text.
struct Edit
{
	size_t offset;
	size_t size;
	std::string replacement;
};

/// Edits that set the member at path (no "*") to a JSON text: replaces the value, or adds the
/// member to its object. Nothing when the object that would hold it is missing.
void set_member(const Document &document, const Path &path, std::string_view json,
				std::vector<Edit> &edits);

/// The text with the edits made. Edits must not overlap.
std::string apply_edits(std::string_view text, std::vector<Edit> edits);

/// The record's text with its personal fields treated. Fields that are absent or null stay so.
std::string anonymize(const Document &document, const std::vector<PersonalDefinition> &personal,
					  const TreatmentContext &context);

/// The record's text as an erasure of its subject leaves it in files and quarantine: treated, or
/// nullopt where the definition says "on_erasure": "delete" and the line goes.
std::optional<std::string> erased_record(const Document &document, const Definition &definition,
										 const TreatmentContext &context);

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

/// Trimmed and case folded (Unicode): how emails are compared.
std::string fold_email(std::string_view email);

} // namespace etl
