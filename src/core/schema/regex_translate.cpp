// Translates patterns of ECMA-262 for PCRE2: see translate_pattern().
#include "core/schema/regex_translate.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "core/schema/regex.h"

namespace etl
{

namespace
{

/// ECMA-262's WhiteSpace and LineTerminator, and all other characters, as parts of a class.
constexpr std::string_view spaces = "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}"
									"\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}";
constexpr std::string_view no_spaces =
	"\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"
	"\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"
	"\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}";

/// General categories by their long names, because PCRE2 knows only the short ones.
constexpr std::array<std::pair<std::string_view, std::string_view>, 41> categories{{
	{"Cased_Letter", "L&"},
	{"Close_Punctuation", "Pe"},
	{"Connector_Punctuation", "Pc"},
	{"Control", "Cc"},
	{"Currency_Symbol", "Sc"},
	{"Dash_Punctuation", "Pd"},
	{"Decimal_Number", "Nd"},
	{"Enclosing_Mark", "Me"},
	{"Final_Punctuation", "Pf"},
	{"Format", "Cf"},
	{"Initial_Punctuation", "Pi"},
	{"LC", "L&"},
	{"Letter", "L"},
	{"Letter_Number", "Nl"},
	{"Line_Separator", "Zl"},
	{"Lowercase_Letter", "Ll"},
	{"Mark", "M"},
	{"Combining_Mark", "M"},
	{"Math_Symbol", "Sm"},
	{"Modifier_Letter", "Lm"},
	{"Modifier_Symbol", "Sk"},
	{"Nonspacing_Mark", "Mn"},
	{"Number", "N"},
	{"Open_Punctuation", "Ps"},
	{"Other", "C"},
	{"Other_Letter", "Lo"},
	{"Other_Number", "No"},
	{"Other_Punctuation", "Po"},
	{"Other_Symbol", "So"},
	{"Paragraph_Separator", "Zp"},
	{"Private_Use", "Co"},
	{"Punctuation", "P"},
	{"punct", "P"},
	{"Separator", "Z"},
	{"Space_Separator", "Zs"},
	{"Spacing_Mark", "Mc"},
	{"Surrogate", "Cs"},
	{"Symbol", "S"},
	{"Titlecase_Letter", "Lt"},
	{"Unassigned", "Cn"},
	{"Uppercase_Letter", "Lu"},
}};

class Translator
{
  public:
	Translator(std::string_view in, std::string &out, std::string &error)
		: in_(in), out_(out), error_(error)
	{
	}

	bool run()
	{
		while (!at_end())
			if (!term())
				return false;
		if (back_reference_ > groups_)
			return fail("refers to group " + std::to_string(back_reference_) +
						", which does not exist");
		return true; // PCRE2 reports unbalanced parentheses
	}

  private:
	/// One member of a class: a character, or a set such as \d.
	struct Atom
	{
		bool is_set = false;
		uint32_t character = 0;
		std::string set;
	};

	bool at_end() const { return at_ >= in_.size(); }
	char peek(size_t ahead = 0) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }
	bool starts_with(std::string_view s) const { return in_.substr(at_, s.size()) == s; }
	bool fail(std::string message)
	{
		error_ = std::move(message);
		return false;
	}

	bool term()
	{
		const char c = peek();
		switch (c)
		{
		case '\\':
			return escape();
		case '[':
			return character_class();
		case '(':
			return group();
		case '*':
		case '+':
		case '?':
			++at_;
			return quantifier(std::string(1, c));
		case '{':
			return brace();
		case '.':
			out_ += "[^\\n\\r\\x{2028}\\x{2029}]";
			repeatable_ = true;
			break;
		case '^':
		case '$':
		case '|':
			out_ += c;
			repeatable_ = false;
			break;
		case ')':
			out_ += c;
			repeatable_ = true;
			break;
		case ']':
		case '}':
			out_ += '\\';
			[[fallthrough]];
		default:
			return literal();
		}
		++at_;
		return true;
	}

	/// Copies a whole UTF-8 character.
	bool literal()
	{
		do
			out_ += in_[at_++];
		while (!at_end() && is_continuation(in_[at_]));
		repeatable_ = true;
		return true;
	}

	bool quantifier(const std::string &text)
	{
		if (!repeatable_)
			return fail("nothing to repeat before \"" + text + "\"");
		out_ += text;
		if (peek() == '?')
		{
			out_ += '?';
			++at_;
		}
		// a++ would be possessive in PCRE2, but ECMA-262 has no such quantifier
		repeatable_ = false;
		return true;
	}

	bool brace()
	{
		size_t end = at_ + 1;
		const auto digits = [&]
		{
			const size_t begin = end;
			while (end < in_.size() && is_digit(in_[end]))
				++end;
			return end > begin;
		};
		bool counts = digits();
		if (counts && end < in_.size() && in_[end] == ',')
		{
			++end;
			digits();
		}
		counts = counts && end < in_.size() && in_[end] == '}';
		if (!counts)
		{
			out_ += '\\';
			return literal();
		}
		const std::string text(in_.substr(at_, end + 1 - at_));
		at_ = end + 1;
		return quantifier(text);
	}

	bool group()
	{
		++at_;
		repeatable_ = false;
		if (peek() != '?')
		{
			if (peek() == '*')
				return fail("nothing to repeat before \"*\"");
			++groups_;
			out_ += '(';
			return true;
		}
		for (std::string_view known : {"?:", "?=", "?!", "?<=", "?<!"})
			if (starts_with(known))
			{
				out_ += '(';
				out_ += known;
				at_ += known.size();
				return true;
			}
		if (peek(1) != '<')
			return fail("ECMA-262 has no group that begins with \"(?" +
						std::string(in_.substr(at_ + 1, 1)) + "\"");
		++groups_;
		out_ += "(?<";
		at_ += 2;
		return group_name();
	}

	/// Copies the name up to and including ">".
	bool group_name()
	{
		const size_t end = in_.find('>', at_);
		if (end == std::string_view::npos || end == at_)
			return fail("group name expected");
		const std::string_view name = in_.substr(at_, end - at_);
		for (char c : name)
			if (!is_alpha(c) && !is_digit(c) && c != '_' && static_cast<signed char>(c) >= 0)
				return fail("bad character in a group name");
		out_.append(name).append(">");
		at_ = end + 1;
		return true;
	}

	/// Translates an escape outside of a class.
	bool escape()
	{
		const char c = peek(1);
		if (c == 'b' || c == 'B')
		{
			out_ += '\\';
			out_ += c;
			at_ += 2;
			repeatable_ = false;
			return true;
		}
		repeatable_ = true;
		if (c >= '1' && c <= '9')
		{
			++at_;
			size_t number = 0;
			for (; is_digit(peek()) && number < 100'000; ++at_)
				number = number * 10 + static_cast<size_t>(peek() - '0');
			back_reference_ = std::max(back_reference_, number);
			out_.append("\\g{").append(std::to_string(number)).append("}");
			return true;
		}
		if (c == 'k')
		{
			if (peek(2) != '<')
				return fail("\\k expects a group name");
			at_ += 3;
			out_ += "\\k<";
			return group_name();
		}
		Atom atom;
		if (!escaped_atom(atom))
			return false;
		if (atom.is_set)
			out_.append("[").append(atom.set).append("]");
		else
			append_code_point(atom.character);
		return true;
	}

	bool hex(size_t count, uint32_t &value)
	{
		value = 0;
		for (size_t i = 0; i < count; ++i)
		{
			const int digit = hex_value(peek(i));
			if (digit < 0)
				return false;
			value = value * 16 + static_cast<uint32_t>(digit);
		}
		at_ += count;
		return true;
	}

	/// Reads the digits after \u.
	bool unicode(uint32_t &value)
	{
		if (peek() == '{')
		{
			const size_t end = in_.find('}', at_);
			++at_;
			while (peek() == '0' && at_ + 1 < end)
				++at_;
			if (end == std::string_view::npos || end == at_ || end - at_ > 6 ||
				!hex(end - at_, value) || value > 0x10ffff)
				return fail("\\u{…} expects a code point");
			++at_;
		}
		else if (!hex(4, value))
			return fail("\\u expects four hexadecimal digits");
		if (value >= 0xd800 && value < 0xdc00 && starts_with("\\u"))
		{
			const size_t before = at_;
			uint32_t low = 0;
			at_ += 2;
			if (hex(4, low) && low >= 0xdc00 && low < 0xe000)
				value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
			else
				at_ = before;
		}
		if (value >= 0xd800 && value < 0xe000)
			return fail("half a surrogate pair; write the character or \\u{…}");
		return true;
	}

	bool property(Atom &atom, char letter)
	{
		const size_t end = in_.find('}', at_);
		if (peek() != '{' || end == std::string_view::npos)
			return fail("\\p expects {…}");
		std::string_view name = in_.substr(at_ + 1, end - at_ - 1);
		at_ = end + 1;
		for (char c : name)
			if (!is_alpha(c) && !is_digit(c) && c != '_' && c != '=')
				return fail("unknown Unicode property");
		std::string native(name);
		if (const size_t equals = name.find('='); equals != std::string_view::npos)
		{
			const std::string_view key = name.substr(0, equals);
			name = name.substr(equals + 1);
			native = name;
			if (key == "Script" || key == "sc")
				native = "sc:" + native;
			else if (key == "Script_Extensions" || key == "scx")
				native = "scx:" + native;
			else if (key != "General_Category" && key != "gc")
				return fail("unknown Unicode property");
		}
		for (const auto &[long_name, short_name] : categories)
			if (name == long_name)
				native = short_name;
		if (name == "digit")
			native = "Nd";
		atom.is_set = true;
		if (native == "Any")
			atom.set = letter == 'p' ? "\\x{0}-\\x{10ffff}" : "\\P{Any}";
		else
			atom.set = std::string("\\") + letter + "{" + native + "}";
		return true;
	}

	/// Reads an escape that is allowed inside and outside of a class.
	bool escaped_atom(Atom &atom)
	{
		++at_;
		if (at_end())
			return fail("\\ at the end");
		const char c = in_[at_++];
		const auto set = [&](std::string_view text)
		{
			atom.is_set = true;
			atom.set = text;
			return true;
		};
		const auto character = [&](uint32_t value)
		{
			atom.character = value;
			return true;
		};
		switch (c)
		{
		case 'd':
			return set("0-9");
		case 'w':
			return set("0-9A-Za-z_");
		case 'D':
			return set("\\D");
		case 'W':
			return set("\\W");
		case 's':
			return set(spaces);
		case 'S':
			return set(no_spaces);
		case 'p':
		case 'P':
			return property(atom, c);
		case 't':
			return character('\t');
		case 'n':
			return character('\n');
		case 'v':
			return character('\v');
		case 'f':
			return character('\f');
		case 'r':
			return character('\r');
		case '0':
			if (is_digit(peek()))
				return fail("octal escapes are not part of ECMA-262");
			return character(0);
		case 'c':
			if (!is_alpha(peek()))
				return fail("\\c expects a letter");
			return character(static_cast<uint32_t>(in_[at_++]) % 32);
		case 'x':
			return hex(2, atom.character) || fail("\\x expects two hexadecimal digits");
		case 'u':
			return unicode(atom.character);
		default:
			break;
		}
		if (is_alpha(c) || is_digit(c))
			return fail(std::string("ECMA-262 has no escape \\") + c);
		--at_;
		return read_character(atom.character);
	}

	/// Reads one UTF-8 character of the pattern.
	bool read_character(uint32_t &value)
	{
		std::string_view rest = in_.substr(at_);
		char32_t c;
		if (!take_character(rest, c))
			return fail("not valid UTF-8");
		value = c;
		at_ = in_.size() - rest.size();
		return true;
	}

	void append_code_point(uint32_t value)
	{
		std::string reversed;
		do
			reversed += hex_digits[value % 16];
		while ((value /= 16) != 0);
		out_.append("\\x{").append(reversed.rbegin(), reversed.rend()).append("}");
	}

	bool class_atom(Atom &atom)
	{
		if (peek() != '\\')
			return read_character(atom.character);
		const char c = peek(1);
		if (c == 'b')
		{
			at_ += 2;
			atom.character = '\b';
			return true;
		}
		if (c == '-')
		{
			at_ += 2;
			atom.character = '-';
			return true;
		}
		return escaped_atom(atom);
	}

	void append_atom(const Atom &atom)
	{
		if (atom.is_set)
			out_ += atom.set;
		else
			append_code_point(atom.character);
	}

	bool character_class()
	{
		++at_;
		repeatable_ = true;
		const bool negated = peek() == '^';
		if (negated)
			++at_;
		if (peek() == ']' && !at_end())
		{
			++at_;
			out_ += negated ? "[\\x{0}-\\x{10ffff}]" : "(?:(?!))";
			return true;
		}
		out_ += negated ? "[^" : "[";
		while (true)
		{
			if (at_end())
				return fail("\"[\" without \"]\"");
			if (peek() == ']')
				break;
			Atom from;
			if (!class_atom(from))
				return false;
			append_atom(from);
			if (peek() != '-' || peek(1) == ']' || at_ + 1 >= in_.size())
				continue;
			++at_;
			Atom to;
			if (!class_atom(to))
				return false;
			if (from.is_set || to.is_set)
				out_ += "\\-"; // a hyphen beside a set stands for itself, as in browsers
			else if (to.character < from.character)
				return fail("range out of order in a class");
			else
				out_ += '-';
			append_atom(to);
		}
		++at_;
		out_ += ']';
		return true;
	}

	std::string_view in_;
	std::string &out_;
	std::string &error_;
	size_t at_ = 0;
	size_t groups_ = 0, back_reference_ = 0;
	bool repeatable_ = false;
};

} // namespace

bool
translate_pattern(std::string_view pattern, std::string &out, std::string &error)
{
	out.clear();
	return Translator(pattern, out, error).run();
}

} // namespace etl
