// Files that are damaged as a whole, and files that nobody claims.
#pragma once

#include "job.h"

namespace sample
{

/// Written into the hours after the last transactions, so that no name is taken twice.
inline void
write_file_defects(const Job &job)
{
	const Staging &staging = job.staging;
	Expected &expected = job.expected;
	const auto partition = [&](uint64_t after) { return job.hour(job.hours + after).folder(); };
	std::string lines;
	for (int i = 0; i < 2000; ++i)
		lines += "{\"transaction_id\": \"" + std::to_string(i) + "\", \"cut\": true}\n";
	const std::string whole = gzip(lines, staging.level);

	// whole, with nothing in it
	staging.write_raw(partition(0), "transactions.json.gz", gzip("", staging.level));
	staging.write_raw(partition(1), "transactions.json.gz", gzip("\n\n  \r\n\t\n", staging.level));
	expected.transactions.files += 2;
	staging.write_raw(partition(26), "erasure-requests.json", "");
	++expected.erasure_requests.files;

	// not to be read to the end: no record of them is loaded
	const auto failing = [&](uint64_t after, std::string_view bytes)
	{
		staging.write_raw(partition(after), "transactions.json.gz", bytes);
		++expected.transactions.files;
		expected.transactions.failed.push_back(partition(after) + "/transactions.json.gz");
	};
	failing(2, std::string_view(whole).substr(0, whole.size() / 2));
	failing(3, lines); // no gzip
	std::string damaged = whole;
	damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 0x55);
	failing(4, damaged); // its checksum is wrong
	staging.write_raw(partition(5), "products.json.gz", std::string_view(whole).substr(0, 40));
	++expected.products.files;
	expected.products.failed.push_back(partition(5) + "/products.json.gz");

	// claimed by no dataset
	const auto unclaimed = [&](const std::string &folder, const char *name)
	{
		staging.write_raw(folder, name, whole);
		expected.unclaimed.push_back(folder + "/" + name);
	};
	unclaimed("date=2020-13-01/hour=00", "transactions.json.gz");
	unclaimed("date=2021-02-30/hour=01", "customers.json.gz");
	unclaimed(partition(6).substr(0, 15) + "/hour=24", "transactions.json.gz");
	unclaimed(partition(6), "customers_2.json.gz");
	unclaimed(partition(6), "transaction.json.gz");

	// not even looked at
	staging.write_raw(partition(6), ".DS_Store", "Bud1");
	staging.write_raw(partition(6), "transactions.json.gz.part", whole.substr(0, 99));
	staging.write_raw(partition(6), "customers.json.tmp", "{\"id\": \"1\"");
}

} // namespace sample
