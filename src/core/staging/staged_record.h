// Turns the text of a record into the rows that are loaded, as far as this is possible without the
// database.
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
#include "core/staging/staged_rows.h"
#include "core/types/column_type.h"

namespace etl
{

/// A key of another dataset to which a record refers.
struct StagedReference
{
	static constexpr uint32_t no_key = UINT32_MAX;
	uint32_t rule : 31; ///< index into Definition::references
	bool missing : 1;   ///< the checks of the database did not find the key
	uint32_t key;   ///< number in the piece's dictionary; no_key if the value is not a valid key
	uint32_t place; ///< index among the values that the rule's path matches
};

struct StagedRecord
{
	std::string_view text;   ///< the text of the record on one line; empty if it is sealed
	std::string_view output; ///< the normalized text for the processed file; empty if it is sealed
	uint64_t line = 0;
	uint32_t file = 0; ///< index into the files of the run
	/// Canonical text and encoded form of the key. data() is null if the record has no key or the
	/// key does not fit its type.
	std::string_view key, key_binary;
	uint64_t key_hash = 0;
	/// Canonical key of the person that the record is about. data() is null if there is none.
	std::string_view subject;
	uint64_t subject_hash = 0; ///< keyed hash; 0 unless the stager was given a key for it
	uint32_t first_reference = 0, reference_count = 0;
	int64_t quarantine_id = 0; ///< for a record that is loaded again from the quarantine
	/// Sorts before every quarantine_id: the record may be the corrected form of any quarantined
	/// one.
	static constexpr int64_t any_quarantined = -1;
	/// The violations found so far. Null if there are none.
	std::unique_ptr<Violations> violations;
	/// The record can be loaded if the database accepts it: it has no malformed, schema or type
	/// violation. Violations of checks are reported after those that the database finds.
	bool loadable = false;
	/// PostgreSQL's type text can store the record: it is valid UTF-8 without NUL.
	bool storable = true;
	/// The piece's references contain missing ones in addition to the one in `violations`.
	bool has_more_missing = false;
	/// The record was about an erased person, so text and output are treated.
	bool treated = false;
	/// The record names a person who was erased before the record could be refused, so there is
	/// nothing to correct.
	bool answered = false;
	/// Text and output are the same and are in the piece's sealed text.
	bool sealed = false;

	/// Whether the record has as many violations as are kept, so that no more need be searched.
	bool has_many_violations() const { return violations && violations->size() >= max_violations; }
	/// Adds a violation, unless max_violations are already kept.
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

/// A row in the format of COPY BINARY: the number of columns, then each column with its length.
struct StagedRow
{
	uint64_t sort;   ///< sort_prefix() of the first column of the primary key
	uint32_t record; ///< index into the records of the piece
	uint32_t size;
	const char *bytes;
};

/// What one record says about an erased person that was not known before.
struct Recognition
{
	std::string_view subject; ///< canonical key
	/// Hash of the email by which the person was erased before their key was known. 0 if the person
	/// was erased by key. Emails are hashed as in Identities.
	uint64_t erased_email;
	bool was_unknown;   ///< the person was erased by a key that no record had yet
	uint64_t new_email; ///< hash of an email that was not known to be an erased person's; 0 if
						///< there is none
};

/// The email of a person in a record, both hashed as in Identities. A later record may replace the
/// email in the table.
struct PersonEmail
{
	uint64_t subject, email;
};

/// The staged records of a file, or of a part of a large file, made by one thread.
struct Piece
{
	std::shared_ptr<char[]> buffer;   ///< decompressed bytes of the file, with padding
	size_t buffer_size = 0;           ///< 0 if another piece of the same buffer counts it
	std::optional<SealedText> sealed; ///< text of the sealed records, in their order
	Arena arena;
	std::vector<StagedRecord> records;
	std::vector<StagedReference> references;
	std::shared_ptr<const KeyDictionary> dictionary; ///< keys of the references
	std::vector<Recognition> recognitions;           ///< few people; their keys are in the arena
	std::vector<PersonEmail> emails;                 ///< if records may replace earlier ones
	std::vector<std::vector<StagedRow>> rows;        ///< indexed by table
	size_t violation_bytes = 0;  ///< approximate size of the records' violations
	size_t dictionary_bytes = 0; ///< growth of the dictionary by the records of this piece
	/// Bytes of memory, with and without the buffer.
	size_t memory() const { return buffer_size + memory_without_buffer(); }
	size_t memory_without_buffer() const;
};

/// Values of columns that do not come from the record itself.
struct RowContext
{
	int32_t record_date = 0; ///< days since 2000-01-01
	int16_t record_hour = 0;
	int64_t run_time = 0; ///< microseconds since 2000-01-01 UTC
	/// The partition as the number of hours since 2000-01-01.
	int64_t partition() const { return int64_t{record_date} * 24 + record_hour; }
};

class RecordEraser;
struct ErasedPeople;
class Identities;
class TypeInput;

/// Stages records. It keeps buffers; each thread has its own.
class RecordStager
{
  public:
	/// All arguments must outlive the object. `erased`: people whose records are treated when they
	/// arrive; null for none. `hashes`: hashes people and their emails; null for none.
	/// `type_input`: answers questions about texts that encode() cannot read; without it such texts
	/// are refused. It is not used for keys, which must be read in the same way everywhere.
	RecordStager(const Definition &definition, const KeyTypes &key_types,
				 const ErasedPeople *erased = nullptr, const Identities *hashes = nullptr,
				 TypeInput *type_input = nullptr);
	~RecordStager();

	/// Parses, validates, normalizes, types and encodes one record into the piece. `readable`: see
	/// Document::parse. The text must stay valid as long as the piece, or until the piece is
	/// sealed.
	void stage(const RawRecord &raw, size_t readable, uint32_t file, const RowContext &context,
			   Piece &piece);

	/// Like stage(), for a record that was treated before. It is not treated again, because the
	/// pseudonym of a pseudonym is a different one.
	void stage_treated(const RawRecord &raw, size_t readable, uint32_t file,
					   const RowContext &context, Piece &piece);
	void refuse_erased(StagedRecord &record, Piece &piece);

	/// Reserves memory for the records of `bytes` bytes of text, assuming that they are like those
	/// of the last piece. A vector that grows by doubling copies its elements and takes more memory
	/// than it needs. Reserves at most `limit` bytes.
	void reserve(Piece &piece, size_t bytes, size_t limit) const;
	void note_filled(const Piece &piece, size_t bytes);

	/// Whether the references have so many keys that the next record should begin a new piece.
	bool dictionary_full() const { return dictionary_->full(); }
	/// Frees the memory that a long record needed, which must be the last one of the piece, and the
	/// unused memory of the piece.
	void release(Piece &piece);

	/// Whether the output may differ from the text.
	bool rewrites() const { return rewrites_; }
	/// The document of the last staged record.
	const Document &document() const { return document_; }

  private:
	bool treat_erased(const RawRecord &raw, uint32_t file, const RowContext &context, Piece &piece);
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
	RowEncoder row_encoder_;
	Document document_;
	const ColumnType *key_type_;
	std::shared_ptr<KeyDictionary> dictionary_;
	/// indexed by rule: number of its dataset in the dictionary
	std::vector<uint32_t> reference_targets_;
	/// Serial number of the current (record, rule) pair. `named_[key]` is the last pair that named
	/// the key, so that a key is noted once if a pair names it twice.
	uint64_t naming_ = 0;
	std::vector<uint64_t> named_;
	std::vector<const ColumnType *> reference_types_;
	std::vector<size_t> rows_before_;
	bool rewrites_ = false;   ///< the output may differ from the text
	size_t filled_bytes_ = 0; ///< bytes of the last piece; the next lines have the number of its
							  ///< records, references and rows
	size_t filled_records_ = 0, filled_references_ = 0;
	std::vector<size_t> filled_rows_;
	std::string pointer_;                      ///< a buffer that is reused for each record
	const ColumnType *subject_type_ = nullptr; ///< type of the column that names the person
	void note_email(const StagedRecord &record, Piece &piece) const;
	std::string value_;
};

/// The type of a dataset's key: the type of its key column. For a dataset without tables whose
/// records are requests for erasure, the type of the key of the dataset whose subjects are erased.
const ColumnType *key_type(const Definition &definition, const KeyTypes &key_types);

/// The JSON Pointers of the references in the record. The references must be in the order in which
/// they were staged. Walks through the record once for each rule.
std::vector<std::string> reference_pointers(const Definition &definition,
											const std::vector<StagedReference> &references,
											const Document &record);

} // namespace etl
