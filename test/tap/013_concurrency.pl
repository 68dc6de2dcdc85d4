# Sessions beside each other: of one dataset, of two, readers and writers of the target tables, an
# erasure, and twenty sessions that run everything all the time while files arrive. Nobody who only
# reads waits, nothing is lost or loaded twice, nobody deadlocks.
#
#   ETL_SOAK_SECONDS   how long the twenty sessions run (5)
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = etl_node(conf => "etl.batch_memory = 16MB\nmax_connections = 60\n");
my $root = $node->{etl_root};
my $hour = 0;

sub customer
{
	my ($id, $name) = @_;
	return sprintf qq({"id": "%d", "first_name": "%s", "last_name": "Bee", "email": "c%d\@example.com"}\n), $id, $name // 'Ann', $id;
}

sub transaction
{
	my ($n) = @_;
	return sprintf '{"transaction_id": "00000000-0000-4000-8000-%012d", "transaction_time": "2020-01-01T10:00:00", "customer_id": "1", '
	  . '"delivery_address": {"address": "1 Way", "postcode": "P", "city": "C", "country": "UK"}, '
	  . '"purchases": {"products": [{"sku": 1, "quanitity": 2, "price": "1.00", "total": "2.00"}], "total_cost": "2.00"}}' . "\n", $n;
}

sub product { return sprintf qq({"sku": %d, "name": "n", "price": "1.00", "category": "c", "popularity": 1.5}\n), $_[0] }

sub place { my ($name) = @_; return sprintf 'date=2020-%02d-01/hour=%d/%s', 1 + int($hour / 24), $hour++ % 24, $name }
sub stage_lines { my ($name, @lines) = @_; my $path = place($name); stage($node, $path, join '', @lines); return $path }

my $counts = 'status, files, records, loaded, quarantined';
stage_lines('products.json', map { product($_) } 1 .. 5);
stage_lines('customers.json', map { customer($_) } 1 .. 10);
$node->safe_psql('postgres', 'SELECT etl_define(definition) FROM etl.dataset; SELECT etl_run()'); # makes all tables
my ($a, $b, $c) = (session($node), session($node), session($node));

# ---- one dataset, two datasets, readers
stage_lines('customers.json', map { customer($_) } 11 .. 20);
my $pid = ask($a, 'BEGIN; SELECT pg_backend_pid()') =~ s/\n//r;
is(ask($a, "SELECT $counts FROM etl_run('customers')"), "succeeded|1|10|10|0\n", 'a run that does not commit yet');
is(ask($b, "SELECT status, files, error FROM etl_run('customers')"), "skipped|0|another session is running this dataset: process $pid\n", 'another session is skipped, and told by whom');
begin_sql($b, "SELECT $counts FROM etl_run('customers', wait => true)");
until_blocked($node, 'a session that wants to wait does');
stage_lines('products.json', product(6));
is(ask($c, "SELECT $counts FROM etl_run('products')"), "succeeded|1|1|1|0\n", 'another dataset is run beside it');
is(ask($c, 'SET statement_timeout = 5000; SELECT count(*) FROM data.customers; RESET statement_timeout'), "10\n", 'a reader does not wait, and sees what is committed');
is(ask($c, q{UPDATE data.customers SET city = 'Here' WHERE id = 1; SELECT city FROM data.customers WHERE id = 1}), "Here\n", 'nor does a writer of other rows');
ask($a, 'COMMIT');
is(answer($b), "succeeded|0|0|0|0\n", 'after the commit it finds that nothing is left to do');
is_sql($node, 'SELECT count(*) FROM data.customers', '20', 'each record once');

# the archive still has to be written when the commit is visible: the lock is held until then
is(scalar(grep { /customers/ } files_below("$root/archive")), 2, 'raw files are archived by the time that the lock is free');

# ---- writers of the same rows
for my $end ('COMMIT', 'ROLLBACK')
{
	my $from = $end eq 'COMMIT' ? 100 : 200;
	ask($a, "BEGIN; INSERT INTO data.customers (id, first_name, last_name, email) VALUES ($from + 5, 'App', 'App', 'app')");
	stage_lines('customers.json', map { customer($from + $_) } 1 .. 10);
	begin_sql($b, "SELECT $counts FROM etl_run('customers')");
	until_blocked($node, "a row with a key of ours that is inserted at the same time, $end: the run waits");
	ask($a, $end);
	is(answer($b), "succeeded|1|10|10|0\n", 'and then has all records');
	is_sql($node, "SELECT count(*), count(*) FILTER (WHERE first_name = 'Ann') FROM data.customers WHERE id BETWEEN $from AND $from + 99", '10|10', 'the file has the last word');
}
for my $end ('COMMIT', 'ROLLBACK')
{
	my $from = $end eq 'COMMIT' ? 300 : 400;
	ask($a, "BEGIN; INSERT INTO data.transactions (transaction_id, transaction_time, customer_id, address, postcode, city, country, total_cost, record_date, record_hour, processed_at)"
		  . " VALUES ('00000000-0000-4000-8000-000000000${from}', now(), 1, '', '', '', '', 1, '2020-01-01', 0, now())");
	stage_lines('transactions.json', map { transaction($from + $_) } 0 .. 9);
	begin_sql($b, "SELECT $counts FROM etl_run('transactions')");
	until_blocked($node, "a transaction that is inserted at the same time, $end: the run waits");
	ask($a, $end);
	is(answer($b), $end eq 'COMMIT' ? "succeeded|1|10|9|1\n" : "succeeded|1|10|10|0\n", 'repeats are quarantined where the definition says so');
}
is_sql($node, q{SELECT code, violations -> 0 ->> 'message' FROM etl.quarantine WHERE dataset = 'transactions'}, 'duplicate|/transaction_id: key is loaded already', 'as duplicates');
is_sql($node, 'SELECT count(*), count(DISTINCT transaction_id) FROM data.purchases', '19|19', 'with their lines');

ask($a, 'BEGIN; DELETE FROM data.customers WHERE id IN (3, 5)');
stage_lines('customers.json', map { customer($_, 'New') } 1 .. 10);
begin_sql($b, "SELECT $counts FROM etl_run('customers')");
until_blocked($node, 'rows that are deleted at the same time: the run waits');
ask($a, 'COMMIT');
is(answer($b), "succeeded|1|10|10|0\n", 'and then has all records');
is_sql($node, q{SELECT count(*) FROM data.customers WHERE id <= 10 AND first_name = 'New'}, '10', 'those that were deleted come back, as the file says');

ask($a, q{BEGIN; UPDATE data.customers SET city = 'There' WHERE id = 9});
stage_lines('customers.json', map { customer($_, 'Newer') } 1 .. 10);
begin_sql($b, "SELECT $counts FROM etl_run('customers')");
until_blocked($node, 'rows that are updated in another order: the run waits');
my $app = ask($a, q{UPDATE data.customers SET city = 'There' WHERE id = 1});
ask($a, 'COMMIT');
is(answer($b), "succeeded|1|10|10|0\n", 'and is not the one that fails for the deadlock' . ($app =~ /deadlock/ ? ' (the application is)' : ''));
is_sql($node, q{SELECT count(*) FROM data.customers WHERE id <= 10 AND first_name = 'Newer'}, '10', 'all rows are updated');

# a record that takes another's place and is then refused by the table gives it back
$node->safe_psql('postgres', q{ALTER TABLE data.customers ADD CONSTRAINT polite CHECK (first_name <> 'Rude')});
stage_lines('customers.json', customer(500, 'Ann'), customer(501, 'Ann'));
stage_lines('customers.json', customer(500, 'Bob'));
stage_lines('customers.json', customer(500, 'Rude'));
is(ask($b, "SELECT $counts FROM etl_run('customers')"), "succeeded|3|4|3|1\n", 'a record that the table refuses');
is_sql($node, 'SELECT id, first_name FROM data.customers WHERE id >= 500 ORDER BY id', "500|Bob\n501|Ann", 'leaves the row to the one before it');
is_sql($node, q{SELECT code, violations -> 0 ->> 'keyword' FROM etl.quarantine WHERE dataset = 'customers'}, 'constraint|polite', 'and is quarantined');

# ---- an erasure of a customer whose record is being loaded
stage_lines('customers.json', customer(7, 'Again'));
stage_lines('erasure-requests.json', qq({"customer-id": "7"}\n));
is(ask($a, "BEGIN; SELECT $counts FROM etl_run('customers')"), "succeeded|1|1|1|0\n", 'a customer is loaded');
begin_sql($b, "SELECT status, files FROM etl_run('erasure_requests')");
sleep 1;
ask($a, 'COMMIT');
like(answer($b), qr/^(succeeded\|1|skipped\|0)\n$/, 'while a request to erase them is served');
is(ask($b, 'SELECT count(*) FROM etl_run()'), "4\n", 'and everything can be run afterwards');
is_sql($node, q{SELECT count(*) FROM data.customers WHERE id = 7}, '1', 'their key stays');
$_->{run}->finish for map { $_->{in} .= "\\q\n"; $_ } ($a, $b, $c);

# ---- twenty sessions and a producer
$node->safe_psql('postgres', 'TRUNCATE data.customers, data.products, data.transactions, data.purchases, etl.run, etl.file, etl.quarantine CASCADE');
my $seconds = $ENV{ETL_SOAK_SECONDS} // 5;
my $script = $node->basedir . '/run.sql';
PostgreSQL::Test::Utils::append_to_file($script, <<'SQL');
\set what random(1, 6)
\if :what = 1
SELECT etl_run('customers', wait => true);
\elif :what = 2
SELECT etl_run();
\elif :what = 3
CALL etl_load();
\elif :what = 4
SELECT etl_replay('transactions');
\elif :what = 5
BEGIN;
SELECT etl_run('products');
ROLLBACK;
\else
SELECT etl_run('transactions');
\endif
SELECT count(*) FROM data.customers;
SQL
my ($said, $errors) = ('', '');
my $sessions = IPC::Run::start([ 'pgbench', '-n', '-c', 20, '-j', 2, '-T', $seconds, '-f', $script, '-h', $node->host, '-p', $node->port, 'postgres' ],
	'<', \'', '>', \$said, '2>', \$errors, IPC::Run::timeout($seconds * 3 + 120));
my ($n, $files, $end) = (0, 0, time + $seconds);
while (time < $end)
{
	my $folder = sprintf 'date=2021-01-%02d/hour=%d', 1 + int($files / 24) % 28, $files % 24;
	my $tag = int($files / 672);
	++$files;
	# the transactions refer to customers and products that come in the same moment
	my %content = (
		'customers.json' => join('', map { customer($n + $_) } 1 .. 20),
		'products.json.gz' => join('', map { product($n + $_) } 1 .. 20),
		'transactions.json' => join('', map { transaction($n + $_) =~ s/"sku": 1/sprintf '"sku": %d', $n + $_/er =~ s/"customer_id": "1"/sprintf '"customer_id": "%d"', $n + $_/er } 1 .. 20));
	for my $name (sort { rand() <=> 0.5 } keys %content)
	{
		my $part = stage($node, "$folder/$name.part", $content{$name});
		$part = do { require IO::Compress::Gzip; my $zipped; IO::Compress::Gzip::gzip(\$content{$name} => \$zipped); stage($node, "$folder/$name.part", $zipped) } if $name =~ /gz$/;
		rename $part, $part =~ s/\.part$//r or die "$part: $!";
	}
	$n += 20;
	$sessions->pump_nb;
	sleep 0.05;
}
$sessions->finish;
is($errors =~ s/^pgbench \(.*\n//r, '', "no session of the twenty fails: $files times three files in $seconds s");
like($said, qr/number of transactions actually processed: [1-9]/, 'they have run');
my ($runs) = $said =~ /actually processed: (\d+)/;
note "$runs transactions of 20 sessions, $n records of each dataset";
$node->safe_psql('postgres', "SELECT etl_run('products'); SELECT etl_run('customers'); SELECT etl_run('transactions'); SELECT etl_replay('transactions'); SELECT etl_run()");
is_sql($node, 'SELECT count(*), min(id), max(id) FROM data.customers', "$n|1|$n", 'customers: totals are exact');
is_sql($node, 'SELECT count(*), min(sku), max(sku) FROM data.products', "$n|1|$n", 'products');
is_sql($node, 'SELECT count(*), count(DISTINCT customer_id) FROM data.transactions', "$n|$n", 'transactions');
is_sql($node, 'SELECT count(*) FROM data.purchases', $n, 'purchases');
is_sql($node, 'SELECT dataset, sum(loaded) FROM etl.run GROUP BY 1 HAVING sum(loaded) > 0 ORDER BY 1', "customers|$n\nproducts|$n\ntransactions|$n", 'each record was loaded by one run');
is_sql($node, 'SELECT dataset, status, count(*), sum(loaded), sum(quarantined) FROM etl.file GROUP BY 1, 2 ORDER BY 1', join("\n", map { "$_|archived|$files|$n|0" } qw(customers products transactions)), 'each file once');
is_sql($node, q{SELECT count(*) FROM etl.quarantine WHERE status = 'open'}, '0', 'nothing is left in quarantine');
is_sql($node, 'SELECT count(*) FROM etl.file_action', '0', 'no action is left over');
is(all_files("$root/raw"), '', 'nothing is staged any more');
for my $folder (qw(archive processed))
{
	my $lines = 0;
	$lines += scalar(slurp_lines("$root/$folder/$_")) for grep { /2021/ } split /\n/, all_files("$root/$folder");
	is($lines, 3 * $n, "$folder: every record once");
}
unlike(slurp_file($node->logfile), qr/deadlock detected.*etl_|PANIC|was terminated by signal/, 'no deadlock between datasets, no crash');

$node->stop;
done_testing();
