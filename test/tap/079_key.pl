# The key by which erased people are recognised is the database's own: nobody swaps it through the
# settings of a connection, another key is refused wherever the key is used, replicas, restored dumps
# and rotations by other databases keep working, and a key file is a regular file outside the data
# directory, however its path is spelled.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $hour = 0;

sub customers
{
	my ($node, @ids) = @_;
	stage($node, 'date=2026-03-01/hour=' . ++$hour . '/customers.json',
		join '', map { qq({"id":"$_","first_name":"First$_","last_name":"Last$_","email":"mail$_\@example.org"}\n) } @ids);
	return;
}

# What psql says, with its SQLSTATE, to SQL of a role whose connection has options.
sub says
{
	my ($node, $sql, %o) = @_;
	local $ENV{PGOPTIONS} = $o{options} // '';
	my ($out, $err, $timed_out) = ('', '', 0);
	$node->psql($o{database} // 'postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err, timeout => 60, timed_out => \$timed_out,
		extra_params => [ '-U', $o{role} // $node->{etl_owner} ]);
	return $timed_out ? 'timed out' : "$out\n$err";
}

my $outside = PostgreSQL::Test::Utils::tempdir;
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->start;
my ($root, $data) = ($node->basedir . '/etl', $node->data_dir);
$node->{etl_root} = $root;
$node->{etl_owner} = $node->safe_psql('postgres', 'SELECT current_user');
mkdir $_ for $root, "$root/raw", "$root/processed", "$root/archive", "$outside/journal";

sub set_up
{
	my ($database) = @_;
	$node->safe_psql($database, "ALTER DATABASE $database SET etl.$_->[0] = '$_->[1]'")
	  for [ raw_dir => "$root/raw" ], [ processed_dir => "$root/processed" ], [ archive_dir => "$root/archive" ], [ key_file => "$outside/key" ];
	return;
}
$node->safe_psql('postgres', 'CREATE EXTENSION pg_etl; CREATE ROLE op LOGIN');
set_up('postgres');
customers($node, 1 .. 3);
is(run_counts($node, "etl_run('customers')"), 'succeeded|1|3|3|0', 'people');
is_sql($node, 'SELECT count(*) FROM etl.key_fingerprint', '1', 'the first run notes which key it was');
$node->safe_psql('postgres', q{SELECT etl_erase('customers', '1'); SELECT etl_grant('op', 'operator'); GRANT USAGE, CREATE ON SCHEMA data TO op; ALTER TABLE data.customers OWNER TO op});

# ---- settings that were there before the library
for my $setting (qw(key_file signing_key_file journal_dir raw_dir processed_dir archive_dir))
{
	customers($node, 1);
	like(says($node, q{SELECT status FROM etl_run('customers')}, role => 'op', options => "-c etl.$setting=$outside/mine"),
		qr/ERROR:  55000: setting "etl\.$setting" was given a value that could not be taken/,
		"etl.$setting of a connection's options: the call is refused, the default does not stand in for the administrator's value");
}
for my $spelling ('ETL.KEY_FILE', 'Etl.Journal_Dir', 'etl.RAW_DIR')
{
	like(says($node, q{SELECT status FROM etl_run('customers')}, role => 'op', options => "-c $spelling=$outside/mine"),
		qr/ERROR:  55000: setting "etl\.[a-z_]+" was given a value that could not be taken/, "in whatever case: $spelling");
}
ok(!-e "$outside/mine" && !-e "$data.etl.key", 'no other key was made');
like(says($node, q{SET etl.key_file = '/nowhere'; SELECT status FROM etl_run('customers')}, role => 'op'), qr/^succeeded$/m,
	'a value that is SET before the library is loaded leaves the administrator\'s');
is_sql($node, q{SELECT first_name FROM data.customers WHERE id = 1}, '[erased]', 'and whoever was erased is recognised');
$node->safe_psql('postgres', q{ALTER ROLE op SET etl.max_record_size = 'nonsense'});
like(says($node, q{SELECT status FROM etl_run('customers')}, role => 'op'), qr/ERROR:  55000: setting "etl\.max_record_size"/, 'as with a value that is not valid');
$node->safe_psql('postgres', q{ALTER ROLE op RESET etl.max_record_size});
like(says($node, q{SET etl.threads = 1; SELECT status FROM etl_run('customers')}, role => 'op', options => '-c etl.threads=2'), qr/^succeeded$/m,
	'what everybody may set, everybody may');

# ---- another key
append_to_file("$outside/other", 'another key of 32 bytes, or more.');
chmod 0600, "$outside/other";
my @uses = (
	q{SELECT etl_run('customers')}, q{SELECT etl_erase('customers', '2')}, q{SELECT etl_erase('customers', '2', dry_run => true)},
	q{SELECT etl_subject('customers', '2')}, q{SELECT etl_token('customers', '2')}, q{SELECT etl_pseudonymize('x')}, q{SELECT etl_hold('customers', '2', 'why')},
	q{SELECT etl_release_hold('customers', '2')}, q{SELECT etl_reinstate('customers', '1', 'why')}, q{SELECT etl_catalog_archive()},
	q{SELECT etl_anonymize('customers', '{"id": "2"}')}, q{SELECT etl_rotate_key()});
customers($node, 1);
$node->safe_psql('postgres', q{SELECT etl_hold('customers', '3', 'a reason')});
for my $sql (@uses)
{
	like(says($node, $sql, options => "-c etl.key_file=$outside/other"), qr/ERROR:  55000: etl\.key_file ".*other" does not hold the key of this database/, "another key: $sql");
	like(says($node, $sql, options => "-c etl.key_file=$outside/none"), qr/ERROR:  55000: etl\.key_file ".*none" does not exist/, "no key: $sql");
}
ok(!-e "$outside/none", 'and none is made where the database has one');
like(says($node, q{SELECT status FROM etl_internal.key_check()}, options => "-c etl.key_file=$outside/other"), qr/^error$/m, 'etl.health tells');
is_sql($node, q{SELECT first_name FROM data.customers WHERE id = 1}, '[erased]', 'nothing of it was loaded');

# ---- a rotation, as this and another database of the server see it
$node->safe_psql('postgres', 'CREATE DATABASE second');
set_up('second');
$node->safe_psql('second', 'CREATE EXTENSION pg_etl');
is($node->safe_psql('second', q{SET default_transaction_read_only = on; SELECT length(etl_pseudonymize('x')); SELECT count(*) FROM etl.key_fingerprint}), "64\n0",
	'a query looks at the key and writes nothing');
customers($node, 4);
$node->safe_psql('second', q{SELECT etl_run('customers')});
my $first = $node->safe_psql('second', 'SELECT erasures, treatments FROM etl.key_fingerprint');
is($first, $node->safe_psql('postgres', 'SELECT erasures, treatments FROM etl.key_fingerprint'), 'both use one key');
append_to_file("$outside/key.new-4711", 'of a rotation that was killed');
is_sql($node, q{SELECT status FROM etl_internal.key_check()}, 'warning', 'what a killed rotation left is told');
my $old = $node->safe_psql('postgres', 'SELECT kept_as FROM etl_rotate_key()');
ok(!-e "$outside/key.new-4711", 'and removed by the next one');
is_sql($node, q{SELECT status FROM etl_internal.key_check()}, 'ok', 'which is told, too');
my $rotated = $node->safe_psql('postgres', 'SELECT erasures, treatments FROM etl.key_fingerprint');
isnt($rotated, $first, 'a rotation notes the new key');
is((split /\|/, $rotated)[0], (split /\|/, $first)[0], 'whose part for erasures is the old one');
is($node->safe_psql('second', q{SELECT length(etl_pseudonymize('x'))}), 64, 'the other database knows it for a rotation of its key');
customers($node, 5);
$node->safe_psql('second', q{SELECT etl_run('customers')});
is($node->safe_psql('second', 'SELECT erasures, treatments FROM etl.key_fingerprint'), $rotated, 'and notes it with the next run');
like(says($node, q{SELECT etl_token('customers', '1')}, options => "-c etl.key_file=$old"), qr/55000.*does not hold the key.*before a rotation/s, 'the key of before the rotation is refused');

# ---- dumps and replicas
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres', q{SELECT etl_token('customers', '1')}), $node->safe_psql('postgres', q{SELECT etl_token('customers', '1')}), 'a replica makes the same tokens');
$standby->{etl_owner} = $node->{etl_owner};
like(says($standby, q{SELECT etl_token('customers', '1')}, options => "-c etl.key_file=$outside/other"), qr/55000.*does not hold the key/, 'and refuses another key');
$standby->stop('immediate');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$outside/dump", 'postgres' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', 'restored', "$outside/dump" ], 'pg_restore');
set_up('restored');
is($node->safe_psql('restored', 'SELECT erasures, treatments FROM etl.key_fingerprint'), $rotated, 'a dump carries the fingerprint');
customers($node, 6);
like(says($node, q{SELECT etl_run('customers')}, database => 'restored', options => "-c etl.key_file=$outside/other"), qr/55000.*does not hold the key/, 'so that a restored database refuses another key');
is($node->safe_psql('restored', q{SELECT etl_token('customers', '1')}), $node->safe_psql('postgres', q{SELECT etl_token('customers', '1')}), 'and works with its own');

# ---- what may be a key file
mkdir "$outside/dir";
symlink $data, "$outside/link" or die;
symlink "$data/k", "$outside/keylink" or die;
mkdir "$data/j";
append_to_file("$data/k", 'a key, inside the data directory');
chmod 0600, "$data/k";
for my $path ("$data//k", "$data/./k", "$data/base/../k", "$outside/../" . ($outside =~ s{.*/}{}r) . '/link/k', "$outside/link/k", "$outside/keylink", "$outside/link/new")
{
	like(says($node, q{SELECT etl_pseudonymize('x')}, options => "-c etl.key_file=$path", database => 'second'), qr/55000: etl\.key_file ".*" is inside the data directory/, "inside the data directory: " . ($path =~ s{\Q$outside\E|\Q$data\E}{…}gr));
	like(says($node, q{SELECT etl_signing_key()}, options => "-c etl.signing_key_file=$path"), qr/55000: etl\.signing_key_file ".*" is inside the data directory/, 'so is a signing key there');
}
ok(!-e "$data/new", 'nothing is made there');
like(says($node, q{SELECT etl_erase('customers', '2')}, options => "-c etl.journal_dir=$_"), qr/55000: etl\.journal_dir ".*" is inside the data directory/, 'so is a journal')
  for "$data//j", "$outside/link/j", "$data/base/../j";
POSIX::mkfifo("$outside/fifo", 0600) or die;
like(says($node, q{SELECT etl_pseudonymize('x')}, options => "-c etl.key_file=$outside/fifo"), qr/55000: etl\.key_file ".*fifo" is not a regular file/, 'a FIFO is refused, and waits for nobody');
like(says($node, q{SELECT etl_pseudonymize('x')}, options => "-c etl.key_file=$outside/dir"), qr/55000: etl\.key_file ".*dir" is not a regular file/, 'as is a directory');
# ---- in the workers of a parallel plan
$node->safe_psql('postgres', 'CREATE TABLE many AS SELECT i FROM generate_series(1, 100000) i; ANALYZE many');
my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;';
like($node->safe_psql('postgres', "$parallel EXPLAIN SELECT count(DISTINCT etl_token('customers', i::text)) FROM many"), qr/Parallel Seq Scan/, 'a parallel plan');
for my $call (q{etl_token('customers', i::text)}, q{etl.subject_token('customers', i::text)}, 'etl_pseudonymize(i::text)', 'etl_sha256(i::text)')
{
	is($node->safe_psql('postgres', "$parallel SELECT count(DISTINCT t) FROM (SELECT $call AS t FROM many OFFSET 0) x"), '100000', "$call has its value there");
	is($node->safe_psql('postgres', "$parallel SELECT min(t) FROM (SELECT $call AS t FROM many OFFSET 0) x"),
		$node->safe_psql('postgres', "SET max_parallel_workers_per_gather = 0; SELECT min(t) FROM (SELECT $call AS t FROM many OFFSET 0) x"), 'the same as elsewhere');
}

done_testing();
