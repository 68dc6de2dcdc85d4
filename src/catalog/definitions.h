// Reads definitions, key types and target tables from the catalog.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/definition/definition.h"
#include "core/staging/staged_record.h"
#include "core/types/column_type.h"
#include "pg/spi.h"

namespace etl
{

class Catalog
{
  public:
	/// Reads every definition of etl.dataset with the caller's snapshot. An invalid definition
	/// (after an update of the library, for example) is an error only for those who need it. A
	/// backend compiles a definition again only if its text has changed.
	static Catalog load();

	/// Throws 42704 with a hint if there is no such dataset, and 55000 if its definition is
	/// invalid.
	const Definition &get(const std::string &dataset) const;
	/// Null if there is no such dataset or its definition is invalid.
	const Definition *find(const std::string &dataset) const;
	/// Throws 42704 if there is no such dataset.
	void require_known(const std::string &dataset) const;
	/// Throws 55000 if a definition that this one depends on is invalid, because then its keys
	/// could not be looked up or its requests not be processed.
	void require_parents(const Definition &definition) const;
	/// The invalid definitions with their errors.
	const std::map<std::string, pg::Error> &invalid() const { return invalid_; }
	bool enabled(const std::string &dataset) const { return enabled_.at(dataset); }
	/// When the dataset was defined, in microseconds since 2000. A run records this as its
	/// definition.
	std::optional<int64_t> defined_at(const std::string &dataset) const;
	const std::map<std::string, Definition> &all() const { return definitions_; }
	const KeyTypes &key_types() const { return key_types_; }
	/// The type of a dataset's key; text for a dataset without a key column.
	const ColumnType &key_type(const std::string &dataset) const;
	/// The enabled datasets in the order of a run: those that others refer to first, and those with
	/// requests for erasure last. Datasets with an invalid definition are included, so that the run
	/// reports them.
	std::vector<std::string> run_order() const;
	/// Like run_order(), for all datasets with a valid definition, enabled or not.
	std::vector<std::string> order() const;
	/// Throws 42710 if another dataset claims the same file or writes the same table, because the
	/// files would be loaded by one of the two by chance, or by both. Throws 55000 if another
	/// definition is invalid, because its files and tables are unknown. A table is the same if
	/// named by one of its partitions or children, or through a view.
	void refuse_conflicts(const Definition &definition) const;
	/// The dataset that claims a file of this name, or "".
	std::string claimant(std::string_view file_name) const;

  private:
	std::map<std::string, Definition> definitions_;
	std::map<std::string, pg::Error> invalid_;
	std::map<std::string, bool> enabled_;
	std::map<std::string, int64_t> defined_at_;
	KeyTypes key_types_;
};

/// Reads a definition. A DefinitionError becomes a 22023 error with the pointer.
Definition read_definition(const std::string &json);

/// Creates the target tables of the dataset that do not exist. For those that exist, checks that
/// they have the columns (error 42804).
void ensure_tables(const Definition &definition);
/// Makes only the checks of ensure_tables(). Missing tables are not an error.
void check_tables(const Definition &definition);

/// The table, or InvalidOid.
Oid find_table(const TableDefinition &table);
/// "schema"."name".
std::string quoted(const TableDefinition &table);
/// The type of a column's encoded values.
Oid type_oid(const ColumnType &type);

} // namespace etl
