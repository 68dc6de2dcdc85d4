// Encodes any value as any type. The result must decode to a text that encodes to the same bytes. A
// refused value must have an error.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/json/write.h"
#include "core/types/column_type.h"
#include "core/types/encode.h"
#include "core/types/encode_key.h"
#include "core/types/type_error.h"

using namespace etl;

namespace
{

constexpr const char *types[] = {
	"smallint", "integer",          "bigint",       "numeric",     "numeric(10,2)", "numeric(5,-2)",
	"real",     "double precision", "boolean",      "text",        "varchar(5)",    "char(3)",
	"date",     "timestamp",        "timestamp(2)", "timestamptz", "uuid",          "json",
	"jsonb"};

/// The number of bytes of every value of the type; 0 if it varies.
size_t
width(TypeId id)
{
	switch (id)
	{
	case TypeId::smallint:
		return 2;
	case TypeId::integer:
	case TypeId::real:
	case TypeId::date:
		return 4;
	case TypeId::bigint:
	case TypeId::double_precision:
	case TypeId::timestamp:
	case TypeId::timestamptz:
		return 8;
	case TypeId::boolean:
		return 1;
	case TypeId::uuid:
		return 16;
	default:
		return 0;
	}
}

bool
is_key_type(TypeId id)
{
	return id != TypeId::real && id != TypeId::double_precision && id != TypeId::json &&
		   id != TypeId::jsonb;
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	ColumnType type;
	const std::string_view name = types[data[0] % std::size(types)];
	if (!ColumnType::parse(name, type))
		return 0;
	static Document document;
	ParseError parse_error;
	std::string text(reinterpret_cast<const char *>(data) + 1, size - 1);
	if (!document.parse(text, parse_error))
	{
		// most inputs are not JSON and are used as the contents of a string
		std::string quoted;
		append_json_string(quoted, text);
		text = quoted;
		if (!document.parse(text, parse_error))
			return 0;
	}
	if (document.root().is(Kind::null))
		return 0;
	std::string encoded;
	TypeError error;
	if (!encode(type, document.root(), encoded, error))
	{
		if (!encoded.empty() || error.message.empty() || error.sqlstate == nullptr)
			abort();
		return 0;
	}
	if (width(type.id) != 0 && encoded.size() != width(type.id))
		abort();
	(void)sort_prefix(type, encoded);
	if (!is_key_type(type.id))
		return 0;
	const std::string canonical = canonical_text(type, encoded);
	std::string quoted;
	append_json_string(quoted, canonical);
	static Document second;
	if (!second.parse(quoted, parse_error))
		abort();
	std::string again;
	if (!encode(type, second.root(), again, error) || canonical_text(type, again) != canonical)
		abort();
	// 1.50 and 1.5 are the same key, but numeric without a scale keeps the number of digits
	if (again != encoded && name != "numeric")
		abort();
	return 0;
}
