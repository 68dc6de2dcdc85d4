// The quarantined records of an erasure.
#include "erase/eraser.h"
#include "run/quarantine.h"

namespace etl
{

namespace
{

std::string
hex_hash(const std::string &bytes)
{
	const auto hash = sha256(bytes);
	return to_hex({reinterpret_cast<const char *>(hash.data()), hash.size()});
}

/// Records found, to be written back.
struct Treated
{
	std::vector<int64_t> ids;
	std::vector<std::string> records;
	size_t bytes = 0;

	void add(int64_t id, std::string record)
	{
		ids.push_back(id);
		bytes += record.size();
		records.push_back(std::move(record));
	}
	bool many() const { return ids.size() >= 5000 || bytes >= 8 << 20; }
	/// forget_key: the record is a request, whose key is an identifier.
	void write(bool forget_key)
	{
		if (ids.empty())
			return;
		// a released record stays released: its line is in a processed file, and replay counts on
		// that; what was given up by hand stays given up
		pg::execute(
			"UPDATE etl.quarantine q SET record = r.record, record_bytes = NULL,"
			" status = CASE q.status WHEN 'open' THEN 'erased' ELSE q.status END,"
			" key = CASE WHEN NOT $3 THEN q.key END, subject = CASE WHEN NOT $3 THEN q.subject END"
			" FROM unnest($1::bigint[], $2::text[]) r(id, record) WHERE q.quarantine_id = r.id",
			{pg::param_array(ids),
			 pg::param_array(std::vector<std::string_view>(records.begin(), records.end())),
			 pg::param(forget_key)});
		// a record that went as a whole waits for nothing; a treated one still does
		std::vector<int64_t> gone;
		for (size_t i = 0; i < ids.size(); ++i)
			if (records[i] == erased_text)
				gone.push_back(ids[i]);
		if (!gone.empty())
			pg::execute("DELETE FROM etl.quarantine_reference r USING unnest($1::bigint[]) g(id)"
						" WHERE r.quarantine_id = g.id",
						{pg::param_array(gone)});
		ids.clear();
		records.clear();
		bytes = 0;
	}
};

} // namespace

void
Eraser::erase_quarantine()
{
	std::set<std::string> datasets;
	const pg::Rows rows = pg::query("SELECT DISTINCT dataset FROM etl.quarantine ORDER BY 1");
	for (uint64_t i = 0; i < rows.size(); ++i)
		datasets.insert(rows.text(i, 0));
	const auto related = [&](const std::string &name)
	{
		const Definition *definition = catalog_.find(name);
		return definition != nullptr && (about(*definition) || asks(*definition));
	};
	// first all that name the people: the emails in them are looked for in what names nobody
	for (const std::string &name : datasets)
		if (related(name) && !texts_.empty())
			erase_quarantine_of(name, "q.subject = ANY ($2)");
	for (const std::string &name : datasets)
	{
		// what names nobody where it should, or can't be read at all, may do so anywhere
		erase_quarantine_of(name, "q.subject IS NULL AND cardinality($2) >= 0");
		// the email of a request may stand in a record with a key of its own
		if (related(name) && catalog_.find(name)->subject &&
			!catalog_.find(name)->subject->email.empty() && people_.has_emails())
			erase_quarantine_of(name, "q.subject <> ALL ($2)");
	}
}

void
Eraser::erase_quarantine_of(const std::string &dataset, const std::string &condition)
{
	static const Definition undefined;
	const Definition *definition = catalog_.find(dataset);
	RecordEraser eraser(definition != nullptr ? *definition : undefined, catalog_.key_types(),
						people_, secret_, dataset_);
	ErasedPlace place;
	place.place = "etl.quarantine";
	place.kind = "quarantine";
	place.columns = {"record"};
	Treated treated;
	pg::Cursor cursor("SELECT q.quarantine_id, q.record, coalesce(q.file_id, 0)"
					  " FROM etl.quarantine q WHERE q.dataset = $1 AND q.record IS NOT NULL AND " +
						  condition + " ORDER BY q.quarantine_id",
					  {pg::param(dataset), texts()});
	const bool forget_key = definition != nullptr && asks(*definition);
	cursor.for_each(records_at_once,
					[&](const pg::Rows &rows, uint64_t i)
					{
						const int64_t id = rows.integer(i, 0);
						const std::string record = rows.text(i, 1);
						std::string out;
						const uint32_t person = mode_ == Mode::collect ? eraser.whose(record)
																	   : eraser.erase(record, out);
						if (person == Identities::nobody)
							return;
						note_quarantined(place, dataset, person, rows.integer(i, 2));
						if (eraser.known_email() != 0)
							add_known_email(person, eraser.known_email());
						if (mode_ == Mode::collect)
							records_.emplace_back("etl.quarantine", record);
						else if (mode_ == Mode::look)
							report_.fingerprint.push_back("etl.quarantine " + std::to_string(id) +
														  " " + hex_hash(record));
						else
							treated.add(id, std::move(out));
						if (treated.many())
							treated.write(forget_key);
					});
	treated.write(forget_key);
	if (!place.rows.empty())
		report_.places.push_back(std::move(place));
}

void
Eraser::note_quarantined(ErasedPlace &place, const std::string &dataset, uint32_t person,
						 int64_t file_id)
{
	++place.rows[person];
	++requests_[person].row_count;
	if (file_id != 0)
		quarantined_files_[dataset].insert(file_id);
}

} // namespace etl
