// Reads any bytes as a record. The result must be the same as with another JSON parser, and must be
// JSON with the same meaning when it is written again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <nlohmann/json.hpp>

#include "core/json/document.h"
#include "core/json/write.h"

using namespace etl;

namespace
{

/// Checks that every node is inside the text and its container, and that strings are as nlohmann
/// reads them.
void
compare(Value value, const nlohmann::json &other, std::string_view text)
{
	const std::string_view raw = value.raw();
	if (raw.data() < text.data() || raw.data() + raw.size() > text.data() + text.size())
		abort();
	switch (value.kind())
	{
	case Kind::null:
		if (!other.is_null())
			abort();
		return;
	case Kind::boolean:
		if (!other.is_boolean() || other.get<bool>() != value.truth())
			abort();
		return;
	case Kind::number:
		if (!other.is_number() || value.text().empty())
			abort();
		return;
	case Kind::string:
		if (!other.is_string() || other.get_ref<const std::string &>() != value.text())
			abort();
		return;
	case Kind::array:
	{
		if (!other.is_array() || other.size() != value.count())
			abort();
		Value element = value.first();
		for (uint32_t i = 0; i < value.count(); ++i, element = element.next())
			compare(element, other[i], text);
		return;
	}
	case Kind::object:
		if (!other.is_object() || other.size() != value.count())
			abort();
		for (Member m(value); m; m.advance())
		{
			const auto found = other.find(std::string(m.name()));
			if (found == other.end() || value.member(m.name()).node() != m.value().node())
				abort();
			compare(m.value(), *found, text);
		}
		return;
	}
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string_view input(reinterpret_cast<const char *>(data), size);
	static Document document, again;
	ParseError error;
	if (!document.parse(input, error))
	{
		if (error.message.empty() || error.sqlstate.size() != 5)
			abort();
		return 0;
	}
	// a number that no double can hold is allowed here and an exception in nlohmann
	nlohmann::json other;
	try
	{
		other = nlohmann::json::parse(input);
	}
	catch (const nlohmann::json::out_of_range &)
	{
		return 0;
	}
	catch (const nlohmann::json::parse_error &)
	{
		abort();
	}
	compare(document.root(), other, document.text());
	std::string written;
	append_json(written, document.root());
	if (!again.parse(written, error))
		abort();
	std::string twice;
	append_json(twice, again.root());
	if (written != twice || nlohmann::json::parse(written) != other)
		abort();
	return 0;
}
