// How emails are compared.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// Trimmed and case folded (Unicode): how emails are compared.
std::string fold_email(std::string_view email);

} // namespace etl
