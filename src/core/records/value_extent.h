// Finds the end of a value that begins with a bracket, without parsing it.
#pragma once

#include <string>

namespace etl
{

/// Follows brackets and strings. It also notices an object or array in a position where none is
/// allowed. So it recognises a truncated first line of a JSON Lines file already at the next line,
/// and does not take it for the beginning of a value over several lines.
class FirstValue
{
  public:
	enum class State
	{
		open,
		complete, ///< all brackets are closed, and only white space followed
		bad       ///< brackets that do not match, a line feed in a string, or a byte after the end
	};
	State step(char c);
	State state() const { return state_; }

  private:
	State structure(char c);

	State state_ = State::open;
	bool in_string_ = false, escaped_ = false;
	char previous_ = 0; ///< last byte that was not white space
	std::string open_;  ///< open brackets
};

} // namespace etl
