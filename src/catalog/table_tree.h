// The relations behind a target table (partitions, children, the tables of a view, foreign
// servers), and what may change the rows that a statement writes.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "catalog/definitions.h"
#include "pg/spi.h"

namespace etl
{

/// An SQL query that returns the relations in $1 (bigint[]) and all behind them as column oid:
/// partitions and inheriting tables at every depth, and the relations that views select from.
constexpr char relations_behind_sql[] = R"(
WITH RECURSIVE behind (oid)
     AS (SELECT r::oid
           FROM unnest($1::bigint[]) r
          UNION
         SELECT n.oid
           FROM behind b
           CROSS JOIN LATERAL (SELECT i.inhrelid AS oid
                                 FROM pg_inherits i
                                WHERE i.inhparent = b.oid
                                UNION ALL
                               SELECT d.refobjid
                                 FROM pg_class v
                                 JOIN pg_rewrite w ON w.ev_class = v.oid
                                      AND w.rulename = '_RETURN'
                                 JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass
                                      AND d.objid = w.oid
                                      AND d.refclassid = 'pg_class'::regclass
                                      AND d.refobjid <> v.oid
                                WHERE v.oid = b.oid AND v.relkind IN ('v', 'm')) n)
SELECT oid
  FROM behind)";

/// The foreign tables among the relations and those behind them, each with a remark.
std::vector<std::pair<std::string, std::string>> foreign_places(const std::vector<Oid> &relations);

/// Throws 42501 if row-level security hides rows of the relation, or of a relation behind a view,
/// from the current user. Otherwise it could not be known that nothing is left.
void require_every_row(const TableDefinition &table, Oid relation);

/// The names and types of the columns.
std::map<std::string, std::string> column_types(Oid relation);

/// Whether rows may differ from what a statement has written: if the table or a relation behind it
/// has row triggers or rules, or is a view or a foreign table.
bool may_interfere(Oid relation);

/// The row triggers and rules that run when a row is updated or deleted, each with its table.
std::vector<std::pair<std::string, std::string>> trigger_remarks(Oid relation);

/// Whether records of the dataset were ever loaded.
bool has_loaded(const std::string &dataset);

} // namespace etl
