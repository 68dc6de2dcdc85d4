// The definition of a dataset: a JSON Schema with one "x-etl" object. It is read once into plain
// structures. docs/reference/definition.md describes the format.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/json/pointer.h"
#include "core/schema/schema.h"
#include "core/types/column_type.h"

namespace etl
{

/// The error for a definition that cannot be read. pointer() is the position in the definition (RFC
/// 6901).
class DefinitionError : public std::runtime_error
{
  public:
	DefinitionError(std::string pointer, const std::string &message, std::string hint = {});
	const std::string &pointer() const { return pointer_; }
	const std::string &hint() const { return hint_; }

  private:
	std::string pointer_, hint_;
};

/// The source of a column's value.
enum class Source : uint8_t
{
	field,       ///< "/a/b": from the record
	element,     ///< "./a": from the element that the row is made from
	line,        ///< "$line": position of the element in the record, counted from 1
	record_date, ///< "$record_date": the date of the partition (date)
	record_hour, ///< "$record_hour": the hour of the partition (smallint)
	run_time     ///< "$run_time": when the run began (timestamptz or text)
};

struct ColumnDefinition
{
	std::string name;
	ColumnType type;
	Source source = Source::field;
	Path path;        ///< for Source::field and Source::element
	std::string from; ///< as written
	bool not_null = false;
};

struct TableDefinition
{
	std::string schema, name; ///< unquoted
	std::vector<ColumnDefinition> columns;
	std::vector<std::string> primary_key;
	/// Empty: one row for each record. Else one row for each element of the arrays at this path, in
	/// which "*" stands for each element of an outer array.
	Path each;
	bool is_child = false; ///< has "each"
};

struct ReferenceDefinition
{
	Path path; ///< may contain "*"
	std::string field;
	std::string dataset;
};

/// Requires that the sum over the elements of the product of the factors equals a field. The
/// computation is exact, in decimal.
struct CheckDefinition
{
	std::string name;
	Path sum_over; ///< may end in or contain "*"; empty: the record itself is the only element
	std::vector<Path> factors;                ///< within the element
	Path equals;                              ///< within the record
	std::string sum_over_field, equals_field; ///< as written
};

struct NormalizeDefinition
{
	enum class Action : uint8_t
	{
		to_number,   ///< text that is a decimal number becomes that number, before validation
		set_run_time ///< replaced after validation, in the output and in columns that take the
					 ///< field
	};
	Path path;
	std::string field;
	Action action = Action::to_number;
};

/// What is done with a personal value. core/privacy/treatment.h describes each treatment.
enum class Treatment : uint8_t
{
	redact, ///< a constant text
	null,
	token,        ///< <32 hex digits>@erased.invalid, keyed over dataset and subject
	pseudonymize, ///< HMAC-SHA-256 of the value
	sha256,
	generalize,
	partial, ///< j•••@e•••.com
	random,  ///< a new random token
	keep
};

/// What Treatment::generalize returns.
enum class Generalization : uint8_t
{
	month,
	year,
	decade,
	range,   ///< of a number
	outward, ///< part of a postcode
	network  ///< of an IP address
};

struct PersonalDefinition
{
	Path path; ///< may contain "*"
	std::string field;
	Treatment treatment = Treatment::redact;
	std::string value = "[erased]"; ///< for redact, and for text that cannot be generalized
	Generalization to = Generalization::year;
	std::string step;                   ///< range: a decimal
	int ipv4_bits = 24, ipv6_bits = 48; ///< network
	ColumnType type;  ///< type of the first column that takes the field; text if there is none
	std::string json; ///< treatment and options as written in the definition, for SQL
};

/// What an erasure does with the records about its subject.
enum class OnErasure : uint8_t
{
	treat, ///< personal fields are treated, and the record stays
	remove ///< the record is removed; a row that other rows refer to keeps its key
};

/// The person that a record is about.
struct SubjectDefinition
{
	std::string dataset; ///< the dataset whose key identifies the person
	Path path;
	std::string field;
	Path email; ///< in the subject's own dataset: path of the email; else empty
	std::string email_field;
	OnErasure on_erasure = OnErasure::treat;
};

/// The records of this dataset are requests to erase subjects of another dataset.
struct ErasesDefinition
{
	std::string dataset;
	Path subject, email;
	std::string subject_field, email_field;
};

enum class OnRepeat : uint8_t
{
	update,    ///< the record of a later file replaces the row
	quarantine ///< the record is quarantined as a duplicate
};

/// Limits for the records of a file that are malformed or violate the schema or the types: their
/// number, and the bytes of them that the quarantine may store. Beyond a limit the file fails.
/// Records that the checks of the database refuse do not count, because later data may make them
/// valid.
struct RejectedLimits
{
	uint64_t records = UINT64_MAX;
	uint64_t bytes = UINT64_C(1) << 30;
};

struct Definition
{
	std::string dataset;
	std::vector<std::string> files; ///< names without ".gz"; each may end in ".gz" when staged
	std::string key_field;          ///< as written; "" if the dataset has no key
	Path key;
	/// Index of key_column() among the columns of the first table; -1 if there is no table or no
	/// key.
	int key_index = -1;
	OnRepeat on_repeat = OnRepeat::quarantine;
	std::vector<TableDefinition> tables;
	std::vector<ReferenceDefinition> references;
	std::vector<CheckDefinition> checks;
	std::vector<NormalizeDefinition> normalize;
	std::string normalize_member; ///< "normalize", or "normalise" if the definition spells it so
	std::vector<PersonalDefinition> personal;
	std::optional<SubjectDefinition> subject;
	std::optional<ErasesDefinition> erases;
	RejectedLimits max_rejected;
	std::string schedule; ///< cron expression, "" for none
	/// How long files and rows of each kind are kept: archived, processed, quarantine, history. The
	/// periods are texts for PostgreSQL's type interval.
	std::map<std::string, std::string> retention;
	std::shared_ptr<const Schema> schema;
	/// Names of members that occur in the JSON Schema, at any depth.
	std::set<std::string, std::less<>> member_names;

	/// Reads and checks a definition. Throws DefinitionError with the pointer of the error if x-etl
	/// violates its own schema, the JSON Schema does not compile, or parts do not fit each other (a
	/// key without a column, a primary key of unknown columns, a child table without its parent's
	/// key …).
	static Definition read(const nlohmann::json &definition);
	static Definition read(const std::string &text);

	/// The column of the first table that takes the key; null if there is no table or no key.
	const ColumnDefinition *key_column() const
	{
		return key_index < 0 ? nullptr : &tables[0].columns[static_cast<size_t>(key_index)];
	}

	/// The column of the first table that takes the field that names the person a record is about;
	/// null if there is none.
	const ColumnDefinition *subject_column() const;

	/// Whether a staged file of this name ("customers.json.gz") belongs to this dataset.
	bool claims(std::string_view file_name) const;
};

/// The key types of the datasets that a definition names (references, subject, erasure).
using KeyTypes = std::map<std::string, ColumnType>;

} // namespace etl
