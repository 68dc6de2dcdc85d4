// Treatments as definitions write them.
#include <nlohmann/json.hpp>

#include "core/generalize.h"
#include "core/treatment.h"

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

void
read_generalization(const json &to, PersonalDefinition &personal, const std::string &place)
{
	if (to.is_object() && to.contains("range"))
	{
		personal.to = Generalization::range;
		personal.step = to.at("range").dump();
		if (!is_range_step(personal.step))
			throw DefinitionError(place + "/range",
								  "a range is a number greater than 0 of at most 18 digits");
		return;
	}
	const std::string name = to.is_object() ? "network" : to.get<std::string>();
	personal.to = name == "month"     ? Generalization::month
				  : name == "year"    ? Generalization::year
				  : name == "decade"  ? Generalization::decade
				  : name == "outward" ? Generalization::outward
									  : Generalization::network;
	if (to.is_object())
	{
		const json &bits = to.at("network");
		personal.ipv4_bits = bits.value("ipv4", personal.ipv4_bits);
		personal.ipv6_bits = bits.value("ipv6", personal.ipv6_bits);
	}
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
	for (const Name &name : names)
		if (written == name.name)
			personal.treatment = name.treatment;
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
	personal.json = options.dump();
	return personal;
}

} // namespace etl
