// Writes sample data: staged files as a shop would deliver them, with what can go wrong in them,
// and the counts that a load has to report. The same options give the same bytes.
#include <cstdlib>
#include <functional>
#include <iostream>
#include <optional>
#include <utility>

#include "customer_files.h"
#include "erasure_files.h"
#include "expected.h"
#include "file_defects.h"
#include "product_files.h"
#include "transaction_files.h"

namespace
{

constexpr std::string_view usage = R"(Usage: generate [OPTION]... FOLDER
Writes sample data for pg_etl's standard datasets into FOLDER, which must not exist or be empty:
FOLDER/date=YYYY-MM-DD/hour=HH/{products,customers,transactions,erasure-requests}.json.gz

  --seed N            other data for another number (default 1)
  --start DATE        first day (default 2020-01-01)
  --transactions N    transactions (default 10000); kinds of defects may add some
  --files N           their files, one an hour (default 744, a month)
  --customers N       customers (default a twentieth of the transactions, at least 100)
  --products N        products (default 2500)
  --erasures N        erasure requests (default a thirtieth of the customers)
  --customer-files N  files with customers (default a quarter of --files)
  --product-files N   files with products (default one a day)
  --big-file N        so many transactions more in the last file
  --defects RATE      share of records with something wrong, at random (0.02)
  --defects none      nothing wrong anywhere (default)
  --defects all-kinds each kind of defect and oddity once, in addition to the records asked for;
                      damaged and unclaimed files, and files in every shape. Can be combined with
                      a RATE
  --gzip-level N      ISA-L's 0 to 3 (default 2)
  --threads N         threads that compress (default one per core)
  --expected FILE     write as JSON what loading products, customers, transactions and
                      erasure_requests in this order has to report
  --clean-csv FOLDER  write the accepted transactions as CSV, in file order and, in *_sorted.csv,
                      in the order of their primary keys
  --help              show this
)";

[[noreturn]] void
usage_error(const std::string &message)
{
	std::cerr << "generate: " << message << "\nTry \"generate --help\".\n";
	std::exit(2);
}

uint64_t
number(const std::string &option, const std::string &text, uint64_t least, uint64_t most)
{
	const bool digits = !text.empty() && text.size() <= 18 &&
						text.find_first_not_of("0123456789") == std::string::npos;
	const uint64_t value = digits ? std::stoull(text) : 0;
	if (!digits || value < least || value > most)
		usage_error(option + " takes a number from " + std::to_string(least) + " to " +
					std::to_string(most) + ", not \"" + text + "\"");
	return value;
}

struct Options
{
	uint64_t seed = 1, transactions = 10000, files = 744, big_file = 0;
	std::optional<uint64_t> customers, products, erasures, customer_files, product_files;
	std::chrono::sys_days start = std::chrono::year(2020) / 1 / 1;
	double defect_rate = 0;
	bool each_defect = false;
	int gzip_level = 2;
	unsigned threads = std::max(1u, std::thread::hardware_concurrency());
	std::string folder, expected, clean_csv;
};

std::chrono::sys_days
date(const std::string &option, const std::string &text)
{
	int year = 0, used = 0;
	unsigned month = 0, day = 0;
	const int n = std::sscanf(text.c_str(), "%4d-%2u-%2u%n", &year, &month, &day, &used);
	const std::chrono::year_month_day ymd{std::chrono::year(year), std::chrono::month(month),
										  std::chrono::day(day)};
	if (n != 3 || static_cast<size_t>(used) != text.size() || !ymd.ok() || year < 1)
		usage_error(option + " takes a date (YYYY-MM-DD), not \"" + text + "\"");
	return ymd;
}

void
defects(const std::string &option, const std::string &text, Options &options)
{
	if (text == "all-kinds")
		options.each_defect = true;
	else if (text == "none")
	{
		options.each_defect = false;
		options.defect_rate = 0;
	}
	else
	{
		char *end = nullptr;
		const double rate = std::strtod(text.c_str(), &end);
		if (text.empty() || *end != '\0' || !(rate >= 0 && rate <= 1))
			usage_error(option + " takes a share from 0 to 1, none or all-kinds, not \"" + text +
						"\"");
		options.defect_rate = rate;
	}
}

Options
read_options(int argc, char **argv)
{
	Options o;
	const uint64_t most = 1000000000;
	const std::map<std::string, std::function<void(const std::string &, const std::string &)>>
		known = {
			{"--seed",
			 [&](auto &n, auto &v) { o.seed = number(n, v, 0, UINT64_C(999999999999999999)); }},
			{"--start", [&](auto &n, auto &v) { o.start = date(n, v); }},
			{"--transactions", [&](auto &n, auto &v) { o.transactions = number(n, v, 0, most); }},
			{"--files", [&](auto &n, auto &v) { o.files = number(n, v, 1, 1000000); }},
			{"--customers", [&](auto &n, auto &v) { o.customers = number(n, v, 1, most); }},
			{"--products", [&](auto &n, auto &v) { o.products = number(n, v, 1, most); }},
			{"--erasures", [&](auto &n, auto &v) { o.erasures = number(n, v, 0, most); }},
			{"--customer-files",
			 [&](auto &n, auto &v) { o.customer_files = number(n, v, 1, 1000000); }},
			{"--product-files",
			 [&](auto &n, auto &v) { o.product_files = number(n, v, 1, 1000000); }},
			{"--big-file", [&](auto &n, auto &v) { o.big_file = number(n, v, 0, most); }},
			{"--defects", [&](auto &n, auto &v) { defects(n, v, o); }},
			{"--gzip-level",
			 [&](auto &n, auto &v) { o.gzip_level = static_cast<int>(number(n, v, 0, 3)); }},
			{"--threads",
			 [&](auto &n, auto &v) { o.threads = static_cast<unsigned>(number(n, v, 1, 64)); }},
			{"--expected", [&](auto &, auto &v) { o.expected = v; }},
			{"--clean-csv", [&](auto &, auto &v) { o.clean_csv = v; }},
		};
	for (int i = 1; i < argc; ++i)
	{
		std::string name = argv[i], value;
		if (name == "--help" || name == "-h")
		{
			std::cout << usage;
			std::exit(0);
		}
		if (name.empty() || name[0] != '-')
		{
			if (!o.folder.empty() || name.empty())
				usage_error("one FOLDER, please");
			o.folder = name;
			continue;
		}
		const size_t equals = name.find('=');
		if (equals != std::string::npos)
		{
			value = name.substr(equals + 1);
			name.resize(equals);
		}
		const auto option = known.find(name);
		if (option == known.end())
			usage_error("no option \"" + name + "\"");
		if (equals == std::string::npos)
		{
			if (++i == argc)
				usage_error(name + " needs a value");
			value = argv[i];
		}
		option->second(name, value);
	}
	if (o.folder.empty())
		usage_error("no FOLDER");
	const uint64_t customers = o.customers.value_or(std::max<uint64_t>(100, o.transactions / 20));
	o.customers = customers;
	o.products = o.products.value_or(2500);
	o.erasures = o.erasures.value_or((customers + 29) / 30);
	// no two files of one hour, and no empty ones
	const auto fit = [&](std::optional<uint64_t> &files, uint64_t usual, uint64_t records)
	{ files = std::clamp<uint64_t>(files.value_or(usual), 1, std::min(o.files, records)); };
	fit(o.customer_files, o.files / 4, customers);
	fit(o.product_files, (o.files + 23) / 24, *o.products);
	return o;
}

void
generate(const Options &o)
{
	using namespace sample;
	if (std::filesystem::exists(o.folder) && !std::filesystem::is_empty(o.folder))
		throw std::runtime_error("\"" + o.folder + "\" is not empty");
	std::filesystem::create_directories(o.folder);

	Pool pool(o.threads);
	const Staging staging{o.folder, o.gzip_level, pool};
	World world(o.seed, *o.customers, *o.products);
	Expected expected;
	Job job{o.start, o.files, o.defect_rate, o.each_defect, staging, world, expected};
	std::optional<CleanCsv> csv;
	if (!o.clean_csv.empty())
		csv.emplace(o.clean_csv);

	ProductFiles(job, *o.product_files).write();
	CustomerFiles(job, *o.customer_files).write();
	TransactionFiles transactions(job, csv ? &*csv : nullptr);
	transactions.write(o.transactions, o.files, o.big_file);
	ErasureFiles erasures(job);
	erasures.write(*o.erasures);
	if (o.each_defect)
		write_file_defects(job);
	pool.finish();
	if (csv)
		csv->finish();
	for (const auto &left : {transactions.kinds_left(), erasures.kinds_left()})
		for (const std::string_view kind : left)
			std::cerr << "generate: too few records or files for the kind \"" << kind << "\"\n";
	if (!o.expected.empty())
	{
		std::filesystem::remove(o.expected);
		DiskFile file(o.expected);
		file.write(expected.json());
		file.close();
	}
}

} // namespace

int
main(int argc, char **argv)
{
	const Options options = read_options(argc, argv);
	try
	{
		generate(options);
	}
	catch (const std::exception &e)
	{
		std::cerr << "generate: " << e.what() << "\n";
		return 1;
	}
	return 0;
}
