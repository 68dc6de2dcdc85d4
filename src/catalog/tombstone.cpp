#include "catalog/tombstone.h"

#include "catalog/people.h"
#include "core/definition/definition.h"
#include "core/privacy/pseudonym.h"
#include "pg/catalog_owner.h"
#include "pg/key_file.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"

namespace etl
{

Tombstones::Tombstones(const std::string &secret, const std::string &dataset, OpenSpillFile spill)
	: people_(secret, std::move(spill), limits::erased_memory), erased_{
																	people_, secret, dataset, {}}
{
}

constexpr char read_tombstones_sql[] = R"(
SELECT kind = 'subject', kind = 'known_email' OR weak, hash
  FROM etl.tombstone
 WHERE reinstated_at IS NULL AND (dataset = $1 OR $1 = ''))";

std::unique_ptr<Tombstones>
Tombstones::load(const Catalog &catalog, const Definition &definition, OpenSpillFile spill)
{
	// "" means people of any dataset: for a dataset that is not about people, refused records are
	// searched for them
	const std::string dataset = definition.subject  ? definition.subject->dataset
								: definition.erases ? definition.erases->dataset
													: "";
	pg::Cursor cursor(read_tombstones_sql, {pg::param(dataset)});
	std::unique_ptr<Tombstones> tombstones;
	cursor.for_each(
		limits::cursor_rows,
		[&](const pg::Rows &rows, uint64_t i)
		{
			if (!tombstones)
				tombstones.reset(new Tombstones(pg::secret(pg::KeyUse::look), dataset, spill));
			const uint64_t hash = static_cast<uint64_t>(rows.integer(i, 2));
			Identities &people = tombstones->people_;
			// An email that was given with a key, or that the person had, identifies the person
			// only in records that do not name a person in another way.
			const bool is_key = rows.boolean(i, 0), is_weak = rows.boolean(i, 1);
			if (is_key)
				is_weak ? people.add_unknown_subject(hash, 0) : people.add_subject(hash, 0);
			else
				is_weak ? people.add_text_email(hash, 0) : people.add_email(hash, 0);
		});
	if (tombstones && dataset.empty())
		tombstones->erased_.keys = people_keys(catalog, dataset);
	return tombstones;
}

std::string
known_email_name(const std::string &subject_pseudonym, uint64_t email_hash)
{
	char hash[17];
	snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(email_hash));
	return subject_pseudonym + ":" + hash;
}

constexpr char insert_tombstones_sql[] = R"(
INSERT INTO etl.tombstone (dataset, kind, pseudonym, hash, erasure_id, weak)
SELECT $1, t.kind, t.pseudonym, t.hash, t.erasure_id, t.weak <> 0
  FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
       t(kind, pseudonym, hash, erasure_id, weak)
 ORDER BY t.pseudonym
ON CONFLICT (pseudonym, dataset, kind)
 WHERE reinstated_at IS NULL DO NOTHING
RETURNING erasure_id)";

std::vector<int64_t>
add_tombstones(const std::string &dataset, const std::vector<NewTombstone> &tombstones)
{
	std::vector<int64_t> added;
	if (tombstones.empty())
		return added;
	std::vector<std::string_view> kinds, pseudonyms;
	std::vector<int64_t> hashes, ids, weak;
	for (const NewTombstone &t : tombstones)
	{
		kinds.push_back(t.kind);
		pseudonyms.push_back(t.pseudonym);
		hashes.push_back(static_cast<int64_t>(t.hash));
		ids.push_back(t.erasure_id);
		weak.push_back(t.weak);
	}
	const AsCatalogOwner owner;
	const pg::Rows rows =
		pg::query(insert_tombstones_sql,
				  {pg::param(dataset), pg::param_array(kinds), pg::param_array(pseudonyms),
				   pg::param_array(hashes), pg::param_array(ids), pg::param_array(weak)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		added.push_back(rows.integer(i, 0));
	// subjects that were unknown when their tombstone was added are known now
	std::vector<std::string_view> known;
	for (const NewTombstone &t : tombstones)
		if (!t.weak && t.kind == std::string_view("subject"))
			known.push_back(t.pseudonym);
	if (!known.empty() && added.size() < tombstones.size())
		note_known_subjects(dataset, known);
	return added;
}

constexpr char strengthen_tombstones_sql[] = R"(
UPDATE etl.tombstone
   SET weak = false
 WHERE dataset = $1 AND kind = 'subject' AND weak AND reinstated_at IS NULL
   AND pseudonym = ANY ($2))";

void
note_known_subjects(const std::string &dataset, const std::vector<std::string_view> &pseudonyms)
{
	const AsCatalogOwner owner;
	pg::execute(strengthen_tombstones_sql, {pg::param(dataset), pg::param_array(pseudonyms)});
}

constexpr char find_tombstones_sql[] = R"(
SELECT p.i
  FROM unnest($3::text[]) WITH ORDINALITY p(pseudonym, i)
  JOIN etl.tombstone t ON t.pseudonym = p.pseudonym AND t.dataset = $1 AND t.kind = $2
       AND t.reinstated_at IS NULL)";

std::vector<bool>
have_tombstones(const std::string &dataset, const char *kind,
				const std::vector<std::string_view> &pseudonyms)
{
	std::vector<bool> have(pseudonyms.size());
	if (pseudonyms.empty())
		return have;
	const pg::Rows rows = pg::query(
		find_tombstones_sql, {pg::param(dataset), pg::param(kind), pg::param_array(pseudonyms)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		have[static_cast<size_t>(rows.integer(i, 0) - 1)] = true;
	return have;
}

} // namespace etl
