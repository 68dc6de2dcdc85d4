// Decides which texts are worth asking the server about. The question itself is asked by
// pg/type_input.cpp in the main thread and by type_questions.cpp in other threads.
#include "core/types/type_input.h"

#include <algorithm>
#include <cstring>

#include "core/base/ascii.h"
#include "core/base/sqlstate.h"
#include "core/types/column_type.h"
#include "core/types/type_error.h"

namespace etl
{

namespace
{

/// No form of a date or of a special number is longer than this.
constexpr size_t longest_input = 128;

std::string
lower(std::string_view text)
{
	std::string out(text);
	for (char &c : out)
		if (c >= 'A' && c <= 'Z')
			c = static_cast<char>(c + ('a' - 'A'));
	return out;
}

/// Whether the word is "infinity", "inf" or "nan". The sign has been removed before.
bool
is_special_number(std::string_view word)
{
	return word == "nan" || word == "inf" || word == "infinity";
}

bool
may_be_number(std::string_view text)
{
	if (!text.empty() && (text[0] == '+' || text[0] == '-'))
		text.remove_prefix(1);
	// numeric_in() of PostgreSQL before 16 accepts blanks inside, as in "1e 5"
	return is_special_number(text) ||
		   text.find_first_of("_ \t\n\v\f\r") != std::string_view::npos ||
		   (text.size() > 2 && text[0] == '0' && std::strchr("xob", text[1]) != nullptr);
}

bool
may_be_date(std::string_view text)
{
	for (const std::string_view word : {"now", "today", "tomorrow", "yesterday"})
		if (text.find(word) != std::string_view::npos)
			return false;
	if (std::any_of(text.begin(), text.end(), is_digit))
		return true;
	// these words may have signs and punctuation around them
	return text.find("epoch") != std::string_view::npos ||
		   text.find("infinity") != std::string_view::npos;
}

} // namespace

bool
may_be_input(const ColumnType &type, std::string_view text, const TypeError &error)
{
	const std::string_view trimmed = trim_ascii(text);
	if (trimmed.empty() || trimmed.size() > longest_input ||
		trimmed.find('\0') != std::string_view::npos ||
		(std::strcmp(error.sqlstate, sqlstate::invalid_text_representation) != 0 &&
		 std::strncmp(error.sqlstate, "220", 3) != 0))
		return false;
	switch (type.id)
	{
	case TypeId::date:
	case TypeId::timestamp:
	case TypeId::timestamptz:
		return may_be_date(lower(trimmed));
	case TypeId::smallint:
	case TypeId::integer:
	case TypeId::bigint:
	case TypeId::numeric:
	case TypeId::real:
	case TypeId::double_precision:
		return may_be_number(lower(trimmed));
	default:
		return false;
	}
}

} // namespace etl
