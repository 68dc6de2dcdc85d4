// A person's key in texts that do not hold it where they should: how it may be written there.
#pragma once

#include <string>
#include <string_view>

#include "core/types/column_type.h"

namespace etl
{

/// Of a member's name, in small letters: what is left of it however it is spelt.
std::string letters_and_digits(std::string_view name);

class KeyForm
{
  public:
	/// member: the name of the member that holds the key ("" for none); dataset: whose key it is.
	KeyForm(const ColumnType &type, std::string_view member, std::string_view dataset);

	/// Keys are numbers: written with a fraction of zeros or an exponent they are the same.
	bool is_number() const { return number_; }
	/// The canonical key that a whole word or text is; false: it is none.
	bool read(std::string_view word, std::string &canonical) const;
	/// Does a member of that name hold the key? Case and separators do not count, nor does the
	/// beginning of the dataset's name before it: "ID", "customer_id" and "custId" for "id".
	bool is_name(std::string_view member) const;
	/// Long enough to mean somebody wherever it stands.
	bool is_telling(std::string_view canonical) const;
	/// A UUID or an email: nobody writes it without meaning it.
	bool is_specific(std::string_view canonical) const;

  private:
	std::string_view without_dataset(std::string_view name) const;

	ColumnType type_;
	bool number_;
	std::string dataset_, name_; ///< letters and digits, in small letters
};

} // namespace etl
