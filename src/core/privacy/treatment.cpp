#include "core/privacy/treatment.h"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

#include <openssl/rand.h>

#include "core/base/ascii.h"
#include "core/base/hash.h"
#include "core/base/utf8.h"
#include "core/json/write.h"
#include "core/privacy/generalize.h"
#include "core/privacy/key_ring.h"
#include "core/types/column_type.h"
#include "core/types/encode.h"
#include "core/types/encode_key.h"
#include "core/types/type_error.h"

namespace etl
{

namespace
{

bool
is_number_type(TypeId type)
{
	switch (type)
	{
	case TypeId::smallint:
	case TypeId::integer:
	case TypeId::bigint:
	case TypeId::numeric:
	case TypeId::real:
	case TypeId::double_precision:
		return true;
	default:
		return false;
	}
}

/// The number of bytes of the first character. 1 if it is not valid UTF-8.
size_t
character_size(std::string_view text)
{
	std::string_view rest = text;
	char32_t c;
	return take_character(rest, c) ? text.size() - rest.size() : 1;
}

/// The text, cut to the length of a varchar(n).
std::string_view
cut_to(const ColumnType &type, std::string_view text)
{
	if (type.id != TypeId::text || type.precision < 0)
		return text;
	size_t end = 0;
	for (int left = type.precision; left > 0 && end < text.size(); --left)
		end += character_size(text.substr(end));
	return text.substr(0, end);
}

/// The text as JSON: a number if the value was a number and the column takes numbers, else a
/// string.
std::string
as_json(const ColumnType &type, Value value, std::string_view text)
{
	if (is_number_type(type.id) && value.is(Kind::number) &&
		text.find_first_of("nN") == std::string_view::npos)
		return std::string(text);
	std::string json;
	append_json_string(json, cut_to(type, text));
	return json;
}

std::array<uint8_t, 32>
value_mac(std::string_view secret, std::string_view value)
{
	// with a label, so that the hash of a value differs from a subject's token or pseudonym
	return hmac_sha256(treatment_key(secret), "value:" + std::string(value));
}

std::string
hex(const std::array<uint8_t, 32> &bytes)
{
	return to_hex({reinterpret_cast<const char *>(bytes.data()), bytes.size()});
}

std::array<uint8_t, 32>
random_bytes()
{
	std::array<uint8_t, 32> bytes;
	if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
		throw std::runtime_error("could not get random bytes");
	return bytes;
}

/// RFC 9562: version 4 is a random UUID, version 8 any other.
std::string
uuid_of(std::array<uint8_t, 32> bytes, uint8_t version)
{
	bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | version << 4);
	bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
	return canonical_text({TypeId::uuid, -1, 0, "uuid"},
						  {reinterpret_cast<const char *>(bytes.data()), 16});
}

/// Uses 63 bits, so that the number is never negative.
std::string
bigint_of(const std::array<uint8_t, 32> &bytes)
{
	uint64_t v = 0;
	for (size_t i = 0; i < 8; ++i)
		v = v << 8 | bytes[i];
	return std::to_string(v >> 1);
}

/// 32 bytes as a UUID, a bigint, or the first `digits` hexadecimal digits, depending on the column.
std::string
in_form_of(const ColumnType &type, const std::array<uint8_t, 32> &bytes, uint8_t uuid_version,
		   size_t digits)
{
	if (type.id == TypeId::uuid)
		return uuid_of(bytes, uuid_version);
	if (type.id == TypeId::bigint)
		return bigint_of(bytes);
	return hex(bytes).substr(0, digits);
}

/// Returns the text if it fits the column.
std::optional<std::string>
fitted(const ColumnType &type, const std::string &text)
{
	std::string json;
	append_json_string(json, text);
	Document document;
	ParseError error;
	std::string encoded;
	TypeError type_error;
	if (!document.parse(json, error) || !encode(type, document.root(), encoded, type_error))
		return std::nullopt;
	return canonical_text(type, encoded);
}

std::optional<std::string>
generalize_number(const PersonalDefinition &personal, const ColumnType &type,
				  const std::string &text)
{
	if (text == "NaN" || text == "Infinity" || text == "-Infinity")
		return is_number_type(type.id) ? std::optional(text) : std::nullopt;
	const std::optional<NumberRange> range = range_of(text, personal.step);
	if (!range)
		return std::nullopt;
	if (!is_number_type(type.id))
		return "[" + range->lower + "," + range->upper + ")";
	// a column of numbers takes the lower bound, or the upper one if only that is in its range
	const std::optional<std::string> lower = fitted(type, range->lower);
	return lower ? lower : fitted(type, range->upper);
}

std::optional<std::string>
generalize(const PersonalDefinition &personal, const ColumnType &type, Value value)
{
	if (value.is(Kind::array) || value.is(Kind::object))
		return std::nullopt;
	const std::string text = canonical_value(type, value);
	switch (personal.to)
	{
	case Generalization::month:
	case Generalization::year:
	case Generalization::decade:
	{
		if (type.id != TypeId::date && type.id != TypeId::timestamp &&
			type.id != TypeId::timestamptz)
			return period_name(personal.to, text);
		std::optional<std::string> day = first_day(personal.to, text);
		if (day && type.id != TypeId::date && day->find("infinity") == std::string::npos)
			day->insert(std::min(day->find(' '), day->size()),
						type.id == TypeId::timestamp ? "T00:00:00" : "T00:00:00Z");
		return day;
	}
	case Generalization::range:
		return generalize_number(personal, type, text);
	case Generalization::outward:
		return outward_part(text);
	case Generalization::network:
		return network_of(text, personal.ipv4_bits, personal.ipv6_bits);
	}
	return std::nullopt;
}

} // namespace

std::string
canonical_value(const ColumnType &type, Value value)
{
	std::string encoded;
	TypeError error;
	if (type.id != TypeId::json && type.id != TypeId::jsonb && encode(type, value, encoded, error))
		return canonical_text(type, encoded);
	if (value.is(Kind::string) || value.is(Kind::number))
		return std::string(value.text());
	std::string json;
	append_json(json, value);
	return json;
}

std::string
treat(const PersonalDefinition &personal, Value value, const TreatmentContext &context)
{
	return treat(personal, personal.type, value, context);
}

std::string
treat(const PersonalDefinition &personal, const ColumnType &type, Value value,
	  const TreatmentContext &context)
{
	if (value.is(Kind::null))
		return "null";
	switch (personal.treatment)
	{
	case Treatment::redact:
		return as_json(type, value, personal.value);
	case Treatment::null:
		return "null";
	case Treatment::token:
	{
		std::string json;
		append_json_string(json, context.token);
		return json;
	}
	case Treatment::pseudonymize:
		return as_json(
			type, value,
			in_form_of(type, value_mac(context.secret, canonical_value(type, value)), 8, 64));
	case Treatment::sha256:
		return as_json(type, value, sha256_hex(canonical_value(type, value)));
	case Treatment::generalize:
	{
		const std::optional<std::string> coarse = generalize(personal, type, value);
		if (coarse)
			return as_json(type, value, *coarse);
		if (type.id != TypeId::text)
			return "null";
		return as_json(type, value, personal.value);
	}
	case Treatment::partial:
		if (value.is(Kind::array) || value.is(Kind::object))
			return as_json(type, value, personal.value);
		return as_json(type, value, partial_text(canonical_value(type, value)));
	case Treatment::random:
		return as_json(type, value, in_form_of(type, random_bytes(), 4, 32));
	case Treatment::keep:
		break;
	}
	return std::string(value.raw());
}

std::string
value_pseudonym(std::string_view secret, std::string_view value)
{
	return hex(value_mac(secret, value));
}

std::string
sha256_hex(std::string_view value)
{
	return hex(sha256(value));
}

std::string
random_token()
{
	return hex(random_bytes()).substr(0, 32);
}

namespace
{

constexpr std::string_view dots = "•••";

/// Whether the character is a mark or joiner that belongs to the character before it.
bool
combines(char32_t c)
{
	return (c >= 0x0300 && c <= 0x036f) || (c >= 0x1ab0 && c <= 0x1aff) ||
		   (c >= 0x1dc0 && c <= 0x1dff) || (c >= 0x20d0 && c <= 0x20ff) ||
		   (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xfe20 && c <= 0xfe2f);
}

/// Whether the text begins with such a mark.
bool
begins_with_mark(std::string_view text)
{
	char32_t c;
	return take_character(text, c) && combines(c);
}

/// The number of characters, not counting their marks.
size_t
count_visible(std::string_view text)
{
	size_t count = 0;
	for (; !text.empty(); text.remove_prefix(character_size(text)))
		count += !begins_with_mark(text);
	return count;
}

/// The first character with its marks, then dots. Only dots if this would show more than half of
/// the text.
std::string
first_and_dots(std::string_view text, size_t least)
{
	if (count_visible(text) < least)
		return std::string(dots);
	size_t end = character_size(text);
	while (end < text.size() && begins_with_mark(text.substr(end)))
		end += character_size(text.substr(end));
	return std::string(text.substr(0, end)).append(dots);
}

} // namespace

std::string
partial_text(std::string_view text)
{
	text = trim_ascii(text);
	if (text.empty())
		return std::string(dots);
	const size_t at = text.rfind('@');
	if (at != std::string_view::npos && at > 0 && at + 1 < text.size())
	{
		const std::string_view domain = text.substr(at + 1);
		const size_t dot = domain.rfind('.');
		std::string out = first_and_dots(text.substr(0, at), 2) + "@";
		if (dot == std::string_view::npos || dot == 0 || domain.front() == '[')
			return out.append(dots);
		return out.append(first_and_dots(domain.substr(0, dot), 2)).append(domain.substr(dot));
	}
	size_t digits = 0;
	for (const char c : text)
		digits += is_digit(c);
	if (digits >= 7 && text.find_first_not_of("0123456789 +-()./") == std::string_view::npos)
	{
		std::string last;
		for (size_t i = text.size(); last.size() < 2; --i)
			if (is_digit(text[i - 1]))
				last.insert(last.begin(), text[i - 1]);
		return std::string(dots) + last;
	}
	return first_and_dots(text, 4);
}

} // namespace etl
