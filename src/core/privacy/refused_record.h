// What may stay of a refused record about somebody who was erased. It broke the schema or a type,
// so that nobody knows what its members hold: a name may stand under "First_Name", an address as a
// text where its object is expected.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/definition/definition.h"
#include "core/json/document.h"
#include "core/privacy/treatment.h"
#include "core/types/column_type.h"
#include "core/types/type_input.h"

namespace etl
{

/// Looks at the records of one definition. One for each thread.
class RefusedRecord
{
  public:
	/// All must outlive it. types: is asked about texts that encode() cannot read; null for nobody.
	RefusedRecord(const Definition &definition, const KeyTypes &key_types, TypeInput *types);

	/// Does the record break the schema, or the type of a column? Of a record as it was validated
	/// (core/definition/normalize.h). What the database's checks refuse has the shape that the
	/// definition gives it.
	bool is_refused(const Document &document) const;

	/// The record's text with its personal fields treated and the identifiers of a request turned
	/// into pseudonyms. Of the other values those stay that fit what the definition says of their
	/// place, and which it does not call personal: keys, references, columns. "[erased]" stands in
	/// place of every other value, of a container that is not where one is expected, and of member
	/// names that the definition does not have in any spelling ("[erased 2]" for the next).
	std::string treat(const Document &document, const TreatmentContext &context) const;

	/// A JSON Pointer into a record, with the names replaced that treat() replaces.
	std::string treat_pointer(std::string_view pointer) const;

  private:
	/// What the definition says of the values at a path.
	struct Place
	{
		enum class Meaning : uint8_t
		{
			none, ///< or only of values below it
			kept,
			personal,
			subject, ///< of a request
			email    ///< the same
		};
		struct Type
		{
			ColumnType type;
			bool is_key;
		};
		Meaning meaning = Meaning::none;
		std::vector<Type> types;                            ///< of what is kept
		const PersonalDefinition *field = nullptr;          ///< of what is personal
		bool has_personal = false;                          ///< below it
		std::map<std::string, size_t, std::less<>> members; ///< "*": the elements
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
	std::vector<Place> places_;                    ///< the first is the record itself
	std::set<std::string, std::less<>> spellings_; ///< letters and digits of known names
};

/// What stands in place of an identifier in a request for erasure; "" when the value is none.
std::string pseudonymized_identifier(const ErasesDefinition &erases, std::string_view secret,
									 bool is_email, Value value);

} // namespace etl
