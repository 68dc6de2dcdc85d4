#include "core/privacy/email.h"

#include "core/base/casefold.h"

namespace etl
{

std::string
fold_email(std::string_view email)
{
	return fold_case(trim_unicode(email));
}

} // namespace etl
