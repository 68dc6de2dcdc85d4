// Reads and writes records of CSV as PostgreSQL's COPY does (RFC 4180; an empty field without
// quotes is null).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl
{

struct CsvRecord
{
	std::string_view raw; ///< with its line end
	std::vector<std::optional<std::string>> fields;
};

/// Splits a stream into records. A line end between quotes belongs to its field.
class CsvSplitter
{
  public:
	explicit CsvSplitter(std::function<void(const CsvRecord &)> visit) : visit_(std::move(visit)) {}
	void feed(std::string_view bytes);
	/// Delivers the last record if it has no line end.
	void finish();

  private:
	void end_field();
	void end_record();

	const std::function<void(const CsvRecord &)> visit_;
	std::string raw_, field_;
	CsvRecord record_;
	bool quoted_ = false; ///< the field has quotes
	bool inside_ = false; ///< the current position is between the quotes
	bool quote_ = false;  ///< the last character was a quote between quotes: the end of the field,
						  ///< or the first of two
};

/// Appends a field, with quotes if it needs them. A null field appends nothing.
void append_csv_field(std::string &out, const std::optional<std::string> &field);

} // namespace etl
