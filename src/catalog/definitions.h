// What the catalog says: definitions, key types, target tables.
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
	/// Reads every definition of etl.dataset, as the caller's snapshot has it. One that is not
	/// valid, after an update of the library, say, stops nobody but those who need it. A backend
	/// compiles a definition once and again when its text is another one.
	static Catalog load();

	/// Throws 42704 with a hint when there is none, 55000 when it is not valid.
	const Definition &get(const std::string &dataset) const;
	/// Null also of one that is not valid.
	const Definition *find(const std::string &dataset) const;
	/// Throws 42704 when there is none.
	void require_known(const std::string &dataset) const;
	/// Throws 55000 when a definition that this one cannot do without is not valid: its keys could
	/// not be looked up, its requests not be answered.
	void require_parents(const Definition &definition) const;
	/// Those that are not valid, with what is wrong.
	const std::map<std::string, pg::Error> &invalid() const { return invalid_; }
	bool enabled(const std::string &dataset) const { return enabled_.at(dataset); }
	/// When it was defined, in microseconds since 2000: what a run notes of its definition.
	std::optional<int64_t> defined_at(const std::string &dataset) const;
	const std::map<std::string, Definition> &all() const { return definitions_; }
	const KeyTypes &key_types() const { return key_types_; }
	/// Enabled datasets: those that others refer to first, those that erase last. Those whose
	/// definition is not valid are among them, so that a run says so.
	std::vector<std::string> run_order() const;
	/// The same of all datasets with a valid definition, enabled or not.
	std::vector<std::string> order() const;
	/// Throws 42710 when another dataset claims a file that this definition claims, or writes a
	/// table that it writes: files would be loaded by whichever comes first, or by both. 55000
	/// where another definition is not valid: what it claims is not known. A table is the same
	/// under the name of one of its partitions or children, or through a view.
	void refuse_conflicts(const Definition &definition) const;
	/// The dataset that claims a file of that name, or "".
	std::string claimant(std::string_view file_name) const;

  private:
	std::map<std::string, Definition> definitions_;
	std::map<std::string, pg::Error> invalid_;
	std::map<std::string, bool> enabled_;
	std::map<std::string, int64_t> defined_at_;
	KeyTypes key_types_;
};

/// Reads a definition, turning a DefinitionError into a 22023 that names the place.
Definition read_definition(const std::string &json);

/// Creates the dataset's target tables where they are missing; where they exist, checks that they
/// have the columns (42804 when not).
void ensure_tables(const Definition &definition);
/// The check alone; tables that are missing are no error.
void check_tables(const Definition &definition);

/// The table, or InvalidOid.
Oid find_table(const TableDefinition &table);
/// "schema"."name".
std::string quoted(const TableDefinition &table);
/// The type that a column's encoded values have.
Oid type_oid(const ColumnType &type);

} // namespace etl
