// The check of tables after their treatment: triggers, rules and foreign servers may have kept
// values that were to go.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/definition/definition.h"
#include "erase/check_tables.h"
#include "erase/erasure.h"
#include "pg/server.h"
#include "pg/spi.h"

namespace etl
{

/// Thrown when rows are the same after the treatment as before: something has undone it.
struct NotTreated
{
	std::vector<std::string> subjects;
	std::string reason;
};

/// Remembers what tables hold of the subjects before they are treated, as hashes, and compares
/// afterwards. Only tables on which code runs need that. The subjects are those that
/// SoughtPeople::use_subjects() has set, and must be the same before and after.
class TableVerifier
{
  public:
	/// Both must outlive this object.
	TableVerifier(Erasure &erasure, const MissingColumns &missing)
		: erasure_(erasure), people_(erasure.people), missing_(missing)
	{
	}

	/// The values of personal columns before the treatment: hash of the value, with the subject.
	using OldValues = std::unordered_map<int64_t, std::string>;
	/// The values in a table before the treatment.
	struct ValuesBefore
	{
		const Definition *definition;
		const TableDefinition *table;
		OldValues values;
	};
	/// Subjects, and the keys of records about them. After the treatment, when a record names
	/// nobody any more, its rows are found by its key.
	struct RecordKeys
	{
		std::vector<std::string> subjects, keys;
	};

	/// Whether code runs on the table, or below it, that may keep rows from being treated.
	bool interferes(Oid relation);
	/// The values of all tables, where code runs on one of them; otherwise nothing.
	std::vector<ValuesBefore> values_before(const std::vector<const Definition *> &definitions);
	/// The values of personal columns in the subjects' rows, as hashes of subject, column and
	/// value. to_go: only values that the treatment is to replace.
	OldValues values_of(const Definition &definition, const TableDefinition &table, bool to_go);
	RecordKeys record_keys(const Definition &definition);

	/// Compares the rows after the treatment: a trigger, a rule or a foreign server may have kept
	/// their values. Throws NotTreated with the subjects of which old values are left.
	void verify(const Definition &definition, const TableDefinition &table, const OldValues &old);
	/// Checks that deleted rows are gone, and that rows which others refer to, and which were kept
	/// therefore, have other values. Throws NotTreated. awaited: the result of awaited_people().
	void verify_removal(const Definition &definition, const TableDefinition &table,
						const OldValues &old, const RecordKeys &records, const pg::Param &awaited);

  private:
	OldValues values_by_key(const Definition &definition, const TableDefinition &table,
							const pg::Param &subjects, const pg::Param &keys);
	OldValues values_at(const Definition &definition, const TableDefinition &table,
						const std::string &from, const std::string &where, const pg::Param &first,
						const pg::Param &second, bool to_go);

	Erasure &erasure_;
	SoughtPeople &people_;
	const MissingColumns &missing_;
	std::map<Oid, bool> interferes_;
};

} // namespace etl
