// The violation of a record that a target table has refused.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/definition/definition.h"
#include "pg/guard.h"

namespace etl
{

/// Turns errors of the server into violations. The server's message may contain values of the row,
/// but not the names of tables, columns, constraints and triggers. Code on a table that raises an
/// error chooses its names as freely as its text. Such names are used only if they are in the
/// catalog, or are literally in the code.
class Refusals
{
  public:
	explicit Refusals(const Definition &definition) : definition_(definition) {}
	Violation violation(const pg::PgError &error);
	/// Throws an error that the data has not caused. If its text was left out, it gets the name of
	/// the trigger.
	[[noreturn]] void raise(const pg::PgError &error);

  private:
	struct Trigger
	{
		std::string name, table, function; ///< quoted for a message; "f()"
		std::string source;                ///< source of the function in the catalog
		int target = -1;                   ///< index of the definition's table
	};
	/// The objects that the names of an error stand for.
	struct Place
	{
		bool of_table = false;            ///< the table that the error names exists
		int target = -1;                  ///< index of the definition's table to which it belongs
		std::string rule;                 ///< constraint or trigger
		std::vector<std::string> columns; ///< columns that the rule is about
		std::string by, what;             ///< text for the message
	};

	/// The trigger in whose function the error was raised, or null if this is not certain.
	const Trigger *trigger_of(const pg::PgError &error);
	void read_triggers();
	Place place_of(const pg::PgError &error);
	void place_in_table(const pg::PgError &error, Place &place);
	void place_in_domain(const pg::PgError &error, Place &place);
	void place_in_trigger(const pg::PgError &error, Place &place);
	std::vector<int64_t> target_oids() const;

	const Definition &definition_;
	std::optional<std::vector<Trigger>> triggers_; ///< read when first needed
	/// The results for errors with the same names, because a table may refuse every row of a batch.
	std::map<std::vector<std::string>, Place> known_;
};

} // namespace etl
