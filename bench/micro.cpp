// Micro-benchmarks of the core's stages (Google Benchmark), and with --once a fixed amount of each
// stage's work, which bench/instructions counts under callgrind.
//
//     micro                        times by stage
//     micro --once STAGE           does a stage's work once; stages: decompress split stage
//     compress
//
// Input is generated here, from a fixed seed: the same instructions on every run.
#include <benchmark/benchmark.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>

#include <unistd.h>

#include "core/files/file_reader.h"
#include "core/files/file_writer.h"
#include "core/records/record_splitter.h"
#include "core/staging/staged_record.h"
#include "core/types/column_type.h"

namespace
{

using namespace etl;

constexpr size_t record_count = 2000;

std::string
make_records()
{
	std::mt19937 random(1);
	const auto number = [&](unsigned limit) { return static_cast<unsigned>(random()) % limit; };
	std::string text;
	for (size_t i = 0; i < record_count; ++i)
	{
		char line[512];
		unsigned total = 0;
		std::string products;
		const unsigned lines = 1 + number(5);
		for (unsigned n = 0; n < lines; ++n)
		{
			const unsigned price = 1 + number(9999), quantity = 1 + number(3);
			total += price * quantity;
			snprintf(line, sizeof line,
					 "%s{\"sku\": %u, \"quanitity\": %u, \"price\": \"%u.%02u\", \"total\": "
					 "\"%u.%02u\"}",
					 n > 0 ? ", " : "", number(3000), quantity, price / 100, price % 100,
					 price * quantity / 100, price * quantity % 100);
			products += line;
		}
		snprintf(line, sizeof line,
				 "{\"transaction_id\": \"%08x-%04x-4%03x-8%03x-%08x%04x\", \"transaction_time\": "
				 "\"2020-01-%02uT%02u:00:00.%06u\", \"customer_id\": \"%u\", \"delivery_address\": "
				 "{\"address\": \"Flat %u\\nChurch Lane\", \"postcode\": \"N%u 9AB\", \"city\": "
				 "\"Kingstown\", \"country\": \"United Kingdom\"}, \"purchases\": {\"products\": [",
				 number(0xffffffff), number(0x10000), number(0x1000), number(0x1000),
				 number(0xffffffff), number(0x10000), 1 + number(28), number(24), number(1000000),
				 number(50000), number(200), number(20));
		text += line + products;
		snprintf(line, sizeof line, "], \"total_cost\": \"%u.%02u\"}}\n", total / 100, total % 100);
		text += line;
	}
	return text;
}

const std::string &
records()
{
	static const std::string text = make_records();
	return text;
}

const Definition &
definition()
{
	static const Definition transactions = []
	{
		std::ifstream file(ETL_SOURCE_DIR "/schemas/transactions.json");
		return Definition::read({std::istreambuf_iterator<char>(file), {}});
	}();
	return transactions;
}

const KeyTypes &
key_types()
{
	static const KeyTypes types = []
	{
		ColumnType bigint;
		bigint.id = TypeId::bigint;
		bigint.sql = "bigint";
		KeyTypes all;
		all["customers"] = all["products"] = bigint;
		return all;
	}();
	return types;
}

/// A file that goes with the process.
const std::string &
gzip_file()
{
	struct Owner
	{
		std::string path = "/tmp/pg_etl_micro." + std::to_string(getpid()) + ".gz";
		Owner()
		{
			FileWriter writer(path, Compression::gzip);
			writer.write(records());
			writer.close();
		}
		~Owner() { unlink(path.c_str()); }
	};
	static const Owner owner;
	return owner.path;
}

void
decompress()
{
	FileReader reader(gzip_file(), Content::gzip, UINT64_MAX);
	std::string buffer(256 * 1024, '\0');
	while (reader.read(buffer.data(), buffer.size()) > 0)
		benchmark::DoNotOptimize(buffer.data());
}

void
split()
{
	size_t count = 0;
	RecordSplitter splitter(16 << 20, false, [&](const RawRecord &) { ++count; });
	splitter.feed(records());
	splitter.finish();
	benchmark::DoNotOptimize(count);
}

/// Parse, validate, type, check and encode.
void
stage()
{
	static RecordStager stager(definition(), key_types());
	Piece piece;
	const RowContext context{7300, 12, 0};
	RecordSplitter splitter(16 << 20, false,
							[&](const RawRecord &raw)
							{ stager.stage(raw, raw.text.size(), 0, context, piece); });
	splitter.feed(records());
	splitter.finish();
	for (const StagedRecord &record : piece.records)
		if (!record.loadable || record.violations)
			std::abort(); // the input is valid: something broke
}

void
compress()
{
	const std::string path = gzip_file() + ".out";
	{
		FileWriter writer(path, Compression::gzip);
		writer.write(records());
		writer.close();
	}
	unlink(path.c_str());
}

const std::pair<const char *, void (*)()> stages[] = {
	{"decompress", decompress}, {"split", split}, {"stage", stage}, {"compress", compress}};

} // namespace

int
main(int argc, char **argv)
{
	if (argc == 3 && std::strcmp(argv[1], "--once") == 0)
	{
		// what every stage starts from; an unknown one does this much, too
		benchmark::DoNotOptimize(records().size() + definition().tables.size() +
								 gzip_file().size());
		for (const auto &[name, body] : stages)
			if (std::strcmp(argv[2], name) == 0)
			{
				body();
				return 0;
			}
		fprintf(stderr, "no stage \"%s\"\n", argv[2]);
		return 2;
	}
	for (const auto &[name, body] : stages)
		benchmark::RegisterBenchmark(
			name,
			[body = body](benchmark::State &state)
			{
				for (auto _ : state)
					body();
				state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(record_count));
				state.SetBytesProcessed(state.iterations() *
										static_cast<int64_t>(records().size()));
			});
	benchmark::Initialize(&argc, argv);
	benchmark::RunSpecifiedBenchmarks();
}
