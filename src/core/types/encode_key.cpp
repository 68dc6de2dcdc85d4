#include "core/types/encode_key.h"

#include <bit>
#include <charconv>

#include "core/base/ascii.h"
#include "core/base/big_endian.h"
#include "core/types/column_type.h"
#include "core/types/encode_datetime.h"
#include "core/types/encode_numeric.h"

namespace etl
{

namespace
{

constexpr uint64_t top_bit = uint64_t{1} << 63;

/// The bits of the number, changed so that they sort as the number does. -0 is treated as 0.
uint64_t
ordered_double(double v)
{
	const uint64_t bits = std::bit_cast<uint64_t>(v == 0 ? 0.0 : v);
	return bits & top_bit ? ~bits : bits | top_bit;
}

double
load_float(const ColumnType &type, std::string_view encoded)
{
	return type.id == TypeId::real
			   ? static_cast<double>(std::bit_cast<float>(load_be<uint32_t>(encoded)))
			   : std::bit_cast<double>(load_be<uint64_t>(encoded));
}

template <typename Float>
std::string
float_text(Float v)
{
	char buffer[64];
	const auto r = std::to_chars(buffer, buffer + sizeof(buffer), v == 0 ? Float{0} : v);
	return std::string(buffer, r.ptr);
}

std::string
uuid_text(std::string_view bytes)
{
	std::string out;
	out.reserve(36);
	for (size_t i = 0; i < bytes.size(); ++i)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out += '-';
		out += hex_digits[static_cast<unsigned char>(bytes[i]) >> 4];
		out += hex_digits[static_cast<unsigned char>(bytes[i]) & 15];
	}
	return out;
}

} // namespace

std::string
canonical_text(const ColumnType &type, std::string_view encoded)
{
	switch (type.id)
	{
	case TypeId::smallint:
		return std::to_string(static_cast<int16_t>(load_be<uint16_t>(encoded)));
	case TypeId::integer:
		return std::to_string(static_cast<int32_t>(load_be<uint32_t>(encoded)));
	case TypeId::bigint:
		return std::to_string(static_cast<int64_t>(load_be<uint64_t>(encoded)));
	case TypeId::numeric:
		// Without a declared scale, 1.0 and 1.00 are equal but printed differently.
		return numeric_text(encoded, type.precision >= 0);
	case TypeId::real:
		return float_text(std::bit_cast<float>(load_be<uint32_t>(encoded)));
	case TypeId::double_precision:
		return float_text(std::bit_cast<double>(load_be<uint64_t>(encoded)));
	case TypeId::boolean:
		return encoded == std::string_view("\1") ? "true" : "false";
	case TypeId::date:
		return date_text(static_cast<int32_t>(load_be<uint32_t>(encoded)));
	case TypeId::timestamp:
	case TypeId::timestamptz:
		return timestamp_text(static_cast<int64_t>(load_be<uint64_t>(encoded)),
							  type.id == TypeId::timestamptz);
	case TypeId::uuid:
		return uuid_text(encoded);
	case TypeId::jsonb:
		return std::string(encoded.substr(encoded.empty() ? 0 : 1));
	case TypeId::text:
	case TypeId::json:
		break;
	}
	return std::string(encoded);
}

uint64_t
sort_prefix(const ColumnType &type, std::string_view encoded)
{
	switch (type.id)
	{
	case TypeId::smallint:
		return uint64_t{load_be<uint16_t>(encoded)} << 48 ^ top_bit;
	case TypeId::integer:
	case TypeId::date:
		return uint64_t{load_be<uint32_t>(encoded)} << 32 ^ top_bit;
	case TypeId::bigint:
	case TypeId::timestamp:
	case TypeId::timestamptz:
		return load_be<uint64_t>(encoded) ^ top_bit;
	case TypeId::numeric:
		return numeric_prefix(encoded);
	case TypeId::real:
	case TypeId::double_precision:
		return ordered_double(load_float(type, encoded));
	case TypeId::boolean:
		return load_be<uint8_t>(encoded);
	case TypeId::uuid:
		return load_be<uint64_t>(encoded);
	case TypeId::text:
	{
		// A shorter text is padded with zero bytes.
		char first[8] = {};
		encoded.copy(first, sizeof(first));
		return load_be<uint64_t>({first, sizeof(first)});
	}
	case TypeId::json:
	case TypeId::jsonb:
		break;
	}
	return 0;
}

} // namespace etl
