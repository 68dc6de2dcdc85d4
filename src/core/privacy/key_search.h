// Whose key stands in a record that does not name anybody where it should: because the member is
// misnamed, mistyped, wrapped in an array or an object, or null.
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

/// Looks through the records of one definition. What its members are said to hold is believed: a
/// price, a date, another dataset's key are nobody's. In the other members, and where the key
/// should be, it stands as a value or as a word of a text; in texts that the definition knows (a
/// name, a postcode) it is looked for only where none of the others holds any key.
class KeySearch
{
  public:
	/// subject: where the key should be. in_known_texts: a text that the definition knows may hold
	/// it, too. All must outlive it.
	KeySearch(const Definition &definition, const Path &subject, const KeyForm &form,
			  bool in_known_texts = true);

	/// Identities::nobody when nobody is named.
	uint32_t find(const Document &document, const Identities &people) const;

  private:
	/// What the definition says of the values at a path.
	struct Place
	{
		enum class Meaning : uint8_t
		{
			none,
			key, ///< the person's
			value,
			other ///< of another kind: a key of its own or of another dataset
		};
		Meaning meaning = Meaning::none;
		ColumnType type;                                    ///< of a value
		std::map<std::string, size_t, std::less<>> members; ///< "*": the elements
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
