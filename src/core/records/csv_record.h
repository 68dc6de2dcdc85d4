// CSV as PostgreSQL's COPY writes it (RFC 4180, an empty field without quotes is null), record by
// record.
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

/// Splits a stream. A line end within quotes belongs to its field.
class CsvSplitter
{
  public:
	explicit CsvSplitter(std::function<void(const CsvRecord &)> visit) : visit_(std::move(visit)) {}
	void feed(std::string_view bytes);
	/// What is left, where the last record has no line end.
	void finish();

  private:
	void end_field();
	void end_record();

	const std::function<void(const CsvRecord &)> visit_;
	std::string raw_, field_;
	CsvRecord record_;
	bool quoted_ = false; ///< the field has quotes
	bool inside_ = false; ///< and this is between them
	bool quote_ = false;  ///< the last character was a quote between them: its end, or half of two
};

/// Appends a field, quoted where it must be; null is nothing.
void append_csv_field(std::string &out, const std::optional<std::string> &field);

} // namespace etl
