#include "core/identities.h"

#include <algorithm>
#include <cstring>

#include "core/key_ring.h"
#include "core/rewrite.h"
#include "core/staged_file.h"

namespace etl
{

namespace
{

SipKey
derived_key(std::string_view secret, std::string_view label)
{
	const auto mac = hmac_sha256(erasure_key(secret), label);
	SipKey key;
	std::memcpy(key.data(), mac.data(), key.size());
	return key;
}

bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		   static_cast<unsigned char>(c) >= 0x80;
}
bool
is_word(char c)
{
	return is_alnum(c) || c == '_';
}
/// What an email's local part may hold: RFC 5322 "atext" and dots; narrow leaves out what is more
/// often punctuation around an address.
bool
is_local(char c, bool narrow)
{
	return is_alnum(c) || std::strchr(narrow ? "._%+-" : "._%+-!#$&'*/=?^`{|}~", c) != nullptr;
}
bool
is_domain(char c)
{
	return is_alnum(c) || c == '.' || c == '-';
}

int
hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
		   : c >= 'a' && c <= 'f' ? c - 'a' + 10
		   : c >= 'A' && c <= 'F' ? c - 'A' + 10
								  : -1;
}

/// JSON's escapes undone as far as they can be told in a text that may be no JSON: characters below
/// U+0800, and surrogates left alone.
std::string
unescaped(std::string_view text)
{
	std::string out;
	out.reserve(text.size());
	for (size_t i = 0; i < text.size(); ++i)
	{
		if (text[i] != '\\' || i + 1 == text.size())
		{
			out += text[i];
			continue;
		}
		const char c = text[++i];
		if (c == 'u' && i + 4 < text.size())
		{
			int value = 0;
			for (size_t k = 1; k <= 4; ++k)
			{
				const int digit = hex_digit(text[i + k]);
				value = digit < 0 || value < 0 ? -1 : value * 16 + digit;
			}
			if (value > 0 && (value < 0xd800 || value > 0xdfff))
			{
				if (value < 0x80)
					out += static_cast<char>(value);
				else if (value < 0x800)
				{
					out += static_cast<char>(0xc0 | value >> 6);
					out += static_cast<char>(0x80 | (value & 0x3f));
				}
				else
				{
					out += static_cast<char>(0xe0 | value >> 12);
					out += static_cast<char>(0x80 | (value >> 6 & 0x3f));
					out += static_cast<char>(0x80 | (value & 0x3f));
				}
				i += 4;
				continue;
			}
		}
		// a line feed and the like part words; a quote or slash stands for itself
		out += std::strchr("nrtbf", c) != nullptr ? ' ' : c;
	}
	return out;
}

} // namespace

Identities::Identities(std::string_view secret)
	: subject_key_(derived_key(secret, "etl.file.subjects")),
	  email_key_(derived_key(secret, "etl.tombstone.emails"))
{
}

Identities::Identities(std::string_view secret, const OpenSpillFile &open_file, size_t memory)
	: Identities(secret)
{
	for (Owners *owners : {&subjects_, &emails_, &text_emails_})
		*owners = Owners(open_file, memory);
}

namespace
{

std::string_view
bytes_of(const uint64_t &hash)
{
	return {reinterpret_cast<const char *>(&hash), sizeof hash};
}

} // namespace

void
Identities::Owners::add(uint64_t hash, uint32_t person)
{
	if (set_)
		set_->add(bytes_of(hash));
	else
		people_.emplace(hash, person);
}

uint32_t
Identities::Owners::of(uint64_t hash) const
{
	if (set_)
		return set_->contains(bytes_of(hash)) ? 0 : nobody;
	const auto found = people_.find(hash);
	return found == people_.end() ? nobody : found->second;
}

uint64_t
Identities::subject_hash(std::string_view canonical) const
{
	return siphash(subject_key_, canonical);
}

uint64_t
Identities::email_hash(std::string_view folded) const
{
	return siphash(email_key_, folded);
}

uint32_t
Identities::by_subject(std::string_view canonical) const
{
	if (subjects_.empty())
		return nobody;
	return subjects_.of(subject_hash(canonical));
}

uint32_t
Identities::by_email(std::string_view folded) const
{
	if (emails_.empty() || folded.empty())
		return nobody;
	return emails_.of(email_hash(folded));
}

uint32_t
Identities::by_any_email(std::string_view folded) const
{
	const uint32_t person = by_email(folded);
	if (person != nobody || text_emails_.empty() || folded.empty())
		return person;
	return text_emails_.of(email_hash(folded));
}

uint32_t
Identities::by_word(std::string_view word) const
{
	const uint32_t person = by_subject(word);
	if (person != nobody || word.size() < 2 || word[0] != '0')
		return person;
	const size_t digit = word.find_first_not_of('0');
	if (word.find_first_not_of("0123456789") != std::string_view::npos)
		return nobody;
	return by_subject(digit == std::string_view::npos ? "0" : word.substr(digit));
}

uint32_t
Identities::email_in(std::string_view text) const
{
	for (size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1))
	{
		size_t end = at + 1;
		while (end < text.size() && is_domain(text[end]))
			++end;
		while (end > at + 1 && (text[end - 1] == '.' || text[end - 1] == '-'))
			--end;
		for (const bool narrow : {true, false})
		{
			size_t begin = at;
			while (begin > 0 && is_local(text[begin - 1], narrow))
				--begin;
			const uint32_t person = by_any_email(fold_email(text.substr(begin, end - begin)));
			if (person != nobody)
				return person;
		}
	}
	return nobody;
}

namespace
{

/// Does the member's name, and nothing but quotes, colons and blanks after it, stand before at?
bool
follows_member(std::string_view text, size_t at, std::string_view member)
{
	while (at > 0 && std::strchr(" \t\"':=+", text[at - 1]) != nullptr)
		--at;
	return !member.empty() && at >= member.size() &&
		   text.substr(at - member.size(), member.size()) == member &&
		   (at == member.size() || !is_word(text[at - member.size() - 1]));
}

constexpr size_t shortest_word = 4;

} // namespace

uint32_t
Identities::key_in(std::string_view text, std::string_view member) const
{
	// words, and words joined by hyphens (UUIDs)
	for (const bool hyphens : {false, true})
		for (size_t at = 0; at < text.size();)
		{
			if (!is_word(text[at]))
			{
				++at;
				continue;
			}
			size_t end = at;
			bool joined = false;
			while (end < text.size() && (is_word(text[end]) || (hyphens && text[end] == '-')))
			{
				joined = joined || text[end] == '-';
				++end;
			}
			const std::string_view word = text.substr(at, end - at);
			const size_t digits = std::min(word.find_first_not_of('0'), word.size());
			if ((!hyphens || joined) &&
				(word.size() - digits >= shortest_word || follows_member(text, at, member)))
			{
				const uint32_t person = by_word(word);
				if (person != nobody)
					return person;
			}
			at = end;
		}
	return nobody;
}

uint32_t
Identities::quoted_in(std::string_view text, bool keys, std::string_view member) const
{
	// whole strings: emails with unusual local parts, keys with blanks
	size_t open = text.find('"');
	while (open != std::string_view::npos)
	{
		const size_t close = text.find('"', open + 1);
		if (close == std::string_view::npos)
			return nobody;
		const std::string_view inside = text.substr(open + 1, close - open - 1);
		if (inside.find('@') != std::string_view::npos)
			if (const uint32_t person = by_any_email(fold_email(inside)); person != nobody)
				return person;
		if (keys && (inside.size() >= shortest_word || follows_member(text, open, member)))
			if (const uint32_t person = by_word(inside); person != nobody)
				return person;
		open = close;
	}
	return nobody;
}

uint32_t
Identities::named_in(std::string_view text, bool keys, std::string_view key_member) const
{
	std::string plain;
	if (text.find('\\') != std::string_view::npos)
	{
		plain = unescaped(text);
		text = plain;
	}
	uint32_t person = emails_.empty() && text_emails_.empty() ? nobody : email_in(text);
	if (person == nobody && keys && !subjects_.empty())
		person = key_in(text, key_member);
	if (person == nobody)
		person = quoted_in(text, keys && !subjects_.empty(), key_member);
	return person;
}

} // namespace etl
