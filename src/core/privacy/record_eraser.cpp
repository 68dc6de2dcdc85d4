#include "core/privacy/record_eraser.h"

#include "core/definition/normalize.h"
#include "core/json/json_edit.h"
#include "core/privacy/anonymize.h"
#include "core/privacy/email.h"
#include "core/privacy/person_key.h"
#include "core/privacy/pseudonym.h"
#include "core/types/column_type.h"
#include "core/types/encode_key.h"

namespace etl
{

namespace
{

/// The document of a text that is longer than this is freed at once and not reused.
constexpr size_t long_text = 1 << 20;

} // namespace

std::string
text_at(const Document &document, const Path &path)
{
	if (path.empty())
		return {};
	const Value value = find(document.root(), path);
	return value && (value.is(Kind::string) || value.is(Kind::number)) ? std::string(value.text())
																	   : std::string();
}

std::string
pseudonymized_request(const Definition &definition, const std::string &secret,
					  const Document &document)
{
	std::vector<Edit> edits;
	const auto edit = [&](const Path &path, bool is_email)
	{
		const Value value = path.empty() ? Value() : find(document.root(), path);
		if (!value)
			return;
		std::string json = pseudonymized_identifier(*definition.erases, secret, is_email, value);
		if (!json.empty())
			edits.push_back({static_cast<size_t>(value.raw().data() - document.text().data()),
							 value.raw().size(), std::move(json)});
	};
	edit(definition.erases->subject, false);
	edit(definition.erases->email, true);
	add_personal_edits(document, definition.personal, {secret, {}}, edits);
	keep_outermost(edits);
	return apply_edits(document.text(), std::move(edits));
}

RecordEraser::RecordEraser(const Definition &definition, const KeyTypes &key_types,
						   const Identities &people, const std::string &secret,
						   const std::string &dataset, const Options &options)
	: definition_(definition), people_(people), secret_(secret), dataset_(dataset)
{
	about_ = definition.subject && definition.subject->dataset == dataset;
	asks_ = definition.erases && definition.erases->dataset == dataset;
	requests_ = asks_ && options.requests;
	static const ColumnType as_text;
	const auto type = key_types.find(dataset);
	key_type_ = type == key_types.end() ? &as_text : &type->second;
	if (!about_ && !asks_)
		return;
	const Path &path = subject_path();
	if (const ColumnDefinition *subject = definition.subject_column(); about_ && subject != nullptr)
		subject_type_ = &subject->type;
	form_.emplace(*key_type_, path.empty() ? std::string_view() : path.back(), dataset);
	search_.emplace(definition, path, *form_);
	if (!options.accepted && (about_ || requests_))
		refused_.emplace(definition, key_types, options.types);
}

void
RecordEraser::find_keys_of(const std::vector<PeopleKey> &keys)
{
	if (!about_ && !asks_)
		for (const PeopleKey &key : keys)
			strangers_.push_back(std::make_unique<Stranger>(definition_, key));
}

const Path &
RecordEraser::subject_path() const
{
	return about_ ? definition_.subject->path : definition_.erases->subject;
}

bool
RecordEraser::parse(std::string_view text)
{
	ParseError error;
	if (!document_.parse(text, error))
		return false;
	// the record was validated in this form
	normalize_numbers(definition_, document_);
	return true;
}

std::string
RecordEraser::canonical(const Document &document)
{
	if (!about_ && !asks_)
		return {};
	const Path &path = subject_path();
	if (path.empty())
		return {};
	return canonical_person_key(*key_type_, subject_type_, find(document.root(), path));
}

/// Whether the record was refused because it does not name a person as its definition requires.
/// Otherwise a record without a name is not about a person.
bool
RecordEraser::lacks_name(const Document &document) const
{
	if (document.text() == erased_text)
		return false;
	if (!form_)
		return !strangers_.empty() && definition_.schema != nullptr &&
			   !definition_.schema->is_valid(document.root());
	const Path &path = subject_path();
	const Value value = path.empty() ? Value() : find(document.root(), path);
	return (value && !value.is(Kind::null)) || (about_ && path == definition_.key) ||
		   (definition_.schema != nullptr && !definition_.schema->is_valid(document.root()));
}

uint32_t
RecordEraser::find_key(const Document &document) const
{
	if (search_)
		return search_->find(document, people_);
	for (const auto &stranger : strangers_)
		if (const uint32_t person = stranger->search.find(document, people_);
			person != Identities::nobody)
			return person;
	return Identities::nobody;
}

/// Searches a text that is not JSON.
uint32_t
RecordEraser::named_in(std::string_view text) const
{
	uint32_t person = people_.named_in(text, form());
	for (auto stranger = strangers_.begin();
		 person == Identities::nobody && stranger != strangers_.end(); ++stranger)
		person = people_.named_in(text, &(*stranger)->form);
	return person;
}

uint32_t
RecordEraser::find_person(const Document &document, std::string_view subject, By &by)
{
	by = By::name;
	uint32_t person = subject.data() == nullptr ? Identities::nobody : people_.by_subject(subject);
	if (person == Identities::nobody && people_.has_emails())
	{
		const Path *email = about_      ? &definition_.subject->email
							: requests_ ? &definition_.erases->email
										: nullptr;
		if (email != nullptr && !email->empty())
			person = people_.by_email(fold_email(text_at(document, *email)));
	}
	// a record without the identifier in its member may have it elsewhere
	if (person == Identities::nobody && subject.data() == nullptr)
	{
		by = By::email;
		person = people_.named_in(document.text(), nullptr);
		uint32_t by_key = Identities::nobody;
		if (people_.has_subjects() && lacks_name(document))
			by_key = find_key(document);
		if (by_key != Identities::nobody)
		{
			by = By::key;
			person = by_key;
		}
	}
	return person;
}

uint32_t
RecordEraser::erase(const Document &document, std::string_view subject, std::string &out)
{
	if (asks_ && !requests_)
		return Identities::nobody;
	By by;
	const uint32_t person = find_person(document, subject, by);
	if (person == Identities::nobody)
		return person;
	const bool is_refused = refused_ && refused_->is_refused(document);
	if (requests_)
		out = is_refused ? refused_->treat(document, {secret_, {}})
						 : pseudonymized_request(definition_, secret_, document);
	else if (about_ && definition_.subject->on_erasure == OnErasure::remove)
		out = erased_text; // the whole record is removed, and this text replaces it
	else if (about_)
	{
		// a record without a key still gets a token that is the same in all its fields
		const std::string email =
			subject.data() != nullptr
				? std::string()
				: "email:" + fold_email(text_at(document, definition_.subject->email));
		const std::string token =
			subject_token(secret_, dataset_, subject.data() ? subject : email);
		const TreatmentContext context{secret_, token};
		out = is_refused ? refused_->treat(document, context)
						 : anonymize(document, definition_.personal, context);
	}
	// if the key is in another place than its member, so may be any other value
	if ((!about_ && !requests_) || by == By::key ||
		(by == By::email && people_.named_in(out, nullptr) != Identities::nobody))
		out = erased_text;
	return person;
}

uint64_t
RecordEraser::recognised_by(const Document &document, std::string_view subject) const
{
	if (!about_ || subject.data() == nullptr || definition_.subject->email.empty() ||
		people_.by_subject(subject) != Identities::nobody)
		return 0;
	return people_.email_hash(fold_email(text_at(document, definition_.subject->email)));
}

/// The email of the person that a record of their own dataset names. A record that was treated
/// before has a token instead.
uint64_t
RecordEraser::email_of(const Document &document) const
{
	if (!about_ || definition_.subject->email.empty())
		return 0;
	const std::string email = fold_email(text_at(document, definition_.subject->email));
	return email.find('@') != std::string::npos && !email.ends_with(erased_domain)
			   ? people_.email_hash(email)
			   : 0;
}

uint64_t
RecordEraser::new_email(const Document &document, std::string_view subject) const
{
	if (subject.data() == nullptr || people_.by_subject(subject) == Identities::nobody)
		return 0;
	const uint64_t hash = email_of(document);
	return hash != 0 && people_.is_anybodys_email(hash) ? 0 : hash;
}

uint32_t
RecordEraser::erase_malformed(std::string_view text, std::string &out) const
{
	if (text == erased_text)
		return Identities::nobody;
	const uint32_t person = named_in(text);
	if (person != Identities::nobody)
		out = erased_text;
	return person;
}

uint32_t
RecordEraser::erase(std::string_view text, std::string &out)
{
	known_email_ = 0;
	if (!parse(text))
		return erase_malformed(text, out);
	const std::string subject = canonical(document_);
	const uint32_t person =
		erase(document_, subject.empty() ? std::string_view() : std::string_view(subject), out);
	note_email(person, subject);
	if (text.size() > long_text)
		document_.release(); // the document takes many times the memory of the text
	return person;
}

void
RecordEraser::note_email(uint32_t person, std::string_view subject)
{
	if (person != Identities::nobody && !subject.empty())
		known_email_ = email_of(document_);
}

uint32_t
RecordEraser::whose(std::string_view text)
{
	known_email_ = 0;
	if (!parse(text))
		return named_in(text);
	const std::string subject = canonical(document_);
	By by;
	const uint32_t person = find_person(
		document_, subject.empty() ? std::string_view() : std::string_view(subject), by);
	note_email(person, subject);
	if (text.size() > long_text)
		document_.release(); // the document takes many times the memory of the text
	return person;
}

std::string
RecordEraser::subject_of(std::string_view text)
{
	known_email_ = 0;
	if (!parse(text))
		return {};
	std::string subject = canonical(document_);
	note_email(0, subject);
	return subject;
}

} // namespace etl
