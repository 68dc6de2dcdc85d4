// Where does an identifier stand? Every place that the database can look into: live rows, planner
// statistics, statement statistics, the files of the pipeline and, for a superuser, the server's
// own files. docs/locate.md says what that proves.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/needle.h"
#include "core/search_job.h"
#include "pg/settings.h"
#include "pg/spi.h"

namespace etl
{

/// What a search found, and what it could not look into.
struct Located
{
	/// (place, kind) → occurrences.
	std::map<std::pair<std::string, std::string>, uint64_t> findings;
	/// One line each, for people; never the identifier.
	std::vector<std::string> unsearched;

	void add(const std::string &place, const char *kind, uint64_t count)
	{
		if (count > 0)
			findings[{place, kind}] += count;
	}
	/// Is it found where only live data can be?
	bool alive = false;
};

/// Searches everything. Must be called inside an SPI connection.
Located locate(const std::string &identifier);

/// The parts. Rows, statistics and statements, by SQL.
void locate_rows(const Needle &needle, Located &located);
/// The server's own files: what to search, and afterwards what the hits mean.
class DiskSearch
{
  public:
	/// Adds jobs, numbered from jobs.size() on.
	void plan(std::vector<SearchJob> &jobs, Located &located);
	/// Takes a result of one of them.
	void take(const SearchJob &job, const SearchResult &result, Located &located);
	/// When all results are in: decides about bytes that only live rows could explain.
	void conclude(Located &located);

  private:
	struct Relation
	{
		Oid oid = InvalidOid,
			table = InvalidOid; ///< table: of an index or TOAST table, else itself
		char kind = 0;
		std::string path, name;
	};
	struct Unexplained
	{
		std::string place;
		Oid table;
		uint64_t count;
	};
	std::string place(const std::string &path, const Relation &relation) const;

	std::string data_dir_;
	std::vector<Relation> relations_; ///< [0]: none
	std::vector<Unexplained> unexplained_;
	std::set<Oid> alive_; ///< tables with a live row that holds the identifier
};

} // namespace etl
