// The form of emails in which they are compared.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// Removes white space at both ends and folds case (Unicode). Emails are compared in this form.
std::string fold_email(std::string_view email);

} // namespace etl
