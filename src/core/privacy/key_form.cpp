#include "core/privacy/key_form.h"

#include <algorithm>

#include "core/base/ascii.h"
#include "core/json/decimal.h"
#include "core/types/column_type.h"
#include "core/types/encode.h"
#include "core/types/encode_key.h"
#include "core/types/type_error.h"

namespace etl
{

namespace
{

bool
is_number_type(TypeId id)
{
	return id == TypeId::smallint || id == TypeId::integer || id == TypeId::bigint ||
		   id == TypeId::numeric || id == TypeId::real || id == TypeId::double_precision;
}

} // namespace

std::string
letters_and_digits(std::string_view name)
{
	std::string out;
	for (const char c : name)
		if (c >= 'A' && c <= 'Z')
			out += static_cast<char>(c + ('a' - 'A'));
		else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
				 static_cast<unsigned char>(c) >= 0x80)
			out += c;
	return out;
}

KeyForm::KeyForm(const ColumnType &type, std::string_view member, std::string_view dataset)
	: type_(type), number_(is_number_type(type.id)), dataset_(letters_and_digits(dataset)),
	  name_(letters_and_digits(member))
{
}

bool
KeyForm::read(std::string_view word, std::string &canonical) const
{
	if (word.empty())
		return false;
	Node node{word.data(),
			  word.data(),
			  static_cast<uint32_t>(word.size()),
			  static_cast<uint32_t>(word.size()),
			  0,
			  1,
			  Kind::string,
			  false};
	std::string digits;
	std::optional<Decimal> decimal;
	if (number_)
	{
		decimal = Decimal::parse(word);
		if (!decimal)
			return false;
		// in JSON's grammar, without a sign and zeros before it
		digits = decimal->to_string();
		node.kind = Kind::number;
		node.data = digits.data();
		node.size = static_cast<uint32_t>(digits.size());
	}
	std::string encoded;
	TypeError error;
	if (!encode(type_, Value(&node), encoded, error))
		return false;
	canonical = canonical_text(type_, encoded);
	if (!decimal)
		return true;
	// a number that was rounded to fit the type is a different number
	const auto kept = Decimal::parse(canonical);
	return kept && kept->compare(*decimal) == 0;
}

bool
KeyForm::is_telling(std::string_view canonical) const
{
	constexpr size_t shortest = 4;
	return (number_ ? std::min(canonical.find('.'), canonical.size()) : canonical.size()) >=
		   shortest;
}

bool
KeyForm::is_specific(std::string_view canonical) const
{
	if (type_.id == TypeId::uuid)
		return true;
	const size_t at = canonical.find('@');
	if (at != std::string_view::npos && at > 0 && canonical.find('.', at) != std::string_view::npos)
		return true;
	constexpr size_t uuid_size = 36;
	if (canonical.size() != uuid_size)
		return false;
	for (size_t i = 0; i < uuid_size; ++i)
		if (i == 8 || i == 13 || i == 18 || i == 23 ? canonical[i] != '-' : !is_hex(canonical[i]))
			return false;
	return true;
}

std::string_view
KeyForm::without_dataset(std::string_view name) const
{
	constexpr size_t shortest_beginning = 3;
	size_t same = 0;
	while (same < name.size() && same < dataset_.size() && name[same] == dataset_[same])
		++same;
	return same >= shortest_beginning && same < name.size() ? name.substr(same) : name;
}

bool
KeyForm::is_name(std::string_view member) const
{
	if (name_.empty() || member.empty() || member.size() > 200)
		return false;
	const std::string name = letters_and_digits(member);
	return !name.empty() && (name == name_ || without_dataset(name) == without_dataset(name_));
}

} // namespace etl
