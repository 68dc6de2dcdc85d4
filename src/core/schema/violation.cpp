#include "core/schema/violation.h"

#include "core/base/utf8.h"
#include "core/json/write.h"

namespace etl
{

const char *
code_name(Code code)
{
	switch (code)
	{
	case Code::malformed:
		return "malformed";
	case Code::schema:
		return "schema";
	case Code::type:
		return "type";
	case Code::duplicate:
		return "duplicate";
	case Code::reference:
		return "reference";
	case Code::check:
		return "check";
	case Code::constraint:
		return "constraint";
	}
	return "malformed";
}

void
shorten(std::string &text)
{
	if (text.size() <= max_violation_text)
		return;
	size_t size = max_violation_text;
	while (size > 0 && is_continuation(text[size]))
		--size;
	text.resize(size);
	text += "\xe2\x80\xa6";
	text.shrink_to_fit();
}

size_t
memory_of(const Violations &violations)
{
	size_t bytes = sizeof violations + violations.capacity() * sizeof(Violation);
	for (const Violation &v : violations)
		for (const std::string *text : {&v.keyword, &v.pointer, &v.schema_pointer, &v.sqlstate,
										&v.message, &v.dataset, &v.key, &v.pattern})
			bytes += text->capacity();
	return bytes;
}

void
append_violations_json(std::string &out, const Violations &violations)
{
	out += '[';
	bool first = true;
	for (const Violation &violation : violations)
	{
		out += first ? "{" : ",{";
		first = false;
		const auto field = [&](const char *name, std::string_view value)
		{
			if (out.back() != '{')
				out += ',';
			append_json_string(out, name);
			out += ':';
			append_json_string(out, value);
		};
		field("code", code_name(violation.code));
		field("keyword", violation.keyword);
		field("pointer", violation.pointer);
		field("schema_pointer", violation.schema_pointer);
		field("sqlstate", violation.sqlstate);
		field("message", violation.message);
		if (violation.code == Code::reference)
		{
			field("dataset", violation.dataset);
			field("key", violation.key);
		}
		if (!violation.pattern.empty())
			field("pattern", violation.pattern);
		out += '}';
	}
	out += ']';
}

} // namespace etl
