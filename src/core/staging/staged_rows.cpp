#include "core/staging/staged_rows.h"

#include <algorithm>
#include <cstring>

#include "core/base/big_endian.h"
#include "core/base/calendar.h"
#include "core/base/sqlstate.h"
#include "core/definition/column_path.h"
#include "core/json/pointer.h"
#include "core/staging/staged_record.h"
#include "core/types/column_type.h"
#include "core/types/encode.h"
#include "core/types/encode_key.h"
#include "core/types/type_error.h"
#include "core/types/type_input.h"

namespace etl
{

namespace
{

/// Limit in bytes for the rows of one record. Without it, a text of the record that is a column of
/// each of a million elements would take terabytes.
constexpr size_t max_row_bytes = 128 << 20;

/// Whether a violation for this pointer, usually of the schema, exists already. It need not be
/// reported again.
bool
is_told(const StagedRecord &record, const std::string &pointer)
{
	return record.has_many_violations() ||
		   (record.violations &&
			std::any_of(record.violations->begin(), record.violations->end(),
						[&](const Violation &violation) { return violation.pointer == pointer; }));
}

/// Whether the value can have the step of a path. Returns null if it can, else the kind of value
/// that is expected.
const char *
expected_at(Value value, const std::string &step)
{
	if (value.is(Kind::object) || (value.is(Kind::array) && (step == "*" || is_index(step))))
		return nullptr;
	return step == "*" ? "expected an array" : "expected an object";
}

/// Returns null if an element can have the fields that its table's rows take, else the kind of
/// value that is expected.
const char *
expected_of(const TableDefinition &table, Value element)
{
	if (element.is(Kind::object))
		return nullptr;
	for (const ColumnDefinition &column : table.columns)
		if (column.source == Source::element)
			if (const char *const expected = expected_at(element, column.path.front()))
				return expected;
	return nullptr;
}

/// Finds the arrays with the elements of a table. Like find_all(), but calls misfit() for a value
/// on the path that is of the wrong kind. A null has no elements.
template <typename Visit, typename Misfit>
void
find_holders(Value from, const Path &path, size_t step, std::string &pointer, Visit &&visit,
			 Misfit &&misfit)
{
	if (!from || from.is(Kind::null))
		return;
	const bool last = step == path.size();
	const char *const expected = !last                  ? expected_at(from, path[step])
								 : from.is(Kind::array) ? nullptr
														: "expected an array";
	if (expected != nullptr)
		return misfit(pointer, expected);
	if (last)
		return visit(from, pointer);
	const auto go_on = [&](Value value, std::string_view name)
	{
		const size_t length = pointer.size();
		append_pointer(pointer, name);
		find_holders(value, path, step + 1, pointer, visit, misfit);
		pointer.resize(length);
	};
	if (path[step] != "*")
		return go_on(step_into(from, path[step]), path[step]);
	if (from.is(Kind::object))
	{
		for (Member m(from); m; m.advance())
			go_on(m.value(), m.name());
		return;
	}
	Value element = from.first();
	for (uint32_t i = 0; i < from.count(); ++i, element = element.next())
		go_on(element, std::to_string(i));
}

/// Whether the rows of the table take fields of the elements.
bool
takes_fields(const TableDefinition &table)
{
	return std::any_of(table.columns.begin(), table.columns.end(),
					   [](const ColumnDefinition &column)
					   { return column.source == Source::element; });
}

} // namespace

RowEncoder::RowEncoder(const Definition &definition, TypeInput *type_input)
	: definition_(definition), type_input_(type_input)
{
	for (const TableDefinition &table : definition.tables)
	{
		size_t column = 0;
		for (size_t i = 0; i < table.columns.size(); ++i)
			if (!table.primary_key.empty() && table.columns[i].name == table.primary_key[0])
				column = i;
		sort_columns_.push_back(column);
		fields_taken_.push_back(table.is_child && takes_fields(table));
	}
}

void
RowEncoder::encode_rows(Value root, StagedRecord &record, uint32_t index, const RowContext &context,
						Piece &piece)
{
	root_ = root;
	row_bytes_ = 0;
	for (size_t t = 0; t < definition_.tables.size(); ++t)
	{
		const TableDefinition &table = definition_.tables[t];
		if (!table.is_child)
		{
			encode_row(t, {root_, 0, nullptr, 0}, index, context, record, piece);
			continue;
		}
		uint32_t line = 0;
		pointer_.clear();
		// must be reported, because treating it as an empty array would delete the existing child
		// rows
		const auto misfit = [&](const std::string &pointer, const char *expected)
		{
			if (!is_told(record, pointer))
				record.add({Code::type, "each", pointer, "", sqlstate::invalid_text_representation,
							(pointer.empty() ? "(root)" : pointer) + ": " + expected});
		};
		const auto encode_elements = [&](Value array, const std::string &pointer)
		{
			Value element = array.first();
			for (uint32_t i = 0; i < array.count(); ++i, element = element.next())
			{
				++line;
				const char *const expected =
					fields_taken_[t] != 0 ? expected_of(table, element) : nullptr;
				if (expected == nullptr)
				{
					encode_row(t, {element, line, &pointer, i}, index, context, record, piece);
					continue;
				}
				if (record.has_many_violations())
					return;
				std::string at = pointer;
				append_pointer(at, std::to_string(i));
				misfit(at, expected);
			}
		};
		find_holders(root_, table.each, 0, pointer_, encode_elements, misfit);
	}
}

void
RowEncoder::encode_row(size_t t, const Element &element, uint32_t index, const RowContext &context,
					   StagedRecord &record, Piece &piece)
{
	if (row_bytes_ > max_row_bytes)
		return;
	const TableDefinition &table = definition_.tables[t];
	row_.clear();
	append_int16(row_, static_cast<int16_t>(table.columns.size()));
	bool fits = true;
	uint64_t sort = 0;
	for (size_t c = 0; c < table.columns.size(); ++c)
	{
		const size_t length_at = row_.size();
		append_int32(row_, -1);
		if (!encode_field(table.columns[c], element, context, record))
			fits = false;
		const size_t length = row_.size() - length_at - 4;
		if (length > 0 || row_[length_at] == 0)
		{
			const uint32_t big_endian = __builtin_bswap32(static_cast<uint32_t>(length));
			std::memcpy(&row_[length_at], &big_endian, 4);
		}
		if (c == sort_columns_[t])
			sort = sort_prefix(table.columns[c].type,
							   std::string_view(row_).substr(length_at + 4, length));
	}
	if (!fits)
		return;
	row_bytes_ += row_.size() + sizeof(StagedRow);
	if (row_bytes_ > max_row_bytes)
	{
		record.add({Code::type, "maxRowBytes", "", "", sqlstate::program_limit_exceeded,
					"(root): the rows of the record take more than " +
						std::to_string(max_row_bytes >> 20) + " MB"});
		return;
	}
	const std::string_view bytes = piece.arena.copy(row_);
	piece.rows[t].push_back({sort, index, static_cast<uint32_t>(bytes.size()), bytes.data()});
}

/// Appends the value of the column to row_. For an empty value that is not NULL, the sign bit of
/// the length word before it is cleared. encode_row() uses this to distinguish the two.
bool
RowEncoder::encode_field(const ColumnDefinition &column, const Element &element,
						 const RowContext &context, StagedRecord &record)
{
	const auto append_integer = [&](int64_t value)
	{
		switch (column.type.id)
		{
		case TypeId::smallint:
			append_int16(row_, static_cast<int16_t>(value));
			break;
		case TypeId::integer:
		case TypeId::date:
			append_int32(row_, static_cast<int32_t>(value));
			break;
		default:
			append_int64(row_, value);
		}
		return true;
	};
	if (takes_run_time(definition_, column))
	{
		if (column.type.id == TypeId::text)
			row_ += format_utc(context.run_time);
		else
			append_int64(row_, context.run_time);
		return true;
	}
	Value value;
	switch (column.source)
	{
	case Source::line:
		return append_integer(element.line);
	case Source::record_date:
		return append_integer(context.record_date);
	case Source::record_hour:
		return append_integer(context.record_hour);
	case Source::element:
		value = find(element.value, column.path);
		break;
	default:
		value = find(root_, column.path);
	}
	TypeError error;
	if (!value || value.is(Kind::null))
	{
		if (!column.not_null)
			return true;
		error = {sqlstate::not_null_violation, "column does not take null"};
	}
	else
	{
		const size_t before = row_.size();
		if (encode(column.type, value, row_, error))
		{
			if (row_.size() == before)
				row_[before - 4] = 0; // an empty value, not NULL
			return true;
		}
		row_.resize(before);
		if (type_input_ != nullptr && value.is(Kind::string) &&
			may_be_input(column.type, value.text(), error) && !takes_key(definition_, column) &&
			type_input_->read(column.type, value.text(), row_, error))
			return true;
		row_.resize(before);
	}
	note_type_error(column, element, error, record);
	return false;
}

void
RowEncoder::note_type_error(const ColumnDefinition &column, const Element &element,
							const TypeError &error, StagedRecord &record)
{
	std::string pointer;
	if (column.source == Source::element)
	{
		pointer = element.container == nullptr ? std::string() : *element.container;
		append_pointer(pointer, std::to_string(element.index));
	}
	for (const std::string &step : column.path)
		append_pointer(pointer, step);
	shorten(pointer);
	if (!is_told(record, pointer))
		record.add({Code::type, column.type.sql, pointer, "", error.sqlstate,
					(pointer.empty() ? "(root)" : pointer) + ": " + error.message});
}

} // namespace etl
