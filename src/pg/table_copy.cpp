#include "pg/table_copy.h"

#include <cerrno>
#include <unistd.h>

#include "core/base/sqlstate.h"
#include "core/base/write_fully.h"
#include "core/files/file_error.h"
#include "pg/copy.h"
#include "pg/limits.h"
#include "pg/table_statement.h"

extern "C"
{
#include "port/pg_bswap.h"
#include "utils/lsyscache.h"
}

namespace pg
{

namespace
{

void
write_all(int fd, std::string &bytes)
{
	check_for_interrupts();
	if (!etl::write_fully(fd, bytes))
		throw Error(etl::sqlstate_of_errno(errno),
					std::string("could not write rows: ") + pg_strerror(errno));
	bytes.clear();
}

/// Appends a field in CSV format. It is quoted if it contains a character that would end it, if it
/// is empty (an empty field without quotes is null), or if it is "\.", which would end the data.
void
append_csv(std::string &line, std::string_view field)
{
	if (!field.empty() && field != "\\." &&
		field.find_first_of("\",\r\n") == std::string_view::npos)
	{
		line += field;
		return;
	}
	line += '"';
	for (const char c : field)
		line.append(c == '"' ? 2 : 1, c);
	line += '"';
}

void
append_csv_header(std::string &line, TupleDesc descriptor)
{
	for (int i = 0; i < descriptor->natts; ++i)
	{
		if (i > 0)
			line += ',';
		append_csv(line, NameStr(TupleDescAttr(descriptor, i)->attname));
	}
	line += '\n';
}

void
append_csv_row(std::string &line, const Rows &rows, uint64_t row)
{
	const TupleDesc descriptor = rows.descriptor();
	for (int i = 0; i < descriptor->natts; ++i)
	{
		if (i > 0)
			line += ',';
		bool null;
		const Datum value = rows.datum(row, i, null);
		if (null)
			continue;
		const Oid type = TupleDescAttr(descriptor, i)->atttypid;
		append_csv(line, call(
							 [=]
							 {
								 Oid function;
								 bool is_varlena;
								 getTypeOutputInfo(type, &function, &is_varlena);
								 return OidOutputFunctionCall(function, value);
							 }));
	}
	line += '\n';
}

/// Appends a row of one bytea column.
void
append_binary_row(std::string &bytes, const Rows &rows, uint64_t row)
{
	const std::string value = rows.bytes(row, 0);
	const uint16 count = pg_hton16(1);
	const uint32 size = pg_hton32(static_cast<uint32>(value.size()));
	bytes.append(reinterpret_cast<const char *>(&count), sizeof count);
	bytes.append(reinterpret_cast<const char *>(&size), sizeof size);
	bytes += value;
}

} // namespace

uint64_t
copy_out_of_table(const std::string &query, int fd, bool csv)
{
	const WithoutValues without_values(WithoutValues::From::table_code);
	if (runs_as_caller(query))
		return csv ? copy_out(query, fd, {{"format", "csv"}, {"header", "true"}})
				   : copy_out(query, fd, {{"format", "binary"}});
	// COPY would analyse and run the query as the same role
	uint64_t count = 0;
	std::string out =
		csv ? std::string() : std::string("PGCOPY\n\377\r\n\0", 11) + std::string(8, '\0');
	TableCursor cursor(query);
	if (csv)
		append_csv_header(out, cursor.descriptor());
	cursor.for_each(etl::limits::copied_rows,
					[&](const Rows &rows, uint64_t i)
					{
						csv ? append_csv_row(out, rows, i) : append_binary_row(out, rows, i);
						++count;
						if (out.size() >= etl::limits::copied_bytes)
							write_all(fd, out);
					});
	if (!csv)
		out += "\377\377";
	write_all(fd, out);
	return count;
}

} // namespace pg
