// What the catalog says: definitions, key types, target tables.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/definition.h"
#include "core/staged_record.h"
#include "pg/spi.h"

namespace etl
{

class Catalog
{
  public:
	/// Reads every definition of etl.dataset.
	static Catalog load();

	/// Throws 42704 with a hint when there is none.
	const Definition &get(const std::string &dataset) const;
	const Definition *find(const std::string &dataset) const;
	bool enabled(const std::string &dataset) const { return enabled_.at(dataset); }
	const std::map<std::string, Definition> &all() const { return definitions_; }
	const KeyTypes &key_types() const { return key_types_; }
	/// Enabled datasets: those that others refer to first, those that erase last.
	std::vector<std::string> run_order() const;
	/// The same of all datasets, enabled or not.
	std::vector<std::string> order() const;
	/// Throws 42710 when another dataset claims a file that this definition claims, or writes a
	/// table that it writes: files would be loaded by whichever comes first, or by both.
	void refuse_conflicts(const Definition &definition) const;
	/// The dataset that claims a file of that name, or "".
	std::string claimant(std::string_view file_name) const;

  private:
	std::map<std::string, Definition> definitions_;
	std::map<std::string, bool> enabled_;
	KeyTypes key_types_;
};

/// Reads a definition, turning a DefinitionError into a 22023 that names the place.
Definition read_definition(const std::string &json);

/// Creates the dataset's target tables where they are missing; where they exist, checks that they
/// have the columns (42804 when not).
void ensure_tables(const Definition &definition);
/// The check alone; tables that are missing are no error.
void check_tables(const Definition &definition);

/// Throws 0A000 for a table of the definition that Citus knows, of whatever kind, or that is a
/// partition, child or parent of one: its rows lie in shards, and what is written into the table of
/// this node is seen by nobody.
void refuse_citus_tables(const Definition &definition);

/// The table, or InvalidOid.
Oid find_table(const TableDefinition &table);
/// "schema"."name".
std::string quoted(const TableDefinition &table);
/// The type that a column's encoded values have.
Oid type_oid(const ColumnType &type);

} // namespace etl
