// A dataset's definition: a JSON Schema with one "x-etl" object, read once and turned into plain
// structures. docs/reference/definition.md describes the format for people.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/json/document.h"
#include "core/schema/schema.h"
#include "core/types/column_type.h"

namespace etl
{

/// A definition that can't be read; pointer names the place in it (RFC 6901).
class DefinitionError : public std::runtime_error
{
  public:
	DefinitionError(std::string pointer, const std::string &message, std::string hint = {});
	const std::string &pointer() const { return pointer_; }
	const std::string &hint() const { return hint_; }

  private:
	std::string pointer_, hint_;
};

/// Where a column's value comes from.
enum class Source : uint8_t
{
	field,       ///< "/a/b": from the record
	element,     ///< "./a": from the element that the row stands for
	line,        ///< "$line": the element's position, from 1, counted over the record
	record_date, ///< "$record_date": the date of the partition (date)
	record_hour, ///< "$record_hour": its hour (smallint)
	run_time     ///< "$run_time": when the run began (timestamptz or text)
};

struct ColumnDefinition
{
	std::string name;
	ColumnType type;
	Source source = Source::field;
	Path path;        ///< field, element
	std::string from; ///< as written
	bool not_null = false;
};

struct TableDefinition
{
	std::string schema, name; ///< unquoted
	std::vector<ColumnDefinition> columns;
	std::vector<std::string> primary_key;
	/// Empty: one row a record. Else one row for each element of the array(s) at this path, in
	/// which "*" stands for each element of an outer array.
	Path each;
	bool is_child = false; ///< has "each"
};

struct ReferenceDefinition
{
	Path path; ///< may hold "*"
	std::string field;
	std::string dataset;
};

/// sum over elements of the product of factors = equals, exactly, in decimal.
struct CheckDefinition
{
	std::string name;
	Path sum_over; ///< may end in or hold "*"; empty: the record itself is the only element
	std::vector<Path> factors;                ///< within the element
	Path equals;                              ///< within the record
	std::string sum_over_field, equals_field; ///< as written
};

struct NormalizeDefinition
{
	enum class Action : uint8_t
	{
		to_number,   ///< text that is a decimal becomes the number, before validation
		set_run_time ///< in the output, and in columns that take the field, after validation
	};
	Path path;
	std::string field;
	Action action = Action::to_number;
};

/// core/privacy/treatment.h has what each of them does.
enum class Treatment : uint8_t
{
	redact, ///< a constant
	null,
	token,        ///< <32 hex digits>@erased.invalid, keyed over dataset and subject
	pseudonymize, ///< HMAC-SHA-256 of the value
	sha256,
	generalize,
	partial, ///< j•••@e•••.com
	random,  ///< a fresh token
	keep
};

/// What Treatment::generalize gives.
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
	Path path; ///< may hold "*"
	std::string field;
	Treatment treatment = Treatment::redact;
	std::string value = "[erased]"; ///< redact, and text that can't be generalized
	Generalization to = Generalization::year;
	std::string step;                   ///< range: a decimal
	int ipv4_bits = 24, ipv6_bits = 48; ///< network
	ColumnType type;                    ///< of the first column that takes the field; else text
	std::string json;                   ///< treatment and options as written, for SQL
};

/// What an erasure does with the records about its subject.
enum class OnErasure : uint8_t
{
	treat, ///< personal fields are treated, the record stays
	remove ///< the record goes; a row that others refer to keeps its key
};

/// Whom a record is about.
struct SubjectDefinition
{
	std::string dataset; ///< whose key names the person
	Path path;
	std::string field;
	Path email; ///< in the subject's own dataset: where the email stands; else empty
	std::string email_field;
	OnErasure on_erasure = OnErasure::treat;
};

/// This dataset's records ask for erasure of other dataset's subjects.
struct ErasesDefinition
{
	std::string dataset;
	Path subject, email;
	std::string subject_field, email_field;
};

enum class OnRepeat : uint8_t
{
	update,    ///< a later file's record replaces the row
	quarantine ///< it is a duplicate
};

/// How many records of a file may be malformed or break schema or types, and how many bytes
/// quarantine may get of them; beyond it the file fails. What is refused by the database's checks
/// does not count: it may wait for what comes later.
struct RejectedLimits
{
	uint64_t records = UINT64_MAX;
	uint64_t bytes = UINT64_C(1) << 30;
};

struct Definition
{
	std::string dataset;
	std::vector<std::string> files; ///< names without ".gz"; each may end in ".gz" when staged
	std::string key_field;          ///< as written; "" where the dataset has none
	Path key;
	/// Of key_column() among the first table's columns; -1 without tables or key.
	int key_index = -1;
	OnRepeat on_repeat = OnRepeat::quarantine;
	std::vector<TableDefinition> tables;
	std::vector<ReferenceDefinition> references;
	std::vector<CheckDefinition> checks;
	std::vector<NormalizeDefinition> normalize;
	std::string normalize_member; ///< "normalize", or "normalise" where it is spelled so
	std::vector<PersonalDefinition> personal;
	std::optional<SubjectDefinition> subject;
	std::optional<ErasesDefinition> erases;
	RejectedLimits max_rejected;
	std::string schedule; ///< cron expression, "" for none
	/// How long each kind of place is kept: archived, processed, quarantine, history; periods as
	/// PostgreSQL's type interval reads them.
	std::map<std::string, std::string> retention;
	std::shared_ptr<const Schema> schema;
	/// Names of members that the JSON Schema speaks of, at whatever depth.
	std::set<std::string, std::less<>> member_names;

	/// Reads and checks a definition. Throws DefinitionError, naming the place, when x-etl breaks
	/// its own schema, when the JSON Schema does not compile, or when the parts do not fit each
	/// other (a key without column, a primary key of unknown columns, a child table without the
	/// parent's key …).
	static Definition read(const nlohmann::json &definition);
	static Definition read(const std::string &text);

	/// The column of the first table that takes the key; null without tables or key.
	const ColumnDefinition *key_column() const
	{
		return key_index < 0 ? nullptr : &tables[0].columns[static_cast<size_t>(key_index)];
	}

	/// Does this dataset claim a staged file of that name ("customers.json.gz")?
	bool claims(std::string_view file_name) const;
};

/// Key types of the datasets that a definition names (references, subject, erasure).
using KeyTypes = std::map<std::string, ColumnType>;

} // namespace etl
