// The part of a search that reads the server's own files.
//
// Threads find the identifier in bytes. This file decides what a hit means. A hit in a row version
// of a table is `disk` if the version is visible (`table` if the rows of this table were not read
// with SQL) and `dead` otherwise. Bytes outside row versions (free space of a page) are dead.
// Indexes and the write-ahead log contain copies, which are `disk` as long as a live row explains
// them.
#include "locate/locate_disk.h"

#include "core/base/utf8.h"
#include "core/search/search_job.h"
#include "pg/guard.h"
#include "pg/spi.h"

#include <algorithm>
#include <filesystem>

#include "load/quarantine.h"

extern "C"
{
#include "access/relation.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xlog_internal.h"
#include "catalog/pg_am.h"
#include "executor/tuptable.h"
#include "postmaster/syslogger.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace etl
{

namespace
{

namespace fs = std::filesystem;

constexpr char relations_sql[] = R"(
SELECT c.oid::bigint, c.relkind::text, pg_relation_filepath(c.oid),
       format('%I.%I', n.nspname, c.relname)
       || coalesce(' of ' || quote_ident(tn.nspname) || '.' || quote_ident(t.relname), ''),
       coalesce(i.indrelid, t.oid, c.oid)::bigint, coalesce(it.oid, 0)::bigint
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_index i ON i.indexrelid = c.oid
  LEFT JOIN pg_class t ON t.reltoastrelid = c.oid AND c.relkind = 't'
  LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
       -- the index of a TOAST table belongs to the table, too
  LEFT JOIN pg_class it ON it.reltoastrelid = i.indrelid
 WHERE c.relkind IN ('r', 't', 'm', 'i', 'S') AND pg_relation_filepath(c.oid) IS NOT NULL)";

/// Splits names such as "16384", "16384.1", "16384_fsm" or "t3_16384_vm.2" into their parts.
/// Returns false for other names.
bool
parse_relation_name(const std::string &name, std::string &base, std::string &fork,
					unsigned &segment)
{
	size_t at = 0;
	const auto digits = [&]
	{
		const size_t start = at;
		while (at < name.size() && name[at] >= '0' && name[at] <= '9')
			++at;
		return at > start;
	};
	if (name[0] == 't')
	{
		at = 1;
		if (!digits() || at == name.size() || name[at++] != '_')
			return false;
	}
	if (!digits())
		return false;
	base = name.substr(0, at);
	fork.clear();
	if (at < name.size() && name[at] == '_')
	{
		const size_t dot = name.find('.', at);
		fork = name.substr(at + 1, dot == std::string::npos ? dot : dot - at - 1);
		if (fork != "fsm" && fork != "vm" && fork != "init")
			return false;
		at = dot == std::string::npos ? name.size() : dot;
	}
	segment = 0;
	if (at == name.size())
		return true;
	if (name[at++] != '.')
		return false;
	const size_t number = at;
	if (!digits() || at != name.size() || at - number > 6)
		return false;
	segment = static_cast<unsigned>(std::stoul(name.substr(number)));
	return true;
}

bool
is_wal_name(const std::string &name)
{
	return (name.size() >= 24 && name.find_first_not_of("0123456789ABCDEF") >= 24) ||
		   name.compare(0, 8, "xlogtemp") == 0;
}

/// Walks through the data directory and sorts its files by kind.
class Walker
{
  public:
	Walker(const std::string &data_dir, Located &located) : data_dir_(data_dir), located_(located)
	{
		database_ = std::to_string(MyDatabaseId);
		const std::string log = Log_directory == nullptr ? "" : Log_directory;
		log_dir_ = is_absolute_path(log.c_str()) ? log : data_dir + "/" + log;
	}

	void walk()
	{
		folder("");
		if (other_databases_ > 0)
			located_.unsearched.push_back(std::to_string(other_databases_) +
										  " other databases' directories");
	}

	/// Relative path of the first segment → all segments.
	std::map<std::string, std::map<unsigned, std::string>> relations;
	std::vector<std::string> wal, others;

  private:
	/// `relative`: "" or e.g. "base/5".
	void folder(const std::string &relative)
	{
		std::error_code error;
		const std::string path = relative.empty() ? data_dir_ : data_dir_ + "/" + relative;
		fs::directory_iterator entry(path, error), end;
		for (; !error && entry != end; entry.increment(error))
		{
			pg::check_for_interrupts();
			const std::string name = entry->path().filename().string();
			const std::string below = relative.empty() ? name : relative + "/" + name;
			std::error_code problem;
			if (!entry->is_directory(problem))
				file(relative, name, below);
			else if (entry->path().string() == log_dir_)
				; // not searched, because the log may contain the caller's own statement
			else if (!skipped(relative, name))
				folder(below);
		}
		if (error && error != std::errc::no_such_file_or_directory)
			located_.unsearched.push_back(below_data(relative) + ": " + error.message());
	}

	static std::string below_data(const std::string &relative)
	{
		return relative.empty() ? "the data directory" : storable_text(relative);
	}

	bool holds_databases(const std::string &relative) const
	{
		return relative == "base" || (relative.compare(0, 10, "pg_tblspc/") == 0 &&
									  std::count(relative.begin(), relative.end(), '/') == 2);
	}

	bool skipped(const std::string &relative, const std::string &name)
	{
		if (holds_databases(relative) && name != database_ &&
			name.find_first_not_of("0123456789") == std::string::npos)
		{
			++other_databases_;
			return true;
		}
		return false;
	}

	void file(const std::string &relative, const std::string &name, const std::string &below)
	{
		std::string base, fork;
		unsigned segment;
		const bool of_database =
			relative == "global" || (relative.size() > database_.size() &&
									 relative.compare(relative.size() - database_.size() - 1,
													  std::string::npos, "/" + database_) == 0);
		if (relative == "pg_wal" && is_wal_name(name))
			wal.push_back(below);
		else if (of_database && parse_relation_name(name, base, fork, segment))
		{
			// the maps of free space and of visibility contain no data
			if (fork.empty() || fork == "init")
				relations[relative + "/" + base + (fork.empty() ? "" : "_init")][segment] = below;
		}
		else
			others.push_back(below);
	}

	const std::string &data_dir_;
	Located &located_;
	std::string database_, log_dir_;
	unsigned other_databases_ = 0;
};

/// Determines whether a row version is visible.
class Visibility
{
  public:
	/// `path` is the file that was searched. If the relation has another file now, nothing is
	/// visible.
	Visibility(Oid oid, const std::string &path)
	{
		relation_ = pg::call([=] { return try_relation_open(oid, AccessShareLock); });
		if (relation_ == nullptr)
			return;
		const char *now = pg::call(
			[=]() -> const char *
			{
				// called like an SQL function, because the C interface differs between versions
				LOCAL_FCINFO(call, 1);
				InitFunctionCallInfoData(*call, nullptr, 1, InvalidOid, nullptr, nullptr);
				call->args[0].value = ObjectIdGetDatum(oid);
				call->args[0].isnull = false;
				const Datum path_now = pg_relation_filepath(call);
				return call->isnull ? "" : TextDatumGetCString(path_now);
			});
		usable_ = path == now && relation_->rd_rel->relam == HEAP_TABLE_AM_OID;
		if (!usable_)
			return;
		blocks_ = pg::call([this] { return RelationGetNumberOfBlocks(relation_); });
		slot_ = pg::call([this] { return table_slot_create(relation_, nullptr); });
	}
	~Visibility()
	{
		// neither of the two calls can fail
		if (slot_ != nullptr)
			ExecDropSingleTupleTableSlot(slot_);
		if (relation_ != nullptr)
			relation_close(relation_, AccessShareLock);
	}
	Visibility(const Visibility &) = delete;
	Visibility &operator=(const Visibility &) = delete;

	bool visible(uint32_t block, uint16_t item)
	{
		if (!usable_ || item == 0 || block >= blocks_)
			return false;
		return pg::call(
			[this, block, item]
			{
				ItemPointerData tid;
				ItemPointerSet(&tid, block, item);
				const bool found =
					table_tuple_fetch_row_version(relation_, &tid, GetActiveSnapshot(), slot_);
				ExecClearTuple(slot_);
				return found;
			});
	}

  private:
	Relation relation_ = nullptr;
	TupleTableSlot *slot_ = nullptr;
	BlockNumber blocks_ = 0;
	bool usable_ = false;
};

} // namespace

std::string
DiskSearch::place(const std::string &path, const Relation &relation) const
{
	const std::string below = path.compare(0, data_dir_.size() + 1, data_dir_ + "/") == 0
								  ? path.substr(data_dir_.size() + 1)
								  : path;
	return storable_text(below) + (relation.name.empty() ? "" : " (" + relation.name + ")");
}

void
DiskSearch::plan(std::vector<SearchJob> &jobs, Located &located)
{
	data_dir_ = DataDir;
	relations_.assign(1, {});
	std::map<std::string, uint32_t> by_path;
	const pg::Rows rows = pg::query(relations_sql);
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		Relation relation;
		relation.oid = static_cast<Oid>(rows.integer(i, 0));
		relation.kind = rows.text(i, 1)[0];
		relation.path = rows.text(i, 2);
		relation.name = rows.text(i, 3);
		relation.table = static_cast<Oid>(rows.integer(i, 4));
		if (const int64_t toast_owner = rows.integer(i, 5); toast_owner != 0)
			relation.table = static_cast<Oid>(toast_owner);
		by_path[relation.path] = static_cast<uint32_t>(relations_.size());
		relations_.push_back(std::move(relation));
	}
	Walker walker(data_dir_, located);
	walker.walk();
	const auto absolute = [&](const std::string &path) { return data_dir_ + "/" + path; };
	// the jobs that take longest come first
	SearchJob wal{SearchJob::Kind::wal, {}, 0};
	for (const std::string &path : walker.wal)
		wal.paths.push_back(absolute(path));
	if (!wal.paths.empty())
		jobs.push_back(std::move(wal));
	for (const auto &[path, segments] : walker.relations)
	{
		SearchJob job{SearchJob::Kind::relation, {}, 0};
		if (const auto found = by_path.find(path); found != by_path.end())
			job.relation = found->second;
		// a file that no relation owns may also be that of a TOAST table
		const char kind = relations_[job.relation].kind;
		if (kind == 't' || kind == 0)
			job.kind = SearchJob::Kind::toast;
		for (const auto &[number, segment] : segments)
			job.paths.push_back(absolute(segment));
		jobs.push_back(std::move(job));
	}
	for (const std::string &path : walker.others)
		jobs.push_back({SearchJob::Kind::bytes, {absolute(path)}, 0});
}

void
DiskSearch::take(const SearchJob &job, const SearchResult &result, Located &located)
{
	const Relation &relation = relations_[job.relation];
	for (const std::string &line : result.unsearched)
		located.unsearched.push_back(place(line, {}));
	if (result.count == 0)
		return;
	if (job.kind == SearchJob::Kind::wal)
	{
		for (size_t i = 0; i < result.paths.size(); ++i)
			if (result.counts[i] > 0)
				unexplained_.push_back({place(result.paths[i], {}), InvalidOid, result.counts[i]});
		return;
	}
	const std::string where = place(job.paths[0], relation);
	if (relation.kind != 'r' && relation.kind != 't' && relation.kind != 'm')
	{
		unexplained_.push_back({where, relation.table, result.count});
		return;
	}
	uint64_t visible = 0, noted = 0;
	Visibility rows(relation.oid, relation.path);
	for (const SearchResult::Hit &hit : result.hits)
	{
		pg::check_for_interrupts();
		noted += hit.count;
		if (rows.visible(hit.block, hit.item))
			visible += hit.count;
	}
	// the rows of a table that no definition names were not read with SQL, so they are reported
	// here
	const bool is_other_table = relation.kind != 't' && relation.oid >= FirstNormalObjectId &&
								located.searched.count(relation.oid) == 0;
	located.add(where, is_other_table ? "table" : "disk", visible);
	located.add(where, "dead", noted - visible);
	if (visible > 0)
	{
		alive_.insert(relation.table);
		located.alive = true;
	}
	if (result.count > noted)
		unexplained_.push_back({where, relation.table, result.count - noted});
}

void
DiskSearch::conclude(Located &located)
{
	for (const Unexplained &u : unexplained_)
	{
		const bool explained = u.table == InvalidOid ? located.alive : alive_.count(u.table) > 0;
		located.add(u.place, explained ? "disk" : "dead", u.count);
	}
}

} // namespace etl
