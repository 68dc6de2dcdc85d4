# What ends a run before its commit leaves nothing behind, whoever ends it, and the next run does
# the work: ROLLBACK, a savepoint, an exception block, statement_timeout, a cancel, a terminated
# backend, a COMMIT that fails. And what one transaction may do: run a dataset twice, replay it, fail
# to be prepared.
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

my $node = etl_node(conf => "max_prepared_transactions = 2\netl.batch_memory = 16MB\n");
my $root = $node->{etl_root};

sub product { my ($sku) = @_; return qq({"sku": $sku, "name": "n", "price": "1.00", "category": "c", "popularity": 1.5}) }

sub customers
{
	my ($from, $to) = @_;
	return join '', map { qq({"id": "$_", "first_name": "Ann", "last_name": "Bee", "email": "a\@example.com"}\n) } $from .. $to;
}

my $hour = 'date=2020-01-01/hour=0';
my $file = "$hour/products.json";
stage($node, $file, join("\n", map { product($_) } 1 .. 20) . "\n");
my $untouched = "raw/$file";
my $loaded = "archive/$file\nprocessed/$file";

sub nothing_happened
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(all_files($root), $untouched, "$what: the raw file is where it was, and no other file");
	is_sql($node, 'SELECT (SELECT count(*) FROM data.products), (SELECT count(*) FROM etl.file), (SELECT count(*) FROM etl.file_action)',
		'0|0|0', "$what: nothing is loaded");
}

# made by the first run, and rolled back with it
$node->safe_psql('postgres', 'SELECT etl_define(definition) FROM etl.dataset');

$node->safe_psql('postgres', "BEGIN; SELECT etl_run('products'); ROLLBACK");
nothing_happened('ROLLBACK');

$node->safe_psql('postgres', "BEGIN; SAVEPOINT s; SELECT etl_run('products'); ROLLBACK TO s; COMMIT");
nothing_happened('a savepoint rolled back');

$node->safe_psql('postgres', "BEGIN; SAVEPOINT s; SELECT etl_run('products'); RELEASE s; ROLLBACK");
nothing_happened('a savepoint released, and then a ROLLBACK');

$node->safe_psql('postgres', <<'SQL');
DO $$ BEGIN
	PERFORM etl_run('products');
	RAISE EXCEPTION 'no';
EXCEPTION WHEN raise_exception THEN
END $$
SQL
nothing_happened('an exception block');

my ($status, $out, $err) = $node->psql('postgres', "BEGIN; SELECT etl_run('products'); PREPARE TRANSACTION 'x'");
like($err, qr/cannot PREPARE a transaction that has run a dataset/, 'a run cannot be prepared');
nothing_happened('PREPARE TRANSACTION');

$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused at commit'; END $$;
CREATE TABLE other(i int);
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON other DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
SQL
# Constraints of target tables are checked with each batch; others may still be deferred.
($status, $out, $err) = $node->psql('postgres', "BEGIN; SELECT etl_run('products'); INSERT INTO other VALUES (1); COMMIT");
like($err, qr/refused at commit/, 'a COMMIT that fails');
nothing_happened('a failed COMMIT');
$node->safe_psql('postgres', 'DROP TABLE other');

for my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nBEGIN ISOLATION LEVEL $level; SELECT etl_run('products')");
	like($err, qr/25001: .*isolation level.*\n.*\n.*READ COMMITTED/, "$level is refused: it does not see what others have loaded");
}
nothing_happened('another isolation level');

# within one transaction
my $twice = "BEGIN; SELECT etl_run('products'); SELECT files, loaded FROM etl_run('products'); SELECT files FROM etl_replay('products');";
is($node->safe_psql('postgres', "$twice ROLLBACK") =~ s/^\(.*\n//r, "0|0\n0", 'a second run in one transaction finds nothing to do');
nothing_happened('two runs and a ROLLBACK');
$node->safe_psql('postgres', "BEGIN; SAVEPOINT s; SELECT etl_run('products'); ROLLBACK TO s; $twice COMMIT");
is(all_files($root), $loaded, 'rolled back, retried, run again and committed: each file once');
is_sql($node, 'SELECT path, status, loaded FROM etl.file', "$file|archived|20", 'and one row');
is_sql($node, 'SELECT count(*) FROM data.products', '20', 'and the rows');

# two deliveries of one name in one transaction
my ($in, $said, $errors) = ('', '', '');
my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-v', 'ON_ERROR_STOP=1' ], '<', \$in, '>', \$said, '2>', \$errors, IPC::Run::timeout(120));

sub tell_session
{
	my ($sql) = @_;
	$said = '';
	$in .= "$sql;\n\\echo done\n";
	$session->pump until $said =~ /done/ || $errors ne '';
	is($errors, '', "session: $sql");
	return $said =~ s/\n?done\n//r;
}
stage($node, 'date=2020-01-01/hour=1/products.json', product(101) . "\n");
tell_session("BEGIN; SELECT etl_run('products')");
stage($node, 'date=2020-01-01/hour=1/products.json', product(102) . "\n");
is(tell_session("SELECT files, loaded FROM etl_run('products')"), '1|1', 'another delivery in the same transaction is another file');
tell_session('COMMIT');
$session->finish;
is_sql($node, q{SELECT count(*) FROM data.products WHERE sku IN (101, 102)}, '2', 'both are loaded');
is(join("\n", map { slurp_file("$root/processed/date=2020-01-01/hour=1/$_") =~ /"sku": (\d+)/ } qw(products.json products.2.json)), "101\n102",
	'and neither processed file replaces the other');
$node->safe_psql('postgres', "SELECT etl_run('products')");
is_sql($node, q{SELECT status, error FROM etl.file WHERE path LIKE '%hour=1/%' ORDER BY file_id},
	"loaded|raw file was gone before it could be archived, and is not in the archive\narchived|", 'what became of the first raw file is told');

# ---- interrupts, in the middle of a large run
$node->safe_psql('postgres', "SELECT etl_run('customers')");
stage($node, "date=2020-02-01/hour=$_/customers.json.gz", customers($_ * 30000, $_ * 30000 + 60000)) for 0 .. 9;
my $before = all_files($root);

sub interrupted
{
	my ($what, $pattern, $run, $e) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$run->finish;
	like($$e, $pattern, "$what: the run ends");
	is(all_files($root), $before, "$what: no file is left or gone");
	is_sql($node, q{SELECT (SELECT count(*) FROM data.customers), (SELECT count(*) FROM etl.file WHERE dataset = 'customers')}, '0|0', "$what: nothing is loaded");
}

my ($run, undef, $e, $name) = start_sql($node, "SELECT etl_run('customers')", q{SET statement_timeout = '400ms'});
interrupted('statement_timeout', qr/statement timeout/, $run, $e);
for my $delay (0.05, 0.4, 1.0)
{
	for my $how ([ cancel => qr/canceling statement due to user request/ ], [ terminate => qr/terminating connection/ ])
	{
		($run, undef, $e, $name) = start_sql($node, "SELECT etl_run('customers')");
		sleep $delay;
		is_sql($node, "SELECT pg_$how->[0]_backend(pid) FROM pg_stat_activity WHERE application_name = '$name'", 't', "pg_$how->[0]_backend after $delay s");
		interrupted("pg_$how->[0]_backend after $delay s", $how->[1], $run, $e);
	}
}
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|server process .* exited/, 'no process crashed');

# ---- a backlog: what is committed stays
unlink "$root/raw/date=2020-02-01/hour=$_/customers.json.gz" for 0 .. 9;
# more than one batch each: they are not compressed
stage($node, "date=2020-02-01/hour=$_/customers.json", customers($_ * 30000, $_ * 30000 + 30000)) for 0 .. 9;
($run, undef, $e, $name) = start_sql($node, "CALL etl_load('customers')");
$node->poll_query_until('postgres', q{SELECT count(*) > 1 FROM etl.run WHERE dataset = 'customers' AND loaded > 0});
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = '$name'");
$run->finish;
like($$e, qr/canceling statement due to user request/, 'etl_load is cancelled');
my $done = $node->safe_psql('postgres', q{SELECT count(*) FROM etl.file WHERE dataset = 'customers' AND status = 'archived'});
cmp_ok($done, '>=', 2, "$done files stay loaded");
cmp_ok($done, '<', 10, 'but not all were');
is(scalar(grep { /customers/ } files_below("$root/archive")), $done, 'they are archived');
is(scalar(grep { /customers/ } files_below("$root/raw")), 10 - $done, 'the others are still staged');
$node->safe_psql('postgres', "CALL etl_load('customers')");
is_sql($node, q{SELECT count(*), count(DISTINCT id) FROM data.customers}, '300001|300001', 'the next etl_load does the rest');
is_sql($node, q{SELECT count(*), sum(records) FROM etl.file WHERE dataset = 'customers' AND status = 'archived'}, '10|300010', 'each file once');
is_sql($node, q{SELECT count(*) FROM etl.run WHERE dataset = 'customers' AND files = 0 AND started_at > (SELECT max(finished_at) FROM etl.file)}, '0', 'without a row for the batch that found nothing');

$node->stop;
done_testing();
