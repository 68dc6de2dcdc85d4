// What is told of a record that a target table has refused.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/definition.h"
#include "pg/guard.h"

namespace etl
{

/// Turns the server's errors into violations. The server's own message may hold values of the row;
/// names of tables, columns, constraints and triggers it may not.
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
	};
	/// The trigger in whose function the error was raised, if it is known for certain.
	const Trigger *trigger_of(const pg::PgError &error);

	const Definition &definition_;
	std::optional<std::vector<Trigger>> triggers_; ///< asked for when the first is needed
};

} // namespace etl
