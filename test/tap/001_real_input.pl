# Input gives exactly the counts that were counted independently: of generated data the generator's own, of a month
# of real input, where it is, those of another program. A second run finds nothing to do; replay reaches the same
# end state whatever the order of the datasets; dump and restore keep data, history and definitions.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use List::Util qw(shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my %real = (
	folder => real_data(),
	products => 'succeeded|31|2480|2465|15', customers => 'succeeded|184|777|762|15', transactions => 'succeeded|744|10036|9610|426',
	erasure_requests => 'succeeded|9|24|23|1', files => 968, lines => 29143,
	reasons => "customers|schema|15\nproducts|schema|15\ntransactions|duplicate|36\ntransactions|reference|390");
my ($folder, $reports) = generated_data(qw(--transactions 2500 --files 72 --customers 200 --products 300 --product-files 3 --erasures 20 --defects 0.04));
my @inputs = grep { defined $_->{folder} } \%real, expected($folder, $reports);
plan skip_all => 'neither ETL_REAL_DATA nor ETL_GENERATE gives any input' unless @inputs;

# What the generator says of its data, in the form that the checks want.
sub expected
{
	my ($folder, $reports) = @_;
	my %expected = (folder => $folder, files => 0);
	return \%expected unless defined $folder;
	for my $dataset (qw(products customers transactions erasure_requests))
	{
		my $report = $reports->{$dataset};
		$expected{$dataset} = join '|', @$report{qw(status files records loaded quarantined)};
		$expected{files} += $report->{files};
		next if $dataset eq 'erasure_requests';
		push @{ $expected{reasons} }, map { "$dataset|$_|$report->{codes}{$_}" } sort keys %{ $report->{codes} };
	}
	$expected{reasons} = join "\n", sort @{ $expected{reasons} };
	$expected{lines}   = $reports->{transactions}{purchase_lines};
	return \%expected;
}

sub load_input
{
	my ($node, $input) = @_;
	system_or_bail('cp', '-r', "$input->{folder}/.", "$node->{etl_root}/raw");
	system_or_bail('chmod', '-R', 'u+w', "$node->{etl_root}/raw");
	return;
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

my $nodes = 0;
for my $input (@inputs)
{
	my $is_real = $input == \%real;
	my $node = etl_node(name => 'main' . ++$nodes);
	load_input($node, $input);

	is(run_counts($node, "etl_run('$_')"), $input->{$_}, $_) for qw(products customers transactions);
	is_sql($node, 'SELECT count(*) FROM data.purchases', $input->{lines}, 'purchase lines');
	is_sql($node,
		q{SELECT concat_ws('|', dataset, code, count(*)) FROM etl.quarantine GROUP BY dataset, code ORDER BY dataset COLLATE "C", code COLLATE "C"}, $input->{reasons}, 'reasons');
	if ($is_real)
	{
		is_sql($node,
			q{SELECT v ->> 'dataset', count(*) FROM etl.quarantine, LATERAL (SELECT violations -> 0 AS v) x WHERE code = 'reference' GROUP BY 1 ORDER BY 1},
			"customers|204\nproducts|186", 'missing references, by the first that is named');
		is_sql($node,
			q{SELECT violations -> 0 ->> 'pointer', violations -> 0 ->> 'keyword', count(*) FROM etl.quarantine WHERE dataset = 'products' GROUP BY 1, 2 ORDER BY 3 DESC},
			"/name|type|8\n/price|exclusiveMinimum|5\n/popularity|exclusiveMinimum|2", 'why products were refused');
		is_sql($node, q{SELECT count(DISTINCT (dataset, key)), count(DISTINCT quarantine_id) FROM etl.quarantine_cause},
			'30|30', '30 quarantined parents are the cause of all missing references');
		is_sql($node, q{SELECT count(*) FROM data.customers WHERE id = 67318}, '1', 'an id with a leading zero is a number');
	}

	my $before_erasure = $node->safe_psql('postgres', $end_state);
	is(run_counts($node, "etl_run('erasure_requests')"), $input->{erasure_requests}, 'erasure requests');
	is_sql($node, q{SELECT status, count(*) FROM etl.erasure GROUP BY 1 ORDER BY 1}, "completed|23\nduplicate|1", 'erasures') if $is_real;
	is_sql($node, q{SELECT count(*) FROM etl.run}, '4', 'four runs');
	is(scalar(files_below("$node->{etl_root}/raw")), 0, 'nothing is staged any more');
	is(scalar(files_below("$node->{etl_root}/archive")), $input->{files}, 'every raw file is archived');
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
		my $other = etl_node(name => 'order' . ++$nodes);
		load_input($other, $input);
		$other->safe_psql('postgres', "SELECT etl_run('$_')") for @order;
		$other->safe_psql('postgres', "SELECT etl_replay('$_')") for shuffle(qw(products customers transactions));
		$other->safe_psql('postgres', "SELECT etl_replay('transactions')");
		is($other->safe_psql('postgres', $end_state), $before_erasure, "@order, then replay");

		if ($is_real)
		{
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
		}
		# every processed file has its accepted records in source order
		my ($lines, $disorder) = (0, 0);
		for my $path (grep { /transactions/ } files_below("$other->{etl_root}/processed"))
		{
			my %at;
			my $n = 0;
			$at{ s/^\s+|\s+$//gr } //= ++$n for slurp_lines("$other->{etl_root}/archive/$path");
			my $last = 0;
			for my $line (slurp_lines("$other->{etl_root}/processed/$path"))
			{
				++$lines;
				my $here = $at{$line} // 0;
				++$disorder if $here <= $last;
				$last = $here;
			}
		}
		is($lines, $other->safe_psql('postgres', 'SELECT count(*) FROM data.transactions'), 'processed files are complete');
		is($disorder, 0, 'and in source order, as the text came');
		$other->stop;
	}

}

done_testing();
