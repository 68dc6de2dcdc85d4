#include "core/staging/staged_record.h"

#include <algorithm>
#include <utility>

#include <simdjson.h>

#include "core/base/ascii.h"
#include "core/base/calendar.h"
#include "core/base/hash.h"
#include "core/base/sqlstate.h"
#include "core/definition/normalize.h"
#include "core/json/decimal.h"
#include "core/json/json_edit.h"
#include "core/json/pointer.h"
#include "core/json/write.h"
#include "core/privacy/email.h"
#include "core/privacy/identities.h"
#include "core/privacy/person_key.h"
#include "core/privacy/pseudonym.h"
#include "core/privacy/record_eraser.h"
#include "core/records/record_splitter.h"
#include "core/types/column_type.h"
#include "core/types/encode.h"
#include "core/types/encode_key.h"
#include "core/types/type_error.h"

namespace etl
{

namespace
{

/// Like find_all(), but without pointers, whose cost is higher than that of the walk.
template <typename Visit>
void
visit_all(Value from, const Path &path, size_t step, Visit &&visit)
{
	for (; from && step < path.size() && path[step] != "*"; ++step)
		from = step_into(from, path[step]);
	if (!from)
		return;
	if (step == path.size())
	{
		visit(from);
		return;
	}
	if (from.is(Kind::array))
	{
		Value element = from.first();
		for (uint32_t i = 0; i < from.count(); ++i, element = element.next())
			visit_all(element, path, step + 1, visit);
	}
	else if (from.is(Kind::object))
		for (Member m(from); m; m.advance())
			visit_all(m.value(), path, step + 1, visit);
}

} // namespace

size_t
Piece::memory_without_buffer() const
{
	size_t bytes = arena.memory() + records.capacity() * sizeof(StagedRecord) +
				   emails.capacity() * sizeof(PersonEmail) +
				   references.capacity() * sizeof(StagedReference) + violation_bytes +
				   dictionary_bytes;
	for (const auto &table : rows)
		bytes += table.capacity() * sizeof(StagedRow);
	return bytes + (sealed ? sealed->deflated.capacity() : 0);
}

const ColumnType *
key_type(const Definition &definition, const KeyTypes &key_types)
{
	if (definition.key_field.empty())
		return nullptr;
	if (definition.key_column() != nullptr)
		return &definition.key_column()->type;
	static const ColumnType text;
	if (definition.erases && definition.key == definition.erases->subject)
	{
		const auto found = key_types.find(definition.erases->dataset);
		if (found != key_types.end())
			return &found->second;
	}
	return &text;
}

RecordStager::RecordStager(const Definition &definition, const KeyTypes &key_types,
						   const ErasedPeople *erased, const Identities *hashes,
						   TypeInput *type_input)
	: definition_(definition), key_types_(key_types), hashes_(hashes),
	  row_encoder_(definition, type_input), key_type_(key_type(definition, key_types))
{
	if (erased != nullptr && !erased->people.empty())
	{
		eraser_ = std::make_unique<RecordEraser>(definition, key_types, erased->people,
												 erased->secret, erased->dataset,
												 RecordEraser::Options{false, false, type_input});
		eraser_->find_keys_of(erased->keys);
	}
	if (const ColumnDefinition *subject = definition.subject_column())
		subject_type_ = &subject->type;
	rewrites_ = !definition.normalize.empty();
	for (size_t i = 0; i < definition.references.size(); ++i)
	{
		// the index of the first rule with the same dataset stands for the dataset
		size_t first = 0;
		while (definition.references[first].dataset != definition.references[i].dataset)
			++first;
		reference_targets_.push_back(static_cast<uint32_t>(first));
		reference_types_.push_back(type_of(definition.references[i].dataset));
	}
	dictionary_ = std::make_shared<KeyDictionary>();
}

RecordStager::~RecordStager() = default;

const ColumnType *
RecordStager::type_of(const std::string &dataset) const
{
	if (dataset == definition_.dataset && key_type_ != nullptr)
		return key_type_;
	const auto found = key_types_.find(dataset);
	return found == key_types_.end() ? nullptr : &found->second;
}

void
RecordStager::reserve(Piece &piece, size_t bytes, size_t limit) const
{
	if (filled_bytes_ == 0)
		return;
	// a sixteenth more, because pieces differ
	double factor = static_cast<double>(bytes) / static_cast<double>(filled_bytes_) * 17 / 16;
	size_t filled =
		filled_records_ * sizeof(StagedRecord) + filled_references_ * sizeof(StagedReference);
	for (const size_t rows : filled_rows_)
		filled += rows * sizeof(StagedRow);
	factor = std::min(factor, static_cast<double>(limit) / static_cast<double>(filled + 1));
	const auto expected = [=](size_t count)
	{ return static_cast<size_t>(static_cast<double>(count) * factor) + 1; };
	piece.records.reserve(expected(filled_records_));
	piece.references.reserve(expected(filled_references_));
	piece.rows.resize(filled_rows_.size());
	for (size_t t = 0; t < filled_rows_.size(); ++t)
		piece.rows[t].reserve(expected(filled_rows_[t]));
}

void
RecordStager::note_filled(const Piece &piece, size_t bytes)
{
	filled_bytes_ = bytes;
	filled_records_ = piece.records.size();
	filled_references_ = piece.references.size();
	filled_rows_.resize(piece.rows.size());
	for (size_t t = 0; t < piece.rows.size(); ++t)
		filled_rows_[t] = piece.rows[t].size();
}

void
RecordStager::stage(const RawRecord &raw, size_t readable, uint32_t file, const RowContext &context,
					Piece &piece)
{
	piece.rows.resize(definition_.tables.size());
	const uint32_t index = static_cast<uint32_t>(piece.records.size());
	StagedRecord &record = piece.records.emplace_back();
	record.text = raw.text;
	record.output = raw.text;
	record.line = raw.line;
	record.file = file;

	ParseError error;
	if (raw.too_long)
		error = {"longer than etl.max_record_size; only its beginning is kept", "",
				 sqlstate::program_limit_exceeded};
	else
		document_.parse(raw.text, readable, error);
	if (!error.message.empty())
	{
		if (std::string erased;
			eraser_ && eraser_->erase_malformed(raw.text, erased) != Identities::nobody)
		{
			record.text = record.output = piece.arena.copy(erased);
			record.treated = true;
		}
		record.storable = simdjson::validate_utf8(record.text.data(), record.text.size()) &&
						  record.text.find('\0') == std::string_view::npos;
		// a treated record has no member names left that a pointer could refer to
		const std::string pointer = record.treated ? std::string() : error.pointer;
		record.add({Code::malformed, raw.too_long ? "maxRecordSize" : "json", pointer, "",
					error.sqlstate, "(root): " + error.message});
		return;
	}

	normalize_numbers(definition_, document_);
	Violations violations;
	if (definition_.schema != nullptr && !definition_.schema->is_valid(document_.root()))
	{
		definition_.schema->validate(document_.root(), violations);
		record.violations = std::make_unique<Violations>(std::move(violations));
	}
	collect_keys(record, piece);
	if (piece.dictionary == nullptr)
	{
		if (dictionary_->full())
			dictionary_ = std::make_shared<KeyDictionary>();
		piece.dictionary = dictionary_;
	}
	if (eraser_ && treat_erased(raw, file, context, piece))
		return;
	note_email(record, piece);
	collect_references(record, piece);
	rows_before_.clear();
	for (const auto &table : piece.rows)
		rows_before_.push_back(table.size());
	row_encoder_.encode_rows(document_.root(), record, index, context, piece);
	record.loadable = record.violations == nullptr;
	// also if the record is already refused, so that all its errors are known to whoever corrects
	// it
	run_checks(record);
	if (!record.loadable)
	{
		for (size_t i = 0; i < rows_before_.size(); ++i)
			piece.rows[i].resize(rows_before_[i]);
		return;
	}
	if (rewrites_)
		record.output = output_text(context, piece, raw.text);
}

/// Stages a record about an erased person again, with its personal fields treated. The rows, the
/// output and the quarantined text all come from the treated text. Records of a dataset that is not
/// about people are searched only if they are refused anyway.
bool
RecordStager::treat_erased(const RawRecord &raw, uint32_t file, const RowContext &context,
						   Piece &piece)
{
	const StagedRecord &record = piece.records.back();
	if (!definition_.subject && record.violations == nullptr)
		return false;
	std::string text;
	if (eraser_->erase(document_, record.subject, text) == Identities::nobody)
		return false;
	const Recognition person{record.subject, eraser_->recognised_by(document_, record.subject),
							 eraser_->makes_known(record.subject),
							 eraser_->new_email(document_, record.subject)};
	if (person.erased_email != 0 || person.was_unknown || person.new_email != 0)
		piece.recognitions.push_back(person);
	if (definition_.subject && definition_.subject->on_erasure == OnErasure::remove &&
		text == erased_text)
	{
		refuse_erased(piece.records.back(), piece);
		return true;
	}
	piece.records.pop_back();
	const RawRecord treated{piece.arena.copy(text), raw.line, false};
	stage_treated(treated, treated.text.size(), file, context, piece);
	piece.records.back().treated = true;
	return true;
}

/// The records of this person are deleted, so nothing of the record is loaded and nothing remains
/// to be corrected.
void
RecordStager::refuse_erased(StagedRecord &record, Piece &piece)
{
	record.text = record.output = piece.arena.copy(erased_text);
	record.key = record.key_binary = record.subject = {};
	record.key_hash = record.subject_hash = 0;
	record.violations = nullptr;
	record.add({Code::constraint, "on_erasure", "", "/x-etl/subject/on_erasure",
				sqlstate::integrity_constraint_violation,
				"(root): the person was erased, and their records are deleted"});
	record.loadable = false;
	record.treated = true;
}

void
RecordStager::stage_treated(const RawRecord &raw, size_t readable, uint32_t file,
							const RowContext &context, Piece &piece)
{
	// without the eraser, because the record still has the key of an erased person
	std::unique_ptr<RecordEraser> eraser = std::move(eraser_);
	stage(raw, readable, file, context, piece);
	eraser_ = std::move(eraser);
}

std::string_view
RecordStager::output_text(const RowContext &context, Piece &piece, std::string_view text)
{
	std::vector<Edit> edits;
	const char *base = document_.text().data();
	for (const NormalizeDefinition &rule : definition_.normalize)
	{
		if (rule.action == NormalizeDefinition::Action::set_run_time)
		{
			std::string json;
			append_json_string(json, format_utc(context.run_time));
			set_member(document_, rule.path, json, edits);
			continue;
		}
		pointer_.clear();
		find_all(document_.root(), rule.path, 0, pointer_,
				 [&](Value value, const std::string &)
				 {
					 if (value.is(Kind::number) && value.text() != value.raw())
						 edits.push_back({static_cast<size_t>(value.raw().data() - base),
										  value.raw().size(), std::string(value.text())});
				 });
	}
	if (edits.empty())
		return text;
	return piece.arena.copy(apply_edits(document_.text(), std::move(edits)));
}

bool
RecordStager::canonical_key(const ColumnType *type, const ColumnType *column, Value value,
							Arena &arena, std::string_view &text, std::string_view &binary)
{
	if (!value || value.is(Kind::null) || value.is(Kind::array) || value.is(Kind::object))
		return false;
	static const ColumnType as_text;
	if (type == nullptr)
		type = &as_text;
	value_.clear();
	if (!encode_person_key(*type, column, value, value_))
		return false;
	binary = arena.copy(value_);
	text = type->id == TypeId::text ? binary : arena.copy(canonical_text(*type, value_));
	return true;
}

void
RecordStager::collect_keys(StagedRecord &record, Piece &piece)
{
	const Value root = document_.root();
	if (!definition_.key_field.empty())
		canonical_key(key_type_, nullptr, find(root, definition_.key), piece.arena, record.key,
					  record.key_binary);
	if (record.key.data() != nullptr)
		record.key_hash = hash_bytes(record.key);
	std::string_view binary;
	if (definition_.subject)
		canonical_key(type_of(definition_.subject->dataset), subject_type_,
					  find(root, definition_.subject->path), piece.arena, record.subject, binary);
	else if (definition_.erases)
		canonical_key(type_of(definition_.erases->dataset), nullptr,
					  find(root, definition_.erases->subject), piece.arena, record.subject, binary);
	if (hashes_ != nullptr && record.subject.data() != nullptr)
		record.subject_hash = hashes_->subject_hash(record.subject);
}

/// If later records update rows, the table loses the emails of earlier records.
void
RecordStager::note_email(const StagedRecord &record, Piece &piece) const
{
	if (hashes_ == nullptr || record.subject.data() == nullptr ||
		definition_.on_repeat != OnRepeat::update || !definition_.subject ||
		definition_.subject->email.empty())
		return;
	const std::string email = fold_email(text_at(document_, definition_.subject->email));
	// a record that was treated before has a token instead
	if (email.find('@') != std::string::npos && !email.ends_with(erased_domain))
		piece.emails.push_back({record.subject_hash, hashes_->email_hash(email)});
}

void
RecordStager::collect_references(StagedRecord &record, Piece &piece)
{
	const size_t dictionary_before = dictionary_->memory();
	record.first_reference = static_cast<uint32_t>(piece.references.size());
	for (size_t i = 0; i < definition_.references.size(); ++i)
	{
		const ReferenceDefinition &rule = definition_.references[i];
		const ColumnType *type = reference_types_[i];
		StagedReference reference{static_cast<uint32_t>(i) & 0x7fffffff, false, 0, 0};
		++naming_;
		visit_all(document_.root(), rule.path, 0,
				  [&](Value value)
				  {
					  const uint32_t place = reference.place++;
					  if (value.is(Kind::null))
						  return;
					  reference.key = reference_key(type, reference_targets_[i], value);
					  if (reference.key != StagedReference::no_key)
					  {
						  if (reference.key >= named_.size())
							  named_.resize(std::max<size_t>(reference.key + 1, named_.size() * 2));
						  if (std::exchange(named_[reference.key], naming_) == naming_)
							  return; // this pair of record and rule has named the key before
					  }
					  piece.references.push_back({reference.rule, false, reference.key, place});
				  });
	}
	record.reference_count =
		static_cast<uint32_t>(piece.references.size()) - record.first_reference;
	piece.dictionary_bytes += dictionary_->memory() - dictionary_before;
}

void
RecordStager::release(Piece &piece)
{
	document_.release();
	named_ = std::vector<uint64_t>(); // assigning {} would keep its memory
	piece.references.shrink_to_fit();
	for (auto &rows : piece.rows)
		rows.shrink_to_fit();
	if (!dictionary_->full())
		return;
	const size_t before = dictionary_->memory();
	dictionary_->freeze();
	piece.dictionary_bytes -= std::min(piece.dictionary_bytes, before - dictionary_->memory());
}

uint32_t
RecordStager::reference_key(const ColumnType *type, uint32_t target, Value value)
{
	static const ColumnType as_text;
	if (type == nullptr)
		type = &as_text;
	value_.clear();
	TypeError error;
	if (value.is(Kind::array) || value.is(Kind::object) || !encode(*type, value, value_, error))
		return StagedReference::no_key;
	if (type->id == TypeId::text)
		return dictionary_->add(target, value_, value_);
	return dictionary_->add(target, canonical_text(*type, value_), value_);
}

std::vector<std::string>
reference_pointers(const Definition &definition, const std::vector<StagedReference> &references,
				   const Document &record)
{
	std::vector<std::string> pointers(references.size());
	std::string pointer;
	for (size_t i = 0; i < references.size();)
	{
		const uint32_t rule = references[i].rule;
		uint32_t place = 0;
		find_all(record.root(), definition.references[rule].path, 0, pointer,
				 [&](Value, const std::string &at)
				 {
					 if (i < references.size() && references[i].rule == rule &&
						 references[i].place == place)
						 shorten(pointers[i++] = at);
					 ++place;
				 });
		// these values are missing because the record has changed
		while (i < references.size() && references[i].rule == rule)
			++i;
	}
	return pointers;
}

void
RecordStager::run_checks(StagedRecord &record)
{
	const auto decimal = [](Value value) -> std::optional<Decimal>
	{
		if (!value || (!value.is(Kind::number) && !value.is(Kind::string)))
			return std::nullopt;
		// blanks around a number are allowed, as in its column
		return Decimal::parse(trim_ascii(value.text()));
	};
	for (size_t i = 0; i < definition_.checks.size(); ++i)
	{
		const CheckDefinition &check = definition_.checks[i];
		const Value equals = find(document_.root(), check.equals);
		if (!equals || equals.is(Kind::null))
			continue;
		std::optional<Decimal> sum = Decimal::parse("0");
		pointer_.clear();
		find_all(document_.root(), check.sum_over, 0, pointer_,
				 [&](Value element, const std::string &)
				 {
					 std::optional<Decimal> product;
					 for (const Path &factor : check.factors)
					 {
						 const auto next = decimal(find(element, factor));
						 product =
							 !next ? std::nullopt
							 : &factor == &check.factors[0]
								 ? next
								 : (product ? Decimal::multiply(*product, *next) : std::nullopt);
						 if (!product)
							 break;
					 }
					 sum = sum && product ? Decimal::add(*sum, *product) : std::nullopt;
				 });
		const auto total = decimal(equals);
		if (sum && total && sum->compare(*total) == 0)
			continue;
		// a value that cannot be read violates another rule, and the sum is unknown
		if (!record.loadable && (!sum || !total))
			continue;
		record.add({Code::check, check.name, check.equals_field,
					"/x-etl/checks/" + std::to_string(i), sqlstate::check_violation,
					check.equals_field + ": is not the sum over " + check.sum_over_field});
	}
}

} // namespace etl
