// Decides which parts of a refused record about an erased person may stay. The record violates the
// schema or a type, so its members may contain anything: a name may be in "First_Name", or an
// address may be a text in place of an object.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/definition/definition.h"
#include "core/json/document.h"
#include "core/json/pointer.h"
#include "core/privacy/treatment.h"
#include "core/types/column_type.h"
#include "core/types/type_input.h"

namespace etl
{

/// Treats refused records of one definition. Each thread has its own object.
class RefusedRecord
{
  public:
	/// All arguments must outlive the object. `types` answers questions about texts that encode()
	/// cannot read; null if there are no answers.
	RefusedRecord(const Definition &definition, const KeyTypes &key_types, TypeInput *types);

	/// Whether the record violates the schema or the type of a column. The record must be
	/// normalized (core/definition/normalize.h). Records that the checks of the database refuse do
	/// not count, because they have the structure of the definition.
	bool is_refused(const Document &document) const;

	/// Returns the text of the record with its personal fields treated and the identifiers of a
	/// request replaced with pseudonyms. Another value stays only if the definition has it as key,
	/// reference or column, does not call it personal, and the value fits what the definition says.
	/// "[erased]" replaces every other value, every array or object where none is expected, and
	/// every member name that is not in the definition in any spelling ("[erased 2]" for the next
	/// one).
	std::string treat(const Document &document, const TreatmentContext &context) const;

	/// The JSON Pointer with the same names replaced as in treat().
	std::string treat_pointer(std::string_view pointer) const;

  private:
	/// What the definition says about the values at a path.
	struct Place
	{
		enum class Meaning : uint8_t
		{
			none, ///< nothing, or something only about values below this path
			kept,
			personal,
			subject, ///< subject of a request
			email    ///< email of a request
		};
		struct Type
		{
			ColumnType type;
			bool is_key;
		};
		Meaning meaning = Meaning::none;
		std::vector<Type> types;                   ///< types of a kept value
		const PersonalDefinition *field = nullptr; ///< field of a personal value
		bool has_personal = false;                 ///< below this path there is a personal field
		std::map<std::string, size_t, std::less<>> members; ///< "*" stands for the elements
	};
	using Places = std::vector<size_t>;
	struct Walk;

	size_t place_of(const Path &path);
	void keep(const Path &path, const ColumnType &type, bool is_key);
	void add_columns(const TableDefinition &table);
	void add_personal(const PersonalDefinition &field);
	bool fits(const ColumnType &type, bool is_key, Value value) const;
	bool row_fits(const TableDefinition &table, Value record, Value element) const;
	bool names_nobody(const Document &document) const;
	bool is_known(std::string_view name) const;
	Places below(const Places &places, std::string_view step) const;
	bool may_stay(const Walk &walk, Value value, const Places &places) const;
	void visit(Walk &walk, Value value, const Places &places) const;
	void visit_members(Walk &walk, Value object, const Places &places) const;
	void visit_elements(Walk &walk, Value array, const Places &places) const;

	const Definition &definition_;
	const KeyTypes &key_types_;
	TypeInput *types_;
	std::vector<Place> places_; ///< the first is the record itself
	/// letters and digits of the names in the definition
	std::set<std::string, std::less<>> spellings_;
};

/// The pseudonym of an identifier in a request for erasure, as a JSON text. "" if the value is
/// neither text nor number.
std::string pseudonymized_identifier(const ErasesDefinition &erases, std::string_view secret,
									 bool is_email, Value value);

} // namespace etl
