// What is told of a record that a target table has refused.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/definition/definition.h"
#include "pg/guard.h"

namespace etl
{

/// Turns the server's errors into violations. The server's own message may hold values of the row;
/// names of tables, columns, constraints and triggers may not. Code on a table that raises an error
/// chooses its names as it chooses its words: only those are told that the catalog has, or that
/// stand in the code as they are.
class Refusals
{
  public:
	explicit Refusals(const Definition &definition) : definition_(definition) {}
	Violation violation(const pg::PgError &error);
	/// Throws what is not the data's fault, with the trigger's name where its text was left out.
	[[noreturn]] void raise(const pg::PgError &error);

  private:
	struct Trigger
	{
		std::string name, table, function; ///< quoted for a message; "f()"
		std::string source;                ///< the function's, as it is in the catalog
		int target = -1;                   ///< which table of the definition
	};
	/// What the names of an error stand for.
	struct Place
	{
		bool of_table = false;            ///< the table that the error names exists
		int target = -1;                  ///< which table of the definition it belongs to
		std::string rule;                 ///< constraint or trigger
		std::vector<std::string> columns; ///< what the rule is about
		std::string by, what;             ///< words
	};

	/// The trigger in whose function the error was raised, if it is known for certain.
	const Trigger *trigger_of(const pg::PgError &error);
	void read_triggers();
	Place place_of(const pg::PgError &error);
	void place_in_table(const pg::PgError &error, Place &place);
	void place_in_domain(const pg::PgError &error, Place &place);
	void place_in_trigger(const pg::PgError &error, Place &place);
	std::vector<int64_t> target_oids() const;

	const Definition &definition_;
	std::optional<std::vector<Trigger>> triggers_; ///< asked for when the first is needed
	/// What was found for an error with the same names: a table may refuse every row of a batch.
	std::map<std::vector<std::string>, Place> known_;
};

} // namespace etl
