#include "core/json/fault.h"

#include <algorithm>
#include <vector>

#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "core/json/pointer.h"

namespace etl
{

namespace
{

using namespace std::string_view_literals;

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr size_t most_steps = 1000; ///< longest pointer in steps; a longer one helps nobody

/// Number of bytes at the beginning of the text that are valid UTF-8 (RFC 3629).
size_t
valid_utf8_size(std::string_view text)
{
	std::string_view rest = text;
	char32_t c;
	while (take_character(rest, c))
		;
	return text.size() - rest.size();
}

/// Whether the bytes are the beginning of a character that needs more bytes.
bool
begins_character(std::string_view bytes)
{
	if (bytes.empty() || bytes.size() > 3)
		return false;
	// after E0 and F0 the second byte is limited from below, after ED and F4 from above
	for (const char *more : {"\x80\x80\x80", "\x90\x80\x80", "\xA0\x80\x80"})
	{
		const std::string whole = std::string(bytes) + more;
		std::string_view rest = whole;
		char32_t c;
		if (take_character(rest, c) && whole.size() - rest.size() > bytes.size())
			return true;
	}
	return false;
}

/// The name of another encoding that the text seems to have, by its byte-order mark or by a NUL
/// beside an ASCII byte. Null if there is none.
const char *
other_encoding(std::string_view text)
{
	if (text.starts_with("\xFF\xFE\0\0"sv) || text.starts_with("\0\0\xFE\xFF"sv))
		return "UTF-32 with a byte-order mark; records are UTF-8";
	if (text.starts_with("\xFF\xFE"sv) || text.starts_with("\xFE\xFF"sv))
		return "UTF-16 with a byte-order mark; records are UTF-8";
	if (text.size() >= 2 && (text[0] == '\0') != (text[1] == '\0'))
		return "looks like UTF-16 or UTF-32; records are UTF-8";
	return nullptr;
}

/// Follows the grammar of RFC 8259.
class Reader
{
  public:
	explicit Reader(std::string_view text) : text_(text) {}

	JsonFault read()
	{
		if (text_.starts_with(byte_order_mark))
			return {
				"byte-order mark, which may stand only at the beginning of a file", 0, {}, false};
		if (const char *encoding = other_encoding(text_))
			return {encoding, 0, {}, false};
		value("expected a value");
		while (fault_.message.empty() && !open_.empty())
			next();
		blanks();
		if (fault_.message.empty() && at_ < text_.size())
			fail("something follows the JSON value");
		return fault_;
	}

  private:
	/// The position of the reader in an array or object that is not closed yet.
	struct Step
	{
		bool in_value = false; ///< a value of the array or object is being read, or is expected
		size_t index = 0;      ///< in an array: index of that value
		size_t name_from = 0;  ///< in an object: where the value's name begins, with its quotes
		size_t name_to = 0;
	};

	void fail(const char *message) { fault_ = {message, at_, pointer(), false}; }
	/// The step of the innermost open array or object.
	Step &step()
	{
		const size_t i = std::min(open_.size() - 1, most_steps);
		if (i == steps_.size())
			steps_.emplace_back();
		return steps_[i];
	}
	std::string pointer() const
	{
		std::string pointer;
		if (open_.size() > most_steps)
			return pointer;
		// only the innermost array or object may be between two values
		for (size_t i = 0; i < open_.size(); ++i)
			if (const Step &step = steps_[i]; step.in_value)
				append_pointer(pointer, open_[i] == '{' ? name(step) : std::to_string(step.index));
		return pointer;
	}
	/// The name without quotes and escapes. The name has been read before and is valid.
	std::string name(const Step &step) const
	{
		std::string name;
		for (size_t i = step.name_from + 1; i + 1 < step.name_to; ++i)
		{
			if (text_[i] != '\\')
			{
				name += text_[i];
				continue;
			}
			const char c = text_[++i];
			if (c != 'u')
			{
				constexpr std::string_view letters = "bfnrt", controls = "\b\f\n\r\t";
				const size_t control = letters.find(c);
				name += control == std::string_view::npos ? c : controls[control];
				continue;
			}
			char32_t unit = static_cast<char32_t>(code_unit(i - 1));
			i += 4;
			if (unit >= 0xd800 && unit <= 0xdfff)
			{
				unit = 0x10000 + ((unit - 0xd800) << 10) +
					   (static_cast<char32_t>(code_unit(i + 1)) - 0xdc00);
				i += 6;
			}
			append_character(name, unit);
		}
		return name;
	}
	char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
	bool take(char c)
	{
		if (at_ == text_.size() || text_[at_] != c)
			return false;
		++at_;
		return true;
	}
	void blanks()
	{
		while (at_ < text_.size() && is_space(text_[at_]))
			++at_;
	}

	/// Reads what follows a value or an opening bracket.
	void next()
	{
		const bool is_object = open_.back() == '{';
		blanks();
		if (take(is_object ? '}' : ']'))
		{
			open_.pop_back();
			ended();
			return;
		}
		const bool begins = begins_;
		begins_ = false;
		if (!begins && !take(','))
			return fail(is_object ? "expected ',' or '}'" : "expected ',' or ']'");
		if (!is_object)
		{
			blanks();
			step().in_value = !begins || at_ < text_.size();
			return value(begins ? "expected a value or ']'" : "expected a value");
		}
		blanks();
		if (peek() != '"')
			return fail(begins ? "expected a member name or '}'" : "expected a member name");
		step().name_from = at_;
		string();
		if (!fault_.message.empty())
			return;
		step().name_to = at_;
		blanks();
		if (!take(':'))
			return fail("expected ':'");
		step().in_value = true;
		value("expected a value");
	}

	/// Called when a value has been read.
	void ended()
	{
		begins_ = false;
		if (open_.empty())
			return;
		step().in_value = false;
		++step().index;
	}

	void value(const char *expected)
	{
		blanks();
		const char c = peek();
		if (c == '{' || c == '[')
		{
			open_ += c;
			step() = {};
			++at_;
			begins_ = true;
			return;
		}
		if (c == '"')
			string();
		else if (c == '-' || is_digit(c))
			number();
		else if (!word("true") && !word("false") && !word("null"))
			fail(expected);
		if (fault_.message.empty())
			ended();
	}

	bool word(std::string_view word)
	{
		const std::string_view rest = text_.substr(at_);
		if (!rest.starts_with(word))
			return false;
		if (rest.size() > word.size() && !is_space(rest[word.size()]) &&
			",]}"sv.find(rest[word.size()]) == std::string_view::npos)
			return false;
		at_ += word.size();
		return true;
	}

	bool digits()
	{
		const size_t from = at_;
		while (is_digit(peek()))
			++at_;
		return at_ > from;
	}

	void number()
	{
		take('-');
		if (!take('0') && !digits())
			return fail("expected a digit");
		if (is_digit(peek()))
			return fail("number begins with 0");
		if (take('.') && !digits())
			return fail("expected a digit");
		if (take('e') || take('E'))
		{
			if (!take('+'))
				take('-');
			if (!digits())
				return fail("expected a digit");
		}
	}

	/// Reads "\u" and four digits. Returns the number, or -1.
	int code_unit(size_t at) const
	{
		if (text_.size() - at < 6 || text_[at] != '\\' || text_[at + 1] != 'u')
			return -1;
		int unit = 0;
		for (size_t i = at + 2; i < at + 6; ++i)
		{
			const char c = text_[i];
			if (!is_hex(c))
				return -1;
			unit = unit * 16 + (is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
		}
		return unit;
	}

	void escape()
	{
		if (at_ + 1 < text_.size() && "\"\\/bfnrt"sv.find(text_[at_ + 1]) != std::string_view::npos)
		{
			at_ += 2;
			return;
		}
		const int unit = code_unit(at_);
		if (unit < 0)
			return fail("invalid escape sequence in a string");
		if (unit < 0xd800 || unit > 0xdfff)
		{
			at_ += 6;
			return;
		}
		const size_t from = at_;
		at_ += 6;
		const int low = code_unit(at_);
		if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
		{
			at_ = from;
			return fail("invalid escape sequence in a string: half a surrogate pair");
		}
		at_ += 6;
	}

	void string()
	{
		const size_t from = at_++;
		while (at_ < text_.size() && fault_.message.empty())
		{
			const auto c = static_cast<unsigned char>(text_[at_]);
			if (c == '"')
			{
				++at_;
				return;
			}
			if (c < 0x20)
				return fail("unescaped control character in a string");
			if (c == '\\')
				escape();
			else
				++at_;
		}
		if (!fault_.message.empty())
			return;
		at_ = from;
		fail("string is not closed");
	}

	std::string_view text_;
	size_t at_ = 0;
	std::string open_;    ///< the brackets that are open
	bool begins_ = false; ///< the last thing that was read is an opening bracket
	/// One step for each bracket. All brackets that are deeper than the longest pointer share the
	/// last step.
	std::vector<Step> steps_ = std::vector<Step>(1);
	JsonFault fault_;
};

} // namespace

JsonFault
find_json_fault(std::string_view text)
{
	const size_t valid = valid_utf8_size(text);
	if (valid < text.size() && !begins_character(text.substr(valid)))
	{
		if (const char *encoding = other_encoding(text))
			return {encoding, 0, {}, true};
		return {"not valid UTF-8", valid, {}, true};
	}
	return Reader(text).read();
}

} // namespace etl
