#include "core/audit/audit_chain.h"

#include "core/base/big_endian.h"
#include "core/base/hash.h"

namespace etl
{

namespace
{

void
append_field(std::string &out, std::string_view bytes)
{
	append_int32(out, static_cast<int32_t>(bytes.size()));
	out += bytes;
}

void
append_integer(std::string &out, int64_t value)
{
	append_int32(out, 8);
	append_int64(out, value);
}

void
append_null(std::string &out)
{
	append_int32(out, -1);
}

std::string
rows_text(int64_t first, int64_t last)
{
	return first == last ? "row " + std::to_string(first)
						 : "rows " + std::to_string(first) + " to " + std::to_string(last);
}

} // namespace

std::string
audit_origin()
{
	return std::string(32, '\0');
}

std::string
audit_hash(const AuditRow &row)
{
	std::string bytes;
	bytes.reserve(256);
	append_field(bytes, row.previous_hash);
	append_integer(bytes, row.audit_id);
	row.erasure_id ? append_integer(bytes, *row.erasure_id) : append_null(bytes);
	append_integer(bytes, row.at);
	append_field(bytes, row.actor);
	append_field(bytes, row.action);
	append_field(bytes, row.place);
	if (row.columns)
	{
		std::string columns;
		append_int32(columns, static_cast<int32_t>(row.columns->size()));
		for (const std::string &column : *row.columns)
			append_field(columns, column);
		append_field(bytes, columns);
	}
	else
		append_null(bytes);
	append_integer(bytes, row.row_count);
	const auto hash = sha256(bytes);
	return {reinterpret_cast<const char *>(hash.data()), hash.size()};
}

std::string
ChainVerifier::next(const AuditRow &row)
{
	std::string problem;
	const auto add = [&](const std::string &text)
	{ problem += (problem.empty() ? "" : "; ") + text; };
	if (audit_hash(row) != row.hash)
		add("altered or moved: its contents do not give its hash");
	if (row.audit_id <= last_id_)
		add("inserted: row " + std::to_string(last_id_) + " stands before it");
	else if (row.audit_id > last_id_ + 1)
		add("removed: " + rows_text(last_id_ + 1, row.audit_id - 1) + " before it");
	else if (row.previous_hash != last_hash_)
		add(last_id_ == 0
				? "altered: it is the first row but names a row before it"
				: "altered, moved or inserted: it does not follow the row before it (its previous "
				  "hash is not that row's hash)");
	++count_;
	last_id_ = row.audit_id;
	last_hash_ = row.hash;
	return problem;
}

} // namespace etl
