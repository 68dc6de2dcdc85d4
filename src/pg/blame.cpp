#include "pg/blame.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

namespace pg
{

namespace
{

bool
begins_with_one_of(std::string_view sqlstate, std::initializer_list<std::string_view> beginnings)
{
	return std::any_of(beginnings.begin(), beginnings.end(),
					   [&](std::string_view beginning) { return sqlstate.starts_with(beginning); });
}

} // namespace

bool
has_users_class(std::string_view sqlstate)
{
	// src/backend/utils/errcodes.txt of PostgreSQL 15 to 18
	static constexpr std::string_view classes[] = {
		"00", "01", "02", "03", "08", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21",
		"22", "23", "24", "25", "26", "27", "28", "2B", "2D", "2F", "34", "38", "39", "3B", "3D",
		"3F", "40", "42", "44", "53", "54", "55", "57", "58", "72", "F0", "HV", "P0", "XX"};
	return std::find(std::begin(classes), std::end(classes), sqlstate.substr(0, 2)) ==
		   std::end(classes);
}

Blame
blame_of(const PgError &error)
{
	const std::string_view sqlstate = error.sqlstate();
	// out of memory or disk, cancelled, damaged storage
	if (begins_with_one_of(sqlstate, {"53", "57", "58", "XX001", "XX002"}))
		return Blame::world;
	if (error.raised_by_code() || has_users_class(sqlstate))
		return Blame::row;
	// connection, transaction, serialization failure, deadlock, lock not available, snapshot
	if (begins_with_one_of(sqlstate, {"08", "25", "40", "55P03", "72"}))
		return Blame::world;
	// triggers and their actions, subqueries, data, constraints, routines, limits of the server
	return begins_with_one_of(sqlstate, {"09", "20", "21", "22", "23", "24", "27", "2F", "34", "38",
										 "39", "44", "54", "P0"})
			   ? Blame::row
			   : Blame::table;
}

} // namespace pg
