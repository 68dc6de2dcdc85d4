#include "erase/subject_index.h"

#include <algorithm>
#include <cstring>

#include "pg/spi.h"
#include "run/rows.h"
#include "run/run.h"

namespace etl
{

namespace
{

/// Pairs of a page: its row fits a page of the table.
constexpr size_t page_pairs = 500;
/// Segments of a level that become one of the next.
constexpr int64_t merge_width = 16;
/// Pairs that a merge may hold in memory (16 bytes each); larger segments stay as they are.
constexpr int64_t merge_pairs = 2 << 20;

int64_t
swapped(int64_t value)
{
	return static_cast<int64_t>(__builtin_bswap64(static_cast<uint64_t>(value)));
}

/// Calls visit for each pair of a page.
template <typename Visit>
void
read_page(const std::string &entries, Visit &&visit)
{
	for (size_t at = 0; at + 16 <= entries.size(); at += 16)
	{
		int64_t pair[2];
		std::memcpy(pair, entries.data() + at, sizeof pair);
		visit(SubjectFile{swapped(pair[0]), swapped(pair[1])});
	}
}

void
write_segment(const std::string &dataset, int level, const std::vector<SubjectFile> &pairs)
{
	const int64_t id =
		pg::query(
			"INSERT INTO etl.subject_segment (dataset, level, pairs) VALUES ($1, $2, $3)"
			" RETURNING segment_id",
			{pg::param(dataset), pg::param(level), pg::param(static_cast<int64_t>(pairs.size()))})
			.integer(0, 0);
	CatalogRows rows;
	std::string entries;
	for (size_t from = 0; from < pairs.size();)
	{
		// a person's files are on one page, however many they are
		size_t to = std::min(from + page_pairs, pairs.size());
		while (to < pairs.size() && pairs[to].subject == pairs[to - 1].subject)
			++to;
		entries.resize((to - from) * 16);
		for (size_t i = from; i < to; ++i)
		{
			const int64_t pair[2] = {swapped(pairs[i].subject), swapped(pairs[i].file_id)};
			std::memcpy(&entries[(i - from) * 16], pair, sizeof pair);
		}
		rows.row(3);
		rows.int8(id);
		rows.int8(pairs[from].subject);
		rows.text(entries);
		from = to;
	}
	pg::copy_in(catalog_table("etl.subject_page"), {"segment_id", "first_subject", "entries"},
				rows);
}

/// Sixteen segments of a level become one, without the files that the catalog has forgotten.
void
merge_segments(const std::string &dataset)
{
	for (;;)
	{
		const pg::Rows full = pg::query(
			"SELECT level, array_agg(segment_id) FROM (SELECT segment_id, level, pairs,"
			" row_number() OVER (PARTITION BY level ORDER BY segment_id) AS n,"
			" sum(pairs) OVER (PARTITION BY level ORDER BY segment_id) AS total"
			" FROM etl.subject_segment WHERE dataset = $1) s WHERE n <= $2 AND total <= $3"
			" GROUP BY level HAVING count(*) = $2 ORDER BY level LIMIT 1",
			{pg::param(dataset), pg::param(merge_width), pg::param(merge_pairs)});
		if (full.empty())
			return;
		bool null;
		const Datum segments = full.datum(0, 1, null);
		const pg::Param ids{1016 /* bigint[] */, segments, false};
		std::vector<SubjectFile> pairs;
		{
			const pg::Rows pages = pg::query(
				"SELECT entries FROM etl.subject_page WHERE segment_id = ANY ($1)", {ids});
			for (uint64_t i = 0; i < pages.size(); ++i)
				read_page(pages.bytes(i, 0),
						  [&](const SubjectFile &pair) { pairs.push_back(pair); });
		}
		std::sort(pairs.begin(), pairs.end());
		pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
		std::vector<int64_t> files;
		for (const SubjectFile &pair : pairs)
			files.push_back(pair.file_id);
		std::sort(files.begin(), files.end());
		files.erase(std::unique(files.begin(), files.end()), files.end());
		const pg::Rows gone =
			pg::query("SELECT f.id FROM unnest($1::bigint[]) f(id)"
					  " WHERE NOT EXISTS (SELECT FROM etl.file WHERE file_id = f.id)"
					  " ORDER BY 1",
					  {pg::param_array(files)});
		std::vector<int64_t> lost;
		for (uint64_t i = 0; i < gone.size(); ++i)
			lost.push_back(gone.integer(i, 0));
		if (!lost.empty())
			std::erase_if(pairs, [&](const SubjectFile &pair)
						  { return std::binary_search(lost.begin(), lost.end(), pair.file_id); });
		pg::execute("DELETE FROM etl.subject_page WHERE segment_id = ANY ($1)", {ids});
		pg::execute("DELETE FROM etl.subject_segment WHERE segment_id = ANY ($1)", {ids});
		write_segment(dataset, full.int2(0, 0) + 1, pairs);
	}
}

} // namespace

void
add_subject_files(const std::string &dataset, std::vector<SubjectFile> pairs)
{
	if (pairs.empty())
		return;
	std::sort(pairs.begin(), pairs.end());
	pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
	write_segment(dataset, 0, pairs);
	merge_segments(dataset);
}

std::vector<int64_t>
files_of_subjects(const std::string &dataset, std::vector<int64_t> subjects)
{
	std::vector<int64_t> files;
	if (subjects.empty())
		return files;
	std::sort(subjects.begin(), subjects.end());
	const auto visit = [&](const SubjectFile &pair)
	{
		if (std::binary_search(subjects.begin(), subjects.end(), pair.subject))
			files.push_back(pair.file_id);
	};
	const pg::Rows segments =
		pg::query("SELECT segment_id, pairs FROM etl.subject_segment WHERE dataset = $1",
				  {pg::param(dataset)});
	int64_t pages = 0;
	for (uint64_t i = 0; i < segments.size(); ++i)
		pages += segments.integer(i, 1) / static_cast<int64_t>(page_pairs) + 1;
	if (static_cast<int64_t>(subjects.size() * segments.size()) < pages)
	{
		const pg::Rows rows = pg::query(
			"SELECT DISTINCT p.segment_id, p.first_subject, p.entries FROM etl.subject_segment s"
			" CROSS JOIN unnest($2::bigint[]) h(subject) CROSS JOIN LATERAL"
			" (SELECT * FROM etl.subject_page p WHERE p.segment_id = s.segment_id"
			" AND p.first_subject <= h.subject ORDER BY p.first_subject DESC LIMIT 1) p"
			" WHERE s.dataset = $1",
			{pg::param(dataset), pg::param_array(subjects)});
		for (uint64_t i = 0; i < rows.size(); ++i)
			read_page(rows.bytes(i, 2), visit);
	}
	else
		for (uint64_t i = 0; i < segments.size(); ++i)
		{
			pg::check_for_interrupts();
			const pg::Rows rows =
				pg::query("SELECT entries FROM etl.subject_page WHERE segment_id = $1",
						  {pg::param(segments.integer(i, 0))});
			for (uint64_t page = 0; page < rows.size(); ++page)
				read_page(rows.bytes(page, 0), visit);
		}
	std::sort(files.begin(), files.end());
	files.erase(std::unique(files.begin(), files.end()), files.end());
	return files;
}

void
clear_subject_index(const std::string &dataset)
{
	pg::execute("DELETE FROM etl.subject_page WHERE segment_id IN"
				" (SELECT segment_id FROM etl.subject_segment WHERE dataset = $1)",
				{pg::param(dataset)});
	pg::execute("DELETE FROM etl.subject_segment WHERE dataset = $1", {pg::param(dataset)});
}

} // namespace etl
