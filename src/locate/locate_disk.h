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
