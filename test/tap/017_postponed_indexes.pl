# The first rows of a table are loaded without its indexes, which are built when all is loaded
# (src/load/postponed_indexes.h). What comes of it is the same as without; it is done only where it
# can't be noticed in the result; whoever reads goes on, and holds nothing up; and however such a run
# ends, the indexes are in use and right.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# a parallel worker builds indexes of small tables too, alone
my $node = etl_node(conf => "etl.batch_memory = 256MB\nmin_parallel_table_scan_size = 0\nmax_parallel_maintenance_workers = 1\nparallel_leader_participation = off\n");
my $root = $node->{etl_root};
my $counts = 'status, files, records, loaded, quarantined';

my $definition = q({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["id", "parts"],
 "properties": {"id": {"type": "string"}, "note": {"type": "string"}, "parts": {"type": "array"}},
 "x-etl": {"dataset": "orders", "files": ["orders.json"], "key": "/id", "on_repeat": "quarantine", "tables": [
  {"schema": "data", "name": "orders", "columns": [{"name": "id", "type": "uuid", "from": "/id"}, {"name": "note", "type": "text", "from": "/note"}], "primary_key": ["id"]},
  {"schema": "data", "name": "parts", "each": "/parts", "columns": [{"name": "order_id", "type": "uuid", "from": "/id"}, {"name": "line", "type": "integer", "from": "$line"},
   {"name": "amount", "type": "integer", "from": "./amount"}], "primary_key": ["order_id", "line"]}]}});

sub uuid { my ($n) = @_; return sprintf '%08x-0000-4000-8000-%012x', ($n * 2654435761) % 2**32, $n }
sub order { my ($n, $note) = @_; return sprintf qq({"id": "%s", "note": "%s", "parts": [{"amount": %d}, {"amount": %d}]}\n), uuid($n), $note // "order $n", $n, -$n }

# 12,000 orders (above the megabyte from which it is worth it) in three files. Order 1 comes three
# times in its file and once in each other, 7,000 in the last; 13 and 9,001 have parts that a
# constraint refuses.
sub stage_orders
{
	my ($day) = @_;
	stage($node, sprintf('date=2020-01-%02d/hour=0/orders.json', $day), join '', order(1), map({ order($_) } 1 .. 4000), order(1));
	stage($node, sprintf('date=2020-01-%02d/hour=1/orders.json', $day), join '', map({ order($_) } 4001 .. 8000), order(1));
	stage($node, sprintf('date=2020-01-%02d/hour=2/orders.json', $day), join '', map({ order($_) } 8001 .. 12000), order(1), order(7000));
	return;
}
my $wrong = 'CHECK (amount NOT IN (13, -9001))';

# Empty tables as the definition makes them, and nothing staged or remembered.
sub begin_anew
{
	my (@more) = @_;
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS data.orders, data.parts CASCADE; TRUNCATE etl.file, etl.quarantine CASCADE');
	unlink map { "$root/raw/$_" } files_below("$root/raw");
	$node->safe_psql('postgres', "SELECT etl_define(\$\$$definition\$\$)");
	$node->safe_psql('postgres', $_) for @more;
	return;
}

# Where the indexes' files are: a built one has a new one.
sub index_files { return $node->safe_psql('postgres', "SELECT string_agg(indexrelid::regclass || ' ' || pg_relation_filenode(indexrelid), ', ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid IN ('data.orders'::regclass, 'data.parts'::regclass)") }

# All of them are in use, and hold what the tables do.
sub indexes_are_right
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $indexes = "pg_index WHERE indrelid IN ('data.orders'::regclass, 'data.parts'::regclass)";
	is($node->safe_psql('postgres', "SELECT count(*) FROM $indexes AND NOT (indisvalid AND indisready AND indislive)"), '0', "$what: all indexes are in use");
	my ($rc, $out, $err) = $node->psql('postgres', "SELECT bt_index_parent_check(indexrelid, true, true) FROM $indexes");
	is($err, '', "$what: and have an entry for each row");
	return;
}

sub state_now
{
	return join "\n--\n", map { $node->safe_psql('postgres', $_) } 'SELECT id, note FROM data.orders ORDER BY 1', 'SELECT order_id, line, amount FROM data.parts ORDER BY 1, 2',
	  q{SELECT f.path, q.line, q.key, q.code, q.violations FROM etl.quarantine q JOIN etl.file f USING (file_id) ORDER BY 1, 2};
}

$node->safe_psql('postgres', 'CREATE EXTENSION amcheck');

# ---- the same outcome
my %state;
for my $setting ('off', 'on')
{
	begin_anew("ALTER TABLE data.parts ADD $wrong", 'CREATE INDEX ON data.parts (amount); CREATE INDEX ON data.orders (note) INCLUDE (id)');
	stage_orders(1);
	my $before = index_files();
	is($node->safe_psql('postgres', "SET etl.postpone_indexes = $setting; SELECT $counts FROM etl_run('orders')"), 'succeeded|3|12005|11998|7', "etl.postpone_indexes = $setting: a first load");
	my @same = grep { index($before, $_) >= 0 } split /, /, index_files();
	is(scalar @same, $setting eq 'on' ? 0 : 4, $setting eq 'on' ? 'all indexes have been built' : 'no index has been built anew');
	indexes_are_right("a first load, $setting");
	$state{$setting} = state_now();
}
is($state{on}, $state{off}, 'rows and quarantine are the same');
like($state{on}, qr/\|duplicate\|.*loaded already/, 'a key that was loaded from an earlier file is known');
like(scalar $node->psql('postgres', "INSERT INTO data.orders VALUES ('" . uuid(5) . "')", on_error_stop => 1), qr/^3$/, 'the primary key does its work');

# a table with rows keeps its indexes
my $before = index_files();
stage($node, 'date=2020-01-02/hour=0/orders.json', join '', map { order($_) } 20001 .. 32000);
is($node->safe_psql('postgres', "SELECT $counts FROM etl_run('orders')"), 'succeeded|1|12000|12000|0', 'more rows');
is(index_files(), $before, 'go into the indexes that are there');
indexes_are_right('more rows');

# ---- where it is not done
sub keeps_indexes
{
	my ($what, $sql, @more) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	begin_anew(@more);
	stage_orders(1);
	my $files = index_files();
	like($node->safe_psql('postgres', $sql // "SELECT $counts FROM etl_run('orders')"), qr/succeeded\|3\|12005\|12000\|5/, $what);
	is(index_files(), $files, 'indexes stay in use');
	indexes_are_right($what);
	return;
}
keeps_indexes('a foreign key looks rows up', undef, 'ALTER TABLE data.parts ADD FOREIGN KEY (order_id) REFERENCES data.orders DEFERRABLE INITIALLY DEFERRED');
keeps_indexes('a trigger may', undef, 'CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$',
	map { "CREATE TRIGGER t BEFORE INSERT ON $_ FOR EACH ROW EXECUTE FUNCTION nothing()" } 'data.orders', 'data.parts');
keeps_indexes('readers would wait for as long as a transaction block lasts', "BEGIN; SELECT $counts FROM etl_run('orders'); COMMIT");
keeps_indexes('tables with rows that were rolled back', undef, "BEGIN; INSERT INTO data.orders VALUES ('" . uuid(1) . "'); INSERT INTO data.parts VALUES ('" . uuid(1) . "', 1); ROLLBACK");
keeps_indexes("somebody else's tables", "SET ROLE runner; SELECT $counts FROM etl_run('orders'); RESET ROLE",
	'CREATE ROLE runner', "SELECT etl_grant('runner', 'operator')");

SKIP:
{
	skip 'no other file system at /dev/shm', 4 unless -d '/dev/shm' && -w '/dev/shm' && (stat '/dev/shm')[0] != (stat $root)[0];
	my $archive = "/dev/shm/pg_etl_017_$$";
	mkdir $archive or die;
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.archive_dir = '$archive'");
	keeps_indexes('files are copied to the archive before locks are freed');
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.archive_dir = '$root/archive'");
	system 'rm', '-rf', $archive;
}

# ---- all datasets
my $all = "SELECT $counts FROM etl_run() WHERE dataset = 'orders'";
begin_anew();
stage_orders(1);
$before = index_files();
is($node->safe_psql('postgres', $all), 'succeeded|3|12005|12000|5', 'etl_run() without a dataset');
is(scalar(grep { index($before, $_) >= 0 } split /, /, index_files()), 0, 'builds indexes in the end');
indexes_are_right('etl_run()');
(my $child = $definition) =~ s/"orders"/"returns"/g;
$child =~ s/orders\.json/returns.json/;
$child =~ s/"parts", "each"/"return_parts", "each"/;
$child =~ s/"on_repeat"/"references": [{"field": "\/note", "dataset": "orders"}], "on_repeat"/;
$node->safe_psql('postgres', "SELECT etl_define(\$\$$child\$\$)");
keeps_indexes('others refer to the dataset: they look its keys up', $all);
$node->safe_psql('postgres', "SELECT etl_drop('returns')");

begin_anew('CREATE UNIQUE INDEX note ON data.orders (note)', 'CREATE INDEX lower_note ON data.orders (lower(note))', 'CREATE INDEX part_note ON data.orders (note) WHERE note > $$x$$',
	'CREATE INDEX hashed ON data.orders USING hash (note)', 'ALTER TABLE data.orders CLUSTER ON orders_pkey');
stage_orders(1);
stage($node, 'date=2020-01-01/hour=3/orders.json', order(13000, 'order 5') . order(13001));
$before = index_files();
is($node->safe_psql('postgres', "SELECT $counts FROM etl_run('orders')"), 'succeeded|4|12007|12001|6', 'other unique indexes refuse rows');
is_sql($node, "SELECT violations -> 0 ->> 'message' FROM etl.quarantine WHERE code = 'constraint'", '/note: refused by table "orders", constraint "note"', 'each by itself');
is(join(' ', map { /^(\S+)/ } grep { index($before, $_) >= 0 } split /, /, index_files()), 'data.hashed data.lower_note data.note data.part_note', 'they, and those with expressions, conditions or of another kind, stay in use');
is_sql($node, "SELECT count(*) FROM pg_index WHERE indisclustered AND indexrelid = 'data.orders_pkey'::regclass", '1', 'CLUSTER keeps its index');

# ---- an index that can't be built
begin_anew('CREATE INDEX note ON data.orders (note)');
stage_orders(1);
# what is longer than a third of a page and can't be compressed below it
my $long = join '', map { chr(33 + ($_ * $_ * 7919 + ($_ * 2654435761 >> 7)) % 90) } 1 .. 20000;
$long =~ tr/\\"/__/;
stage($node, 'date=2020-01-01/hour=3/orders.json', order(13000, $long) . order(13001));
is($node->safe_psql('postgres', "SELECT $counts FROM etl_run('orders')"), 'succeeded|4|12007|12001|6', 'a row that is too long for an index');
is_sql($node, q{SELECT key, violations -> 0 ->> 'message' FROM etl.quarantine WHERE code = 'constraint'}, uuid(13000) . '|(root): refused by target table, SQLSTATE 54000', 'is the only one that is refused');
indexes_are_right('a row too long for an index');
begin_anew('CREATE INDEX note ON data.orders (note)');
stage_orders(2);
stage($node, 'date=2020-01-02/hour=3/orders.json', order(13000, $long) . order(13001));
is($node->safe_psql('postgres', $all), 'succeeded|4|12007|12001|6', 'nor by etl_run()');
indexes_are_right('a row too long for an index, etl_run()');
is(scalar(files_below("$root/raw")), 0, 'no file is left');

# ---- keys that an index takes for one although they differ: nobody logs them
begin_anew(q{CREATE COLLATION IF NOT EXISTS public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)},
	'DROP TABLE data.orders, data.parts', 'CREATE TABLE data.orders (id text COLLATE public.any_case PRIMARY KEY, note text)',
	'CREATE TABLE data.parts (order_id text, line integer, amount integer, PRIMARY KEY (order_id, line))');
(my $by_text = $definition) =~ s/"type": "uuid"/"type": "text"/g;
$node->safe_psql('postgres', "SELECT etl_define(\$\$$by_text\$\$)");
stage_orders(1);
stage($node, 'date=2020-01-01/hour=3/orders.json', join '', map { qq({"id": "$_", "note": "", "parts": []}\n) } 'Zyxomma', 'ZYXOMMA');
my ($rc, $result, $notice) = $node->psql('postgres', "SELECT $counts FROM etl_run('orders')");
is($result, 'succeeded|4|12007|12001|6', 'keys that differ by case only');
like($notice, qr/NOTICE: +indexes of dataset "orders" could not be built last\nDETAIL: .*23505/, 'the run says that it began anew');
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/zyxomma/i, 'the log does not name them');
is_sql($node, q{SELECT key ILIKE 'zyxomma', code FROM etl.quarantine WHERE line = 2 AND key !~ '-'}, 't|duplicate', 'one of them repeats the other');
$node->safe_psql('postgres', 'DROP TABLE data.orders, data.parts');

# ---- other sessions
my $other = session($node);

begin_anew();
stage_orders(1);
$before = index_files();
ask($other, 'BEGIN; SELECT count(*) FROM data.parts; SELECT note FROM data.orders WHERE id = $$' . uuid(1) . '$$');
is($node->safe_psql('postgres', "SELECT $counts FROM etl_run('orders')"), 'succeeded|3|12005|12000|5', 'a reader who keeps his transaction open holds nothing up');
is(index_files(), $before, 'the indexes were filled as they are');
indexes_are_right('filled');
is(ask($other, 'SELECT count(*) FROM data.orders; COMMIT'), "12000\n", 'and is not held up');

begin_anew();
stage_orders(1);
$before = index_files();
ask($other, "BEGIN; INSERT INTO data.orders VALUES ('" . uuid(3) . "', 'app')");
my ($run, $out, $err) = start_sql($node, "SELECT $counts FROM etl_run('orders')");
until_blocked($node, 'a writer who was first: the run waits at his row');
is(ask($other, "SET lock_timeout = 5000; INSERT INTO data.parts VALUES ('" . uuid(3) . "', 1, 3); COMMIT"), '', 'who can go on with its children');
$run->finish;
is($$out . $$err, "succeeded|3|12005|11999|6\n", 'and is loaded already then');
is(index_files(), $before, 'all indexes stayed in use');
indexes_are_right('a writer who was first');

SKIP:
{
	skip 'ETL_FAULTS_MODULE names no module with fault points (make faults)', 15 unless -f ($ENV{ETL_FAULTS_MODULE} // '');

	# keys beyond half a kilobyte go to a temporary file there: 64 kB of one file, thrice that of all
	begin_anew();
	stage_orders(1);
	use_faults($node);
	my (undef, $limited, $why) = $node->psql('postgres', "SET temp_file_limit = 160; SELECT $counts FROM etl_run('orders')");
	is($limited, 'succeeded|3|12005|12000|5', 'the keys do not fit temp_file_limit');
	like($why, qr/DETAIL: +Their keys did not fit temp_file_limit/, 'and the run says so');
	indexes_are_right('temp_file_limit');

	for my $end ('cancel', 'go on')
	{
		begin_anew();
		stage_orders(1);
		use_faults($node);
		my $go = "$root/go_$end";
		my ($run, $out, $err, $name) = start_sql($node, "SELECT $counts FROM etl_run('orders')", "SET etl_fault.point = 'staged_all:wait:$go'");
		$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_ls_dir('$root') f WHERE f = 'go_$end.waiting')") or die;
		is(ask($other, 'SET statement_timeout = 5000; SET lock_timeout = 500; SELECT count(*) FROM data.orders; SELECT note FROM data.orders WHERE id = $$' . uuid(1) . '$$'), "0\n", "$end: a reader does not wait while rows are loaded");
		like(ask($other, "INSERT INTO data.orders VALUES ('" . uuid(99999) . "')"), qr/lock timeout/, 'a writer does');
		if ($end eq 'cancel')
		{
			$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = '$name'");
			$run->finish;
			like($$err, qr/canceling statement/, 'a run that is cancelled then');
			is_sql($node, 'SELECT count(*) FROM data.orders', '0', 'leaves nothing');
			indexes_are_right('cancelled');
			is($node->safe_psql('postgres', "SELECT $counts FROM etl_run('orders')"), 'succeeded|3|12005|12000|5', 'and can be repeated');
		}
		else
		{
			PostgreSQL::Test::Utils::append_to_file($go, '');
			$run->finish;
			is($$out . $$err, "succeeded|3|12005|12000|5\n", 'and goes on when it ends');
		}
		indexes_are_right($end);
	}
	ask($other, 'RESET statement_timeout; RESET lock_timeout');
}

$other->{in} .= "\\q\n";
$other->{run}->finish;
done_testing();
