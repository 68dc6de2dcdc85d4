// People who are recognised in records without being known: by keyed hashes of their identifiers.
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

/// A set of people, each a number that the caller gives. Emails are compared folded, keys in their
/// canonical text.
class Identities
{
  public:
	static constexpr uint32_t nobody = UINT32_MAX;

	/// secret: of etl.key_file.
	explicit Identities(std::string_view secret);
	/// For any number of people, who all are person 0: of each kind of identifier, what exceeds
	/// `memory` bytes goes to files that open_file makes. Several threads may look people up if
	/// they may read such a file; all that do then throw what reading it throws.
	Identities(std::string_view secret, const OpenSpillFile &open_file, size_t memory);

	uint64_t subject_hash(std::string_view canonical) const;
	uint64_t email_hash(std::string_view folded) const;
	/// The first person to have an identifier keeps it.
	void add_subject(uint64_t hash, uint32_t person) { subjects_.add(hash, person); }
	/// A key that nobody is known to have: it is somebody's who is named where a record should name
	/// them, or in a member of the key's name. As a word elsewhere it may be a word (1, "open"),
	/// and counts only where its form tells that it is a key (KeyForm::is_specific).
	void add_unknown_subject(uint64_t hash, uint32_t person) { unknown_.add(hash, person); }
	void add_email(uint64_t hash, uint32_t person) { emails_.add(hash, person); }
	/// An email that others may have, too: it counts only in what names nobody otherwise.
	void add_text_email(uint64_t hash, uint32_t person) { text_emails_.add(hash, person); }
	/// From now on by_subject() knows nobody: only words are looked through.
	void look_at_words_only() { words_only_ = true; }
	bool empty() const { return !has_subjects() && emails_.empty() && text_emails_.empty(); }
	bool has_emails() const { return !emails_.empty(); }
	bool has_subjects() const { return !subjects_.empty() || !unknown_.empty(); }

	uint32_t by_subject(std::string_view canonical) const;
	uint32_t by_email(std::string_view folded) const;
	/// Was the email added, as whoever's?
	bool is_anybodys_email(uint64_t hash) const
	{
		return emails_.of(hash) != nobody || text_emails_.of(hash) != nobody;
	}
	/// Was the key added as nobody's?
	bool is_unknown(std::string_view canonical) const;

	/// Whose identifier stands in a text that need not be JSON, in any of its readings (see
	/// any_reading). An email counts between characters that no email has; a key, where keys are
	/// looked for (form is not null), as a whole word (1234 is neither in 51234 nor in 1234.5 or
	/// 2024-1234, 067318 and 67318.0 are 67318), and one of less than four characters only as the
	/// value of a member of the key's name: "id": 7. So does a key that nobody is known to have.
	uint32_t named_in(std::string_view text, const KeyForm *form) const;
	/// Whose key a whole word is, however it is written. only_telling: it is not the value of a
	/// member of the key's name.
	uint32_t by_word(std::string_view word, const KeyForm &form, bool only_telling) const;

  private:
	uint32_t owner_of_word(std::string_view canonical, const KeyForm &form,
						   bool only_telling) const;
	uint32_t by_any_email(std::string_view folded) const;
	uint32_t email_in(std::string_view text) const;
	uint32_t number_in(std::string_view text, const KeyForm &form) const;
	uint32_t word_in(std::string_view text, const KeyForm &form) const;
	uint32_t quoted_in(std::string_view text, const KeyForm *form) const;

	/// Whose a hash is.
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
		std::optional<KeySet> set_; ///< of person 0's instead, where there may be any number
	};

	SipKey subject_key_, email_key_;
	Owners subjects_, unknown_, emails_, text_emails_;
	bool words_only_ = false;
};

} // namespace etl
