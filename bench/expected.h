// What a load of the written files has to report.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kinds.h"
#include "staged_out.h"

namespace sample
{

struct DatasetCounts
{
	uint64_t files = 0, records = 0, loaded = 0, rows = 0, child_rows = 0;
	std::array<uint64_t, static_cast<size_t>(Code::none)> quarantined{};
	std::vector<std::string> failed; ///< paths
	std::map<std::string, uint64_t, std::less<>> kinds;

	/// Returns whether the record is loaded.
	bool count(Code code, unsigned records_made, std::string_view kind)
	{
		records += records_made;
		if (const auto at = kinds.find(kind); at != kinds.end())
			++at->second;
		else
			kinds.emplace(kind, 1);
		if (code == Code::none)
			loaded += records_made;
		else
			quarantined[static_cast<size_t>(code)] += records_made;
		return code == Code::none;
	}
	uint64_t all_quarantined() const
	{
		uint64_t sum = 0;
		for (const uint64_t n : quarantined)
			sum += n;
		return sum;
	}
	std::string_view status() const
	{
		return failed.empty() ? "succeeded" : failed.size() == files ? "failed" : "partial";
	}
};

struct Expected
{
	DatasetCounts products, customers, transactions, erasure_requests;
	std::vector<std::string> unclaimed;

	std::string json() const
	{
		std::string out = "{\n";
		dataset(out, "products", products);
		dataset(out, "customers", customers);
		dataset(out, "transactions", transactions);
		dataset(out, "erasure_requests", erasure_requests);
		out += "\t\"unclaimed\": ";
		strings(out, unclaimed);
		out += "\n}\n";
		return out;
	}

  private:
	static void strings(std::string &out, std::vector<std::string> values)
	{
		std::sort(values.begin(), values.end());
		out += '[';
		for (size_t i = 0; i < values.size(); ++i)
			out.append(i == 0 ? "\"" : ", \"").append(values[i]).append("\"");
		out += ']';
	}
	static void dataset(std::string &out, const char *name, const DatasetCounts &counts)
	{
		const auto number = [&](const char *key, uint64_t value)
		{ out.append("\t\t\"").append(key).append("\": ").append(std::to_string(value) + ",\n"); };
		out.append("\t\"").append(name).append("\": {\n");
		out.append("\t\t\"status\": \"").append(counts.status()).append("\",\n");
		number("files", counts.files);
		number("records", counts.records);
		number("loaded", counts.loaded);
		number("quarantined", counts.all_quarantined());
		out += "\t\t\"codes\": {";
		bool first = true;
		for (size_t i = 0; i < counts.quarantined.size(); ++i)
			if (counts.quarantined[i] > 0)
			{
				out.append(first ? "\"" : ", \"").append(code_names[i]);
				out.append("\": ").append(std::to_string(counts.quarantined[i]));
				first = false;
			}
		out += "},\n";
		if (name != std::string_view("erasure_requests"))
			number("rows", counts.rows);
		if (name == std::string_view("transactions"))
			number("purchase_lines", counts.child_rows);
		out += "\t\t\"kinds\": {";
		first = true;
		for (const auto &[kind, n] : counts.kinds)
		{
			out.append(first ? "\"" : ", \"").append(kind).append("\": ").append(std::to_string(n));
			first = false;
		}
		out += "},\n\t\t\"failed_files\": ";
		strings(out, counts.failed);
		out += "\n\t},\n";
	}
};

} // namespace sample
