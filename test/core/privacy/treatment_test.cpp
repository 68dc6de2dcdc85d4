#include "core/base/hash.h"
#include "core/definition/personal.h"
#include "core/privacy/anonymize.h"
#include "core/privacy/identities.h"
#include "core/privacy/pseudonym.h"
#include "core/privacy/record_eraser.h"
#include "core/privacy/treatment.h"
#include "core/types/column_type.h"
#include "core/types/encode.h"
#include "core/types/type_error.h"

#include <gtest/gtest.h>

#include <set>

#include <nlohmann/json.hpp>

#include "core/definition/range_step.h"
#include "core/privacy/generalize.h"
#include "core/privacy/key_ring.h"

using namespace etl;
using nlohmann::json;

namespace
{

constexpr std::string_view secret = "0123456789abcdef0123456789abcdef";

ColumnType
type_of(const std::string &sql)
{
	ColumnType type;
	EXPECT_TRUE(ColumnType::parse(sql, type)) << sql;
	return type;
}

/// The treatment of a JSON value in a column of this type.
std::string
treated(const std::string &personal, const std::string &value, const std::string &type = "text",
		std::string_view token = "t")
{
	Document document;
	ParseError error;
	EXPECT_TRUE(document.parse(value, error)) << value;
	return treat(read_personal(json::parse(personal), ""), type_of(type), document.root(),
				 {secret, token});
}

std::string
generalized(const std::string &to, const std::string &value, const std::string &type = "text")
{
	return treated(R"({"treatment":"generalize","to":)" + to + "}", value, type);
}

TEST(Treatment, NullStaysNullWhateverTheTreatment)
{
	for (const char *treatment :
		 {"redact", "null", "token", "pseudonymize", "sha256", "partial", "random", "keep"})
		EXPECT_EQ(treated(std::string(R"({"treatment":")") + treatment + "\"}", "null"), "null");
	EXPECT_EQ(generalized("\"year\"", "null"), "null");
}

TEST(Treatment, SimpleOnes)
{
	EXPECT_EQ(treated(R"({"treatment":"redact"})", "\"x\""), "\"[erased]\"");
	EXPECT_EQ(treated(R"({"treatment":"redact","value":"\"?\""})", "\"x\""), R"("\"?\"")");
	EXPECT_EQ(treated(R"({"treatment":"redact"})", R"({"a":["deep"]})"), "\"[erased]\"");
	EXPECT_EQ(treated(R"({"treatment":"null"})", "12"), "null");
	EXPECT_EQ(treated(R"({"treatment":"keep"})", "1.50"), "1.50");
	EXPECT_EQ(treated(R"({"treatment":"token"})", "\"x\"", "text", "abc"), "\"abc\"");
}

TEST(Treatment, RedactedNumbersStayNumbersWhereTheyWere)
{
	const std::string zero = R"({"treatment":"redact","value":"0"})";
	EXPECT_EQ(treated(zero, "17", "integer"), "0");
	EXPECT_EQ(treated(zero, "\"17\"", "integer"), "\"0\"");
	EXPECT_EQ(treated(zero, "17", "text"), "\"0\"");
}

TEST(Treatment, EqualValuesOfAColumnAreTreatedEqually)
{
	const std::pair<const char *, std::vector<const char *>> cases[] = {
		{"numeric(10,2)", {"12.5", "12.50", "\"12.5\"", "\"12.50\"", "1.25e1"}},
		{"numeric", {"12.5", "\"12.500\""}},
		{"bigint", {"67318", "\"067318\"", "67318.0"}},
		{"date", {"\"2001-02-03\"", "\"2001-02-03T00:00:00Z\""}},
		{"timestamptz",
		 {"\"2001-02-03T04:05:06Z\"", "\"2001-02-03 05:05:06+01\"", "\"2001-02-03T04:05:06\""}},
		{"character(5)", {"\"ab\"", "\"ab   \""}},
		{"uuid",
		 {"\"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\"", "\"a0eebc999c0b4ef8bb6d6bb9bd380a11\""}},
		{"boolean", {"true", "\"yes\""}},
		{"double precision", {"1e3", "1000", "\"1000.0\""}}};
	for (const auto &[type, values] : cases)
		for (const char *treatment : {"pseudonymize", "sha256"})
		{
			const std::string personal = std::string(R"({"treatment":")") + treatment + "\"}";
			std::set<std::string> results;
			for (const char *value : values)
			{
				std::string result = treated(personal, value, type);
				if (result[0] != '"') // bigint: a number if the value was a number
					result = "\"" + result + "\"";
				results.insert(result);
			}
			EXPECT_EQ(results.size(), 1u) << type << ' ' << treatment;
		}
	// as texts these are four different values
	std::set<std::string> results;
	for (const char *value : {"\"12.5\"", "\"12.50\"", "\" 12.5\"", "\"12.5 \""})
		results.insert(treated(R"({"treatment":"sha256"})", value));
	EXPECT_EQ(results.size(), 4u);
}

TEST(Treatment, HashesAreTheStandardsOnes)
{
	// the hashes of FIPS 180-4 for "abc" and for the empty text
	EXPECT_EQ(sha256_hex("abc"),
			  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	EXPECT_EQ(treated(R"({"treatment":"sha256"})", "\"abc\""), "\"" + sha256_hex("abc") + "\"");
	const auto mac = hmac_sha256(secret, "value:abc");
	EXPECT_EQ(value_pseudonym(secret, "abc"),
			  to_hex({reinterpret_cast<const char *>(mac.data()), mac.size()}));
	EXPECT_EQ(treated(R"({"treatment":"pseudonymize"})", "\"abc\""),
			  "\"" + value_pseudonym(secret, "abc") + "\"");
	// the hash is of the characters, however JSON escapes them
	EXPECT_EQ(treated(R"({"treatment":"sha256"})", R"("\u00e9")"),
			  treated(R"({"treatment":"sha256"})", "\"é\""));
	const std::string longest(10'000'000, 'x');
	EXPECT_EQ(value_pseudonym(secret, longest).size(), 64u);
	EXPECT_NE(value_pseudonym(secret, longest), value_pseudonym(secret, longest + "x"));
	EXPECT_NE(value_pseudonym(secret, "abc"),
			  value_pseudonym("another secret of that length..", "abc"));
}

TEST(Treatment, PseudonymsTakeTheColumnsForm)
{
	const std::string personal = R"({"treatment":"pseudonymize"})";
	const std::string uuid = treated(personal, "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"", "uuid");
	ASSERT_EQ(uuid.size(), 38u);
	EXPECT_EQ(uuid[15], '8'); // version 8 of RFC 9562, for UUIDs of one's own
	EXPECT_NE(std::string("89ab").find(uuid[20]), std::string::npos);
	const std::string number = treated(personal, "42", "bigint");
	EXPECT_EQ(number.find_first_not_of("0123456789"), std::string::npos);
	std::string as_text = treated(personal, "\"42\"", "bigint");
	EXPECT_EQ("\"" + number + "\"", as_text);
	std::string encoded;
	TypeError type_error;
	Document document;
	ParseError error;
	ASSERT_TRUE(document.parse(number, error));
	EXPECT_TRUE(encode(type_of("bigint"), document.root(), encoded, type_error));
}

TEST(Treatment, RandomIsNeverTheSameTwice)
{
	for (const char *type : {"text", "uuid", "bigint"})
	{
		std::set<std::string> seen;
		for (int i = 0; i < 100; ++i)
			seen.insert(treated(R"({"treatment":"random"})", "\"1\"", type));
		EXPECT_EQ(seen.size(), 100u) << type;
	}
	EXPECT_EQ(random_token().size(), 32u);
}

TEST(Treatment, Partial)
{
	const std::pair<const char *, const char *> cases[] = {
		{"jane@example.com", "j•••@e•••.com"},
		{" jane@example.com ", "j•••@e•••.com"},
		{"jane.roe@mail.example.co.uk", "j•••@m•••.uk"},
		{"j@example.com", "•••@e•••.com"}, // one character would be the whole local part
		{"jo@x.io", "j•••@•••.io"},
		{"jane@localhost", "j•••@•••"},
		{"jane@[192.0.2.1]", "j•••@•••"},
		{"\"a@b\"@example.org", "\"•••@e•••.org"},
		{"@example.com", "@•••"},
		{"jane@", "j•••"},
		{"+44 (0)20 7946 0021", "•••21"},
		{"0909 8790333", "•••33"},
		{"123456", "1•••"},
		{"Frances", "F•••"},
		{"Élodie", "É•••"},
		{"E\xcc\x81lodie", "E\xcc\x81•••"}, // with a combining accent
		{"李小龙先生", "李•••"},
		{"😀😃😄😁", "😀•••"},
		{"Li", "•••"},
		{"E\xcc\x81va", "•••"}, // three characters, although four code points
		{"", "•••"},
		{"   ", "•••"}};
	for (const auto &[value, expected] : cases)
		EXPECT_EQ(partial_text(value), expected) << value;
	const std::string longest(1'000'000, 'y');
	EXPECT_EQ(partial_text(longest), "y•••"); // the result does not show the length
	EXPECT_EQ(treated(R"({"treatment":"partial"})", "[\"jane@example.com\"]"), "\"[erased]\"");
	// the text is cut between characters, not bytes
	EXPECT_EQ(treated(R"({"treatment":"partial"})", "\"Frances\"", "varchar(3)"), "\"F••\"");
}

TEST(Generalize, DatesOfDateColumnsStayDates)
{
	EXPECT_EQ(generalized("\"month\"", "\"1985-06-17\"", "date"), "\"1985-06-01\"");
	EXPECT_EQ(generalized("\"year\"", "\"1985-06-17\"", "date"), "\"1985-01-01\"");
	EXPECT_EQ(generalized("\"decade\"", "\"1985-06-17\"", "date"), "\"1980-01-01\"");
	EXPECT_EQ(generalized("\"decade\"", "\"1980-01-01\"", "date"), "\"1980-01-01\"");
	EXPECT_EQ(generalized("\"year\"", "\"9999-12-31\"", "date"), "\"9999-01-01\"");
	EXPECT_EQ(generalized("\"year\"", "\"1985-06-17 23:30:00\"", "timestamp"),
			  "\"1985-01-01T00:00:00\"");
	// in UTC it was still the old year
	EXPECT_EQ(generalized("\"year\"", "\"2000-01-01T00:30:00+01\"", "timestamptz"),
			  "\"1999-01-01T00:00:00Z\"");
}

TEST(Generalize, WhatPostgresqlPrintsForDatesThatNoRecordHas)
{
	EXPECT_EQ(first_day(Generalization::year, "0044-03-15 BC"), "0044-01-01 BC");
	EXPECT_EQ(first_day(Generalization::decade, "0044-03-15 BC"), "0051-01-01 BC");
	EXPECT_EQ(first_day(Generalization::year, "5874897-12-31"), "5874897-01-01");
	EXPECT_EQ(first_day(Generalization::year, "infinity"), "infinity");
	EXPECT_EQ(first_day(Generalization::year, "-infinity"), "-infinity");
	EXPECT_EQ(generalized("\"year\"", "\"0044-03-15 12:00:00 BC\"", "timestamp"),
			  "\"0044-01-01T00:00:00 BC\"");
	EXPECT_EQ(generalized("\"year\"", "\"infinity\"", "timestamptz"), "\"infinity\"");
}

TEST(Generalize, DatesOfTextColumnsBecomeNames)
{
	EXPECT_EQ(generalized("\"month\"", "\"1985-06-17\""), "\"1985-06\"");
	EXPECT_EQ(generalized("\"year\"", "\"1985-06-17T10:00:00+01:00\""), "\"1985\"");
	EXPECT_EQ(generalized("\"decade\"", "\"1985-06-17\""), "\"1980s\"");
}

TEST(Generalize, NothingOfWhatIsNoDateIsKept)
{
	for (const char *bad :
		 {"\"\"", "\"yesterday\"", "\"1985\"", "\"1985-13-01\"", "\"1985-00-10\"", "\"1985-06-32\"",
		  "\"17/06/1985\"", "\"1985-06-17 born in Leeds\"", "\"0000-01-01\"", "\"85-06-17\"",
		  "\"infinity\"", "19850617", "true", "[\"1985-06-17\"]", "\"12345678-01-01\""})
		EXPECT_EQ(generalized("\"year\"", bad), "\"[erased]\"") << bad;
	EXPECT_EQ(generalized("\"year\"", "\"17/06/1985\"", "date"), "null");
	EXPECT_EQ(treated(R"({"treatment":"generalize","to":"year","value":"unknown"})", "\"?\""),
			  "\"unknown\"");
}

std::string
range(const char *number, const char *step)
{
	const auto r = range_of(number, step);
	return r ? r->lower + " " + r->upper : "none";
}

TEST(Generalize, Ranges)
{
	EXPECT_EQ(range("37", "10"), "30 40");
	EXPECT_EQ(range("30", "10"), "30 40");
	EXPECT_EQ(range("39.999", "10"), "30 40");
	EXPECT_EQ(range("0", "10"), "0 10");
	EXPECT_EQ(range("-0.0", "10"), "0 10");
	EXPECT_EQ(range("-1", "10"), "-10 0");
	EXPECT_EQ(range("-10", "10"), "-10 0");
	EXPECT_EQ(range("-10.01", "10"), "-20 -10");
	EXPECT_EQ(range("-0.001", "10"), "-10 0");
	EXPECT_EQ(range("1.3", "0.5"), "1.0 1.5");
	EXPECT_EQ(range("0.00000000000000000000001", "0.25"), "0.00 0.25");
	EXPECT_EQ(range("-0.00000000000000000000001", "0.25"), "-0.25 0.00");
	EXPECT_EQ(range("123456789012345678901234567890", "1000"),
			  "123456789012345678901234567000 123456789012345678901234568000");
	EXPECT_EQ(range("1e3", "7"), "994 1001");
	EXPECT_EQ(range("1500", "1e3"), "1000 2000");
	EXPECT_EQ(range(" 37 ", "10"), "30 40");
	for (const char *bad : {"", "abc", "NaN", "1e999999", "12 000", "0x10"})
		EXPECT_EQ(range(bad, "10"), "none") << bad;
	for (const char *bad : {"0", "-1", "", "x", "1234567890123456789", "1e19", "1e-19"})
		EXPECT_FALSE(read_range_step(bad).has_value()) << bad;
}

TEST(Generalize, RangesInColumns)
{
	const std::string ten = R"({"range":10})";
	EXPECT_EQ(generalized(ten, "37", "integer"), "30");
	EXPECT_EQ(generalized(ten, "\"37\"", "integer"), "\"30\"");
	EXPECT_EQ(generalized(ten, "-37", "smallint"), "-40");
	EXPECT_EQ(generalized(ten, "37.25", "numeric(10,2)"),
			  generalized(ten, "37.250", "numeric(10,2)"));
	EXPECT_EQ(generalized(ten, "\"37\""), "\"[30,40)\"");
	// -32770 is outside the range of the column
	EXPECT_EQ(generalized(ten, "-32768", "smallint"), "-32760");
	EXPECT_EQ(generalized(ten, "\"NaN\"", "double precision"), "\"NaN\"");
	EXPECT_EQ(generalized(ten, "\"NaN\""), "\"[erased]\"");
	EXPECT_EQ(generalized(ten, "\"abc\"", "integer"), "null");
}

TEST(Generalize, Postcodes)
{
	const std::pair<const char *, const char *> cases[] = {
		{"SW1A 1AA", "SW1A"}, {"sw1a1aa", "SW1A"},  {" m1 1ae ", "M1"},    {"B33 8TH", "B33"},
		{"CR2 6XH", "CR2"},   {"DN55 1PT", "DN55"}, {"W1A 0AX", "W1A"},    {"EC1A 1BB", "EC1A"},
		{"E2  3PE", "E2"},    {"SW1A", "SW1A"},     {"K1A 0B1", "K1A"},    {"D02 X285", "D02"},
		{"D6W XY00", "D6W"},  {"12345", "123"},     {"12345-6789", "123"}, {"1234 AB", "1234"},
		{"1234ab", "1234"},   {"00-950", "00"},     {"1000-205", "1000"},  {"114 55", "114"},
		{"100-0001", "100"},  {"8001", "80"},       {"560001", "560"}};
	for (const auto &[postcode, outward] : cases)
		EXPECT_EQ(outward_part(postcode).value_or("none"), outward) << postcode;
	for (const char *bad : {"", " ", "12", "LONDON", "Straße 5", "SW1A 1AA, London", "1",
							"12345678901", "\xf0\x9f\x98\x80", "-", "12-"})
		EXPECT_EQ(outward_part(bad).value_or("none"), "none") << bad;
}

TEST(Generalize, Networks)
{
	const std::pair<const char *, const char *> cases[] = {
		{"192.0.2.17", "192.0.2.0/24"},
		{" 192.0.2.17 ", "192.0.2.0/24"},
		{"192.0.2.17/32", "192.0.2.0/24"},
		{"10.1.2.3/8", "10.0.0.0/8"}, // the prefix is shorter already, so it stays
		{"255.255.255.255", "255.255.255.0/24"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"},
		{"2001:DB8:0001::", "2001:db8:1::/48"},
		{"::1", "::/48"},
		{"fe80::1%eth0", "fe80::/48"},
		{"[2001:db8::1]", "2001:db8::/48"},
		{"::ffff:192.0.2.17", "192.0.2.0/24"},
		{"::ffff:10.1.2.3/104", "10.0.0.0/8"}};
	for (const auto &[address, network] : cases)
		EXPECT_EQ(network_of(address, 24, 48).value_or("none"), network) << address;
	EXPECT_EQ(network_of("192.0.2.17", 0, 0), "0.0.0.0/0");
	EXPECT_EQ(network_of("192.0.2.17", 32, 128), "192.0.2.17/32");
	EXPECT_EQ(network_of("192.0.255.17", 20, 48), "192.0.240.0/20");
	for (const char *bad : {"", "192.0.2", "192.0.2.256", "192.0.2.1/33", "192.0.2.1/-1",
							"192.0.2.1/x", "2001:db8::1::2", "::1/129", "host.example"})
		EXPECT_EQ(network_of(bad, 24, 48).value_or("none"), "none") << bad;
	EXPECT_EQ(generalized(R"({"network":{"ipv4":16}})", "\"192.0.2.1\""), "\"192.0.0.0/16\"");
}

TEST(Treatment, RecordsKeepEverythingElseAsItCame)
{
	Document document;
	ParseError error;
	const std::string text =
		R"({"id": 1,  "email":"jane@example.com","ips":["192.0.2.1", null],"born":"1985-06-17","keep":1.0})";
	ASSERT_TRUE(document.parse(text, error));
	std::vector<PersonalDefinition> personal;
	const std::pair<const char *, Path> fields[] = {
		{R"({"treatment":"partial"})", {"email"}},
		{R"({"treatment":"generalize","to":"network"})", {"ips", "*"}},
		{R"({"treatment":"generalize","to":"year"})", {"born"}},
		{R"({"treatment":"keep"})", {"keep"}},
		{R"({"treatment":"redact"})", {"absent"}}};
	for (const auto &[options, path] : fields)
	{
		personal.push_back(read_personal(json::parse(options), ""));
		personal.back().path = path;
	}
	EXPECT_EQ(
		anonymize(document, personal, {secret, "t"}),
		R"({"id": 1,  "email":"j•••@e•••.com","ips":["192.0.2.0/24", null],"born":"1985","keep":1.0})");
}

TEST(Treatment, DeletedRecordsLeaveNothing)
{
	const auto erased = [](const char *on_erasure)
	{
		const Definition definition = Definition::read(
			std::string(R"({"x-etl": {"dataset": "d", "files": ["d.jsonl"], "key": "/id",
				"subject": {"field": "/id", "on_erasure": ")") +
			on_erasure + R"("}, "personal": [{"field": "/n", "treatment": "null"}]}})");
		const std::string key(32, 's'), dataset = "d";
		Identities people(key);
		people.add_subject(people.subject_hash("1"), 0);
		std::string out;
		RecordEraser eraser(definition, {}, people, key, dataset);
		EXPECT_EQ(eraser.erase(R"({"id":1,"n":"x"})", out), 0u);
		return out;
	};
	EXPECT_EQ(erased("delete"), erased_text);
	EXPECT_EQ(erased("treat"), R"({"id":1,"n":null})");
}

TEST(Treatment, OptionsThatDoNotFitAreRefused)
{
	const auto place = [](const char *options)
	{
		try
		{
			read_personal(json::parse(options), "/p");
			return std::string("accepted");
		}
		catch (const DefinitionError &e)
		{
			return e.pointer();
		}
	};
	EXPECT_EQ(place(R"({"treatment":"generalize"})"), "/p");
	EXPECT_EQ(place(R"({"treatment":"redact","to":"year"})"), "/p/to");
	EXPECT_EQ(place(R"({"treatment":"null","value":"x"})"), "/p/value");
	EXPECT_EQ(place(R"({"treatment":"generalize","to":{"range":1e300}})"), "/p/to/range");
	EXPECT_EQ(place(R"({"treatment":"generalize","to":"century"})"), "/p/to");
	EXPECT_EQ(place(R"({"treatment":"generalize","to":{"network":{"ipv4":33}}})"), "/p/to/network");
	EXPECT_EQ(place(R"({"treatment":"melt"})"), "/p/treatment");
	EXPECT_EQ(place(R"({"treatment":"generalize","to":{"range":0.5}})"), "accepted");
}

TEST(KeyRing, RotationKeepsErasuresAndChangesTheRest)
{
	const std::string fresh(32, 'f'), fresher(32, '\0');
	const std::string once = rotated_secret(secret, fresh), twice = rotated_secret(once, fresher);
	EXPECT_EQ(treatment_key(secret), secret);
	EXPECT_EQ(treatment_key(once), fresh);
	EXPECT_EQ(treatment_key(twice), fresher);
	EXPECT_EQ(erasure_key(once), erasure_key(secret));
	EXPECT_EQ(erasure_key(twice), erasure_key(secret));
	// the previous key is not in the new file, neither as bytes nor as digits
	EXPECT_NE(erasure_key(secret), treatment_key(secret));
	EXPECT_EQ(once.find(secret), std::string::npos);
	EXPECT_EQ(once.find(to_hex(secret)), std::string::npos);
	EXPECT_EQ(twice.find(to_hex(fresh)), std::string::npos);

	EXPECT_EQ(subject_pseudonym(once, "customers", "subject", "1"),
			  subject_pseudonym(secret, "customers", "subject", "1"));
	EXPECT_NE(subject_token(once, "customers", "1"), subject_token(secret, "customers", "1"));
	EXPECT_NE(value_pseudonym(once, "x"), value_pseudonym(secret, "x"));
	EXPECT_EQ(sha256_hex("x"), sha256_hex("x"));
}

TEST(KeyRing, AFingerprintTellsRotationsOfAKeyFromOtherKeys)
{
	const KeyFingerprint first = key_fingerprint(secret);
	const std::string once = rotated_secret(secret, std::string(32, 'f'));
	const std::string twice = rotated_secret(once, std::string(32, 'g'));
	EXPECT_EQ(key_descent(secret, first), KeyDescent::same);
	EXPECT_EQ(key_descent(once, first), KeyDescent::rotated);
	EXPECT_EQ(key_descent(twice, first), KeyDescent::rotated);
	EXPECT_EQ(key_descent(twice, key_fingerprint(once)), KeyDescent::rotated);
	EXPECT_EQ(key_descent(std::string(32, 'x'), first), KeyDescent::other);
	// the file before a rotation, and a different rotation of the same file
	EXPECT_EQ(key_descent(once, key_fingerprint(twice)), KeyDescent::other);
	EXPECT_EQ(key_descent(rotated_secret(secret, std::string(32, 'h')), key_fingerprint(once)),
			  KeyDescent::other);
	// at most 4096 bytes of a key file are read
	std::string many(secret);
	for (int i = 0; i < 200; ++i)
		many = rotated_secret(many, std::string(32, static_cast<char>(i)));
	EXPECT_LT(many.size(), 4096u);
	EXPECT_EQ(erasure_key(many), erasure_key(secret));
	EXPECT_EQ(treatment_key(many), std::string(32, static_cast<char>(199)));
}

TEST(Tokens, TellSubjectsAndDatasetsApart)
{
	std::set<std::string> tokens;
	for (const char *dataset : {"customers", "staff"})
		for (const char *subject : {"1", "2", "12", "", "\xc3\xa9"})
			tokens.insert(subject_token(secret, dataset, subject));
	EXPECT_EQ(tokens.size(), 10u);
	for (const std::string &token : tokens)
	{
		EXPECT_EQ(token.size(), 47u);
		EXPECT_EQ(token.substr(32), "@erased.invalid");
	}
}

} // namespace
