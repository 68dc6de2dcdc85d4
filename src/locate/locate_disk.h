// The part of a search that reads the server's own files.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/search/search_job.h"
#include "locate/located.h"
#include "pg/guard.h"

namespace etl
{

/// Plans the search of the server's own files, and interprets the hits.
class DiskSearch
{
  public:
	/// Adds jobs. The first one gets the number jobs.size().
	void plan(std::vector<SearchJob> &jobs, Located &located);
	/// Takes the result of one of these jobs.
	void take(const SearchJob &job, const SearchResult &result, Located &located);
	/// Call when all results were taken: decides about hits that only live rows can explain.
	void conclude(Located &located);

  private:
	struct Relation
	{
		Oid oid = InvalidOid,
			/// for an index or TOAST table, its table; else the relation itself
			table = InvalidOid;
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
	std::vector<Relation> relations_; ///< the first entry means no relation
	std::vector<Unexplained> unexplained_;
	std::set<Oid> alive_; ///< tables with a live row that contains the identifier
};

} // namespace etl
