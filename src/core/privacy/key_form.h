// The ways in which a person's key may be written in a text that is not the key's own member.
#pragma once

#include <string>
#include <string_view>

#include "core/types/column_type.h"

namespace etl
{

/// The letters and digits of a member's name in lower case. Different spellings of the name give
/// the same result.
std::string letters_and_digits(std::string_view name);

class KeyForm
{
  public:
	/// `member`: name of the member that contains the key ("" if there is none). `dataset`: the
	/// dataset whose key it is.
	KeyForm(const ColumnType &type, std::string_view member, std::string_view dataset);

	/// Whether keys are numbers. A number is the same key if written with zeros as fraction or with
	/// an exponent.
	bool is_number() const { return number_; }
	/// Reads a whole word or text as a key and stores its canonical form. Returns false if it is
	/// not a key.
	bool read(std::string_view word, std::string &canonical) const;
	/// Whether a member of this name contains the key. Ignores case and separators, and a beginning
	/// of the dataset's name before it: "ID", "customer_id" and "custId" match "id".
	bool is_name(std::string_view member) const;
	/// Whether the key is long enough to identify a person anywhere in a text.
	bool is_telling(std::string_view canonical) const;
	/// Whether the key is a UUID or an email, which do not occur in texts by chance.
	bool is_specific(std::string_view canonical) const;

  private:
	std::string_view without_dataset(std::string_view name) const;

	ColumnType type_;
	bool number_;
	std::string dataset_, name_; ///< letters and digits, in lower case
};

} // namespace etl
