#include "core/record_eraser.h"

#include "core/encode.h"
#include "core/rewrite.h"

namespace etl
{

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
pseudonymized_request(const ErasesDefinition &erases, const std::string &secret,
					  const Document &document)
{
	std::vector<Edit> edits;
	const auto edit = [&](const Path &path, const char *kind, bool fold)
	{
		if (path.empty())
			return;
		const Value value = find(document.root(), path);
		if (!value || (!value.is(Kind::string) && !value.is(Kind::number)))
			return;
		std::string identifier(value.text());
		if (fold)
			identifier = fold_email(identifier);
		std::string json;
		append_json_string(json, subject_pseudonym(secret, erases.dataset, kind, identifier));
		edits.push_back({static_cast<size_t>(value.raw().data() - document.text().data()),
						 value.raw().size(), json});
	};
	edit(erases.subject, "subject", false);
	edit(erases.email, "email", true);
	return apply_edits(document.text(), std::move(edits));
}

RecordEraser::RecordEraser(const Definition &definition, const KeyTypes &key_types,
						   const Identities &people, const std::string &secret,
						   const std::string &dataset, bool requests)
	: definition_(definition), people_(people), secret_(secret), dataset_(dataset)
{
	about_ = definition.subject && definition.subject->dataset == dataset;
	asks_ = definition.erases && definition.erases->dataset == dataset;
	requests_ = asks_ && requests;
	static const ColumnType as_text;
	const auto type = key_types.find(dataset);
	key_type_ = type == key_types.end() ? &as_text : &type->second;
	if (!about_ && !asks_)
		return;
	const Path &path = subject_path();
	form_.emplace(*key_type_, path.empty() ? std::string_view() : path.back(), dataset);
	search_.emplace(definition, path, *form_);
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
	// as it was when it was tested
	normalise_numbers(definition_, document_);
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
	const Value value = find(document.root(), path);
	if (!value || (!value.is(Kind::string) && !value.is(Kind::number)))
		return {};
	encoded_.clear();
	TypeError error;
	return encode(*key_type_, value, encoded_, error) ? canonical_text(*key_type_, encoded_)
													  : std::string();
}

/// Is it refused because it does not name anybody as its definition wants it? One that may leave
/// that out is about nobody.
bool
RecordEraser::lacks_name(const Document &document) const
{
	if (!form_ || document.text() == erased_text)
		return false;
	const Path &path = subject_path();
	const Value value = path.empty() ? Value() : find(document.root(), path);
	return (value && !value.is(Kind::null)) || (about_ && path == definition_.key) ||
		   (definition_.schema != nullptr && !definition_.schema->is_valid(document.root()));
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
	// a record that names nobody where it should may do so elsewhere
	if (person == Identities::nobody && subject.data() == nullptr)
	{
		by = By::email;
		person = people_.named_in(document.text(), nullptr);
		uint32_t by_key = Identities::nobody;
		if (people_.has_subjects() && lacks_name(document))
			by_key = search_->find(document, people_);
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
	if (requests_)
		out = pseudonymized_request(*definition_.erases, secret_, document);
	else if (about_)
	{
		// without a key of its own the record still gets a token that agrees with itself
		const std::string email =
			subject.data() != nullptr
				? std::string()
				: "email:" + fold_email(text_at(document, definition_.subject->email));
		// a record that goes as a whole leaves the text that stands for one
		const std::string token =
			subject_token(secret_, dataset_, subject.data() ? subject : email);
		out = erased_record(document, definition_, {secret_, token})
				  .value_or(std::string(erased_text));
	}
	// what holds the key elsewhere may hold anything elsewhere
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

uint32_t
RecordEraser::erase_malformed(std::string_view text, std::string &out) const
{
	if (text == erased_text)
		return Identities::nobody;
	const uint32_t person = people_.named_in(text, form());
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
	return person;
}

void
RecordEraser::note_email(uint32_t person, std::string_view subject)
{
	if (person == Identities::nobody || subject.empty() || !about_ ||
		definition_.subject->email.empty())
		return;
	const std::string email = fold_email(text_at(document_, definition_.subject->email));
	// what has been treated before holds a token
	if (email.find('@') != std::string::npos && !email.ends_with(erased_domain))
		known_email_ = people_.email_hash(email);
}

uint32_t
RecordEraser::whose(std::string_view text)
{
	known_email_ = 0;
	if (!parse(text))
		return people_.named_in(text, form());
	const std::string subject = canonical(document_);
	By by;
	const uint32_t person = find_person(
		document_, subject.empty() ? std::string_view() : std::string_view(subject), by);
	note_email(person, subject);
	return person;
}

std::string
RecordEraser::subject_of(std::string_view text)
{
	return parse(text) ? canonical(document_) : std::string();
}

} // namespace etl
