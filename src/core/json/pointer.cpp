#include "core/json/pointer.h"

namespace etl
{

bool
parse_pointer(std::string_view pointer, Path &path)
{
	path.clear();
	if (pointer.empty())
		return true;
	if (pointer[0] != '/')
		return false;
	std::string step;
	for (size_t i = 1; i <= pointer.size(); ++i)
	{
		if (i == pointer.size() || pointer[i] == '/')
		{
			path.push_back(step);
			step.clear();
		}
		else if (pointer[i] == '~')
		{
			++i;
			if (i == pointer.size() || (pointer[i] != '0' && pointer[i] != '1'))
				return false;
			step += pointer[i] == '0' ? '~' : '/';
		}
		else
			step += pointer[i];
	}
	return true;
}

void
append_pointer(std::string &pointer, std::string_view step)
{
	pointer += '/';
	for (const char c : step)
		if (c == '~')
			pointer += "~0";
		else if (c == '/')
			pointer += "~1";
		else if (c == '\0')
			pointer += "\xef\xbf\xbd";
		else
			pointer += c;
}

Value
step_into(Value from, const std::string &step)
{
	if (!from)
		return {};
	if (from.is(Kind::object))
		return from.member(step);
	// RFC 6901 section 4: digits without a leading zero
	if (!from.is(Kind::array) || step.empty() || step.size() > 9 ||
		(step.size() > 1 && step[0] == '0') ||
		step.find_first_not_of("0123456789") != std::string::npos)
		return {};
	const uint32_t index = static_cast<uint32_t>(std::stoul(step));
	if (index >= from.count())
		return {};
	Value element = from.first();
	for (uint32_t i = 0; i < index; ++i)
		element = element.next();
	return element;
}

bool
is_index(std::string_view step)
{
	return !step.empty() && step.find_first_not_of("0123456789") == std::string_view::npos;
}

Value
find(Value from, const Path &path)
{
	for (const std::string &step : path)
		from = step_into(from, step);
	return from;
}

} // namespace etl
