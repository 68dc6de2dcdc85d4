#include "core/audit/audit_chain.h"
#include "core/base/hash.h"

#include <gtest/gtest.h>

using namespace etl;

namespace
{

std::vector<AuditRow>
chain(int64_t rows)
{
	std::vector<AuditRow> result;
	std::string previous = audit_origin();
	for (int64_t i = 1; i <= rows; ++i)
	{
		AuditRow row;
		row.audit_id = i;
		row.at = 1000 * i;
		row.actor = "a";
		row.action = "erase";
		row.place = "data.t";
		row.previous_hash = previous;
		row.hash = previous = audit_hash(row);
		result.push_back(row);
	}
	return result;
}

/// The number of rows that have a problem.
int
problems(const std::vector<AuditRow> &rows)
{
	ChainVerifier verifier;
	int count = 0;
	for (const AuditRow &row : rows)
		count += !verifier.next(row).empty();
	return count;
}

TEST(AuditChain, HashIsOverLengthPrefixedFields)
{
	AuditRow row;
	row.audit_id = 1;
	row.erasure_id = 2;
	row.at = 3;
	row.actor = "a";
	row.action = "b";
	row.place = "c";
	row.columns = std::vector<std::string>{"d"};
	row.row_count = 4;
	row.previous_hash = audit_origin();
	const auto number = [](char n) { return std::string("\0\0\0\10\0\0\0\0\0\0\0", 11) + n; };
	const auto text = [](char c) { return std::string("\0\0\0\1", 4) + c; };
	const std::string bytes = std::string("\0\0\0\40", 4) + std::string(32, '\0') + number(1) +
							  number(2) + number(3) + text('a') + text('b') + text('c') +
							  std::string("\0\0\0\11\0\0\0\1", 8) + text('d') + number(4);
	const auto hash = sha256(bytes);
	EXPECT_EQ(audit_hash(row),
			  std::string(reinterpret_cast<const char *>(hash.data()), hash.size()));
}

TEST(AuditChain, NullIsNotEmpty)
{
	AuditRow a, b;
	b.columns = std::vector<std::string>{};
	EXPECT_NE(audit_hash(a), audit_hash(b));
	b = a;
	b.erasure_id = 0;
	EXPECT_NE(audit_hash(a), audit_hash(b));
	// the same bytes split into other fields have another hash
	a.actor = "ab";
	b = a;
	b.actor = "a";
	b.action = "b";
	EXPECT_NE(audit_hash(a), audit_hash(b));
}

TEST(AuditChain, WholeChainHasNoProblem)
{
	EXPECT_EQ(problems(chain(100)), 0);
}

TEST(AuditChain, EveryChangeIsFound)
{
	for (size_t i = 0; i < 5; ++i)
	{
		std::vector<AuditRow> rows = chain(5);
		rows[i].row_count = 1;
		EXPECT_GE(problems(rows), 1) << "altered " << i;
		rows[i].hash = audit_hash(rows[i]);
		EXPECT_EQ(problems(rows), i < 4 ? 1 : 0) << "rehashed " << i;
		rows = chain(5);
		rows.erase(rows.begin() + static_cast<ptrdiff_t>(i));
		EXPECT_EQ(problems(rows), i < 4 ? 1 : 0) << "removed " << i;
		rows = chain(5);
		rows.insert(rows.begin() + static_cast<ptrdiff_t>(i), rows[i]);
		EXPECT_GE(problems(rows), 1) << "inserted " << i;
		if (i > 0)
		{
			rows = chain(5);
			std::swap(rows[i], rows[i - 1]);
			EXPECT_GE(problems(rows), 1) << "moved " << i;
		}
	}
}

} // namespace
