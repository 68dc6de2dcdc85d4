#include "core/json_fault.h"

#include "core/record_buffer.h"

namespace etl
{

namespace
{

using namespace std::string_view_literals;

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// What another encoding shows itself by: its byte-order mark, or a NUL beside an ASCII byte.
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
			return {"byte-order mark, which may stand only at the beginning of a file", 0};
		if (const char *encoding = other_encoding(text_))
			return {encoding, 0};
		value("expected a value");
		while (fault_.message.empty() && !open_.empty())
			next();
		blanks();
		if (fault_.message.empty() && at_ < text_.size())
			fail("something follows the JSON value");
		return fault_;
	}

  private:
	void fail(const char *message) { fault_ = {message, at_}; }
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

	/// What comes after a value, or after an opening bracket.
	void next()
	{
		const bool is_object = open_.back() == '{';
		blanks();
		if (take(is_object ? '}' : ']'))
		{
			open_.pop_back();
			begins_ = false;
			return;
		}
		const bool begins = begins_;
		begins_ = false;
		if (!begins && !take(','))
			return fail(is_object ? "expected ',' or '}'" : "expected ',' or ']'");
		if (!is_object)
			return value(begins ? "expected a value or ']'" : "expected a value");
		blanks();
		if (peek() != '"')
			return fail(begins ? "expected a member name or '}'" : "expected a member name");
		string();
		blanks();
		if (fault_.message.empty() && !take(':'))
			return fail("expected ':'");
		if (fault_.message.empty())
			value("expected a value");
	}

	void value(const char *expected)
	{
		blanks();
		const char c = peek();
		if (c == '{' || c == '[')
		{
			open_ += c;
			++at_;
			begins_ = true;
		}
		else if (c == '"')
			string();
		else if (c == '-' || is_digit(c))
			number();
		else if (!word("true") && !word("false") && !word("null"))
			fail(expected);
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

	/// "\u" and four digits; the number, or -1.
	int code_unit()
	{
		if (text_.size() - at_ < 6 || text_[at_] != '\\' || text_[at_ + 1] != 'u')
			return -1;
		int unit = 0;
		for (size_t i = at_ + 2; i < at_ + 6; ++i)
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
		const int unit = code_unit();
		if (unit < 0)
			return fail("invalid escape sequence in a string");
		if (unit < 0xd800 || unit > 0xdfff)
		{
			at_ += 6;
			return;
		}
		const size_t from = at_;
		at_ += 6;
		const int low = code_unit();
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
	std::string open_;    ///< brackets
	bool begins_ = false; ///< the last thing read is a bracket that opens
	JsonFault fault_;
};

} // namespace

size_t
valid_utf8_size(std::string_view text)
{
	size_t i = 0;
	const auto byte = [&](size_t at)
	{ return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
	while (i < text.size())
	{
		const unsigned c = byte(i);
		const size_t more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		// the second byte tells overlong forms, surrogates and what lies beyond U+10FFFF
		const unsigned low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
		const unsigned high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
		if (more > 0 && (c < 0xc2 || c > 0xf4 || byte(i + 1) < low || byte(i + 1) > high))
			return i;
		for (size_t k = 2; k <= more; ++k)
			if (byte(i + k) < 0x80 || byte(i + k) > 0xbf)
				return i;
		i += 1 + more;
	}
	return i;
}

JsonFault
find_encoding_fault(std::string_view text)
{
	if (const char *encoding = other_encoding(text))
		return {encoding, 0};
	return {"not valid UTF-8", valid_utf8_size(text)};
}

JsonFault
find_json_fault(std::string_view text)
{
	return Reader(text).read();
}

} // namespace etl
