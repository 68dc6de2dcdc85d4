// Rows for tables of the catalog, which are written by COPY.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/big_endian.h"
#include "pg/copy.h"

namespace etl
{

/// Builds rows in the form of COPY BINARY: call row(n), and then add n values.
class CatalogRows : public pg::RowSource
{
  public:
	void row(int16_t columns)
	{
		starts_.push_back(bytes_.size());
		append_int16(bytes_, columns);
	}
	void null() { append_int32(bytes_, -1); }
	void boolean(bool value)
	{
		append_int32(bytes_, 1);
		bytes_ += value ? '\1' : '\0';
	}
	void int2(int16_t value)
	{
		append_int32(bytes_, 2);
		append_int16(bytes_, value);
	}
	void int4(int32_t value)
	{
		append_int32(bytes_, 4);
		append_int32(bytes_, value);
	}
	void int8(int64_t value)
	{
		append_int32(bytes_, 8);
		append_int64(bytes_, value);
	}
	/// For columns of type text and bytea.
	void text(std::string_view value)
	{
		append_int32(bytes_, static_cast<int32_t>(value.size()));
		bytes_ += value;
	}
	/// Writes null if the value is empty.
	void text_or_null(std::string_view value) { value.empty() ? null() : text(value); }
	void jsonb(std::string_view value)
	{
		append_int32(bytes_, static_cast<int32_t>(value.size() + 1));
		bytes_ += '\1'; // version
		bytes_ += value;
	}
	size_t size() const { return starts_.size(); }
	size_t bytes() const { return bytes_.size(); }
	/// Removes all rows and keeps the memory.
	void clear()
	{
		bytes_.clear();
		starts_.clear();
		at_ = 0;
	}

	bool next(std::string_view &row) noexcept override
	{
		if (at_ == starts_.size())
			return false;
		const size_t end = at_ + 1 < starts_.size() ? starts_[at_ + 1] : bytes_.size();
		row = std::string_view(bytes_).substr(starts_[at_], end - starts_[at_]);
		++at_;
		return true;
	}

  private:
	std::string bytes_;
	std::vector<size_t> starts_;
	size_t at_ = 0;
};

/// The oid of a catalog table, e.g. "etl.quarantine".
Oid catalog_table(const char *name);

} // namespace etl
