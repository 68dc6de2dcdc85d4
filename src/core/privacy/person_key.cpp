#include "core/privacy/person_key.h"

#include "core/base/ascii.h"
#include "core/json/decimal.h"
#include "core/records/plain_text.h"
#include "core/types/column_type.h"
#include "core/types/encode.h"
#include "core/types/encode_key.h"
#include "core/types/type_error.h"

namespace etl
{

namespace
{

bool
is_integer(const ColumnType &type)
{
	return type.id == TypeId::smallint || type.id == TypeId::integer || type.id == TypeId::bigint;
}

/// Whether the type is numeric without a limit that would change stored values.
bool
is_plain_numeric(const ColumnType &type)
{
	return type.id == TypeId::numeric && type.precision < 0;
}

Node
node_of(std::string_view text, Kind kind)
{
	const uint32_t size = static_cast<uint32_t>(text.size());
	return {text.data(), text.data(), size, size, 0, 1, kind, false};
}

} // namespace

bool
encode_person_key(const ColumnType &key, const ColumnType *column, Value value,
				  std::string &encoded)
{
	const size_t before = encoded.size();
	TypeError error;
	if (encode(key, value, encoded, error))
		return true;
	encoded.resize(before);
	if (column == nullptr || !is_integer(key) || !value.is(Kind::string) ||
		(column->id != TypeId::text && !is_plain_numeric(*column)))
		return false;
	auto decimal = Decimal::parse(trim_ascii(value.text()));
	// accept digits of other scripts and blanks of every kind, as the search for keys does
	if (!decimal && column->id == TypeId::text)
		decimal = Decimal::parse(trim_ascii(plain_characters(value.text())));
	if (!decimal || !decimal->is_integer())
		return false;
	const std::string digits = decimal->to_string();
	const Node number = node_of(digits, Kind::number);
	if (encode(key, Value(&number), encoded, error))
		return true;
	encoded.resize(before);
	return false;
}

std::string
canonical_person_key(const ColumnType &key, const ColumnType *column, Value value)
{
	if (!value || (!value.is(Kind::string) && !value.is(Kind::number)))
		return {};
	std::string encoded;
	return encode_person_key(key, column, value, encoded) ? canonical_text(key, encoded)
														  : std::string();
}

bool
read_person_key(const ColumnType &key, std::string_view text, std::string &canonical)
{
	static const ColumnType as_text;
	const Node node = node_of(text, Kind::string);
	std::string encoded;
	if (!encode_person_key(key, &as_text, Value(&node), encoded))
		return false;
	canonical = canonical_text(key, encoded);
	return true;
}

bool
tells_person(const ColumnType &column, const ColumnType &key)
{
	if (column.sql == key.sql || (is_integer(column) && is_integer(key)))
		return true;
	if (column.id == TypeId::text)
		return !is_blank_padded(column) || key.id != TypeId::text || is_blank_padded(key);
	return is_plain_numeric(column) && (is_integer(key) || key.id == TypeId::numeric);
}

bool
compare_directly(const ColumnType &column, const ColumnType &key)
{
	return column.sql == key.sql || (is_integer(column) && is_integer(key)) ||
		   (column.id == TypeId::text && key.id == TypeId::text && !is_blank_padded(column) &&
			!is_blank_padded(key));
}

} // namespace etl
