// Recognises people in records by keyed hashes of their identifiers, without storing the
// identifiers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/hash.h"
#include "core/base/key_set.h"
#include "core/privacy/key_form.h"

namespace etl
{

/// A set of people. The caller gives each person a number. Emails are compared case folded, and
/// keys in their canonical text.
class Identities
{
  public:
	static constexpr uint32_t nobody = UINT32_MAX;

	/// `secret`: the bytes of etl.key_file.
	explicit Identities(std::string_view secret);
	/// For any number of people, who are all person 0. For each kind of identifier, hashes beyond
	/// `memory` bytes go to files that open_file makes. Several threads may look up people at the
	/// same time if such a file may be read by several threads. Lookups throw what reading the file
	/// throws.
	Identities(std::string_view secret, const OpenSpillFile &open_file, size_t memory);

	uint64_t subject_hash(std::string_view canonical) const;
	uint64_t email_hash(std::string_view folded) const;
	/// If several people have the same identifier, the first one that was added keeps it.
	void add_subject(uint64_t hash, uint32_t person) { subjects_.add(hash, person); }
	/// Adds a key of which it is not known whether a person has it. The key is recognised where a
	/// record should name a person, and in a member that has the name of the key. Elsewhere in a
	/// text it may be an ordinary word (1, "open"), so there it counts only if its form shows that
	/// it is a key (KeyForm::is_specific).
	void add_unknown_subject(uint64_t hash, uint32_t person) { unknown_.add(hash, person); }
	void add_email(uint64_t hash, uint32_t person) { emails_.add(hash, person); }
	/// Adds an email that other people may have too. It counts only in records that do not name a
	/// person in another way.
	void add_text_email(uint64_t hash, uint32_t person) { text_emails_.add(hash, person); }
	/// From now on by_subject() finds no person. Only the words of texts are searched.
	void look_at_words_only() { words_only_ = true; }
	bool empty() const { return !has_subjects() && emails_.empty() && text_emails_.empty(); }
	bool has_emails() const { return !emails_.empty(); }
	bool has_subjects() const { return !subjects_.empty() || !unknown_.empty(); }

	uint32_t by_subject(std::string_view canonical) const;
	uint32_t by_email(std::string_view folded) const;
	/// Whether the email was added by add_email() or add_text_email().
	bool is_anybodys_email(uint64_t hash) const
	{
		return emails_.of(hash) != nobody || text_emails_.of(hash) != nobody;
	}
	/// Whether the key was added by add_unknown_subject() and not by add_subject().
	bool is_unknown(std::string_view canonical) const;

	/// The person whose identifier is in a text. The text need not be JSON, and all its readings
	/// (see any_reading) are searched. An email must have characters on both sides that cannot
	/// belong to an email. Keys are searched only if `form` is not null. A key must be a whole
	/// word: 1234 is neither in 51234 nor in 1234.5 or 2024-1234, but 067318 and 67318.0 are the
	/// key 67318. A key of less than four characters, and a key that was added by
	/// add_unknown_subject(), must be the value of a member with the name of the key: "id": 7.
	/// Returns nobody if there is none.
	uint32_t named_in(std::string_view text, const KeyForm *form) const;
	/// The person whose key is this word in any way of writing. `only_telling`: the word is not the
	/// value of a member with the name of the key.
	uint32_t by_word(std::string_view word, const KeyForm &form, bool only_telling) const;

  private:
	uint32_t owner_of_word(std::string_view canonical, const KeyForm &form,
						   bool only_telling) const;
	uint32_t by_any_email(std::string_view folded) const;
	uint32_t email_in(std::string_view text) const;
	uint32_t number_in(std::string_view text, const KeyForm &form) const;
	uint32_t word_in(std::string_view text, const KeyForm &form) const;
	uint32_t quoted_in(std::string_view text, const KeyForm *form) const;

	/// Maps hashes to people.
	class Owners
	{
	  public:
		Owners() = default;
		Owners(const OpenSpillFile &open_file, size_t memory)
			: set_(std::in_place, open_file, memory)
		{
		}
		void add(uint64_t hash, uint32_t person);
		uint32_t of(uint64_t hash) const;
		bool empty() const { return people_.empty() && (!set_ || set_->empty()); }

	  private:
		std::unordered_map<uint64_t, uint32_t> people_;
		std::optional<KeySet> set_; ///< replaces people_ if all people are person 0
	};

	SipKey subject_key_, email_key_;
	Owners subjects_, unknown_, emails_, text_emails_;
	bool words_only_ = false;
};

} // namespace etl
