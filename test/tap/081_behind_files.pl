# A database that does not know all that its archive holds says so and runs nothing: a standby that was
# promoted while it was behind, a restore to a point in time, a restored dump. etl_reload() loads the
# missing files from the archive, exactly these, and what had been published for them is replaced.
# Nothing is erased by half meanwhile.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $day = 'date=2026-03-01';

sub customer
{
	my ($id, $name) = @_;
	return qq({"id":"$id","first_name":"$name","last_name":"Last$id","email":"mail$id\@example.org"}\n);
}

sub transaction
{
	my ($n, $customer) = @_;
	return sprintf qq({"transaction_id":"00000000-0000-0000-0000-%012d","transaction_time":"2020-01-01T00:00:00","customer_id":"%d",)
	  . qq("delivery_address":{"address":"a","postcode":"p","city":"c","country":"GB"},)
	  . qq("purchases":{"products":[{"sku":1,"quanitity":2,"price":"1.50","total":"3.00"}],"total_cost":"3.00"}}\n), $n, $customer;
}

sub says
{
	my ($node, $sql, $database) = @_;
	my ($out, $err) = ('', '');
	$node->psql($database // 'postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err);
	return "$out\n$err";
}

my $outside = PostgreSQL::Test::Utils::tempdir;
my $root = "$outside/etl";
mkdir $_ for $root, map { "$root/$_" } qw(raw processed archive journal);

# What a database holds, and its files: what must be the same again.
sub world
{
	my ($node) = @_;
	my $text = join "\n", map { $node->safe_psql('postgres', $_) } (
		'SELECT id, first_name, email, record_date, record_hour FROM data.customers ORDER BY 1', 'SELECT sku, name, price FROM data.products ORDER BY 1',
		'SELECT transaction_id, customer_id, total_cost FROM data.transactions ORDER BY 1', 'SELECT transaction_id, line, product_sku, quantity FROM data.purchases ORDER BY 1, 2',
		q{SELECT dataset, line, code, record, status FROM etl.quarantine ORDER BY 1, 2, 4},
		q{SELECT dataset, path, records, loaded, quarantined, status, processed_path, archived_path FROM etl.file WHERE dataset <> 'erasure_requests' ORDER BY 1, 8});
	# the time of the run, which stands in what it writes, is not to be the same
	$text .= join "\n", '', map { "$_: " . join ',', map { s/"last_change": "[^"]*"//r } slurp_lines("$root/$_") }
	  map { my $folder = $_; map { "$folder/$_" } files_below("$root/$folder") } qw(raw processed archive);
	return $text;
}

sub run_everything
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q{SELECT string_agg(status || ' ' || files, ', ') FROM etl_run()});
}

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(has_archiving => 1, allows_streaming => 1);
$node->append_conf('postgresql.conf', "etl.key_file = '$outside/key'\netl.journal_dir = '$root/journal'\n"
	  . join '', map { "etl.${_}_dir = '$root/$_'\n" } qw(raw processed archive));
$node->start;
$node->{etl_root} = $root;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_etl');
stage($node, "$day/hour=0/products.json.gz", qq({"sku":1,"name":"n","price":"1.50","category":"c","popularity":1.5}\n));
stage($node, "$day/hour=0/customers.json.gz", join '', map { customer($_, "First$_") } 1 .. 3);
stage($node, "$day/hour=0/transactions.json.gz", transaction(1, 1));
is(run_everything($node), 'succeeded 1, succeeded 1, succeeded 1, succeeded 0', 'what every copy knows') or BAIL_OUT('no world');
$node->safe_psql('postgres', q{SELECT status FROM etl_internal.archive_check()});

# ---- copies that will be behind
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
is_sql($standby, q{SELECT status FROM etl_internal.archive_check()}, 'ok', 'a replica that has it all is not behind');
$standby->stop;
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$outside/dump", 'postgres' ], 'pg_dump');
$node->safe_psql('postgres', q{SELECT pg_create_restore_point('behind')});

# ---- what they will not know
stage($node, "$day/hour=1/customers.json", customer(4, 'First4') . customer(5, 'First5') . "no json\n");
stage($node, "$day/hour=1/transactions.json.gz", transaction(2, 4) . transaction(3, 9));
is(run_everything($node), 'succeeded 1, succeeded 0, succeeded 1, succeeded 0', 'files that come later');
is_sql($node, q{SELECT status FROM etl_erase('customers', '5')}, 'completed', 'and an erasure');
stage($node, "$day/hour=1/customers.json", customer(5, 'Again5') . customer(6, 'First6'));
stage($node, "$day/hour=2/customers.json", customer(1, 'Later1'));
$node->safe_psql('postgres', q{SELECT etl_run('customers')});
stage($node, "$day/hour=1/customers.json", customer(5, 'Again5') . customer(6, 'First6'));
is(run_counts($node, "etl_run('customers')"), 'succeeded|1|0|0|0', 'the same bytes again');
my $world = world($node);
like($world, qr/5\|\[erased\]/, 'somebody is erased');
like($world, qr{^processed/.*customers\.2\.json}m, 'a name came twice');
is_sql($node, q{SELECT status FROM etl_internal.archive_check()}, 'ok', 'the database itself is not behind');
my $segment = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_lsn())');
$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
$node->poll_query_until('postgres', "SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver") or die 'archiving';
$node->stop('immediate');

sub refuses
{
	my ($n, $what, $database) = @_;
	my $behind = qr/ERROR:  55000: the database is behind the archived files of dataset.*HINT:.*etl_reload/s;
	for my $sql (q{SELECT * FROM etl_run('customers')}, q{SELECT * FROM etl_replay('customers')}, q{SELECT etl_erase('customers', '4')},
		q{SELECT etl_erase('customers', '4', dry_run => true)}, q{SELECT * FROM etl_catalog_archive()}, q{SELECT * FROM etl_run('erasure_requests')})
	{
		stage($n, "$day/hour=9/erasure-requests.json", qq({"customer-id":"4"}\n)) if $sql =~ /requests/;
		like(says($n, $sql, $database), $behind, "$what: $sql");
		unlink "$root/raw/$day/hour=9/erasure-requests.json";
		rmdir "$root/raw/$day/hour=9";
		rmdir "$root/raw/$day";
	}
	like(says($n, q{SELECT * FROM etl_subject('customers', '1')}, $database), qr/WARNING:.*archived files of dataset.*were not looked into/, "$what: what is told about a person is told to lack them");
	is($n->safe_psql($database // 'postgres', q{SELECT status FROM etl_internal.archive_check()}), 'error', "$what: etl.health tells");
	return;
}

# ---- a standby that is promoted, and was not up to date
$standby->start;
$standby->promote;
$standby->{etl_root} = $root;
is_sql($standby, 'SELECT count(*) FROM data.customers', '3', 'a promoted standby lacks what came later');
like(says($standby, q{SELECT * FROM etl_reload('-infinity')}), qr/55000: the database is behind its erasure journal/, 'first come the erasures');
$standby->safe_psql('postgres', 'SELECT * FROM etl_reapply()');
refuses($standby, 'promoted standby');
is($standby->safe_psql('postgres', q{SELECT dataset, status, files, loaded, quarantined FROM etl_reload('-infinity')}), "customers|succeeded|4|5|1\ntransactions|succeeded|1|1|1",
	'etl_reload loads what is missing, and only that');
is(world($standby), $world, 'tables, quarantine, catalog and files are what they were');
is_sql($standby, q{SELECT status FROM etl_internal.archive_check()}, 'ok', 'nothing is missing any more');
is(run_everything($standby), 'succeeded 0, succeeded 0, succeeded 0, succeeded 0', 'and runs go on');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM etl_reload('-infinity')}), '0', 'a second call has nothing to do');
is_sql($standby, q{SELECT status FROM etl_erase('customers', '4')}, 'completed', 'an erasure');
unlike(world($standby), qr/First4|mail4\@/, 'reaches files that were loaded again');

# ---- a point in time
my $pitr = PostgreSQL::Test::Cluster->new('pitr');
$pitr->init_from_backup($node, 'base', has_restoring => 1, standby => 0);
$pitr->append_conf('postgresql.conf', "recovery_target_name = 'behind'\nrecovery_target_action = promote\n");
$pitr->start;
$pitr->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery';
$pitr->{etl_root} = $root;
$pitr->safe_psql('postgres', 'SELECT * FROM etl_reapply()');
refuses($pitr, 'point in time');
my $before = world($standby);
is($pitr->safe_psql('postgres', q{SELECT dataset, status, files FROM etl_reload('-infinity')}), "customers|succeeded|4\ntransactions|succeeded|1", 'loaded again');
is(join("\n", grep { /^processed/ } split /\n/, world($pitr)), join("\n", grep { /^processed/ } split /\n/, $before), 'each processed file is there once');
refuses($standby, 'the other copy, when one has gone on');

# ---- a dump, and going on without what is missing
$pitr->safe_psql('postgres', 'CREATE DATABASE restored');
$pitr->command_ok([ 'pg_restore', '-d', 'restored', "$outside/dump" ], 'pg_restore');
$pitr->safe_psql('restored', 'SELECT * FROM etl_reapply()');
refuses($pitr, 'restored dump', 'restored');
is($pitr->safe_psql('restored', q{SELECT dataset, status, files FROM etl_reload('infinity')}), "customers|succeeded|0\ntransactions|succeeded|0", 'what is missing may be left out');
is($pitr->safe_psql('restored', q{SELECT status FROM etl_run('customers')}), 'succeeded', 'and runs go on');
is($pitr->safe_psql('restored', 'SELECT count(*) FROM data.customers'), '3', 'without it');
# what was left out is known: erasures reach it, and it may be loaded later
sub holding { my ($name) = @_; return join ' ', grep { join("\n", slurp_lines("$root/$_")) =~ /\b$name\b/ } map { my $folder = $_; map { "$folder/$_" } files_below("$root/$folder") } qw(archive processed) }
like(holding('First6'), qr/archive.*archive.*processed/, 'somebody is only in what was left out');
is($pitr->safe_psql('restored', q{SELECT dataset, count(archived_path), sum(loaded) FROM etl.file WHERE status = 'skipped' AND error LIKE '%left out by etl_reload' GROUP BY 1 ORDER BY 1}), "customers|4|0\ntransactions|1|0", 'etl.file names the files');
like($pitr->safe_psql('restored', q{SELECT (etl_erase('customers', '6', dry_run => true)).plan}), qr{archived/$day/hour=1/customers\.2\.json}, 'a plan has them');
like($pitr->safe_psql('restored', q{SELECT etl_subject('customers', '6')}), qr/First6/, 'and what is told about the person');
is($pitr->safe_psql('restored', q{SELECT status FROM etl_erase('customers', '6')}), 'completed', 'an erasure');
is(holding('First6'), '', 'reaches them');
is($pitr->safe_psql('restored', q{SELECT count(*) FROM etl_reload('infinity')}), '0', 'nothing else is left out');
is($pitr->safe_psql('restored', q{SELECT dataset, status, files, loaded FROM etl_reload('-infinity')}), "customers|succeeded|4|5\ntransactions|succeeded|1|1", 'later they are loaded after all');
is($pitr->safe_psql('restored', q{SELECT string_agg(format('%s %s', id, first_name), ', ' ORDER BY id) FROM data.customers}), '1 Later1, 2 First2, 3 First3, 4 [erased], 5 [erased], 6 [erased]', 'and whoever was erased is treated');
is($pitr->safe_psql('restored', q{SELECT count(*) FROM etl.file WHERE status = 'skipped'}), '0', 'none is left out any more');
is($pitr->safe_psql('restored', q{SELECT string_agg(problem, ' ') FROM (SELECT archived_path || ' twice' FROM etl.file WHERE archived_path IS NOT NULL GROUP BY archived_path HAVING count(*) > 1) t(problem)}), '', 'each has one row');

# ---- another database
$pitr->safe_psql('postgres', 'CREATE DATABASE another');
$pitr->safe_psql('another', 'CREATE EXTENSION pg_etl');
stage($pitr, "$day/hour=5/products.json", qq({"sku":2,"name":"n","price":"1.50","category":"c","popularity":1.5}\n));
is($pitr->safe_psql('another', q{SELECT status, files FROM etl_run('products')}), 'succeeded|1', 'a database of its own is not held up by an archive that another one uses');
is(join(' ', grep { /\.new$/ } split /\n/, all_files("$root/archive")), '', 'no unfinished mark');
done_testing();
