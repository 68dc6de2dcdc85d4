# A month of real input gives exactly the counts that were counted independently; a second run finds
# nothing to do; replay reaches the same end state whatever the order of the datasets; dump and
# restore keep data, history and definitions.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use List::Util qw(shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $real = real_data();
plan skip_all => 'ETL_REAL_DATA names no folder with real input' unless defined $real;

sub load_real
{
	my ($node) = @_;
	system_or_bail('cp', '-r', "$real/.", "$node->{etl_root}/raw");
	system_or_bail('chmod', '-R', 'u+w', "$node->{etl_root}/raw");
}

# What a database holds in the end, whatever way it came there.
my $end_state = <<'SQL';
SELECT 'customers', count(*), sum(id), md5(string_agg(id::text || coalesce(email, '') || record_date, ',' ORDER BY id)) FROM data.customers
UNION ALL SELECT 'products', count(*), sum(sku), md5(string_agg(sku::text || price || record_date, ',' ORDER BY sku)) FROM data.products
UNION ALL SELECT 'transactions', count(*), sum(total_cost), md5(string_agg(transaction_id::text || record_hour, ',' ORDER BY transaction_id)) FROM data.transactions
UNION ALL SELECT 'purchases', count(*), sum(quantity), md5(string_agg(transaction_id::text || line || total, ',' ORDER BY transaction_id, line)) FROM data.purchases
UNION ALL SELECT 'quarantine ' || dataset || ' ' || code, count(*), NULL, NULL FROM etl.quarantine WHERE status = 'open' GROUP BY dataset, code
ORDER BY 1
SQL

my $node = etl_node();
load_real($node);

is(run_counts($node, "etl_run('products')"), 'succeeded|31|2480|2465|15', 'products');
is(run_counts($node, "etl_run('customers')"), 'succeeded|184|777|762|15', 'customers');
is(run_counts($node, "etl_run('transactions')"), 'succeeded|744|10036|9610|426', 'transactions');
is_sql($node, 'SELECT count(*) FROM data.purchases', '29143', 'purchase lines');
is_sql($node,
	q{SELECT dataset, code, count(*) FROM etl.quarantine GROUP BY 1, 2 ORDER BY 1, 2},
	"customers|schema|15\nproducts|schema|15\ntransactions|duplicate|36\ntransactions|reference|390",
	'reasons');
is_sql($node,
	q{SELECT v ->> 'dataset', count(*) FROM etl.quarantine, LATERAL (SELECT violations -> 0 AS v) x WHERE code = 'reference' GROUP BY 1 ORDER BY 1},
	"customers|204\nproducts|186", 'missing references, by the first that is named');
is_sql($node,
	q{SELECT violations -> 0 ->> 'pointer', violations -> 0 ->> 'keyword', count(*) FROM etl.quarantine WHERE dataset = 'products' GROUP BY 1, 2 ORDER BY 3 DESC},
	"/name|type|8\n/price|exclusiveMinimum|5\n/popularity|exclusiveMinimum|2", 'why products were refused');
is_sql($node, q{SELECT count(DISTINCT (dataset, key)), count(DISTINCT quarantine_id) FROM etl.quarantine_cause},
	'30|30', '30 quarantined parents are the cause of all missing references');
is_sql($node, q{SELECT count(*) FROM data.customers WHERE id = 67318}, '1', 'an id with a leading zero is a number');

my $before_erasure = $node->safe_psql('postgres', $end_state);
is(run_counts($node, "etl_run('erasure_requests')"), 'succeeded|9|24|23|1', 'erasure requests');
is_sql($node, q{SELECT status, count(*) FROM etl.erasure GROUP BY 1 ORDER BY 1}, "completed|23\nduplicate|1", 'erasures');
is_sql($node, q{SELECT count(*) FROM etl.run}, '4', 'four runs');
is(scalar(files_below("$node->{etl_root}/raw")), 0, 'nothing is staged any more');
is(scalar(files_below("$node->{etl_root}/archive")), 968, 'every raw file is archived');
is(`find $node->{etl_root}/raw -mindepth 1 | wc -l` + 0, 0, 'empty folders are removed');

for my $dataset (qw(products customers transactions erasure_requests))
{
	is(run_counts($node, "etl_run('$dataset')"), 'succeeded|0|0|0|0', "a second run of $dataset has nothing to do");
}
is_sql($node, 'SELECT count(*) FROM etl.file_action', '0', 'no file action is left over');

# dump and restore
$node->safe_psql('postgres', "UPDATE etl.dataset SET enabled = false, standard = false WHERE name = 'products'");
my $counts = q{SELECT (SELECT count(*) FROM data.customers), (SELECT count(*) FROM data.purchases), (SELECT count(*) FROM etl.run), (SELECT count(*) FROM etl.file), (SELECT count(*) FROM etl.quarantine), (SELECT count(*) FROM etl.erasure), (SELECT string_agg(name || enabled, ' ' ORDER BY name) FROM etl.dataset), (SELECT count(*) FROM data.invalid_transactions)};
my $expected = $node->safe_psql('postgres', $counts);
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', $dump ], 'pg_restore');
is($node->safe_psql('restored', $counts), $expected, 'a restored database has data, history and definitions');
$node->safe_psql('restored', q{UPDATE etl.quarantine SET record = record WHERE quarantine_id = (SELECT max(quarantine_id) FROM etl.quarantine)});
ok($node->safe_psql('restored', q{SELECT nextval('etl.quarantine_quarantine_id_seq') > (SELECT max(quarantine_id) FROM etl.quarantine)}) eq 't',
	'sequences go on where they were');
$node->safe_psql('restored', 'DROP EXTENSION pg_etl');
is($node->safe_psql('restored', 'SELECT count(*) FROM data.customers'), $node->safe_psql('postgres', 'SELECT count(*) FROM data.customers'),
	'DROP EXTENSION leaves the data alone');
$node->stop;

# any order, then replay: the same end
my $seed = $ENV{ETL_TEST_SEED} // time;
diag "random orders from seed $seed";
srand $seed;
for my $round (1 .. 2)
{
	my @order = shuffle(qw(products customers transactions));
	@order = qw(transactions customers products) if $round == 1;
	my $other = etl_node(name => "order$round");
	load_real($other);
	$other->safe_psql('postgres', "SELECT etl_run('$_')") for @order;
	$other->safe_psql('postgres', "SELECT etl_replay('$_')") for shuffle(qw(products customers transactions));
	$other->safe_psql('postgres', "SELECT etl_replay('transactions')");
	is($other->safe_psql('postgres', $end_state), $before_erasure, "@order, then replay");

	# mend the 30 parents: what waited for them is loaded without another call
	$other->safe_psql('postgres', <<'SQL');
UPDATE etl.quarantine q
   SET record = (SELECT jsonb_object_agg(k, CASE WHEN v = 'null' AND k IN ('name', 'first_name', 'last_name', 'email') THEN '"mended"'
                                                  WHEN k = 'price' THEN '"1.00"'
                                                  WHEN k = 'popularity' THEN '1' ELSE v END)::text
                   FROM jsonb_each(q.record::jsonb) e(k, v))
 WHERE q.status = 'open' AND q.dataset IN ('customers', 'products');
SQL
	is(run_counts($other, "etl_replay('$_')"), 'succeeded|' . ($_ eq 'customers' ? 14 : 7) . '|15|15|0', "the mended $_, and the processed files they belong to")
	  for shuffle(qw(customers products));
	is_sql($other, 'SELECT count(*) FROM data.transactions', '10000', 'all that waited is loaded');
	is_sql($other, q{SELECT dataset, code, count(*) FROM etl.quarantine WHERE status = 'open' GROUP BY 1, 2},
		'transactions|duplicate|36', 'only duplicates are left');
	# every processed file has its accepted records in source order
	my ($lines, $disorder) = (0, 0);
	for my $path (grep { /transactions/ } files_below("$other->{etl_root}/processed"))
	{
		my %at;
		my $n = 0;
		$at{$_} //= ++$n for slurp_lines("$other->{etl_root}/archive/$path");
		my $last = 0;
		for my $line (slurp_lines("$other->{etl_root}/processed/$path"))
		{
			++$lines;
			my $here = $at{$line} // 0;
			++$disorder if $here <= $last;
			$last = $here;
		}
	}
	is($lines, 10000, 'processed files are complete');
	is($disorder, 0, 'and in source order, as the text came');
	$other->stop;
}

done_testing();
