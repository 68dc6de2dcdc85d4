#include "core/definition/normalize.h"

#include "core/json/decimal.h"
#include "core/json/pointer.h"

namespace etl
{

void
normalize_numbers(const Definition &definition, Document &document)
{
	std::string pointer;
	for (const NormalizeDefinition &rule : definition.normalize)
	{
		if (rule.action != NormalizeDefinition::Action::to_number)
			continue;
		pointer.clear();
		find_all(document.root(), rule.path, 0, pointer,
				 [&](Value value, const std::string &)
				 {
					 if (!value.is(Kind::string))
						 return;
					 if (const auto decimal = Decimal::parse(value.text()))
						 document.replace_with_number(value, decimal->to_string());
				 });
	}
}

} // namespace etl
