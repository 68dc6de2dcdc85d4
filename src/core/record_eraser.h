// The one place where a record is recognised as somebody's and treated: quarantine, files and, for
// those who were erased before, records on their way in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/definition.h"
#include "core/identities.h"
#include "core/key_search.h"
#include "core/staged_record.h"

namespace etl
{

/// What stands in place of a record that can't be treated field by field: a JSON text, so that a
/// file that begins with it is still told to be JSON Lines.
constexpr std::string_view erased_text = "\"[erased]\"";

/// Treats the records of one dataset. One for each thread: it keeps buffers.
class RecordEraser
{
  public:
	/// dataset: whose people these are. All must outlive it. Requests for erasure get pseudonyms
	/// of their identifiers where `requests` is set, and are left alone otherwise.
	RecordEraser(const Definition &definition, const KeyTypes &key_types, const Identities &people,
				 const std::string &secret, const std::string &dataset, bool requests = true);

	/// Whose record it is, and what takes its place; Identities::nobody: it stays.
	uint32_t erase(std::string_view text, std::string &out);
	/// The same for a record that is parsed already; subject: canonical, data() null for none.
	uint32_t erase(const Document &document, std::string_view subject, std::string &out);
	/// For one that is no JSON.
	uint32_t erase_malformed(std::string_view text, std::string &out) const;
	/// The hash of the email by which the record is somebody's who has a key that was not known; 0
	/// for any other.
	uint64_t recognised_by(const Document &document, std::string_view subject) const;
	/// Whose it is, without treating it.
	uint32_t whose(std::string_view text);
	/// The canonical key of the person that a record names, "" for none.
	std::string subject_of(std::string_view text);
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
	bool lacks_name(const Document &document) const;
	bool parse(std::string_view text);
	const Path &subject_path() const;
	const KeyForm *form() const { return form_ ? &*form_ : nullptr; }
	std::string canonical(const Document &document);
	void note_email(uint32_t person, std::string_view subject);

	const Definition &definition_;
	const Identities &people_;
	const std::string &secret_, &dataset_;
	const ColumnType *key_type_ = nullptr;
	bool about_ = false;    ///< its records are about these people
	bool asks_ = false;     ///< its records ask for their erasure
	bool requests_ = false; ///< and are to be treated
	/// Of the people's keys; null where the dataset has nothing to do with them.
	std::optional<KeyForm> form_;
	std::optional<KeySearch> search_;
	Document document_;
	std::string encoded_;
	uint64_t known_email_ = 0;
};

/// A request for erasure with keyed pseudonyms in place of its identifiers; "" when it is no JSON.
std::string pseudonymized_request(const ErasesDefinition &erases, const std::string &secret,
								  const Document &document);

/// Text at a path: of a string or number, "" for anything else.
std::string text_at(const Document &document, const Path &path);

} // namespace etl
