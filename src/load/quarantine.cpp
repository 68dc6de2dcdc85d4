#include "load/quarantine.h"

#include <deque>
#include <set>

#include "catalog/sequence.h"
#include "core/base/utf8.h"
#include "core/definition/definition.h"
#include "core/staging/compressed_piece.h"
#include "load/missing_references.h"
#include "load/run_file.h"
#include "load/writing_quarantine.h"
#include "pg/copy_rows.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

std::string_view
indexable(std::string_view key)
{
	return key.size() <= limits::indexed_key_bytes ? key : std::string_view();
}

std::vector<const BatchRecord *>
rejected_of(const Batch &batch)
{
	std::vector<const BatchRecord *> rejected;
	for (const BatchRecord &r : batch.records)
		if (!r.accepted)
			rejected.push_back(&r);
	return rejected;
}

/// An array of texts cannot have nulls, so a byte before each existing text distinguishes the empty
/// text from none.
std::string_view
present(std::string_view text, std::deque<std::string> &texts)
{
	return text.data() == nullptr ? std::string_view()
								  : texts.emplace_back("=" + std::string(text));
}

/// Adds the keys in the violations of a quarantined record for which it waits. A record that
/// violates the schema or does not fit its columns waits for no key, because it has to be corrected
/// first.
void
add_references(const StagedRecord &record, int64_t id, CatalogRows &rows)
{
	if (record.violations->front().code < Code::duplicate)
		return;
	std::set<std::pair<std::string_view, std::string_view>> keys;
	for (const Violation &v : *record.violations)
		if (v.code == Code::reference && v.key.size() <= limits::indexed_key_bytes &&
			keys.emplace(v.dataset, v.key).second)
		{
			rows.row(3);
			rows.int8(id);
			rows.text(v.dataset);
			rows.text(v.key);
		}
}

void
copy_references(CatalogRows &rows)
{
	if (rows.size() > 0)
	{
		const WritingQuarantine writing;
		pg::copy_in(catalog_table("etl.quarantine_reference"), {"quarantine_id", "dataset", "key"},
					rows);
	}
	rows.clear();
}

} // namespace

void
quarantine_rejected(const Definition &definition, const Batch &batch, int64_t run_id,
					const std::vector<RunFile> &files)
{
	const std::vector<const BatchRecord *> rejected = rejected_of(batch);
	if (rejected.empty())
		return;
	const std::vector<int64_t> ids =
		allocate_ids("etl.quarantine_quarantine_id_seq", rejected.size());
	CatalogRows rows, references;
	MissingReferences missing(definition);
	const auto copy = [&]
	{
		{
			const WritingQuarantine writing;
			pg::copy_in(catalog_table("etl.quarantine"),
						{"quarantine_id", "run_id", "file_id", "dataset", "line", "record", "code",
						 "violations", "record_bytes", "key", "subject", "status"},
						rows);
		}
		rows.clear();
		copy_references(references);
	};
	std::string json;
	TextReader texts;
	for (size_t i = 0; i < rejected.size(); ++i)
	{
		const StagedRecord &record = *rejected[i]->record;
		const std::string_view text = texts.text(*rejected[i]->piece, record);
		json.clear();
		missing.tell_all(*rejected[i]);
		append_violations_json(json, *record.violations);
		add_references(record, ids[i], references);
		missing.forget(*rejected[i]);
		rows.row(12);
		rows.int8(ids[i]);
		rows.int8(run_id);
		rows.int8(files[record.file].file_id);
		rows.text(definition.dataset);
		rows.int8(static_cast<int64_t>(record.line));
		if (record.storable)
			rows.text(text);
		else
			rows.text(storable_text(text));
		rows.text(code_name(record.violations->front().code));
		rows.jsonb(json);
		if (record.storable)
			rows.null();
		else
			rows.text(text);
		const std::string_view key = indexable(record.key), subject = indexable(record.subject);
		key.data() == nullptr ? rows.null() : rows.text(key);
		subject.data() == nullptr ? rows.null() : rows.text(subject);
		rows.text(record.answered || record.treated ? "erased" : "open");
		if (rows.bytes() + references.bytes() >= limits::quarantine_bytes)
			copy();
	}
	if (rows.size() > 0)
		copy();
}

constexpr char delete_references_sql[] = R"(
DELETE FROM etl.quarantine_reference q
 USING unnest($1::bigint[]) r(id)
 WHERE q.quarantine_id = r.id)";

constexpr char release_rows_sql[] = R"(
UPDATE etl.quarantine q
   SET status = 'released'
  FROM unnest($1::bigint[]) r(id)
 WHERE q.quarantine_id = r.id)";

constexpr char cut_rows_sql[] = R"(
UPDATE etl.quarantine q
   SET record = r.record
  FROM unnest($1::bigint[], $2::text[]) r(id, record)
 WHERE q.quarantine_id = r.id AND q.record_bytes IS NULL
       -- of a longer one only the beginning was taken up
   AND octet_length(q.record) <= $3)";

constexpr char update_rows_sql[] = R"(
UPDATE etl.quarantine q
   SET code = r.code, violations = r.violations::jsonb, key = substr(nullif(r.key, ''), 2),
       subject = substr(nullif(r.subject, ''), 2), run_id = $6,
       status = CASE r.treated WHEN 1 THEN 'erased' ELSE q.status END
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $7::bigint[])
       r(id, code, violations, key, subject, treated)
 WHERE q.quarantine_id = r.id)";

void
update_quarantine(const Definition &definition, const Batch &batch, int64_t run_id, bool with_texts,
				  size_t max_record_size)
{
	std::vector<int64_t> released, all, ids, treated;
	for (const BatchRecord &r : batch.records)
	{
		all.push_back(r.record->quarantine_id);
		if (r.accepted)
			released.push_back(r.record->quarantine_id);
	}
	const WritingQuarantine writing;
	// joins, because for "= ANY" the planner looks at each element, which took longer than the
	// DELETE
	pg::execute(delete_references_sql, {pg::param_array(all)});
	pg::execute(release_rows_sql, {pg::param_array(released)});
	if (with_texts)
	{
		std::vector<std::string_view> records;
		for (const BatchRecord &r : batch.records)
			records.push_back(r.record->text);
		pg::execute(cut_rows_sql, {pg::param_array(all), pg::param_array(records),
								   pg::param(static_cast<int64_t>(max_record_size))});
	}
	const std::vector<const BatchRecord *> rejected = rejected_of(batch);
	if (rejected.empty())
		return;
	CatalogRows references;
	MissingReferences missing(definition);
	std::deque<std::string> texts;
	std::vector<std::string_view> codes, violations, keys, subjects;
	size_t bytes = 0;
	const auto update = [&]
	{
		pg::execute(update_rows_sql,
					{pg::param_array(ids), pg::param_array(codes), pg::param_array(violations),
					 pg::param_array(keys), pg::param_array(subjects), pg::param(run_id),
					 pg::param_array(treated)});
		copy_references(references);
		ids.clear();
		treated.clear();
		texts.clear();
		for (auto *list : {&codes, &violations, &keys, &subjects})
			list->clear();
		bytes = 0;
	};
	for (const BatchRecord *r : rejected)
	{
		missing.tell_all(*r);
		ids.push_back(r->record->quarantine_id);
		treated.push_back(r->record->treated ? 1 : 0);
		codes.push_back(code_name(r->record->violations->front().code));
		append_violations_json(texts.emplace_back(), *r->record->violations);
		violations.push_back(texts.back());
		bytes += texts.back().size();
		keys.push_back(present(indexable(r->record->key), texts));
		subjects.push_back(present(indexable(r->record->subject), texts));
		add_references(*r->record, ids.back(), references);
		missing.forget(*r);
		if (bytes + references.bytes() >= limits::quarantine_bytes)
			update();
	}
	if (!ids.empty())
		update();
}

} // namespace etl
