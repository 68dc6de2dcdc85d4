// Searches for a person's key in a record that does not have it in its member: because the member
// has another name or type, is inside an array or object, or is null.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/definition/definition.h"
#include "core/privacy/identities.h"
#include "core/types/column_type.h"

namespace etl
{

/// Searches the records of one definition. Values that the definition describes are not searched: a
/// price, a date or the key of another dataset is not a person's key. The other members, and the
/// member that should have the key, may contain it as their value or as a word of a text. Texts
/// that the definition describes (a name, a postcode) are searched only if no other member contains
/// any key.
class KeySearch
{
  public:
	/// `subject`: path where the key should be. `in_known_texts`: whether texts that the definition
	/// describes are searched. All arguments must outlive the object.
	KeySearch(const Definition &definition, const Path &subject, const KeyForm &form,
			  bool in_known_texts = true);

	/// Returns the person, or Identities::nobody.
	uint32_t find(const Document &document, const Identities &people) const;

  private:
	/// What the definition says about the values at a path.
	struct Place
	{
		enum class Meaning : uint8_t
		{
			none,
			key, ///< the person's key
			value,
			other ///< a key of another kind: the record's own, or of another dataset
		};
		Meaning meaning = Meaning::none;
		ColumnType type;                                    ///< if `meaning` is `value`
		std::map<std::string, size_t, std::less<>> members; ///< "*" stands for the elements
	};
	struct Walk;

	void add(const Path &path, Place::Meaning meaning, const ColumnType &type);
	void visit(Walk &walk, Value value, size_t place, bool named) const;
	void visit_scalar(Walk &walk, Value value, const Place &place, bool named) const;

	const KeyForm &form_;
	const bool in_known_texts_;
	std::vector<Place> places_; ///< the first is the record itself
};

} // namespace etl
