// Encodes the rows of a record as COPY BINARY has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/definition/definition.h"
#include "core/json/document.h"

namespace etl
{

struct Piece;
struct RowContext;
struct StagedRecord;
struct TypeError;
class TypeInput;

class RowEncoder
{
  public:
	/// The arguments must outlive the object. `type_input`: reads texts that encode() cannot; null:
	/// such texts do not fit.
	RowEncoder(const Definition &definition, TypeInput *type_input);

	/// Adds the rows of the record, whose number in the piece is `index`, to the piece. Adds a
	/// violation to the record for each value that does not fit its column, for rows that take too
	/// much memory, and where elements of a table should be and something else is.
	void encode_rows(Value root, StagedRecord &record, uint32_t index, const RowContext &context,
					 Piece &piece);

  private:
	/// The element or record from which the values of columns are taken.
	struct Element
	{
		Value value;
		uint32_t line = 0;                      ///< counted from 1; 0 for the record itself
		const std::string *container = nullptr; ///< pointer of the array that contains the element
		uint32_t index = 0;                     ///< in that array
	};
	void encode_row(size_t table, const Element &element, uint32_t index, const RowContext &context,
					StagedRecord &record, Piece &piece);
	bool encode_field(const ColumnDefinition &column, const Element &element,
					  const RowContext &context, StagedRecord &record);
	/// Adds the violation of a value that does not fit its column, once for each place.
	void note_type_error(const ColumnDefinition &column, const Element &element,
						 const TypeError &error, StagedRecord &record);

	const Definition &definition_;
	TypeInput *type_input_;
	Value root_;                       ///< of the current record
	size_t row_bytes_ = 0;             ///< size of the record's rows
	std::vector<size_t> sort_columns_; ///< indexed by table: the first column of its primary key
	std::vector<char> fields_taken_;   ///< indexed by table: its rows take fields of elements
	std::string row_, pointer_;        ///< buffers that are reused for each record
};

} // namespace etl
