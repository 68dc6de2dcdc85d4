// A record's rows, as COPY BINARY has them.
#include <cstring>

#include "core/encode.h"
#include "core/staged_record.h"
#include "core/type_input.h"

namespace etl
{

void
RecordStager::encode_rows(StagedRecord &record, uint32_t index, const RowContext &context,
						  Piece &piece)
{
	for (size_t t = 0; t < definition_.tables.size(); ++t)
	{
		const TableDefinition &table = definition_.tables[t];
		if (!table.is_child)
		{
			encode_row(t, {document_.root(), 0, nullptr, 0}, index, context, record, piece);
			continue;
		}
		uint32_t line = 0;
		pointer_.clear();
		find_all(
			document_.root(), table.each, 0, pointer_,
			[&](Value array, const std::string &pointer)
			{
				if (!array.is(Kind::array))
					return;
				Value element = array.first();
				for (uint32_t i = 0; i < array.count(); ++i, element = element.next())
					encode_row(t, {element, ++line, &pointer, i}, index, context, record, piece);
			});
	}
}

void
RecordStager::encode_row(size_t t, const Element &element, uint32_t index,
						 const RowContext &context, StagedRecord &record, Piece &piece)
{
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
	const std::string_view bytes = piece.arena.copy(row_);
	piece.rows[t].push_back({sort, index, static_cast<uint32_t>(bytes.size()), bytes.data()});
}

bool
RecordStager::set_to_run_time(const ColumnDefinition &column) const
{
	if (column.source == Source::run_time)
		return true;
	if (column.source != Source::field)
		return false;
	for (const NormaliseDefinition &rule : definition_.normalise)
		if (rule.action == NormaliseDefinition::Action::set_run_time && rule.path == column.path)
			return true;
	return false;
}

/// Whether the column is the record's key, its subject's or one that it refers to by.
bool
RecordStager::holds_key(const ColumnDefinition &column) const
{
	if (column.source != Source::field)
		return false;
	if ((!definition_.key_field.empty() && column.path == definition_.key) ||
		(definition_.subject && column.path == definition_.subject->path))
		return true;
	for (const ReferenceDefinition &rule : definition_.references)
		if (rule.path == column.path)
			return true;
	return false;
}

/// Appends the column's bytes to row_. An empty value that is not NULL clears the sign of the
/// length word in front of it, which is how encode_row tells the two apart.
bool
RecordStager::encode_field(const ColumnDefinition &column, const Element &element,
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
	if (set_to_run_time(column))
	{
		if (column.type.id == TypeId::text)
			row_ += format_run_time(context.run_time);
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
		value = find(document_.root(), column.path);
	}
	TypeError error;
	if (!value || value.is(Kind::null))
	{
		if (!column.not_null)
			return true;
		error = {"23502", "column does not take null"};
	}
	else
	{
		const size_t before = row_.size();
		if (encode(column.type, value, row_, error))
		{
			if (row_.size() == before)
				row_[before - 4] = 0; // empty, not NULL
			return true;
		}
		row_.resize(before);
		if (type_input_ != nullptr && value.is(Kind::string) &&
			may_be_input(column.type, value.text(), error) && !holds_key(column) &&
			type_input_->read(column.type, value.text(), row_, error))
			return true;
		row_.resize(before);
	}
	std::string pointer;
	if (column.source == Source::element)
	{
		pointer = *element.container;
		append_pointer(pointer, std::to_string(element.index));
	}
	for (const std::string &step : column.path)
		append_pointer(pointer, step);
	shorten(pointer);
	// what the schema has told of this place need not be told again
	if (record.has_many_violations())
		return false;
	if (record.violations)
		for (const Violation &violation : *record.violations)
			if (violation.pointer == pointer)
				return false;
	record.add({Code::type, column.type.sql, pointer, "", error.sqlstate,
				(pointer.empty() ? "(root)" : pointer) + ": " + error.message});
	return false;
}

} // namespace etl
