#include "core/json/write.h"

namespace etl
{

void
append_json_string(std::string &out, std::string_view text)
{
	static const char hex[] = "0123456789abcdef";
	out += '"';
	size_t from = 0;
	for (size_t i = 0; i < text.size(); ++i)
	{
		const unsigned char c = static_cast<unsigned char>(text[i]);
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		out.append(text, from, i - from);
		from = i + 1;
		switch (c)
		{
		case '"':
			out += "\\\"";
			break;
		case '\\':
			out += "\\\\";
			break;
		case '\n':
			out += "\\n";
			break;
		case '\r':
			out += "\\r";
			break;
		case '\t':
			out += "\\t";
			break;
		default:
			out += "\\u00";
			out += hex[c >> 4];
			out += hex[c & 15];
		}
	}
	out.append(text, from, text.size() - from);
	out += '"';
}

void
append_json(std::string &out, Value value)
{
	switch (value.kind())
	{
	case Kind::null:
		out += "null";
		break;
	case Kind::boolean:
		out += value.truth() ? "true" : "false";
		break;
	case Kind::number:
		out += value.text();
		break;
	case Kind::string:
		append_json_string(out, value.text());
		break;
	case Kind::array:
	{
		out += '[';
		Value element = value.first();
		for (uint32_t i = 0; i < value.count(); ++i, element = element.next())
		{
			if (i > 0)
				out += ',';
			append_json(out, element);
		}
		out += ']';
		break;
	}
	case Kind::object:
	{
		out += '{';
		bool first = true;
		for (Member m(value); m; m.advance())
		{
			if (!first)
				out += ',';
			first = false;
			append_json_string(out, m.name());
			out += ':';
			append_json(out, m.value());
		}
		out += '}';
		break;
	}
	}
}

} // namespace etl
