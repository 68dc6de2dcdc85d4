// The definitions by which an erasure reads the records of a dataset. A record that was loaded
// under a former definition names its person, and has its personal fields, where that definition
// says.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catalog/definitions.h"
#include "catalog/former_definitions.h"
#include "core/definition/definition.h"
#include "core/privacy/record_eraser.h"

namespace etl
{

/// The definitions by which a record is read, one after the other.
struct Reading
{
	struct Step
	{
		const Definition *whole; ///< used until a person was found
		/// used after that: without the personal fields that earlier steps have treated
		const Definition *rest;
	};
	std::vector<Step> steps; ///< never empty; the definition in force is the last
	const Definition &last() const { return *steps.back().whole; }
	/// Records are removed as a whole ("on_erasure": "delete").
	bool removes = false;
};

class Readings
{
  public:
	/// people: the dataset whose people are erased. The catalog must outlive this object.
	Readings(const Catalog &catalog, const std::string &people);

	/// The datasets whose records are about the people, or ask for their erasure, now or under a
	/// former definition: in order of their names, dropped datasets last.
	const std::vector<std::string> &related() const { return related_; }
	bool is_related(const std::string &dataset) const;
	/// Does the dataset have emails of the people, by which records may name them?
	bool has_emails(const std::string &dataset) const;
	/// How to read records that were loaded under the definition of that time; nullopt: the time is
	/// not known. Null where no definition of the dataset is known. The result is valid as long as
	/// this object.
	const Reading *of(const std::string &dataset, std::optional<int64_t> defined_at);
	/// How to read records that were exported at that time, with the fields that exports have.
	const Reading *of_export(const std::string &dataset, int64_t exported_at);
	/// The definition in force, or the last one of a dropped dataset. Null where none can be read.
	const Definition *last(const std::string &dataset) const;
	/// The dataset, possibly a dropped one, that claims a staged file of that name.
	std::string claimant(std::string_view file_name) const;
	/// The dropped datasets whose last definition cannot be read, each with the reason.
	const std::map<std::string, std::string> &unreadable() const { return unreadable_; }
	/// The former definitions of a defined dataset that concern the people: tables may still have
	/// rows loaded under them.
	std::vector<const Definition *> former_of(const std::string &dataset) const;

  private:
	using Definitions = std::vector<const Definition *>;

	bool concerns(const Definition &definition) const;
	const Definition *present(const std::string &dataset) const { return catalog_.find(dataset); }
	std::unique_ptr<Reading> reading(const std::string &dataset, const Definitions &former,
									 bool exported);
	const Definition *keep(Definition definition);

	const Catalog &catalog_;
	const std::string people_;
	std::map<std::string, std::vector<FormerDefinition>> former_; ///< those that concern the people
	/// the last definition of each
	std::map<std::string, std::shared_ptr<const Definition>> dropped_;
	std::map<std::string, std::string> unreadable_;
	std::vector<std::string> related_;
	std::vector<std::unique_ptr<const Definition>> kept_;
	std::map<std::pair<std::string, std::optional<int64_t>>, std::unique_ptr<Reading>> readings_;
	std::map<std::pair<std::string, std::vector<const Definition *>>, std::unique_ptr<Reading>>
		export_readings_;
};

/// Treats records as a reading says. One for each thread.
class ReadingEraser
{
  public:
	/// The parameters are those of RecordEraser; keys: see RecordEraser::find_keys_of(). All of
	/// them must outlive this object.
	ReadingEraser(const Reading &reading, const KeyTypes &key_types, const Identities &people,
				  const std::string &secret, const std::string &dataset,
				  const RecordEraser::Options &options, const std::vector<PeopleKey> &keys);

	/// Returns the person the record is about, and the treated record in out. Identities::nobody:
	/// the record stays as it is.
	uint32_t erase(std::string_view text, std::string &out);
	/// Returns the person the record is about, without treating it.
	uint32_t whose(std::string_view text);
	/// Like RecordEraser::known_email().
	uint64_t known_email() const { return known_email_; }

  private:
	struct Step
	{
		RecordEraser whole, rest;
	};
	std::vector<std::unique_ptr<Step>> steps_;
	std::string between_;
	uint64_t known_email_ = 0;
};

} // namespace etl
