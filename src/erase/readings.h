// By which definitions an erasure reads the records of a dataset: what was loaded under a former
// definition names its person, and what is personal, where that one says.
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

/// Definitions by which a record is read, one after the other.
struct Reading
{
	struct Step
	{
		const Definition *whole; ///< while nobody was found by those before
		const Definition *rest;  ///< without the personal fields that those before have treated
	};
	std::vector<Step> steps; ///< never empty; the definition in force is the last
	const Definition &last() const { return *steps.back().whole; }
	/// Its records go as a whole.
	bool removes = false;
};

class Readings
{
  public:
	/// people: the dataset whose people are erased. The catalog must outlive it.
	Readings(const Catalog &catalog, const std::string &people);

	/// Datasets whose records are about the people, or ask for their erasure, or were or did so: in
	/// order of their names, those that were dropped last.
	const std::vector<std::string> &related() const { return related_; }
	bool is_related(const std::string &dataset) const;
	/// Has the dataset people's emails that records may name them by?
	bool has_emails(const std::string &dataset) const;
	/// How to read what was loaded under the definition of that time; nothing: of a time that is
	/// not known. Null where no definition of the dataset is known. Stays valid.
	const Reading *of(const std::string &dataset, std::optional<int64_t> defined_at);
	/// How to read what was exported then, with the fields that exports have.
	const Reading *of_export(const std::string &dataset, int64_t exported_at);
	/// The definition in force, or the last one of a dataset that was dropped. Null where none can
	/// be read.
	const Definition *last(const std::string &dataset) const;
	/// The dataset that claims a staged file of that name, also one that was dropped.
	std::string claimant(std::string_view file_name) const;
	/// Datasets that are not defined any more and whose last definition cannot be read, and why.
	const std::map<std::string, std::string> &unreadable() const { return unreadable_; }
	/// Former definitions about the people of datasets that are defined: for what tables hold.
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
	std::map<std::string, std::vector<FormerDefinition>> former_;      ///< that concern the people
	std::map<std::string, std::shared_ptr<const Definition>> dropped_; ///< the last of each
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
	/// As RecordEraser's; keys: see RecordEraser::find_keys_of(). All must outlive it.
	ReadingEraser(const Reading &reading, const KeyTypes &key_types, const Identities &people,
				  const std::string &secret, const std::string &dataset,
				  const RecordEraser::Options &options, const std::vector<PeopleKey> &keys);

	/// Whose record it is, and what takes its place; Identities::nobody: it stays.
	uint32_t erase(std::string_view text, std::string &out);
	/// Whose it is, without treating it.
	uint32_t whose(std::string_view text);
	/// As RecordEraser::known_email().
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
