// From a record's text to what is loaded: the journey of one record before the database is asked.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/arena.h"
#include "core/base/hash.h"
#include "core/definition/definition.h"
#include "core/files/compressed_text.h"
#include "core/json/document.h"
#include "core/records/record_splitter.h"
#include "core/schema/violation.h"
#include "core/staging/key_dictionary.h"
#include "core/types/column_type.h"

namespace etl
{

/// One key that a record names in another dataset.
struct StagedReference
{
	static constexpr uint32_t no_key = UINT32_MAX;
	uint32_t rule : 31; ///< index into Definition::references
	bool missing : 1;   ///< found to be so by the database's checks
	uint32_t key;       ///< in the piece's dictionary; no_key when the value is no key of that type
	uint32_t place;     ///< which of the values that the rule's path matches
};

struct StagedRecord
{
	std::string_view text;   ///< as it came, on one line; empty while it is sealed
	std::string_view output; ///< normalized; what the processed file gets; empty when it is sealed
	uint64_t line = 0;
	uint32_t file = 0; ///< index into the run's files
	/// Canonical text and encoded form of the key; data() is null where the record has none (or one
	/// that does not fit its type).
	std::string_view key, key_binary;
	uint64_t key_hash = 0;
	/// Canonical key of the person the record is about; data() is null where it is about nobody.
	std::string_view subject;
	uint64_t subject_hash = 0; ///< keyed; where the stager was given a key
	uint32_t first_reference = 0, reference_count = 0;
	int64_t quarantine_id = 0; ///< of a record that is replayed
	/// A quarantine_id before all others: of one that may be any of them, mended.
	static constexpr int64_t any_quarantined = -1;
	/// What is wrong with it so far; null when nothing is.
	std::unique_ptr<Violations> violations;
	/// It can be loaded if the database agrees: no malformed, schema or type violation (check
	/// violations are told after the database's own).
	bool loadable = false;
	/// PostgreSQL's text can hold it: valid UTF-8 without NUL.
	bool storable = true;
	/// References that are missing stand in the piece's, beside the one that violations tell of.
	bool has_more_missing = false;
	/// It was about somebody who has been erased: text and output are treated.
	bool treated = false;
	/// It names somebody who was erased before it could be refused: there is nothing to be mended.
	bool answered = false;
	/// Text and output, which are the same, are in the piece's sealed text.
	bool sealed = false;

	/// Of the reasons to refuse it so many are told that it need not be looked for more.
	bool has_many_violations() const { return violations && violations->size() >= max_violations; }
	/// Only the first hundred are kept.
	void add(Violation violation)
	{
		if (has_many_violations())
			return;
		if (!violations)
			violations = std::make_unique<Violations>();
		for (std::string *text :
			 {&violation.pointer, &violation.schema_pointer, &violation.message})
			shorten(*text);
		violations->push_back(std::move(violation));
	}
};

/// A row as COPY BINARY has it: the number of columns, then each with its length.
struct StagedRow
{
	uint64_t sort;   ///< order of the primary key's first column
	uint32_t record; ///< index into the piece's records
	uint32_t size;
	const char *bytes;
};

/// Somebody who was erased, and of whom a record that has come since tells more.
struct RecognisedPerson
{
	std::string_view subject; ///< canonical key
	/// By which they were erased before anybody knew their key; 0 of one who was erased by key.
	/// Emails are hashed as Identities does.
	uint64_t erased_email;
	bool was_unknown;   ///< erased by a key that nobody was known to have
	uint64_t new_email; ///< that was not known to be an erased person's; 0: none
};

/// An email that a record says a person has, both hashed as Identities does: a later record may
/// replace it in the table.
struct PersonEmail
{
	uint64_t subject, email;
};

/// What one thread made of a file, or of a part of a large one.
struct Piece
{
	std::shared_ptr<char[]> buffer;   ///< decompressed bytes, with padding
	size_t buffer_size = 0;           ///< 0 where another piece of the same bytes has it
	std::optional<SealedText> sealed; ///< of the records that say so, in their order
	Arena arena;
	std::vector<StagedRecord> records;
	std::vector<StagedReference> references;
	std::shared_ptr<const KeyDictionary> dictionary; ///< of the references' keys
	std::vector<RecognisedPerson> recognised;        ///< few: what they say stands in the arena
	std::vector<PersonEmail> emails;                 ///< where records replace others'
	std::vector<std::vector<StagedRow>> rows;        ///< by table
	size_t violation_bytes = 0;                      ///< of the records' violations, about
	size_t dictionary_bytes = 0; ///< by which the dictionary has grown with its records
	/// Bytes; without the buffer: of what its records have become.
	size_t memory() const { return buffer_size + memory_without_buffer(); }
	size_t memory_without_buffer() const;
};

/// What the columns take that do not come from the record itself.
struct RowContext
{
	int32_t record_date = 0; ///< days since 2000-01-01
	int16_t record_hour = 0;
	int64_t run_time = 0; ///< microseconds since 2000-01-01 UTC
	/// The partition as hours since 2000-01-01.
	int64_t partition() const { return int64_t{record_date} * 24 + record_hour; }
};

class RecordEraser;
struct ErasedPeople;
class Identities;
class TypeInput;

/// What the rows of one record may take: a text of the record that is a column of each of a million
/// elements would take terabytes.
constexpr size_t max_row_bytes = 128 << 20;

/// Takes records apart. One for each thread: it keeps buffers.
class RecordStager
{
  public:
	/// All must outlive it. erased: people whose records are treated on their way in; null for
	/// none. hashes: hashes people and their emails; null for none. type_input: is asked about
	/// texts that encode() cannot read, but for keys, which everybody must read alike; null: they
	/// are refused.
	RecordStager(const Definition &definition, const KeyTypes &key_types,
				 const ErasedPeople *erased = nullptr, const Identities *hashes = nullptr,
				 TypeInput *type_input = nullptr);
	~RecordStager();

	/// Parses, validates, normalizes, types and encodes one record into the piece.
	/// readable: see Document::parse. text must stay where it is as long as the piece,
	/// or until it is sealed.
	void stage(const RawRecord &raw, size_t readable, uint32_t file, const RowContext &context,
			   Piece &piece);

	/// The same of a record that has been treated: it is not treated once more (the pseudonym of a
	/// pseudonym is another).
	void stage_treated(const RawRecord &raw, size_t readable, uint32_t file,
					   const RowContext &context, Piece &piece);
	void refuse_erased(StagedRecord &record, Piece &piece);

	/// Makes room for what `bytes` of text will be if they are like those of the piece filled last:
	/// a vector that grows by doubling copies, and holds more than it needs. At most `limit` bytes.
	void reserve(Piece &piece, size_t bytes, size_t limit) const;
	void note_filled(const Piece &piece, size_t bytes);

	/// Its references' keys are many: the next records had better begin another piece.
	bool dictionary_full() const { return dictionary_->full(); }
	/// Gives up what is held for a long record, the last one of the piece, and what the piece has
	/// room for beyond it.
	void release(Piece &piece);

	/// Whether the output may differ from the text.
	bool rewrites() const { return rewrites_; }
	/// The document of the record staged last.
	const Document &document() const { return document_; }

  private:
	bool treat_erased(const RawRecord &raw, uint32_t file, const RowContext &context, Piece &piece);
	/// What a column's value is taken from.
	struct Element
	{
		Value value;
		uint32_t line = 0;                      ///< from 1; 0: the record itself
		const std::string *container = nullptr; ///< pointer of the array that holds it
		uint32_t index = 0;                     ///< in that array
	};
	void encode_rows(StagedRecord &record, uint32_t index, const RowContext &context, Piece &piece);
	void encode_row(size_t table, const Element &element, uint32_t index, const RowContext &context,
					StagedRecord &record, Piece &piece);
	bool encode_field(const ColumnDefinition &column, const Element &element,
					  const RowContext &context, StagedRecord &record);
	bool canonical_key(const ColumnType *type, const ColumnType *column, Value value, Arena &arena,
					   std::string_view &text, std::string_view &binary);
	void collect_keys(StagedRecord &record, Piece &piece);
	void collect_references(StagedRecord &record, Piece &piece);
	uint32_t reference_key(const ColumnType *type, uint32_t target, Value value);
	void run_checks(StagedRecord &record);
	std::string_view output_text(const RowContext &context, Piece &piece, std::string_view text);
	const ColumnType *type_of(const std::string &dataset) const;

	const Definition &definition_;
	const KeyTypes &key_types_;
	std::unique_ptr<RecordEraser> eraser_;
	const Identities *hashes_;
	TypeInput *type_input_;
	Document document_;
	const ColumnType *key_type_;
	std::shared_ptr<KeyDictionary> dictionary_;
	std::vector<uint32_t> reference_targets_; ///< by rule: what the dictionary calls its dataset
	/// The rules of all records count up; by key of the dictionary: which of them has named it
	/// last.
	uint64_t naming_ = 0;
	std::vector<uint64_t> named_;
	std::vector<const ColumnType *> reference_types_;
	std::vector<size_t> rows_before_;
	size_t row_bytes_ = 0;             ///< of the record's rows
	std::vector<size_t> sort_columns_; ///< by table: the first column of its primary key
	std::vector<char> fields_taken_;   ///< by table: its rows take fields of elements
	bool rewrites_ = false;            ///< the output may differ from the text
	size_t filled_bytes_ = 0;          ///< of the piece filled last, and what they became
	size_t filled_records_ = 0, filled_references_ = 0;
	std::vector<size_t> filled_rows_;
	std::string row_; ///< buffers kept from record to record
	std::string pointer_;
	const ColumnType *subject_type_ = nullptr; ///< of the column that names the person
	void note_email(const StagedRecord &record, Piece &piece) const;
	std::string value_;
};

/// The type of a dataset's key: its key column's, or where it has no tables and asks for erasure,
/// that of the dataset whose subjects it erases.
const ColumnType *key_type(const Definition &definition, const KeyTypes &key_types);

/// Where in the record (JSON Pointers) the references stand, which are in the order in which they
/// were staged. Looks through the record once for each rule.
std::vector<std::string> reference_pointers(const Definition &definition,
											const std::vector<StagedReference> &references,
											const Document &record);

/// ISO 8601 in UTC with microseconds: "2026-11-24T02:11:22.123456Z".
std::string format_run_time(int64_t microseconds_since_2000);

} // namespace etl
