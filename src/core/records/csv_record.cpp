#include "core/records/csv_record.h"

namespace etl
{

void
CsvSplitter::feed(std::string_view bytes)
{
	for (const char c : bytes)
	{
		raw_ += c;
		if (quote_)
		{
			quote_ = false;
			if (c == '"')
			{
				field_ += c;
				continue;
			}
			inside_ = false;
		}
		if (inside_)
		{
			if (c == '"')
				quote_ = true;
			else
				field_ += c;
		}
		else if (c == '"')
			inside_ = quoted_ = true;
		else if (c == ',')
			end_field();
		else if (c == '\n')
		{
			end_field();
			end_record();
		}
		else if (c != '\r')
			field_ += c;
	}
}

void
CsvSplitter::finish()
{
	if (raw_.empty())
		return;
	end_field();
	end_record();
}

void
CsvSplitter::end_field()
{
	record_.fields.emplace_back();
	if (quoted_ || !field_.empty())
		record_.fields.back() = std::move(field_);
	field_.clear();
	quoted_ = inside_ = quote_ = false;
}

void
CsvSplitter::end_record()
{
	record_.raw = raw_;
	visit_(record_);
	raw_.clear();
	record_.fields.clear();
}

void
append_csv_field(std::string &out, const std::optional<std::string> &field)
{
	if (!field)
		return;
	if (!field->empty() && field->find_first_of("\",\r\n") == std::string::npos && *field != "\\.")
	{
		out += *field;
		return;
	}
	out += '"';
	for (const char c : *field)
	{
		if (c == '"')
			out += '"';
		out += c;
	}
	out += '"';
}

} // namespace etl
