// Finds the people whom requests mean.
#include <algorithm>
#include <deque>
#include <iterator>
#include <set>

#include "anonymize/treated_columns.h"
#include "catalog/definitions.h"
#include "catalog/subject_index.h"
#include "catalog/tombstone.h"
#include "core/definition/definition.h"
#include "core/files/file_error.h"
#include "core/files/file_reader.h"
#include "core/privacy/email.h"
#include "core/privacy/identities.h"
#include "core/privacy/pseudonym.h"
#include "core/records/file_name.h"
#include "erase/erase.h"
#include "erase/find_people.h"
#include "erase/resolve_requests.h"
#include "load/claim.h"
#include "load/quarantine.h"
#include "pg/limits.h"
#include "pg/read_records.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/table_statement.h"

namespace etl
{

namespace
{

constexpr char read_records_of_keys_sql[] = R"(
SELECT record, coalesce(subject, '')
  FROM etl.quarantine
 WHERE dataset = $1 AND record IS NOT NULL
       -- a key that is too long for the index stands in the record only
   AND (subject IS NOT NULL OR octet_length(record) > $2))";

/// The subjects that have each of the emails, in the table, in quarantine, in staged files, or
/// formerly.
class Owners
{
  public:
	Owners(const Catalog &catalog, const std::string &dataset, const std::string &secret,
		   const std::vector<ErasureRequest> &requests)
		: catalog_(catalog), dataset_(dataset), secret_(secret)
	{
		const Definition *people = catalog.find(dataset);
		if (people == nullptr || !people->subject || people->subject->email.empty())
			return;
		for (const ErasureRequest &request : requests)
			if (!request.email.empty())
				emails_.push_back(request.email);
		std::sort(emails_.begin(), emails_.end());
		emails_.erase(std::unique(emails_.begin(), emails_.end()), emails_.end());
		if (emails_.empty())
			return;
		find_in_table(*people);
		find_in_quarantine(*people);
		find_in_staged(*people);
		find_former();
	}

	const std::set<std::string> &of(const std::string &email) const
	{
		static const std::set<std::string> nobody;
		const auto found = owners_.find(email);
		return found == owners_.end() ? nobody : found->second;
	}

  private:
	void find_in_table(const Definition &people)
	{
		if (people.key_column() == nullptr || !find_table(people.tables[0]))
			return;
		const TableDefinition &table = people.tables[0];
		const std::string key = pg::quote(people.key_column()->name);
		for (const std::string &email : field_expressions(table, people.subject->email, "t"))
		{
			const pg::Rows rows = pg::query_table(
				"SELECT e.email, t." + key + "::text FROM unnest($1::text[]) e(email)" + " JOIN " +
					quoted(table) + " t ON etl.fold_email(" + email + ") = e.email WHERE t." + key +
					" IS NOT NULL",
				{pg::param_array(emails_)});
			for (uint64_t i = 0; i < rows.size(); ++i)
				owners_[rows.text(i, 0)].insert(rows.text(i, 1));
		}
	}

	void find_in_quarantine(const Definition &people)
	{
		Document document;
		pg::Cursor cursor(
			read_records_of_keys_sql,
			{pg::param(dataset_), pg::param(static_cast<int64_t>(limits::indexed_key_bytes))});
		cursor.for_each(
			limits::fetched_records,
			[&](const pg::Rows &rows, uint64_t i)
			{
				ParseError error;
				const std::string record = rows.text(i, 0);
				if (!document.parse(record, error))
					return;
				const std::string email = fold_email(text_at(document, people.subject->email));
				if (!std::binary_search(emails_.begin(), emails_.end(), std::string_view(email)))
					return;
				std::string subject = rows.text(i, 1);
				if (subject.empty())
					subject = canonical_key_of(catalog_, people, document);
				if (!subject.empty())
					owners_[email].insert(std::move(subject));
			});
	}

	/// Finds people who had an email before an update replaced it: a request that arrives late
	/// means them, too.
	void find_former()
	{
		const Identities identities(secret_);
		std::map<int64_t, std::string_view> by_hash;
		std::vector<int64_t> hashes;
		for (const std::string_view email : emails_)
		{
			hashes.push_back(static_cast<int64_t>(identities.email_hash(email)));
			by_hash.emplace(hashes.back(), email);
		}
		std::set<std::pair<int64_t, int64_t>> known;
		for (const auto &[email, subjects] : owners_)
			for (const std::string &subject : subjects)
				known.emplace(static_cast<int64_t>(identities.email_hash(email)),
							  static_cast<int64_t>(identities.subject_hash(subject)));
		std::set<std::pair<int64_t, int64_t>> former;
		for (const PersonEmail &pair : subjects_of_emails(dataset_, std::move(hashes)))
			former.emplace(static_cast<int64_t>(pair.email), static_cast<int64_t>(pair.subject));
		std::vector<int64_t> subjects;
		for (const auto &pair : former)
			if (known.count(pair) == 0)
				subjects.push_back(pair.second);
		const auto keys = keys_of_hashes(catalog_, dataset_, secret_, std::move(subjects));
		for (const auto &pair : former)
			if (const auto key = keys.find(pair.second);
				known.count(pair) == 0 && key != keys.end())
				owners_[std::string(by_hash.at(pair.first))].insert(key->second);
	}

	void add_owner(const Definition &people, const Document &document)
	{
		const std::string email = fold_email(text_at(document, people.subject->email));
		if (!std::binary_search(emails_.begin(), emails_.end(), std::string_view(email)))
			return;
		std::string subject = canonical_key_of(catalog_, people, document);
		if (!subject.empty())
			owners_[email].insert(std::move(subject));
	}

	/// Finds the owners of emails in staged files: the erasure treats an email there before the
	/// record is loaded, so its key must be found now.
	void find_in_staged(const Definition &people)
	{
		const pg::Settings settings = pg::Settings::current();
		if (settings.raw_dir.empty())
			return;
		Document document;
		for_staged_files(
			settings.raw_dir,
			[&](const StagedFile &file)
			{
				if (catalog_.claimant(file.name()) != dataset_)
					return;
				try
				{
					FileReader reader(settings.raw_dir + "/" + file.path, Content::staged,
									  UINT64_MAX);
					pg::for_each_record(reader, settings.max_record_size, is_whole_json(file.path),
										[&](const RawRecord &raw)
										{
											ParseError error;
											if (document.parse(raw.text, error))
												add_owner(people, document);
										});
				}
				catch (const FileError &)
				{
					// a file that cannot be read cannot be loaded either; the erasure reports it
				}
			},
			// the erasure itself reports it
			[](const UnreadableDirectory &) {});
	}

	const Catalog &catalog_;
	const std::string &dataset_, &secret_;
	std::vector<std::string_view> emails_; ///< of the requests, sorted
	std::unordered_map<std::string, std::set<std::string>> owners_;
};

/// Sets the subjects of requests that give only an email, and adds requests where several people
/// have it. Returns for each request the index of the request that it came from.
std::vector<size_t>
name_people(const Owners &owners, std::vector<ErasureRequest> &requests)
{
	std::vector<size_t> origins;
	origins.reserve(requests.size());
	// most requests stay as they are: a second list of them is made only when a request is added
	std::vector<ErasureRequest> more;
	bool is_longer = false;
	for (size_t i = 0; i < requests.size(); ++i)
	{
		ErasureRequest &request = requests[i];
		const std::set<std::string> *people = nullptr;
		if (!request.email.empty())
			people = &owners.of(request.email);
		if (people != nullptr && !people->empty())
		{
			if (request.subject.empty())
			{
				request.by_email = true;
				if (people->size() > 1 && !is_longer)
				{
					is_longer = true;
					more.reserve(requests.size() + people->size());
					std::move(requests.begin(), requests.begin() + static_cast<ptrdiff_t>(i),
							  std::back_inserter(more));
				}
				// in their order; the last one is set below
				for (auto person = people->begin(); person != std::prev(people->end()); ++person)
				{
					origins.push_back(i);
					more.push_back(request);
					more.back().subject = *person;
				}
				request.subject = *people->rbegin();
			}
			else
			{
				request.conflict = people->count(request.subject) == 0;
				request.shared_email = !request.conflict && people->size() > 1;
			}
		}
		origins.push_back(i);
		if (is_longer)
			more.push_back(std::move(request));
	}
	if (is_longer)
		requests = std::move(more);
	return origins;
}

constexpr char find_held_requests_sql[] = R"(
SELECT p.i
  FROM unnest($2::text[]) WITH ORDINALITY p(subject, i)
 WHERE EXISTS (SELECT FROM etl.erasure e
                WHERE e.dataset = $1 AND e.subject = p.subject AND e.status = 'held'))";

} // namespace

std::vector<size_t>
resolve_requests(const Catalog &catalog, const std::string &dataset, const std::string &secret,
				 std::vector<ErasureRequest> &requests, KeySet &seen)
{
	const std::vector<size_t> origins =
		name_people(Owners(catalog, dataset, secret, requests), requests);
	// find people who were asked for before
	std::vector<size_t> by_subject, by_email;
	std::vector<std::string_view> subjects, emails;
	for (ErasureRequest &request : requests)
	{
		if (!request.subject.empty())
			request.pseudonym = subject_pseudonym(secret, dataset, "subject", request.subject);
		if (!request.email.empty())
			request.email_pseudonym = subject_pseudonym(secret, dataset, "email", request.email);
		const std::string &name =
			request.pseudonym.empty() ? request.email_pseudonym : request.pseudonym;
		request.duplicate = seen.contains(name);
		if (!request.duplicate)
			seen.add(name);
	}
	for (size_t i = 0; i < requests.size(); ++i)
		if (!requests[i].duplicate && !requests[i].pseudonym.empty())
		{
			by_subject.push_back(i);
			subjects.push_back(requests[i].pseudonym);
		}
		else if (!requests[i].duplicate)
		{
			by_email.push_back(i);
			emails.push_back(requests[i].email_pseudonym);
		}
	const std::vector<bool> known_subjects = have_tombstones(dataset, "subject", subjects);
	const std::vector<bool> known_emails = have_tombstones(dataset, "email", emails);
	for (size_t i = 0; i < by_subject.size(); ++i)
		requests[by_subject[i]].duplicate = known_subjects[i];
	for (size_t i = 0; i < by_email.size(); ++i)
		requests[by_email[i]].duplicate = known_emails[i];
	// a request that waits for the end of a hold counts as asked for
	const pg::Rows waiting =
		pg::query(find_held_requests_sql, {pg::param(dataset), pg::param_array(subjects)});
	for (uint64_t i = 0; i < waiting.size(); ++i)
		requests[by_subject[static_cast<size_t>(waiting.integer(i, 0) - 1)]].duplicate = true;
	return origins;
}

void
note_recognised(const Batch &batch, RecognisedPeople &recognised)
{
	for (const auto &piece : batch.pieces)
		for (const Recognition &said : piece->recognitions)
		{
			RecognisedPerson &person = recognised[std::string(said.subject)];
			if (person.erased_email == 0)
				person.erased_email = said.erased_email;
			person.was_unknown = person.was_unknown || said.was_unknown;
			if (said.new_email != 0)
				person.new_emails.insert(said.new_email);
		}
}

namespace
{

constexpr char read_requests_of_subjects_sql[] = R"(
SELECT t.pseudonym, coalesce(e.source, 'journal'), coalesce(e.email, ''),
       e.received_at
  FROM etl.tombstone t
  LEFT JOIN etl.erasure e ON e.erasure_id = t.erasure_id
 WHERE t.dataset = $1 AND t.kind = 'subject' AND (t.weak OR NOT $3)
   AND t.reinstated_at IS NULL AND t.pseudonym = ANY ($2))";

/// The requests by which these people were erased. weak: only people whose keys nobody was known to
/// have.
std::vector<ErasureRequest>
requests_of_erased(const std::string &dataset, const std::string &secret,
				   const std::set<std::string> &people, bool weak)
{
	std::map<std::string, std::string_view> subjects;
	std::vector<std::string_view> pseudonyms;
	for (const std::string &subject : people)
		pseudonyms.push_back(
			subjects.emplace(subject_pseudonym(secret, dataset, "subject", subject), subject)
				.first->first);
	const pg::Rows rows =
		pg::query(read_requests_of_subjects_sql,
				  {pg::param(dataset), pg::param_array(pseudonyms), pg::param(weak)});
	std::vector<ErasureRequest> requests;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		ErasureRequest &request = requests.emplace_back();
		request.pseudonym = rows.text(i, 0);
		request.subject = subjects.at(request.pseudonym);
		request.source = std::make_shared<const std::string>(rows.text(i, 1));
		request.email_pseudonym = rows.text(i, 2);
		request.received_at = rows.time(i, 3);
		request.known = true;
	}
	return requests;
}

/// The emails that records say erased people have, and for which these people have no tombstone
/// yet: by key.
std::map<std::string, std::vector<uint64_t>>
new_emails_of(const std::string &dataset, const std::string &secret,
			  const RecognisedPeople &recognised)
{
	std::vector<std::pair<std::string_view, uint64_t>> emails;
	std::deque<std::string> names;
	for (const auto &[subject, person] : recognised)
	{
		if (person.erased_email != 0 || person.new_emails.empty())
			continue;
		const std::string pseudonym = subject_pseudonym(secret, dataset, "subject", subject);
		for (const uint64_t hash : person.new_emails)
		{
			emails.emplace_back(subject, hash);
			names.push_back(known_email_name(pseudonym, hash));
		}
	}
	const std::vector<bool> known =
		have_tombstones(dataset, "known_email", {names.begin(), names.end()});
	std::map<std::string, std::vector<uint64_t>> fresh;
	for (size_t i = 0; i < emails.size(); ++i)
		if (!known[i])
			fresh[std::string(emails[i].first)].push_back(emails[i].second);
	return fresh;
}

/// Erases again people who were erased by a key before anyone was known to have it, and people
/// whose records have come with emails that were not known to be theirs.
void
erase_known_now(const Catalog &catalog, const std::string &dataset, const std::string &secret,
				const RecognisedPeople &recognised)
{
	std::set<std::string> unknown, others;
	for (const auto &[subject, person] : recognised)
		if (person.was_unknown)
			unknown.insert(subject);
	std::vector<ErasureRequest> requests = requests_of_erased(dataset, secret, unknown, true);
	std::map<std::string, std::vector<uint64_t>> emails =
		new_emails_of(dataset, secret, recognised);
	for (const auto &[subject, hashes] : emails)
		others.insert(subject);
	for (const ErasureRequest &request : requests)
		others.erase(request.subject);
	for (ErasureRequest &request : requests_of_erased(dataset, secret, others, false))
		requests.push_back(std::move(request));
	for (ErasureRequest &request : requests)
		if (const auto of = emails.find(request.subject); of != emails.end())
			request.known_emails = std::move(of->second);
	erase_words_of(catalog, dataset, secret, requests, pg::Settings::current());
}

constexpr char read_requests_of_emails_sql[] = R"(
SELECT t.hash, t.pseudonym, coalesce(e.source, 'journal'),
       e.received_at
  FROM etl.tombstone t
  LEFT JOIN etl.erasure e ON e.erasure_id = t.erasure_id
 WHERE t.dataset = $1 AND t.kind = 'email' AND NOT t.weak AND t.reinstated_at IS NULL
   AND t.hash = ANY ($2))";

/// erase_recognised() for one slice.
void
erase_slice(const Catalog &catalog, const std::string &dataset, const std::string &secret,
			const RecognisedPeople &recognised)
{
	std::vector<ErasureRequest> requests;
	erase_known_now(catalog, dataset, secret, recognised);
	{
		std::vector<int64_t> hashes;
		for (const auto &[subject, person] : recognised)
			if (person.erased_email != 0)
				hashes.push_back(static_cast<int64_t>(person.erased_email));
		if (hashes.empty())
			return;
		const pg::Rows rows =
			pg::query(read_requests_of_emails_sql, {pg::param(dataset), pg::param_array(hashes)});
		std::map<uint64_t, uint64_t> by_hash;
		for (uint64_t i = 0; i < rows.size(); ++i)
			by_hash.emplace(static_cast<uint64_t>(rows.integer(i, 0)), i);
		for (const auto &[subject, person] : recognised)
		{
			const auto row = by_hash.find(person.erased_email);
			if (row == by_hash.end())
				continue; // reinstated while this session waited
			ErasureRequest &request = requests.emplace_back();
			request.subject = subject;
			request.pseudonym = subject_pseudonym(secret, dataset, "subject", subject);
			request.email_pseudonym = rows.text(row->second, 1);
			request.source = std::make_shared<const std::string>(rows.text(row->second, 2));
			request.received_at = rows.time(row->second, 3);
			request.by_email = true;
		}
	}
	std::vector<std::string_view> pseudonyms;
	for (const ErasureRequest &request : requests)
		pseudonyms.push_back(request.pseudonym);
	const std::vector<bool> known = have_tombstones(dataset, "subject", pseudonyms);
	std::vector<ErasureRequest> fresh;
	for (size_t i = 0; i < requests.size(); ++i)
		if (!known[i])
			fresh.push_back(std::move(requests[i]));
	erase_subjects(catalog, dataset, secret, fresh, pg::Settings::current());
}

} // namespace

size_t
requests_at_a_time()
{
	const size_t memory = pg::Settings::current().batch_memory;
	const size_t room = memory - std::min(memory, limits::erased_sets);
	return std::clamp(room / limits::request_bytes, limits::least_request_slice,
					  limits::request_slice);
}

void
erase_recognised(const Catalog &known_before, const std::string &dataset, const std::string &secret,
				 RecognisedPeople recognised)
{
	const Catalog catalog = lock_people(known_before);
	const size_t at_a_time = requests_at_a_time();
	while (!recognised.empty())
	{
		RecognisedPeople slice;
		while (!recognised.empty() && slice.size() < at_a_time)
			slice.insert(recognised.extract(recognised.begin()));
		erase_slice(catalog, dataset, secret, slice);
	}
}

void
erase_mended(const Catalog &catalog, const std::string &dataset, const std::string &secret,
			 const std::set<std::string> &subjects)
{
	lock_for_erasure(catalog);
	std::vector<ErasureRequest> requests = requests_of_erased(dataset, secret, subjects, false);
	erase_mended_of(catalog, dataset, secret, requests, pg::Settings::current());
}

} // namespace etl
