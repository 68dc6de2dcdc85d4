# A restored database has lost more than erasures: holds, releases, refusals, extensions and
# reinstatements. It must neither erase whom it has to keep, nor keep whom it has to erase, nor treat
# what somebody sent who came back. And: no erasure without its line in the journal.
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
my $outside = PostgreSQL::Test::Utils::tempdir;
mkdir "$outside/journal";
my $node = etl_node(conf => "etl.key_file = '$outside/key'\nmax_wal_senders = 0\nwal_level = minimal\n");
my $root = $node->{etl_root};

sub set_folders
{
	my ($database, $folder) = @_;
	$node->safe_psql($database, <<"SQL");
ALTER DATABASE $database SET etl.raw_dir = '$folder/raw';
ALTER DATABASE $database SET etl.processed_dir = '$folder/processed';
ALTER DATABASE $database SET etl.archive_dir = '$folder/archive';
ALTER DATABASE $database SET etl.journal_dir = '$outside/journal';
SQL
}

sub customer
{
	my ($id, $name, $email) = @_;
	$email //= "mail$id\@example.org";
	return qq({"id": "$id", "first_name": "$name$id", "last_name": "L", "email": "$email"}\n);
}

sub sql { return $node->safe_psql($_[1] // 'postgres', $_[0]) }

sub refused
{
	my ($sql, $pattern, $name, $database) = @_;
	my ($code, $out, $err) = $node->psql($database // 'postgres', "\\set VERBOSITY verbose\n$sql", on_error_stop => 1);
	return like($err, $pattern, $name);
}

set_folders('postgres', $root);
stage($node, "$day/hour=0/customers.json.gz", join '', map { customer($_, 'Old') } 1 .. 12);
sql("SELECT etl_run('customers')");

# what the backup knows
sql(q{SELECT etl_erase('customers', '2')});
sql(qq{SELECT etl_hold('customers', '$_', 'docket $_')}) for 5, 6, 7;
is(sql(q{SELECT string_agg((etl_erase('customers', s)).status, ' ') FROM unnest('{5,6,7}'::text[]) s}), 'held held held', 'requests that wait');
my $dump = "$outside/dump";
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'a backup');
system_or_bail('cp', '-a', $root, "$outside/folders");

# what it does not
sql(q{SELECT etl_erase('customers', '1')});
sql(q{SELECT etl_reinstate('customers', '1', 'signed up again')});
sql(q{SELECT etl_reinstate('customers', '2', 'signed up again')});
sql(q{SELECT etl_erase('customers', '3')});
sql(q{SELECT etl_reinstate('customers', '3', 'signed up again')});
is(sql(q{SELECT (etl_erase('customers', '3')).status}), 'completed', 'one was reinstated and asked again');
sql(q{SELECT etl_hold('customers', '4', 'docket 4')});
is(sql(q{SELECT (etl_erase('customers', '4')).status}), 'held', 'one is put on hold');
is(sql(q{SELECT (etl_release_hold('customers', '5')).status}), 'completed', 'one is released');
is(sql(q{SELECT (etl_refuse('customers', '6', 'Art. 17(3)(e) GDPR')).status}), 'refused', 'one is refused');
sql(q{SELECT etl_extend(erasure_id, 'many requests') FROM etl.erasure WHERE status = 'held' AND subject = etl.subject_pseudonym('customers', '7')});
sql(q{SELECT etl_erase('customers', email => 'Stranger@Example.org')});
sql(q{SELECT etl_hold('customers', reason => 'all of them'); SELECT etl_release_hold('customers')});
# rolled back: it never happened
sql(q{BEGIN; SELECT etl_hold('customers', '9', 'docket 9'); ROLLBACK});
sql(q{BEGIN; SAVEPOINT s; SELECT etl_hold('customers', '9', 'docket 9'); ROLLBACK TO s; COMMIT});
is(sql(q{SELECT status FROM etl.health WHERE check_name = 'journal'}), 'ok', 'the journal is well');

# restored, with folders of then, and what has come since in the raw folder
sql('CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', $dump ], 'restored');
set_folders('restored', "$outside/folders");
{
	local $node->{etl_root} = "$outside/folders";
	stage($node, "$day/hour=1/customers.json", join '', map { customer($_, 'New') } 1, 2, 3);
	stage($node, "$day/hour=2/customers.json", customer(20, 'New', 'stranger@example.org'));
}
my $lost = qr/55000: the database is behind its erasure journal.*DETAIL:  7 erasures and 9 decisions \(holds.*HINT:  SELECT \* FROM etl_reapply/s;
refused("SELECT $_", $lost, "restored: $_ is refused", 'restored')
  for q{etl_run('customers')}, q{etl_erase('customers', '4')}, q{etl_release_hold('customers', '6')}, q{etl_retention()}, q{etl_hold('customers', '8', 'r')},
  q{etl_reinstate('customers', '2', 'r')}, q{etl_refuse('customers', '7', 'r')};
like(sql(q{SELECT message FROM etl.health WHERE check_name = 'journal'}, 'restored'), qr/7 erasures and 9 decisions/, 'health says so');
# three sessions put it right at once, and the first one rolls back
my ($in, $out) = ("BEGIN;\nSELECT 'applied ' || count(*) FROM etl_reapply();\n", '');
my $first = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('restored') ], '<', \$in, '>', \$out, IPC::Run::timeout(180));
$first->pump until $out =~ /applied \d+$/m;
like($out, qr/applied 7$/m, 'one session applies them');
my @others = map { [ start_sql($node, 'SELECT count(*) FROM etl_reapply()', '\c restored') ] } 1, 2;
ok($node->poll_query_until('postgres', q{SELECT count(*) = 2 FROM pg_stat_activity WHERE datname = 'restored' AND wait_event = 'object'}), 'two others wait for it');
refused("SELECT $_", $lost, "meanwhile $_ is still refused", 'restored') for q{etl_run('customers')}, q{etl_run()}, q{etl_replay('customers')};
is(sql(q{SELECT count(*) FROM etl.run WHERE status = 'skipped'}, 'restored'), '0', 'which is more than skipped');
$in .= "ROLLBACK;\n";
$first->finish;
$_->[0]->finish for @others;
is(join('', sort map { ${ $_->[1] } } @others), "0\n7\n", 'then one of them applies all, and the other nothing')
  or diag map({ ${ $_->[2] } } @others), sql('SELECT erasure_id, status, source FROM etl.erasure ORDER BY 1', 'restored');
is(sql(q{SELECT count(*) FILTER (WHERE action = 'reapply'), count(*) FILTER (WHERE action = 'reinstate' AND place LIKE 'journal%') FROM etl.audit}, 'restored'), '1|2', 'the audit trail has it once');

my %same = (
	holds      => q{SELECT dataset, subject, reason, placed_at, placed_by, released_at, released_by, file_hash FROM etl.hold ORDER BY placed_at},
	decisions  => q{SELECT * FROM etl.erasure_decision ORDER BY 1, 2},
	tombstones => q{SELECT dataset, kind, pseudonym, hash FROM etl.tombstone WHERE reinstated_at IS NULL AND kind <> 'known_email' ORDER BY 2, 3},
	erasures   => q{SELECT erasure_id, dataset, subject, email, status FROM etl.erasure ORDER BY 1},
	report     => q{SELECT erasure_id, status, received_at, due_at, hold_reasons, extension_reason, refusal_ground FROM etl.erasure_report WHERE status IN ('held', 'refused') ORDER BY 1});
is(sql($same{$_}, 'restored'), sql($same{$_}), "the same $_ as in the database that was lost") for sort keys %same;
# The backup may hold an email that was gone when somebody was erased again: then one more is known.
my $known = q{SELECT pseudonym, hash FROM etl.tombstone WHERE reinstated_at IS NULL AND kind = 'known_email' ORDER BY 1};
my %known = map { $_ => 1 } split /\n/, sql($known, 'restored');
is(join("\n", grep { !$known{$_} } split /\n/, sql($known)), '', 'every email that the database that was lost knew is known');
is(sql(q{SELECT string_agg(id || first_name, ' ' ORDER BY id) FROM data.customers WHERE id < 9}, 'restored'),
	'1[erased] 2[erased] 3[erased] 4Old4 5[erased] 6Old6 7Old7 8Old8', 'what was erased is, whoever has to stay does');
my $staged = slurp_file("$outside/folders/raw/$day/hour=1/customers.json");
like($staged, qr/New1/, 'what somebody sent who came back stays as it came');
unlike($staged, qr/New3/, 'what came of somebody who asked again does not');
is(sql(q{SELECT status FROM etl_run('customers')}, 'restored'), 'succeeded', 'runs go on');
%known = map { $_ => 1 } split /\n/, sql($known, 'restored');
is(join("\n", grep { !$known{$_} } split /\n/, sql($known)), '', 'every email that the database that was lost knew is known');
is(sql(q{SELECT string_agg(id || first_name, ' ' ORDER BY id) FROM data.customers WHERE id IN (1, 2, 3, 20)}, 'restored'),
	'1New1 2New2 3[erased] 20[erased]', 'who came back is loaded; who was known by email only is treated');
is(sql('SELECT count(*) FROM etl_reapply()', 'restored'), '0', 'nothing is applied twice');
is(sql('SELECT count(*) FROM etl_audit_verify()', 'restored'), '0', 'the audit trail is whole');
is(sql(q{SELECT string_agg(action, ' ' ORDER BY audit_id) FROM etl.audit WHERE place LIKE 'journal%' AND action <> 'reapply'}, 'restored'),
	'reinstate reinstate hold release refuse extend hold release', 'and says what was decided');
is(sql(q{SELECT (etl_release_hold('customers', '4')).status}, 'postgres'), 'completed', 'in the other database life goes on');
refused(q{SELECT etl_run('customers')}, qr/55000.*1 erasure and 1 decision/s, 'of which a copy that shares its journal hears', 'restored');
sql('DROP DATABASE restored');

# a journal that begins with all that is known
sql(q{SELECT etl_journal_renew('the old one is lost')});
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dump.2", 'postgres' ], 'a backup before the first line');
sql(q{SELECT etl_erase('customers', '10')});
sql('CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', "$dump.2" ], 'restored');
set_folders('restored', $root);
like(sql(q{SELECT message FROM etl.health WHERE check_name = 'journal'}, 'restored'), qr/behind its journal by 1 erasure$/, 'only what is new is missing');
my @journals = glob "$outside/journal/*.jsonl";
is(scalar(@journals), 2, 'the old journal stays where it is');
my ($begun) = grep { slurp_file($_) !~ /"kind":"decision".*"kind":"committed".*"kind":"decision"/s } @journals;
my $history = slurp_file($begun);
is(scalar(() = $history =~ /"action":"(?:hold|release|refuse|extend|reinstate)"/g), sql(q{SELECT (SELECT count(*) + count(released_at) FROM etl.hold) + (SELECT count(*) FROM etl.erasure_decision) + (SELECT count(DISTINCT (erasure_id, reinstated_at)) FROM etl.tombstone WHERE reinstated_at IS NOT NULL)}),
	'the new one has all decisions');
is(scalar(() = $history =~ /"email_hash":"[0-9a-f]{16}"/g), 1, 'and the hash of an email');

# a release waits for who is loading, and erases what they have loaded
sql(q{SELECT etl_hold('customers', '11', 'docket 11'); SELECT etl_erase('customers', '11')});
stage($node, "$day/hour=3/customers.json", customer(11, 'Racing'));
my ($loading, $loaded, $load_error) = start_sql($node, q{SELECT pg_sleep(5) FROM etl_run('customers')}, 'BEGIN');
$node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')}) or die;
my ($release, $released, $error) = start_sql($node, q{SELECT status FROM etl_release_hold('customers', '11')});
ok($node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'object')}), 'a release waits for a load');
$loading->finish;
$release->finish;
is($$released, "completed\n", 'then it erases') or diag $$error;
sql(q{SELECT etl_run('customers')});
is(sql(q{SELECT first_name FROM data.customers WHERE id = 11}), '[erased]', 'whatever came');

# no erasure without its line
SKIP:
{
	skip 'the super user ignores permissions', 5 if $> == 0;
	chmod 0400, $begun;
	refused(q{SELECT etl_erase('customers', '12')}, qr/42501: could not open erasure journal/, 'a journal that cannot be written refuses an erasure');
	refused(q{SELECT etl_hold('customers', '12', 'r')}, qr/42501: could not open erasure journal/, 'and a hold');
	chmod 0600, $begun;
	sql(q{SELECT etl_journal_renew('another')});
	chmod 0500, "$outside/journal";
	refused(q{SELECT etl_erase('customers', '12')}, qr/42501: could not open erasure journal/, 'so does a folder where none can be made');
	chmod 0700, "$outside/journal";
	is(sql(q{SELECT first_name FROM data.customers WHERE id = 12}), 'Old12', 'nothing was erased');
	is(sql(q{SELECT (etl_erase('customers', '12')).status}), 'completed', 'mended, it is');
}
refused(qq{SELECT etl_hold('customers', '8', repeat('x', 4001))}, qr/22001/, 'a reason that fits no line is refused');
refused(qq{SELECT etl_reinstate('customers', '12', repeat('x', 4001))}, qr/22001/, 'of a reinstatement, too');
unlike(join('', map { slurp_file($_) } glob "$outside/journal/*.jsonl"), qr/example\.org|Old\d|New\d/i, 'the journal names nobody');
$node->stop;
done_testing();
