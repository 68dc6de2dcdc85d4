// Whom a request means.
#include <algorithm>
#include <set>

#include "core/rewrite.h"
#include "erase/erase.h"
#include "erase/people.h"
#include "erase/tombstone.h"
#include "run/quarantine.h"

namespace etl
{

namespace
{

/// Quarantined records looked through at a time.
constexpr int64_t chunk_size = 5000;

/// The subjects that have each of the emails, in the table and in quarantine.
class Owners
{
  public:
	Owners(const Catalog &catalog, const std::string &dataset,
		   const std::vector<ErasureRequest> &requests)
		: catalog_(catalog), dataset_(dataset)
	{
		for (const ErasureRequest &request : requests)
			if (!request.email.empty())
				owners_[request.email];
		const Definition *people = catalog.find(dataset);
		if (owners_.empty() || people == nullptr || !people->subject ||
			people->subject->email.empty())
			return;
		find_in_table(*people);
		find_in_quarantine(*people);
	}

	const std::set<std::string> &of(const std::string &email) const { return owners_.at(email); }

  private:
	void find_in_table(const Definition &people)
	{
		if (people.key_column < 0 || !find_table(people.tables[0]))
			return;
		const TableDefinition &table = people.tables[0];
		const std::string key =
			pg::quote(table.columns[static_cast<size_t>(people.key_column)].name);
		std::vector<std::string_view> emails;
		for (const auto &entry : owners_)
			emails.push_back(entry.first);
		for (const ColumnDefinition &column : table.columns)
		{
			if (column.source != Source::field || column.path != people.subject->email)
				continue;
			const pg::Rows rows = pg::query(
				"SELECT e.email, t." + key + "::text FROM unnest($1::text[]) e(email)" + " JOIN " +
					quoted(table) + " t ON etl.fold_email(t." + pg::quote(column.name) +
					"::text) = e.email WHERE t." + key + " IS NOT NULL",
				{pg::param_array(emails)});
			for (uint64_t i = 0; i < rows.size(); ++i)
				owners_[rows.text(i, 0)].insert(rows.text(i, 1));
		}
	}

	void find_in_quarantine(const Definition &people)
	{
		Document document;
		for (int64_t after = 0;;)
		{
			const pg::Rows rows =
				pg::query("SELECT quarantine_id, record, coalesce(subject, '') FROM etl.quarantine"
						  " WHERE dataset = $1 AND record IS NOT NULL AND quarantine_id > $2"
						  // a key that is too long for the index stands in the record only
						  " AND (subject IS NOT NULL OR octet_length(record) > $4)"
						  " ORDER BY quarantine_id LIMIT $3",
						  {pg::param(dataset_), pg::param(after), pg::param(chunk_size),
						   pg::param(static_cast<int64_t>(max_indexed_key))});
			for (uint64_t i = 0; i < rows.size(); ++i)
			{
				after = rows.integer(i, 0);
				ParseError error;
				const std::string record = rows.text(i, 1);
				if (!document.parse(record, error))
					continue;
				const auto found =
					owners_.find(fold_email(text_at(document, people.subject->email)));
				if (found == owners_.end())
					continue;
				std::string subject = rows.text(i, 2);
				if (subject.empty())
					subject = canonical_key_of(catalog_, dataset_,
											   find(document.root(), people.subject->path));
				if (!subject.empty())
					found->second.insert(std::move(subject));
			}
			if (rows.size() < static_cast<uint64_t>(chunk_size))
				return;
			pg::check_for_interrupts();
		}
	}

	const Catalog &catalog_;
	const std::string &dataset_;
	std::unordered_map<std::string, std::set<std::string>> owners_;
};

} // namespace

std::vector<size_t>
resolve_requests(const Catalog &catalog, const std::string &dataset, const std::string &secret,
				 std::vector<ErasureRequest> &requests, std::unordered_set<std::string> &seen)
{
	const Owners owners(catalog, dataset, requests);
	std::vector<ErasureRequest> resolved;
	std::vector<size_t> origins;
	for (size_t i = 0; i < requests.size(); ++i)
	{
		ErasureRequest &request = requests[i];
		origins.push_back(i);
		if (request.email.empty())
		{
			resolved.push_back(std::move(request));
			continue;
		}
		const std::set<std::string> &people = owners.of(request.email);
		if (!request.subject.empty())
		{
			request.conflict = !people.empty() && people.count(request.subject) == 0;
			request.shared_email = !request.conflict && people.size() > 1;
			resolved.push_back(std::move(request));
			continue;
		}
		if (people.empty())
		{
			resolved.push_back(std::move(request));
			continue;
		}
		for (const std::string &person : people)
		{
			if (person != *people.begin())
				origins.push_back(i);
			resolved.push_back(request);
			resolved.back().subject = person;
		}
	}
	requests = std::move(resolved);
	// asked for before?
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
		request.duplicate = !seen.insert(name).second;
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
	// one that waits for a hold to end is asked for already
	const pg::Rows waiting =
		pg::query("SELECT p.i FROM unnest($2::text[]) WITH ORDINALITY p(subject, i) WHERE EXISTS"
				  " (SELECT FROM etl.erasure e WHERE e.dataset = $1 AND e.subject = p.subject"
				  " AND e.status = 'held')",
				  {pg::param(dataset), pg::param_array(subjects)});
	for (uint64_t i = 0; i < waiting.size(); ++i)
		requests[by_subject[static_cast<size_t>(waiting.integer(i, 0) - 1)]].duplicate = true;
	return origins;
}

} // namespace etl
