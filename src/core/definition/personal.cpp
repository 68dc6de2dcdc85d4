#include "core/definition/personal.h"

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

#include "core/definition/range_step.h"
#include "core/json/exact.h"

namespace etl
{

using nlohmann::json;

namespace
{

struct Name
{
	const char *name;
	Treatment treatment;
};

constexpr Name names[] = {
	{"redact", Treatment::redact},   {"null", Treatment::null},
	{"token", Treatment::token},     {"pseudonymize", Treatment::pseudonymize},
	{"sha256", Treatment::sha256},   {"generalize", Treatment::generalize},
	{"partial", Treatment::partial}, {"random", Treatment::random},
	{"keep", Treatment::keep}};

struct GeneralizationName
{
	const char *name;
	Generalization to;
};

constexpr GeneralizationName generalizations[] = {{"month", Generalization::month},
												  {"year", Generalization::year},
												  {"decade", Generalization::decade},
												  {"outward", Generalization::outward},
												  {"network", Generalization::network}};

void
read_generalization(const json &to, PersonalDefinition &personal, const std::string &place)
{
	if (to.is_object() && to.contains("range"))
	{
		personal.to = Generalization::range;
		personal.step = dump_exact(to.at("range"));
		if (!read_range_step(personal.step))
			throw DefinitionError(place + "/range",
								  "a range is a number greater than 0 of at most 18 digits");
		return;
	}
	const std::string name = to.is_object() ? "network" : to.get<std::string>();
	const auto known = std::find_if(std::begin(generalizations), std::end(generalizations),
									[&](const GeneralizationName &g) { return name == g.name; });
	if (known == std::end(generalizations))
		throw DefinitionError(place, "unknown generalization",
							  "It is month, year, decade, outward or network.");
	personal.to = known->to;
	if (!to.is_object())
		return;
	const json &bits = to.at("network");
	personal.ipv4_bits = bits.value("ipv4", personal.ipv4_bits);
	personal.ipv6_bits = bits.value("ipv6", personal.ipv6_bits);
	if (personal.ipv4_bits < 0 || personal.ipv4_bits > 32 || personal.ipv6_bits < 0 ||
		personal.ipv6_bits > 128)
		throw DefinitionError(place + "/network",
							  "a network has 0 to 32 bits of an IPv4 address, 0 to 128 of IPv6");
}

} // namespace

const char *
treatment_name(Treatment treatment)
{
	for (const Name &name : names)
		if (name.treatment == treatment)
			return name.name;
	return "";
}

PersonalDefinition
read_personal(const json &j, const std::string &place)
{
	PersonalDefinition personal;
	const std::string written = j.at("treatment").get<std::string>();
	const auto known = std::find_if(std::begin(names), std::end(names),
									[&](const Name &name) { return written == name.name; });
	if (known == std::end(names))
		throw DefinitionError(place + "/treatment", "unknown treatment");
	personal.treatment = known->treatment;
	const bool generalizes = personal.treatment == Treatment::generalize;
	if (j.contains("value"))
	{
		if (personal.treatment != Treatment::redact && !generalizes)
			throw DefinitionError(place + "/value",
								  "\"value\" goes with \"redact\" and \"generalize\" only");
		personal.value = j.at("value").get<std::string>();
	}
	if (j.contains("to") != generalizes)
		throw DefinitionError(generalizes ? place : place + "/to",
							  generalizes ? "\"generalize\" needs \"to\""
										  : "\"to\" goes with \"generalize\" only",
							  "\"to\" is \"month\", \"year\", \"decade\", \"outward\", \"network\" "
							  "or {\"range\": 10}.");
	if (generalizes)
		read_generalization(j.at("to"), personal, place + "/to");
	json options = j;
	options.erase("field");
	personal.json = dump_exact(options);
	return personal;
}

} // namespace etl
