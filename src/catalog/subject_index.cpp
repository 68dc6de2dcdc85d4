#include "catalog/subject_index.h"

#include <algorithm>
#include <cstring>

#include "core/base/big_endian.h"
#include "pg/catalog_owner.h"
#include "pg/copy_rows.h"
#include "pg/limits.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

/// Pairs in a page, so that the row fits a page of the table.
constexpr size_t page_pairs = 500;
/// What the pairs of a segment are.
namespace kind
{
constexpr const char *file = "file";   ///< a person and a file
constexpr const char *email = "email"; ///< a person and an email, and also the email and the person
} // namespace kind

int64_t
swapped(int64_t value)
{
	return static_cast<int64_t>(__builtin_bswap64(static_cast<uint64_t>(value)));
}

/// Calls `visit` for each pair of a page.
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

/// The rows for the pages of a segment.
class PageRows : public pg::RowSource
{
  public:
	PageRows(int64_t segment_id, const std::vector<SubjectFile> &pairs)
		: segment_id_(segment_id), pairs_(pairs)
	{
	}
	bool next(std::string_view &row) noexcept override
	{
		if (at_ == pairs_.size())
			return false;
		// all files of a person are on one page, however many there are
		size_t end = std::min(at_ + page_pairs, pairs_.size());
		while (end < pairs_.size() && pairs_[end].subject == pairs_[end - 1].subject)
			++end;
		row_.clear();
		append_int16(row_, 3);
		append_int32(row_, 8);
		append_int64(row_, segment_id_);
		append_int32(row_, 8);
		append_int64(row_, pairs_[at_].subject);
		append_int32(row_, static_cast<int32_t>((end - at_) * 16));
		for (; at_ < end; ++at_)
		{
			append_int64(row_, pairs_[at_].subject);
			append_int64(row_, pairs_[at_].file_id);
		}
		row = row_;
		return true;
	}

  private:
	const int64_t segment_id_;
	const std::vector<SubjectFile> &pairs_;
	size_t at_ = 0;
	std::string row_;
};

constexpr char open_segment_sql[] = R"(
INSERT INTO etl.subject_segment (dataset, kind, level, pairs)
VALUES ($1, $2, $3, 0)
RETURNING segment_id)";

constexpr char close_segment_sql[] = R"(
UPDATE etl.subject_segment SET pairs = $2 WHERE segment_id = $1)";

/// A new segment, which is written in several steps.
class SegmentWriter
{
  public:
	SegmentWriter(const std::string &dataset, const char *kind, int level)
		: id_(pg::query(open_segment_sql, {pg::param(dataset), pg::param(kind), pg::param(level)})
				  .integer(0, 0))
	{
	}
	/// Writes the next pairs, sorted. All pairs of a person must be in the same call.
	void write(const std::vector<SubjectFile> &pairs)
	{
		PageRows rows(id_, pairs);
		pg::copy_in(catalog_table("etl.subject_page"), {"segment_id", "first_subject", "entries"},
					rows);
		count_ += static_cast<int64_t>(pairs.size());
	}
	void close() { pg::execute(close_segment_sql, {pg::param(id_), pg::param(count_)}); }

  private:
	const int64_t id_;
	int64_t count_ = 0;
};

constexpr char find_gone_files_sql[] = R"(
SELECT f.id
  FROM unnest($1::bigint[]) f(id)
 WHERE NOT EXISTS (SELECT FROM etl.file WHERE file_id = f.id)
 ORDER BY 1)";

/// Removes the pairs whose file is no longer in the catalog.
void
leave_out_gone(std::vector<SubjectFile> &pairs)
{
	std::vector<int64_t> files, lost;
	for (const SubjectFile &pair : pairs)
		files.push_back(pair.file_id);
	std::sort(files.begin(), files.end());
	files.erase(std::unique(files.begin(), files.end()), files.end());
	const pg::Rows gone = pg::query(find_gone_files_sql, {pg::param_array(files)});
	for (uint64_t i = 0; i < gone.size(); ++i)
		lost.push_back(gone.integer(i, 0));
	if (!lost.empty())
		std::erase_if(pairs, [&](const SubjectFile &pair)
					  { return std::binary_search(lost.begin(), lost.end(), pair.file_id); });
}

constexpr char read_pages_of_segments_sql[] = R"(
SELECT first_subject, entries
  FROM etl.subject_page
 WHERE segment_id = ANY ($1)
 ORDER BY first_subject)";

/// Merges segments to one of the next level, a range of people at a time.
void
merge(const std::string &dataset, const char *kind, const pg::Param &segments, int level)
{
	SegmentWriter writer(dataset, kind, level);
	pg::Cursor cursor(read_pages_of_segments_sql, {segments});
	std::vector<SubjectFile> pairs;
	for (bool more = true; more;)
	{
		const pg::MemoryScope memory;
		const pg::Rows pages = cursor.fetch(limits::merge_pages);
		more = !pages.empty();
		for (uint64_t i = 0; i < pages.size(); ++i)
			read_page(pages.bytes(i, 1), [&](const SubjectFile &pair) { pairs.push_back(pair); });
		std::sort(pairs.begin(), pairs.end());
		pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
		// the next pages begin with the first person of the last page, or with a later person
		std::vector<SubjectFile> rest;
		if (more)
		{
			const SubjectFile first{pages.integer(pages.size() - 1, 0), INT64_MIN};
			const auto complete = std::lower_bound(pairs.begin(), pairs.end(), first);
			rest.assign(complete, pairs.end());
			pairs.erase(complete, pairs.end());
		}
		if (kind == kind::file)
			leave_out_gone(pairs);
		writer.write(pairs);
		pairs = std::move(rest);
		pg::check_for_interrupts();
	}
	writer.close();
}

} // namespace

namespace
{

constexpr char find_segments_to_merge_sql[] = R"(
SELECT level, array_agg(segment_id)
  FROM (SELECT segment_id, level, row_number() OVER (PARTITION BY level ORDER BY segment_id) AS n
          FROM etl.subject_segment
         WHERE dataset = $1 AND kind = $4 AND pairs <= $3) s
 WHERE n <= $2
 GROUP BY level
HAVING count(*) = $2
 ORDER BY level
 LIMIT 1)";

constexpr char delete_pages_sql[] = R"(DELETE FROM etl.subject_page WHERE segment_id = ANY ($1))";

constexpr char delete_segments_sql[] = R"(
DELETE FROM etl.subject_segment WHERE segment_id = ANY ($1))";

void
merge_segments(const std::string &dataset, const char *kind, int64_t largest)
{
	for (;;)
	{
		const pg::Rows full = pg::query(find_segments_to_merge_sql,
										{pg::param(dataset), pg::param(limits::merge_width),
										 pg::param(largest), pg::param(kind)});
		if (full.empty())
			return;
		bool null;
		const Datum segments = full.datum(0, 1, null);
		const pg::Param ids{1016 /* bigint[] */, segments, false};
		merge(dataset, kind, ids, full.int2(0, 0) + 1);
		pg::execute(delete_pages_sql, {ids});
		pg::execute(delete_segments_sql, {ids});
	}
}

void
add_segment(const std::string &dataset, const char *kind, std::vector<SubjectFile> &pairs)
{
	if (pairs.empty())
		return;
	std::sort(pairs.begin(), pairs.end());
	pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
	const AsCatalogOwner owner;
	SegmentWriter writer(dataset, kind, 0);
	writer.write(pairs);
	writer.close();
}

constexpr char find_segments_sql[] = R"(
SELECT segment_id, pairs FROM etl.subject_segment WHERE dataset = $1 AND kind = $2)";

constexpr char find_pages_sql[] = R"(
SELECT DISTINCT p.segment_id, p.first_subject, p.entries
  FROM etl.subject_segment s
  CROSS JOIN unnest($2::bigint[]) h(subject)
  CROSS JOIN LATERAL (SELECT *
                        FROM etl.subject_page p
                       WHERE p.segment_id = s.segment_id AND p.first_subject <= h.subject
                       ORDER BY p.first_subject DESC
                       LIMIT 1) p
 WHERE s.dataset = $1 AND s.kind = $3)";

constexpr char read_pages_of_segment_sql[] = R"(
SELECT entries FROM etl.subject_page WHERE segment_id = $1)";

/// Calls `visit` for each pair of one of the people.
template <typename Visit>
void
find_pairs(const std::string &dataset, const char *kind, std::vector<int64_t> subjects,
		   Visit &&visit_found)
{
	if (subjects.empty())
		return;
	std::sort(subjects.begin(), subjects.end());
	const auto visit = [&](const SubjectFile &pair)
	{
		if (std::binary_search(subjects.begin(), subjects.end(), pair.subject))
			visit_found(pair);
	};
	const pg::Rows segments = pg::query(find_segments_sql, {pg::param(dataset), pg::param(kind)});
	int64_t pages = 0;
	for (uint64_t i = 0; i < segments.size(); ++i)
		pages += segments.integer(i, 1) / static_cast<int64_t>(page_pairs) + 1;
	if (static_cast<int64_t>(subjects.size() * segments.size()) < pages)
	{
		const pg::Rows rows = pg::query(
			find_pages_sql, {pg::param(dataset), pg::param_array(subjects), pg::param(kind)});
		for (uint64_t i = 0; i < rows.size(); ++i)
			read_page(rows.bytes(i, 2), visit);
		return;
	}
	for (uint64_t i = 0; i < segments.size(); ++i)
	{
		pg::check_for_interrupts();
		const pg::MemoryScope memory;
		const pg::Rows rows =
			pg::query(read_pages_of_segment_sql, {pg::param(segments.integer(i, 0))});
		for (uint64_t page = 0; page < rows.size(); ++page)
			read_page(rows.bytes(page, 0), visit);
	}
}

/// The pairs that begin with one of the keys. `by_email`: the keys are hashes of emails.
std::vector<PersonEmail>
find_emails(const std::string &dataset, std::vector<int64_t> keys, bool by_email)
{
	std::vector<PersonEmail> found;
	find_pairs(
		dataset, kind::email, std::move(keys),
		[&](const SubjectFile &pair)
		{
			const uint64_t first = static_cast<uint64_t>(pair.subject),
						   second = static_cast<uint64_t>(pair.file_id);
			found.push_back(by_email ? PersonEmail{second, first} : PersonEmail{first, second});
		});
	return found;
}

} // namespace

void
merge_subject_segments(const std::string &dataset)
{
	const AsCatalogOwner owner;
	merge_segments(dataset, kind::file, limits::mergeable_pairs);
	// the same pairs are added again and again, so duplicates must be removed
	merge_segments(dataset, kind::email, INT64_MAX);
}

void
add_subject_files(const std::string &dataset, std::vector<SubjectFile> &pairs)
{
	add_segment(dataset, kind::file, pairs);
}

void
add_subject_emails(const std::string &dataset, std::vector<PersonEmail> &pairs)
{
	std::vector<SubjectFile> both;
	both.reserve(pairs.size() * 2);
	for (const PersonEmail &pair : pairs)
	{
		const int64_t subject = static_cast<int64_t>(pair.subject),
					  email = static_cast<int64_t>(pair.email);
		both.push_back({subject, email});
		both.push_back({email, subject});
	}
	add_segment(dataset, kind::email, both);
	pairs.clear();
}

std::vector<PersonEmail>
emails_of_subjects(const std::string &dataset, std::vector<int64_t> subjects)
{
	return find_emails(dataset, std::move(subjects), false);
}

std::vector<PersonEmail>
subjects_of_emails(const std::string &dataset, std::vector<int64_t> emails)
{
	return find_emails(dataset, std::move(emails), true);
}

std::vector<int64_t>
files_of_subjects(const std::string &dataset, std::vector<int64_t> subjects)
{
	std::vector<int64_t> files;
	find_pairs(dataset, kind::file, std::move(subjects),
			   [&](const SubjectFile &pair) { files.push_back(pair.file_id); });
	std::sort(files.begin(), files.end());
	files.erase(std::unique(files.begin(), files.end()), files.end());
	return files;
}

std::vector<SubjectFile>
files_by_subject(const std::string &dataset, std::vector<int64_t> subjects)
{
	std::vector<SubjectFile> pairs;
	find_pairs(dataset, kind::file, std::move(subjects),
			   [&](const SubjectFile &pair) { pairs.push_back(pair); });
	return pairs;
}

std::vector<int64_t>
subjects_in_files(const std::string &dataset, std::vector<int64_t> subjects)
{
	std::vector<int64_t> held;
	find_pairs(dataset, kind::file, std::move(subjects),
			   [&](const SubjectFile &pair)
			   {
				   if (held.empty() || held.back() != pair.subject)
					   held.push_back(pair.subject);
			   });
	std::sort(held.begin(), held.end());
	held.erase(std::unique(held.begin(), held.end()), held.end());
	return held;
}

constexpr char delete_all_pages_sql[] = R"(
DELETE FROM etl.subject_page
 WHERE segment_id IN (SELECT segment_id FROM etl.subject_segment WHERE dataset = $1 AND kind = $2))";

constexpr char delete_all_segments_sql[] = R"(
DELETE FROM etl.subject_segment WHERE dataset = $1 AND kind = $2)";

void
clear_subject_index(const std::string &dataset)
{
	const AsCatalogOwner owner;
	pg::execute(delete_all_pages_sql, {pg::param(dataset), pg::param(kind::file)});
	pg::execute(delete_all_segments_sql, {pg::param(dataset), pg::param(kind::file)});
}

} // namespace etl
