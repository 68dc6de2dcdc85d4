#include "erase/tombstone.h"

#include "pg/key_file.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "run/actions.h"
#include "run/catalog_owner.h"
#include "run/scratch_file.h"

namespace etl
{

size_t
erased_memory()
{
#ifdef ETL_FAULTS
	return 512; // the tests that crash have few people
#else
	return 8 << 20;
#endif
}

Tombstones::Tombstones(const std::string &secret, const std::string &dataset,
					   const std::string &part_folder)
	: people_(
		  secret,
		  [part_folder]
		  { return std::make_unique<ScratchFile>(part_name(part_folder, 0, "tombstones")); },
		  erased_memory()),
	  erased_{people_, secret, dataset}
{
}

std::unique_ptr<Tombstones>
Tombstones::load(const Definition &definition, const std::string &part_folder)
{
	// of a dataset that has nothing to do with people only what can't be read is looked through,
	// for anybody's email
	const std::string dataset = definition.subject  ? definition.subject->dataset
								: definition.erases ? definition.erases->dataset
													: "";
	pg::Cursor cursor("SELECT kind = 'email', kind = 'known_email' OR weak, hash FROM etl.tombstone"
					  " WHERE reinstated_at IS NULL AND (dataset = $1 OR $1 = '')"
					  " AND ($1 <> '' OR kind <> 'subject')",
					  {pg::param(dataset)});
	std::unique_ptr<Tombstones> tombstones;
	cursor.for_each(10'000,
					[&](const pg::Rows &rows, uint64_t i)
					{
						if (!tombstones)
							tombstones.reset(
								new Tombstones(pg::secret(pg::KeyUse::look), dataset, part_folder));
						const uint64_t hash = static_cast<uint64_t>(rows.integer(i, 2));
						Identities &people = tombstones->people_;
						// one that came with a key, or was the person's, says who is meant only
						// where nothing else does
						rows.boolean(i, 1)   ? people.add_text_email(hash, 0)
						: rows.boolean(i, 0) ? people.add_email(hash, 0)
											 : people.add_subject(hash, 0);
					});
	return tombstones;
}

std::string
known_email_name(const std::string &subject_pseudonym, uint64_t email_hash)
{
	char hash[17];
	snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(email_hash));
	return subject_pseudonym + ":" + hash;
}

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
		pg::query("INSERT INTO etl.tombstone (dataset, kind, pseudonym, hash, erasure_id, weak)"
				  " SELECT $1, t.kind, t.pseudonym, t.hash, t.erasure_id, t.weak <> 0"
				  " FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])"
				  " t(kind, pseudonym, hash, erasure_id, weak) ORDER BY t.pseudonym"
				  " ON CONFLICT (pseudonym, dataset, kind) WHERE reinstated_at IS NULL DO NOTHING"
				  " RETURNING erasure_id",
				  {pg::param(dataset), pg::param_array(kinds), pg::param_array(pseudonyms),
				   pg::param_array(hashes), pg::param_array(ids), pg::param_array(weak)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		added.push_back(rows.integer(i, 0));
	return added;
}

std::vector<bool>
have_tombstones(const std::string &dataset, const char *kind,
				const std::vector<std::string_view> &pseudonyms)
{
	std::vector<bool> have(pseudonyms.size());
	if (pseudonyms.empty())
		return have;
	const pg::Rows rows =
		pg::query("SELECT p.i FROM unnest($3::text[]) WITH ORDINALITY p(pseudonym, i)"
				  " JOIN etl.tombstone t ON t.pseudonym = p.pseudonym AND t.dataset = $1"
				  " AND t.kind = $2 AND t.reinstated_at IS NULL",
				  {pg::param(dataset), pg::param(kind), pg::param_array(pseudonyms)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		have[static_cast<size_t>(rows.integer(i, 0) - 1)] = true;
	return have;
}

} // namespace etl
