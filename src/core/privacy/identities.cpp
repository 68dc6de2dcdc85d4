#include "core/privacy/identities.h"

#include <cstring>

#include "core/base/ascii.h"
#include "core/base/hash.h"
#include "core/privacy/email.h"
#include "core/privacy/key_ring.h"
#include "core/records/plain_text.h"

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
/// Whether an email's local part may contain the character: "atext" of RFC 5322 and dots. `narrow`
/// leaves out the characters that are more often punctuation around an address.
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

} // namespace

Identities::Identities(std::string_view secret)
	: subject_key_(derived_key(secret, "etl.file.subjects")),
	  email_key_(derived_key(secret, "etl.tombstone.emails"))
{
}

Identities::Identities(std::string_view secret, const OpenSpillFile &open_file, size_t memory)
	: Identities(secret)
{
	for (Owners *owners : {&subjects_, &unknown_, &emails_, &text_emails_})
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
	if (words_only_ || !has_subjects())
		return nobody;
	const uint64_t hash = subject_hash(canonical);
	const uint32_t person = subjects_.of(hash);
	return person != nobody ? person : unknown_.of(hash);
}

bool
Identities::is_unknown(std::string_view canonical) const
{
	if (unknown_.empty())
		return false;
	const uint64_t hash = subject_hash(canonical);
	return unknown_.of(hash) != nobody && subjects_.of(hash) == nobody;
}

uint32_t
Identities::owner_of_word(std::string_view canonical, const KeyForm &form, bool only_telling) const
{
	if (!has_subjects())
		return nobody;
	const uint64_t hash = subject_hash(canonical);
	const uint32_t person = subjects_.of(hash);
	return person != nobody || (only_telling && !form.is_specific(canonical)) ? person
																			  : unknown_.of(hash);
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
Identities::by_word(std::string_view word, const KeyForm &form, bool only_telling) const
{
	std::string canonical;
	if (!form.read(word, canonical) || (only_telling && !form.is_telling(canonical)))
		return nobody;
	const uint32_t person = owner_of_word(canonical, form, only_telling);
	// if the key is a text, the zeros before it may have been added by another program
	const size_t digit = word.find_first_not_of('0');
	if (person != nobody || form.is_number() || digit == 0 ||
		word.find_first_not_of("0123456789") != std::string_view::npos)
		return person;
	return owner_of_word(digit == std::string_view::npos ? "0" : word.substr(digit), form,
						 only_telling);
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

/// Whether the name of the key's member is before `at`, with only quotes, colons and blanks after
/// it. Called for each word of a text, so it looks back only as far as such a name can be.
bool
follows_member(std::string_view text, size_t at, const KeyForm &form)
{
	constexpr std::string_view between = " \t\"'\\:=+";
	constexpr size_t most_between = 64, longest_name = 256;
	const size_t nearest = at > most_between ? at - most_between : 0;
	while (at > nearest && between.find(text[at - 1]) != std::string_view::npos)
		--at;
	const size_t first = at > longest_name ? at - longest_name : 0;
	size_t begin = at;
	while (begin > first && (is_word(text[begin - 1]) || text[begin - 1] == '-'))
		--begin;
	return form.is_name(text.substr(begin, at - begin));
}

bool
is_uuid_at(std::string_view text, size_t at)
{
	constexpr size_t size = 36;
	if (at + size > text.size() || (at + size < text.size() && is_word(text[at + size])))
		return false;
	for (size_t i = 0; i < size; ++i)
	{
		const char c = text[at + i], small = static_cast<char>(c | 0x20);
		const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
		if (hyphen ? c != '-' : !is_digit(c) && !(small >= 'a' && small <= 'f'))
			return false;
	}
	return true;
}

/// The end of a number that begins with a digit, including its fraction and exponent.
size_t
end_of_number(std::string_view text, size_t at)
{
	const auto digits = [&]
	{
		while (at < text.size() && is_digit(text[at]))
			++at;
	};
	const auto digit_at = [&](size_t i) { return i < text.size() && is_digit(text[i]); };
	digits();
	if (at < text.size() && text[at] == '.' && digit_at(at + 1))
	{
		++at;
		digits();
	}
	if (at < text.size() && (text[at] == 'e' || text[at] == 'E'))
	{
		const bool sign = at + 1 < text.size() && (text[at + 1] == '+' || text[at + 1] == '-');
		if (const size_t first = at + 1 + sign; digit_at(first))
		{
			at = first;
			digits();
		}
	}
	return at;
}

} // namespace

/// Searches numbers. A number that is part of a word, or is joined to other digits by dots and
/// hyphens, does not count: dates, versions, network addresses, phone numbers and UUIDs look so.
uint32_t
Identities::number_in(std::string_view text, const KeyForm &form) const
{
	for (size_t at = 0; at < text.size();)
	{
		if (!is_word(text[at]))
		{
			++at;
			continue;
		}
		if (is_uuid_at(text, at))
		{
			at += 36;
			continue;
		}
		const size_t begin = at;
		bool alone = is_digit(text[at]);
		const size_t end = alone ? end_of_number(text, at) : at;
		at = end;
		const auto pass_word = [&]
		{
			const size_t from = at;
			while (at < text.size() && is_word(text[at]))
				++at;
			return at > from;
		};
		alone = !pass_word() && alone;
		while (at + 1 < text.size() && (text[at] == '.' || text[at] == '-') &&
			   is_digit(text[at - 1]) && is_word(text[at + 1]) &&
			   (is_digit(text[at + 1]) || !alone))
		{
			++at;
			pass_word();
			alone = false;
		}
		if (!alone)
			continue;
		// a negative number, or digits after a decimal point
		if (begin > 0 && (text[begin - 1] == '-' || text[begin - 1] == '.') &&
			(begin == 1 || !is_word(text[begin - 2])))
			continue;
		const std::string_view number = text.substr(begin, end - begin);
		const uint32_t person = by_word(number, form, !follows_member(text, begin, form));
		if (person != nobody)
			return person;
	}
	return nobody;
}

/// Searches words, and then words joined by hyphens, such as UUIDs.
uint32_t
Identities::word_in(std::string_view text, const KeyForm &form) const
{
	for (const bool hyphens : {false, true})
		for (size_t at = 0; at < text.size();)
		{
			if (!is_word(text[at]))
			{
				++at;
				continue;
			}
			const size_t begin = at;
			bool joined = false;
			while (at < text.size() && (is_word(text[at]) || (hyphens && text[at] == '-')))
				joined = text[at++] == '-' || joined;
			if (hyphens && !joined)
				continue;
			const std::string_view word = text.substr(begin, at - begin);
			const uint32_t person = by_word(word, form, !follows_member(text, begin, form));
			if (person != nobody)
				return person;
		}
	return nobody;
}

/// Searches whole strings: emails with unusual local parts, and keys with blanks.
uint32_t
Identities::quoted_in(std::string_view text, const KeyForm *form) const
{
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
		if (form != nullptr)
			if (const uint32_t person = by_word(inside, *form, !follows_member(text, open, *form));
				person != nobody)
				return person;
		open = close;
	}
	return nobody;
}

uint32_t
Identities::named_in(std::string_view text, const KeyForm *form) const
{
	if (!has_subjects())
		form = nullptr;
	const bool emails = !emails_.empty() || !text_emails_.empty();
	if (!emails && form == nullptr)
		return nobody;
	uint32_t person = nobody;
	any_reading(text,
				[&](std::string_view reading)
				{
					if (emails)
						person = email_in(reading);
					if (person == nobody && form != nullptr)
						person =
							form->is_number() ? number_in(reading, *form) : word_in(reading, *form);
					if (person == nobody)
						person = quoted_in(reading, form);
					return person != nobody;
				});
	return person;
}

} // namespace etl
