// The input is one byte of options, a schema, a NUL and an instance. The compiler and the validator
// must not crash, and is_valid() must agree with validate().
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/schema/schema.h"

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	using namespace etl;
	if (size < 2)
		return 0;
	const std::string_view input(reinterpret_cast<const char *>(data) + 1, size - 1);
	const size_t end = input.find('\0');
	if (end == std::string_view::npos)
		return 0;
	const auto schema_json = nlohmann::json::parse(input.substr(0, end), nullptr, false);
	if (schema_json.is_discarded())
		return 0;
	SchemaOptions options;
	options.assert_format = data[0] & 1;
	options.ignore_unknown = data[0] & 2;
	try
	{
		const Schema schema = Schema::compile(schema_json, options);
		Document document;
		ParseError error;
		if (!document.parse(input.substr(end + 1), error))
			return 0;
		Violations violations;
		const bool valid = schema.is_valid(document.root());
		if (schema.validate(document.root(), violations) != valid || violations.empty() != valid)
			abort();
		for (const Violation &v : violations)
			if (v.message.empty() || v.keyword.find('/') != std::string::npos)
				abort();
		std::string text;
		append_violations_json(text, violations);
		if (!nlohmann::json::accept(text))
			abort();
	}
	catch (const SchemaError &)
	{
	}
	return 0;
}
