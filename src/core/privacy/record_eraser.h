// The one place where a record is recognised as somebody's and treated: quarantine, files and, for
// those who were erased before, records on their way in.
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

/// What stands in place of a record that can't be treated field by field: a JSON text, so that a
/// file that begins with it is still told to be JSON Lines.
constexpr std::string_view erased_text = "\"[erased]\"";

/// How a dataset's people are known: their keys may stand in refused records of datasets that are
/// about nobody (a file that came under another's name).
struct PeopleKey
{
	std::string dataset, member; ///< the member of their own records that holds the key
	ColumnType type;
};

/// Who has been erased, as far as it matters to a dataset's records.
struct ErasedPeople
{
	const Identities &people;
	std::string secret;
	std::string dataset;         ///< whose people they are; "": anybody's
	std::vector<PeopleKey> keys; ///< of these people, for a dataset that is about nobody
};

/// Treats the records of one dataset. One for each thread: it keeps buffers.
class RecordEraser
{
  public:
	struct Options
	{
		/// Requests for erasure get pseudonyms of their identifiers; else they are left alone.
		bool requests = true;
		/// The records were accepted: none of them is looked at as a refused one.
		bool accepted = false;
		/// Is asked about texts that encode() cannot read; null for nobody.
		TypeInput *types = nullptr;
	};
	/// dataset: whose people these are. All must outlive it.
	RecordEraser(const Definition &definition, const KeyTypes &key_types, const Identities &people,
				 const std::string &secret, const std::string &dataset, const Options &options);
	RecordEraser(const Definition &definition, const KeyTypes &key_types, const Identities &people,
				 const std::string &secret, const std::string &dataset)
		: RecordEraser(definition, key_types, people, secret, dataset, Options())
	{
	}

	/// Where the dataset has nothing to do with people: keys of these are looked for in records
	/// that its schema refuses. Does nothing for others.
	void find_keys_of(const std::vector<PeopleKey> &keys);

	/// Whose record it is, and what takes its place; Identities::nobody: it stays.
	uint32_t erase(std::string_view text, std::string &out);
	/// The same for a record that is parsed already; subject: canonical, data() null for none.
	uint32_t erase(const Document &document, std::string_view subject, std::string &out);
	/// For one that is no JSON.
	uint32_t erase_malformed(std::string_view text, std::string &out) const;
	/// The hash of the email by which the record is somebody's who has a key that was not known; 0
	/// for any other.
	uint64_t recognised_by(const Document &document, std::string_view subject) const;
	/// The hash of the email that a record says somebody has who was erased by their key, where no
	/// erased person is known to have it; 0 for any other.
	uint64_t new_email(const Document &document, std::string_view subject) const;
	/// Is the record somebody's whose erasure was asked for before anybody knew them?
	bool makes_known(std::string_view subject) const
	{
		return subject.data() != nullptr && people_.is_unknown(subject);
	}
	/// Whose it is, without treating it.
	uint32_t whose(std::string_view text);
	/// The canonical key of the person that a record names, "" for none.
	std::string subject_of(std::string_view text);
	/// The hash of the email that the last text handed to subject_of() says they have; 0 for none.
	uint64_t email_of_subject() const { return known_email_; }
	/// Hash of the email of the person whom the last text handed to erase() or whose() names by
	/// key; 0 where it holds none.
	uint64_t known_email() const { return known_email_; }

  private:
	/// By what a record is recognised.
	enum class By : uint8_t
	{
		name, ///< it names the person where it should
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
	const ColumnType *subject_type_ = nullptr; ///< of the column that names the person
	bool about_ = false;                       ///< its records are about these people
	bool asks_ = false;                        ///< its records ask for their erasure
	bool requests_ = false;                    ///< and are to be treated
	/// Of the people's keys; null where the dataset has nothing to do with them.
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
	std::optional<RefusedRecord> refused_; ///< where a record may be one
	Document document_;
	std::string encoded_;
	uint64_t known_email_ = 0;
};

/// A request for erasure with keyed pseudonyms in place of its identifiers, and its personal fields
/// treated.
std::string pseudonymized_request(const Definition &definition, const std::string &secret,
								  const Document &document);

/// Text at a path: of a string or number, "" for anything else.
std::string text_at(const Document &document, const Path &path);

} // namespace etl
