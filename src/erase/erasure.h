// What the parts of the engine share in one erasure.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "erase/erase.h"
#include "erase/readings.h"
#include "erase/sought_people.h"
#include "pg/settings.h"
#include "pg/type_input.h"

namespace etl
{

/// One erasure of the people of a dataset: who is erased, by which definitions and settings, and
/// what was found. The parts of the engine find places and treat them, and write what they have
/// found into the requests and the report. What is referred to must outlive this object.
struct Erasure
{
	enum class Mode
	{
		erase,
		look,   ///< count only
		collect ///< count, and pass the records to sink
	};
	Erasure(const Catalog &catalog_, const std::string &dataset_, const std::string &secret_,
			std::vector<ErasureRequest> &requests_, const pg::Settings &settings_, Mode mode_)
		: catalog(catalog_), dataset(dataset_), secret(secret_), requests(requests_),
		  settings(settings_), mode(mode_), readings(catalog, dataset),
		  people(dataset, secret, requests, report.known_emails)
	{
	}
	Erasure(const Erasure &) = delete;
	Erasure &operator=(const Erasure &) = delete;

	/// Whether records of this definition are requests to erase the people.
	bool asks(const Definition &definition) const
	{
		return definition.erases && definition.erases->dataset == dataset;
	}

	const Catalog &catalog;
	const std::string &dataset;
	const std::string &secret;
	std::vector<ErasureRequest> &requests;
	const pg::Settings &settings;
	const Mode mode;
	Readings readings; ///< the definitions by which records are read
	ErasureReport report;
	SoughtPeople people;
	/// tells whether a value in a refused record has the type of its column
	pg::ServerTypeInput type_input;
	/// For Mode::collect: called with the place and the text, as JSON, of each record found.
	std::function<void(const std::string &, const std::string &)> sink;
};

} // namespace etl
