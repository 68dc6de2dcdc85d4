#include "erase/people_in_files.h"

#include <string_view>
#include <vector>

#include "catalog/indexed_as.h"
#include "catalog/subject_index.h"
#include "core/definition/definition.h"

namespace etl
{

const std::set<int64_t> &
PeopleInFiles::unindexed(const std::string &dataset)
{
	const auto [files, is_new] = unindexed_.try_emplace(dataset);
	if (const Definition *definition = is_new ? erasure_.readings.last(dataset) : nullptr)
		for (const int64_t id : unindexed_files(erasure_.catalog, *definition))
			files->second.insert(id);
	return files->second;
}

std::set<size_t>
PeopleInFiles::in(const std::string &dataset, int64_t file_id)
{
	const auto [files, is_new] = people_.try_emplace(dataset);
	if (is_new)
		find_people(dataset, files->second);
	const auto people = files->second.find(file_id);
	return people == files->second.end() ? std::set<size_t>() : people->second;
}

void
PeopleInFiles::find_people(const std::string &dataset, People &people)
{
	// one person may have asked several times
	std::unordered_multimap<int64_t, size_t> requests;
	std::vector<int64_t> hashes;
	const auto add = [&](uint64_t hash, size_t request)
	{
		hashes.push_back(static_cast<int64_t>(hash));
		requests.emplace(hashes.back(), request);
	};
	for (const std::string_view subject : erasure_.people.subjects())
		add(erasure_.people.identities().subject_hash(subject),
			erasure_.people.request_of(subject).value());
	for (size_t i = 0; i < erasure_.requests.size(); ++i)
		if (erasure_.requests[i].subject.empty() && erasure_.requests[i].subject_hash != 0)
			add(erasure_.requests[i].subject_hash, i);
	for (const SubjectFile &pair : files_by_subject(dataset, std::move(hashes)))
	{
		const auto [first, last] = requests.equal_range(pair.subject);
		for (auto request = first; request != last; ++request)
			people[pair.file_id].insert(request->second);
	}
}

} // namespace etl
