// Decides whether a record belongs to an erased person, and treats it. Used for the quarantine, for
// files, and for new records about people who were erased before.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/definition/definition.h"
#include "core/privacy/identities.h"
#include "core/privacy/key_search.h"
#include "core/privacy/refused_record.h"
#include "core/types/column_type.h"
#include "core/types/type_input.h"

namespace etl
{

/// Replaces a record that cannot be treated field by field. It is a JSON text, so that a file that
/// begins with it is still recognised as JSON Lines.
constexpr std::string_view erased_text = "\"[erased]\"";

/// The keys of a dataset's people. They are searched in refused records of datasets that are not
/// about people, because a file may have been delivered under the name of another dataset.
struct PeopleKey
{
	std::string dataset, member; ///< the member of the dataset's own records that contains the key
	ColumnType type;
};

/// The erased people who matter to the records of a dataset.
struct ErasedPeople
{
	const Identities &people;
	std::string secret;
	std::string dataset;         ///< the dataset of the people; "" for the people of any dataset
	std::vector<PeopleKey> keys; ///< keys of these people, for a dataset that is not about people
};

/// Treats the records of one dataset. It keeps buffers; each thread has its own.
class RecordEraser
{
  public:
	struct Options
	{
		/// Whether requests for erasure get pseudonyms in place of their identifiers. Otherwise
		/// they are not changed.
		bool requests = true;
		/// Whether the records were accepted. Otherwise each record is checked for being a refused
		/// one.
		bool accepted = false;
		/// Answers questions about texts that encode() cannot read. Null if there are no answers.
		TypeInput *types = nullptr;
	};
	/// `dataset`: the dataset of the people. All arguments must outlive the object.
	RecordEraser(const Definition &definition, const KeyTypes &key_types, const Identities &people,
				 const std::string &secret, const std::string &dataset, const Options &options);
	RecordEraser(const Definition &definition, const KeyTypes &key_types, const Identities &people,
				 const std::string &secret, const std::string &dataset)
		: RecordEraser(definition, key_types, people, secret, dataset, Options())
	{
	}

	/// Searches the keys of these people in records that the schema refuses. Has an effect only for
	/// a dataset whose records are not about the people and do not ask for their erasure.
	void find_keys_of(const std::vector<PeopleKey> &keys);

	/// Returns the erased person to whom the record belongs, and the text that replaces it. Returns
	/// Identities::nobody if the record does not change.
	uint32_t erase(std::string_view text, std::string &out);
	/// Like erase(text, out), for a record that is already parsed. `subject` is canonical; its
	/// data() is null if the record has none.
	uint32_t erase(const Document &document, std::string_view subject, std::string &out);
	/// Like erase(text, out), for a text that is not JSON.
	uint32_t erase_malformed(std::string_view text, std::string &out) const;
	/// For a record that belongs to an erased person: the hash of its email if the person was
	/// recognised by the email, and the record's key was not known to be theirs. Otherwise 0.
	uint64_t recognised_by(const Document &document, std::string_view subject) const;
	/// For a record whose person was erased by key: the hash of the email in the record if it is
	/// not known to belong to an erased person. Otherwise 0.
	uint64_t new_email(const Document &document, std::string_view subject) const;
	/// Whether the record is about a person whose erasure was requested before any record had their
	/// key.
	bool makes_known(std::string_view subject) const
	{
		return subject.data() != nullptr && people_.is_unknown(subject);
	}
	/// Like erase(), without treating the record.
	uint32_t whose(std::string_view text);
	/// The canonical key of the person that a record names, or "".
	std::string subject_of(std::string_view text);
	/// The hash of the email in the last text that was given to subject_of(), or 0.
	uint64_t email_of_subject() const { return known_email_; }
	/// The hash of the email in the last text that was given to erase() or whose(), if the text
	/// names the person by key. Otherwise 0.
	uint64_t known_email() const { return known_email_; }

  private:
	/// How a record was recognised.
	enum class By : uint8_t
	{
		name, ///< the record has the key or email in the member for it
		email,
		key
	};

	uint32_t find_person(const Document &document, std::string_view subject, By &by);
	uint32_t find_key(const Document &document) const;
	uint32_t named_in(std::string_view text) const;
	bool lacks_name(const Document &document) const;
	bool parse(std::string_view text);
	const Path &subject_path() const;
	const KeyForm *form() const { return form_ ? &*form_ : nullptr; }
	std::string canonical(const Document &document);
	uint64_t email_of(const Document &document) const;
	void note_email(uint32_t person, std::string_view subject);

	const Definition &definition_;
	const Identities &people_;
	const std::string &secret_, &dataset_;
	const ColumnType *key_type_ = nullptr;
	const ColumnType *subject_type_ = nullptr; ///< type of the column that names the person
	bool about_ = false; ///< the records of the dataset are about these people
	bool asks_ = false; ///< the records of the dataset are requests for the erasure of these people
	bool requests_ = false; ///< requests are treated
	/// The form of the people's keys. Empty if the dataset is neither about them nor about their
	/// erasure.
	std::optional<KeyForm> form_;
	std::optional<KeySearch> search_;
	struct Stranger
	{
		KeyForm form;
		KeySearch search;
		Stranger(const Definition &definition, const PeopleKey &key)
			: form(key.type, key.member, key.dataset), search(definition, {}, form, false)
		{
		}
	};
	std::vector<std::unique_ptr<Stranger>> strangers_;
	std::optional<RefusedRecord> refused_; ///< present if records may be refused ones
	Document document_;
	std::string encoded_;
	uint64_t known_email_ = 0;
};

/// The text of a request for erasure with keyed pseudonyms in place of its identifiers, and its
/// personal fields treated.
std::string pseudonymized_request(const Definition &definition, const std::string &secret,
								  const Document &document);

/// The text of the string or number at a path. "" if there is none.
std::string text_at(const Document &document, const Path &path);

} // namespace etl
