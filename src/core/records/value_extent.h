// Finds out how far a value that begins with a bracket reaches, without parsing it.
#pragma once

#include <string>

namespace etl
{

/// Follows brackets and strings. Stricter than counting: a container where none can stand is seen,
/// too, so that the first line of a JSON Lines file that lost its end is told from the first line
/// of a value over several lines by the very next line.
class FirstValue
{
  public:
	enum class State
	{
		open,
		complete, ///< all brackets closed, and only white space since
		bad ///< brackets that don't match, a line feed in a string, or something after the end
	};
	State step(char c);
	State state() const { return state_; }

  private:
	State structure(char c);

	State state_ = State::open;
	bool in_string_ = false, escaped_ = false;
	char previous_ = 0; ///< last byte that was no white space
	std::string open_;  ///< brackets
};

} // namespace etl
