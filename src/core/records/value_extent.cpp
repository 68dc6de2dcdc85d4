#include "core/records/value_extent.h"

#include "core/base/ascii.h"
#include "core/json/document.h"
#include "core/records/record_buffer.h"

namespace etl
{

FirstValue::State
FirstValue::step(char c)
{
	if (state_ == State::bad)
		return state_;
	if (in_string_)
	{
		if (c == '\n')
			return state_ = State::bad;
		if (escaped_)
			escaped_ = false;
		else if (c == '\\')
			escaped_ = true;
		else
			in_string_ = c != '"';
		return state_;
	}
	if (is_space(c))
		return state_;
	if (state_ == State::complete)
		return state_ = State::bad;
	state_ = structure(c);
	previous_ = c;
	return state_;
}

FirstValue::State
FirstValue::structure(char c)
{
	switch (c)
	{
	case '"':
		in_string_ = true;
		return State::open;
	case '{':
	case '[':
		if (!open_.empty() &&
			(open_.back() == '{' ? previous_ != ':' : previous_ != '[' && previous_ != ','))
			return State::bad;
		// a Document would refuse a deeper value
		if (open_.size() > Document::max_depth)
			return State::bad;
		open_ += c;
		return State::open;
	case '}':
	case ']':
		if (open_.empty() || open_.back() != (c == '}' ? '{' : '['))
			return State::bad;
		open_.pop_back();
		return open_.empty() ? State::complete : State::open;
	default:
		return open_.empty() ? State::bad : State::open;
	}
}

} // namespace etl
