# Backups bring erased people back. A database restored from a base backup, from a dump or to a point
# in time says that it is behind its erasure journal, refuses to run, and etl_reapply() puts it right:
# in tables, quarantine and files, and without touching anybody else. Erasures that were rolled back
# are recognised, a journal that was cut or altered is reported. And: holds, certificates, retention.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $day = 'date=2026-03-01';
my $hour = 0;

sub customer
{
	my ($id, %change) = @_;
	my %c = (
		id => qq("$id"), first_name => qq("Firstname$id"), last_name => qq("Lastname$id"), email => qq("mail$id\@example.org"),
		address => qq("$id Long Street"), city => qq("City$id"), country => '"GB"', postcode => qq("PC$id"),
		phone_number => qq("0700$id"), date_of_birth => '"1970-01-01"', %change);
	return '{' . join(',', map { qq("$_":$c{$_}) } sort keys %c) . "}\n";
}

# Asks for the erasure of people and runs it; in a transaction that the caller completes with $end.
sub ask_erasure
{
	my ($node, $ids, $end) = @_;
	++$hour;
	stage($node, "$day/hour=$hour/erasure-requests.json", join '', map { qq({"customer-id":"$_"}\n) } @$ids);
	my $status = "SELECT status FROM etl_run('erasure_requests');";
	return $node->safe_psql('postgres', $end ? "BEGIN; $status $end;" : $status);
}

# What psql says to a statement that fails.
sub refusal
{
	my ($node, $sql, $database) = @_;
	my $err;
	$node->psql($database // 'postgres', "\\set VERBOSITY verbose\n$sql", stderr => \$err);
	return $err;
}

sub health
{
	my ($node, $database) = @_;
	return $node->safe_psql($database // 'postgres', q{SELECT status FROM etl.health WHERE check_name = 'journal'});
}

# Everything that files below a folder and the database's own tables say.
sub all_text
{
	my ($node, $database, $root) = @_;
	my $text = $node->safe_psql($database,
		q{SELECT string_agg(t::text, E'\n') FROM (SELECT c::text FROM data.customers c UNION ALL SELECT q::text FROM etl.quarantine q UNION ALL SELECT e::text FROM etl.erasure e UNION ALL SELECT a::text FROM etl.audit a) x(t)});
	$text .= join "\n", map { slurp_lines("$root/$_") } files_below($root);
	return $text;
}

sub is_here
{
	my ($text, $id, $expected, $name) = @_;
	my $found = () = $text =~ /Firstname$id|Lastname$id|mail$id\@|$id Long|City$id|PC$id|0700$id/g;
	return $expected ? cmp_ok($found, '>', 0, "$name: $id is found") : is($found, 0, "$name: nothing of $id is left");
}

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(has_archiving => 1, allows_streaming => 1);
my $outside = PostgreSQL::Test::Utils::tempdir;
mkdir "$outside/$_" for qw(journal);
$node->append_conf('postgresql.conf', "etl.key_file = '$outside/key'\netl.signing_key_file = '$outside/signing_key'\n");
$node->start;

sub set_folders
{
	my ($n, $database, $root) = @_;
	$n->{etl_root} = $root;
	$n->safe_psql($database, <<"SQL");
ALTER DATABASE $database SET etl.raw_dir = '$root/raw';
ALTER DATABASE $database SET etl.processed_dir = '$root/processed';
ALTER DATABASE $database SET etl.archive_dir = '$root/archive';
ALTER DATABASE $database SET etl.journal_dir = '$outside/journal';
SQL
}
my $root = $node->basedir . '/etl';
mkdir $root;
mkdir "$root/$_" for qw(raw processed archive);
$node->safe_psql('postgres', 'CREATE EXTENSION pg_etl');
set_folders($node, 'postgres', $root);

stage($node, "$day/hour=0/customers.json.gz", join '', map { customer($_) } 101 .. 109);
# one who is known from a quarantined record only, and one of whom only the archived file is left
stage($node, "$day/hour=1/customers.json", customer(110, first_name => 'null') . customer(111, first_name => 'null'));
is(run_counts($node, "etl_run('customers')"), 'succeeded|2|11|9|2', 'people');
$node->safe_psql('postgres', q{DELETE FROM etl.quarantine WHERE key = '111'});
is(health($node), 'ok', 'no erasure yet, none missing');
ask_erasure($node, [105]);
my ($journal) = glob "$outside/journal/*.jsonl";
ok(defined $journal, 'the first erasure begins the journal');
is((stat $journal)[2] & 0777, 0600, 'which nobody else can read');
unlike(slurp_file($journal), qr/Firstname|mail105|"105"/, 'and which names nobody');

# ---- backups
$node->backup('base');
my $dump = "$outside/dump";
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'pg_dump');
my $segment = $node->safe_psql('postgres', q{SELECT pg_walfile_name(pg_create_restore_point('before'))});
system_or_bail('cp', '-a', $root, "$outside/folders");
ask_erasure($node, [ 101, 110, 111 ]);
ask_erasure($node, [ 102 ]);
is_sql($node, q{SELECT string_agg(status || ' ' || row_count, ', ' ORDER BY erasure_id) FROM etl.erasure}, 'completed 1, completed 1, completed 1, completed 0, completed 1', 'erased');
$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
$node->poll_query_until('postgres', "SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver") or die 'WAL was not archived';

# ---- an erasure that was rolled back
ask_erasure($node, [103], 'ROLLBACK');
my @lines = slurp_lines($journal);
like($lines[-1], qr/"kind":"rolled_back"/, 'the journal says that it was rolled back');
is(health($node), 'ok', 'and it is not missed');
is(run_counts($node, "etl_run('customers')"), 'succeeded|0|0|0|0', 'runs go on');
unlink map { "$root/raw/$_" } files_below("$root/raw");
# in a savepoint
++$hour;
stage($node, "$day/hour=$hour/erasure-requests.json", qq({"customer-id":"103"}\n));
$node->safe_psql('postgres', q{BEGIN; SAVEPOINT s; SELECT status FROM etl_run('erasure_requests'); ROLLBACK TO s; COMMIT});
is(health($node), 'ok', 'nor one in a savepoint');
# by a crash
{
	my ($in, $out, $timer) = ('', '', IPC::Run::timer(180));
	my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \my $err, $timer);
	$in .= "BEGIN; SELECT status FROM etl_run('erasure_requests');\n";
	$psql->pump until $out =~ /succeeded/ || $timer->is_expired;
	like($out, qr/succeeded/, 'an erasure is on its way');
	is(health($node), 'ok', 'to others it is not missing while it is on its way');
	$node->stop('immediate');
	eval { $psql->finish };
}
$node->start;
is(health($node), 'ok', 'one that a crash rolled back is recognised');
unlink map { "$root/raw/$_" } files_below("$root/raw");
is(run_counts($node, "etl_run('customers')"), 'succeeded|0|0|0|0', 'and runs go on');
is_sql($node, q{SELECT first_name FROM data.customers WHERE id = 103}, 'Firstname103', 'nobody was erased by it');
my $untouched = slurp_file($journal);

# ---- each kind of restore
sub check_restored
{
	my ($name, $n, $database) = @_;
	my $folder = "$outside/folders_$name";
	system_or_bail('cp', '-a', "$outside/folders", $folder);
	set_folders($n, $database, $folder);
	my $before = all_text($n, $database, $folder);
	is_here($before, $_, 1, "$name, as restored") for 101, 102, 104, 110, 111;
	is(health($n, $database), 'error', "$name: health says that it is behind");
	for my $call ("SELECT etl_run('customers')", 'SELECT etl_run()', "SELECT etl_replay('customers')")
	{
		like(refusal($n, $call, $database), qr/55000: the database is behind its erasure journal.*DETAIL:  4 erasures.*HINT:  SELECT \* FROM etl_reapply\(\);/s, "$name: $call is refused");
	}
	is($n->safe_psql($database, 'SELECT string_agg(erasure_id || status, $$ $$ ORDER BY erasure_id) FROM etl_reapply()'), '2completed 3completed 4completed 5completed', "$name: reapply");
	my $after = all_text($n, $database, $folder);
	is_here($after, $_, 0, $name) for 101, 102, 105, 110, 111;
	is_here($after, $_, 1, $name) for 103, 104, 106;
	is(health($n, $database), 'ok', "$name: health is well again");
	is($n->safe_psql($database, 'SELECT count(*) FROM etl_reapply()'), '0', "$name: nothing to apply twice");
	is($n->safe_psql($database, q{SELECT status FROM etl_run('customers')}), 'succeeded', "$name: runs go on");
	is($n->safe_psql($database, 'SELECT count(*) FROM etl_audit_verify()'), '0', "$name: the audit trail is whole");
	is($n->safe_psql($database, q{SELECT action FROM etl.audit ORDER BY audit_id DESC LIMIT 1}), 'reapply', "$name: and says what was done");
	is($n->safe_psql($database, q{SELECT nextval('etl.erasure_erasure_id_seq') > 5}), 't', "$name: ids go on");
	is(slurp_file($journal), $untouched, "$name: the journal is as it was");
}

# The old rows are purged as after any erasure. Then no byte of the server's files or of the folders is
# about the people, while somebody else is found.
sub check_purged
{
	my ($name, $n, $database) = @_;
	my $rounds = 0;
	while (my @commands = split /\n/, $n->safe_psql($database, 'SELECT etl_erasure_purge()'))
	{
		die 'no end of purging' if ++$rounds > 8;
		$n->safe_psql($database, $_) for @commands;
	}
	cmp_ok($rounds, '>', 0, "$name: there was something to purge");
	$n->stop;
	my (%hits, $files);
	for my $folder ($n->data_dir, "$outside/folders_$name")
	{
		for my $file (map { "$folder/$_" } split /\n/, all_files($folder))
		{
			my $bytes = $file =~ /\.gz$/ ? join '', slurp_lines($file) : slurp_file($file);
			++$files;
			++$hits{$1} while $bytes =~ /(?:Firstname|Lastname|mail|City|PC|0700)(10[1245]|11[01])(?!\d)/g;
			++$hits{$1} while $bytes =~ /(10[1245]|11[01]) Long Street/g;
		}
	}
	cmp_ok(delete $hits{104} // 0, '>=', 3, "$name: on the disk somebody who did not ask is found");
	is(join(' ', map { "$_: $hits{$_}" } sort keys %hits), '', "$name: and nobody who was erased, in $files files");
}

my $base = PostgreSQL::Test::Cluster->new('base');
$base->init_from_backup($node, 'base');
$base->append_conf('postgresql.conf', "archive_mode = off\n");
$base->start;
check_restored('base backup', $base, 'postgres');
check_purged('base backup', $base, 'postgres');

my $pitr = PostgreSQL::Test::Cluster->new('pitr');
$pitr->init_from_backup($node, 'base', has_restoring => 1, standby => 0);
$pitr->append_conf('postgresql.conf', "recovery_target_name = 'before'\nrecovery_target_action = promote\narchive_mode = off\n");
$pitr->start;
$pitr->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'no promotion';
check_restored('point in time', $pitr, 'postgres');
check_purged('point in time', $pitr, 'postgres');

# another server, with the same keys
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init;
$copy->append_conf('postgresql.conf', "etl.key_file = '$outside/key'\netl.signing_key_file = '$outside/signing_key'\n");
$copy->start;
$copy->safe_psql('postgres', 'CREATE DATABASE restored');
$copy->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', $dump ], 'pg_restore');
is($copy->safe_psql('restored', 'SELECT count(*) FROM etl_audit_verify()'), '0', 'dump: the audit trail is whole');
# the settings of a database are not in its dump
like(refusal($copy, "ALTER DATABASE restored SET etl.raw_dir = '$root/raw'; ALTER DATABASE restored SET etl.processed_dir = '$root/processed'; ALTER DATABASE restored SET etl.archive_dir = '$root/archive'; \\c restored\nSELECT etl_run('customers')", 'restored'),
	qr/55000: setting "etl.journal_dir" is not set.*\Q$outside\E\/journal/s, 'dump: a journal that is not set is asked for');
check_restored('dump', $copy, 'restored');
# a copy that goes its own way
like($copy->safe_psql('restored', q{SELECT etl_journal_renew('a test system')}), qr/^[0-9a-f-]{36}$/, 'a copy gets a journal of its own');
check_purged('dump', $copy, 'restored');

# ---- a journal that cannot be trusted
sub damaged
{
	my ($name, $content, $pattern) = @_;
	if (defined $content)
	{
		open my $fh, '>:raw', $journal or die;
		print $fh $content;
		close $fh;
	}
	else
	{
		unlink $journal;
	}
	is(health($node), 'error', "$name: health says so");
	like(refusal($node, "SELECT etl_run('customers')"), qr/55000: erasure journal .* cannot be trusted.*$pattern/s, "$name is reported");
	like(refusal($node, 'SELECT * FROM etl_reapply()'), qr/55000/, "$name is not applied");
	open my $fh, '>:raw', $journal or die;
	print $fh $untouched;
	close $fh;
	chmod 0600, $journal;
	is(health($node), 'ok', "$name: mended");
}
my @whole = split /(?<=\n)/, $untouched;
my ($known) = $node->safe_psql('postgres', 'SELECT seq FROM etl.journal');
damaged('a journal that is cut', join('', @whole[ 0 .. $known - 2 ]), 'cut');
damaged('a journal that is gone', undef, 'missing');
(my $altered = $whole[ $known - 1 ]) =~ s/"rows":1/"rows":7/ or die;
damaged('a journal whose last line is altered', join('', @whole[ 0 .. $known - 2 ], $altered, @whole[ $known .. $#whole ]), 'altered');
damaged('a journal with garbage at its end', $untouched . "{}\n", 'altered');
damaged('a journal with a line twice', $untouched . $whole[-1], 'does not follow');
# far from the end it is found by who reads all of it
($altered = $untouched) =~ s/"kind":"erasure"/"kind":"erasurf"/ or die;
{
	open my $fh, '>:raw', $journal or die;
	print $fh $altered;
	close $fh;
	is(health($node), 'error', 'an altered line far from the end: health reads them all');
	like(refusal($node, 'SELECT * FROM etl_reapply()'), qr/55000/, 'and so does reapply');
	open $fh, '>:raw', $journal or die;
	print $fh $untouched . '{"seq":99';
	close $fh;
}
is(health($node), 'warning', 'a line that a crash left incomplete');
is(ask_erasure($node, [106]), 'succeeded', 'does not stop the next erasure');
is(health($node), 'ok', 'which removes it');

# ---- sessions that append at the same time, some of which roll back
append_to_file("$outside/append.sql", "BEGIN;\nSELECT etl_internal.journal_erasure(2);\nCOMMIT;\n");
append_to_file("$outside/roll_back.sql", "BEGIN;\nSELECT etl_internal.journal_erasure(2);\nROLLBACK;\n");
my @before_all = slurp_lines($journal);
$node->command_ok([ 'pgbench', '-n', '-c', 4, '-t', 100, '-f', "$outside/append.sql\@1", '-f', "$outside/roll_back.sql\@1", 'postgres' ], 'sessions append at the same time');
is(health($node), 'ok', 'the journal is whole');
my @after_all = slurp_lines($journal);
is(@after_all - @before_all, 800, 'with a line for each and one for how each ended');

# ---- where a journal may not be
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET etl.journal_dir = ' . "'" . $node->data_dir . "/base'");
like(refusal($node, "SELECT etl_run('customers')"), qr/55000: etl.journal_dir .* is inside the data directory/, 'a journal inside the data directory is refused');
$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.journal_dir = '$outside/nowhere'");
like(refusal($node, "SELECT etl_run('customers')"), qr/58P01/, 'a folder that is not there too');
$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.journal_dir = '$outside/journal'");

# ---- a hold makes a request wait, its release carries it out
$node->safe_psql('postgres', q{SELECT etl_hold('customers', '107', 'docket 1')});
ask_erasure($node, [ 107, 108 ]);
is_sql($node, q{SELECT string_agg(status, ',' ORDER BY erasure_id DESC) FROM (SELECT * FROM etl.erasure ORDER BY erasure_id DESC LIMIT 2) x}, 'completed,held', 'one waits, the other does not');
is_here(all_text($node, 'postgres', $root), 107, 1, 'on hold');
is_sql($node, q{SELECT hold_reasons FROM etl.erasure_held}, '{"docket 1"}', 'the report says why');
is_sql($node, q{SELECT status, row_count FROM etl_release_hold('customers', '107')}, 'completed|1', 'released');
is_here(all_text($node, 'postgres', $root), 107, 0, 'released');
is(health($node), 'ok', 'the journal knows');
is_sql($node, q{SELECT count(*) FROM etl_audit_verify()}, '0', 'the audit trail is whole');

# ---- a certificate, verified by openssl
$node->safe_psql('postgres', qq{COPY (SELECT etl_certificate(2) ->> 'signed') TO PROGRAM 'head -c -1 > $outside/signed' (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')});
my $signature = $node->safe_psql('postgres', q{SELECT encode(etl_internal.sign(pg_read_file('} . "$outside/signed" . q{')), 'hex')});
open my $out, '>:raw', "$outside/signature" or die;
print $out pack 'H*', $signature;
close $out;
open $out, '>', "$outside/public.pem" or die;
print $out $node->safe_psql('postgres', 'SELECT etl_signing_key()'), "\n";
close $out;
my @verify = ('openssl', 'pkeyutl', '-verify', '-pubin', '-inkey', "$outside/public.pem", '-rawin', '-in', "$outside/signed", '-sigfile', "$outside/signature");
command_like(\@verify, qr/Signature Verified Successfully/, 'openssl accepts the signature');
my $signed = slurp_file("$outside/signed");
like($signed, qr/"erasure_id": 2/, 'of what the certificate says');
unlike($signed, qr/Firstname|mail101|"101"/, 'and which names nobody');
append_to_file("$outside/signed", ' ');
command_fails(\@verify, 'and no other text');
is((stat "$outside/signing_key")[2] & 0777, 0600, 'nobody else can read the signing key');

# ---- retention
$node->safe_psql('postgres', <<'SQL');
SELECT etl_define(definition || jsonb_build_object('x-etl', definition -> 'x-etl' || '{"retention": {"archived": "P30D", "processed": "1 year", "quarantine": "P2W", "history": "1 month"}}')) FROM etl.dataset WHERE name = 'customers';
UPDATE etl.file SET finished_at = finished_at - interval '40 days';
UPDATE etl.quarantine SET quarantined_at = quarantined_at - interval '40 days';
SELECT etl_hold('customers', '109', 'docket 2');
SQL
ok(-e "$root/archive/$day/hour=0/customers.json.gz", 'archived');
is($node->safe_psql('postgres', q{BEGIN; UPDATE etl.quarantine SET subject = NULL WHERE dataset = 'customers'; SELECT removed, held FROM etl_retention('customers') WHERE place = 'quarantine'; ROLLBACK}),
	'0|1', 'a quarantined record that names nobody may be about the one on hold: it stays');
is_sql($node, q{SELECT place, removed, held FROM etl_retention('customers') ORDER BY place}, "archived|1|1\nhistory|1|0\nprocessed|0|0\nquarantine|1|0", 'retention, the history of what goes in the same call included');
ok(-e "$root/archive/$day/hour=0/customers.json.gz", 'a file with somebody on hold stays');
ok(!-e "$root/archive/$day/hour=1/customers.json", 'the other one is gone');
is_sql($node, q{SELECT count(*) FROM etl_release_hold('customers', '109')}, '0', 'nothing waited');
is_sql($node, q{SELECT place, removed, held FROM etl_retention() ORDER BY place}, "archived|1|0\nhistory|0|0\nprocessed|0|0\nquarantine|0|0", 'then it goes too');
ok(!-e "$root/archive/$day/hour=0/customers.json.gz", 'and is gone');
ok(-e "$root/processed/$day/hour=0/customers.json.gz", 'the processed file is kept longer');
like(refusal($node, q{SELECT etl_define(definition || jsonb_build_object('x-etl', definition -> 'x-etl' || '{"retention": {"archived": "forever"}}')) FROM etl.dataset WHERE name = 'customers'}), qr/22023/, 'a period that is none is refused');
$node->safe_psql('postgres', 'BEGIN; UPDATE etl.file SET finished_at = finished_at - interval $$10 years$$; SELECT * FROM etl_retention(); ROLLBACK');
ok(-e "$root/processed/$day/hour=0/customers.json.gz", 'a rollback removes nothing');
$node->stop;

done_testing();
