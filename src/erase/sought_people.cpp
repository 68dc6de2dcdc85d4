#include "erase/sought_people.h"

#include "anonymize/treated_columns.h"
#include "catalog/subject_index.h"
#include "core/privacy/pseudonym.h"

namespace etl
{

SoughtPeople::SoughtPeople(const std::string &dataset, const std::string &secret,
						   std::vector<ErasureRequest> &requests, KnownEmails &known_emails)
	: dataset_(dataset), secret_(secret), requests_(requests), known_emails_(known_emails),
	  identities_(secret), strangers_(secret)
{
}

void
SoughtPeople::look_for_all()
{
	identities_ = Identities(secret_);
	strangers_ = Identities(secret_);
	subjects_.clear();
	by_subject_.clear();
	use_subjects({});
	subjects_.reserve(requests_.size());
	by_subject_.reserve(requests_.size());
	const auto add_key = [&](uint64_t hash, uint32_t person, bool known)
	{
		known ? identities_.add_subject(hash, person)
			  : identities_.add_unknown_subject(hash, person);
		if (!known)
			strangers_.add_subject(hash, person);
	};
	for (uint32_t i = 0; i < requests_.size(); ++i)
	{
		const ErasureRequest &request = requests_[i];
		if (request.duplicate || request.held || !request.failure.empty())
			continue;
		if (!request.subject.empty() && by_subject_.emplace(request.subject, i).second)
		{
			subjects_.push_back(request.subject);
			add_key(identities_.subject_hash(request.subject), i, request.known);
		}
		// the subject is known by the journal: a record that names nobody where it should may be
		// about it
		if (request.subject.empty() && request.subject_hash != 0)
			add_key(request.subject_hash, i, request.status != "not_found");
		if (!request.email.empty() && !request.conflict)
		{
			const uint64_t hash = identities_.email_hash(request.email);
			request.shared_email ? identities_.add_text_email(hash, i)
								 : identities_.add_email(hash, i);
		}
		else if (request.email_hash != 0)
			identities_.add_email(request.email_hash, i);
		for (const uint64_t hash : request.known_emails)
			identities_.add_text_email(hash, i);
	}
	use_subjects(subjects_);
	for (const auto &[person, hash] : known_emails_)
		if (requests_[person].failure.empty())
			identities_.add_text_email(hash, person);
	is_anybody_ = !identities_.empty();
}

void
SoughtPeople::look_for_emails(const KnownEmails &emails)
{
	look_for_nobody();
	strangers_ = Identities(secret_);
	for (const auto &[person, hash] : emails)
		identities_.add_text_email(hash, person);
}

void
SoughtPeople::look_for_words()
{
	look_for_all();
	identities_.look_at_words_only();
	strangers_ = Identities(secret_);
}

void
SoughtPeople::find_known(const Readings &readings)
{
	std::unordered_map<int64_t, uint32_t> unknown;
	std::vector<int64_t> hashes;
	bool is_new = false;
	for (const auto &[subject, i] : by_subject_)
	{
		ErasureRequest &request = requests_[i];
		if (request.known)
			continue;
		request.known = request.row_count > 0;
		is_new = is_new || request.known;
		if (request.known)
			continue;
		hashes.push_back(static_cast<int64_t>(identities_.subject_hash(subject)));
		unknown.emplace(hashes.back(), i);
	}
	for (const std::string &name : readings.related())
		if (!hashes.empty())
			for (const int64_t hash : subjects_in_files(name, hashes))
				is_new = requests_[unknown.at(hash)].known = true;
	if (is_new)
		look_for_all();
}

void
SoughtPeople::add_known_email(uint32_t person, uint64_t hash)
{
	identities_.add_text_email(hash, person);
	known_emails_.emplace(person, hash);
}

std::optional<uint32_t>
SoughtPeople::request_of(std::string_view subject) const
{
	const auto found = by_subject_.find(subject);
	return found == by_subject_.end() ? std::nullopt : std::optional(found->second);
}

void
SoughtPeople::use_subjects(std::vector<std::string_view> subjects)
{
	used_ = std::move(subjects);
	texts_.reset();
	tokens_.reset();
}

pg::Param
SoughtPeople::texts()
{
	if (!texts_)
		texts_ = pg::param_array(used_);
	return *texts_;
}

pg::Param
SoughtPeople::tokens()
{
	if (!tokens_)
	{
		// all in one string: separate strings would take twice the memory
		std::string bytes;
		std::vector<size_t> ends;
		ends.reserve(used_.size());
		for (const std::string_view subject : used_)
		{
			const std::string token = subject_token(secret_, dataset_, subject);
			if (ends.empty())
				bytes.reserve(token.size() * used_.size());
			bytes += token;
			ends.push_back(bytes.size());
		}
		std::vector<std::string_view> tokens;
		tokens.reserve(ends.size());
		for (size_t from = 0; const size_t end : ends)
		{
			tokens.push_back(std::string_view(bytes).substr(from, end - from));
			from = end;
		}
		tokens_ = pg::param_array(tokens);
	}
	return *tokens_;
}

} // namespace etl
