// What lies behind a target table: partitions, children, the tables of a view, foreign servers, and
// what may come between a statement and the rows that it means.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "catalog/definitions.h"
#include "pg/spi.h"

namespace etl
{

/// The relation and all behind it: partitions and inheriting tables at every depth, and the
/// relations that views select from. An SQL query of column oid; $1: bigint[] of relations.
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

/// Of the relations and all behind them: foreign tables, each with what to know about it.
std::vector<std::pair<std::string, std::string>> foreign_places(const std::vector<Oid> &relations);

/// Throws 42501 where row-level security hides rows of the relation, or of what a view selects
/// from, from the current user: nobody could say that nothing is left.
void require_every_row(const TableDefinition &table, Oid relation);

/// Names and types of the columns.
std::map<std::string, std::string> column_types(Oid relation);

/// May rows be other than a statement has made them? Of tables with row triggers, rules, views and
/// foreign tables, here or behind.
bool may_interfere(Oid relation);

/// Row triggers and rules that run when a row is updated or deleted, each with its table.
std::vector<std::pair<std::string, std::string>> trigger_remarks(Oid relation);

/// Were records of the dataset loaded ever?
bool has_loaded(const std::string &dataset);

} // namespace etl
