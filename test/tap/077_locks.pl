# Nobody who may not run a dataset can keep others from running it: its lock is none that SQL can take.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN');
stage($node, 'date=2020-01-01/hour=1/customers.json', qq({"id": "1", "first_name": "A", "last_name": "B", "email": "a\@example.com"}\n));
my $run = session($node);
my $pid = ask($run, 'BEGIN; SELECT pg_backend_pid()') =~ s/\n//r;
is(ask($run, "SELECT status FROM etl_run('customers')"), "succeeded\n", 'a run that does not commit yet');
my @held = split /\n/, $node->safe_psql('postgres', "SELECT classid::bigint, objid::bigint, objsubid FROM pg_locks WHERE pid = $pid AND locktype = 'object' AND classid = 'etl.dataset'::regclass AND granted");
ok(@held >= 1, 'its lock is shown as of an object of class etl.dataset');
is_sql($node, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", '0', 'and none is an advisory lock');
is_sql($node, q{SELECT status, error FROM etl_run('customers')}, "skipped|another session is running this dataset: process $pid", 'another session is told by whom it is held');
my (undef, undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET lock_timeout = 300; SELECT etl_run('customers', wait => true)");
like($error, qr/55P03/, 'lock_timeout ends the waiting');
ask($run, 'COMMIT');

# a role without any right takes all the advisory locks that it can think of
my $nobody = session($node);
ask($nobody, 'SET SESSION AUTHORIZATION nobody');
ask($nobody, q{SELECT count(pg_advisory_lock(hashtextextended(n, 0))) FROM unnest(ARRAY['pg_etl export', 'pg_etl table "data"."customers"'] || ARRAY(
	SELECT k || d FROM unnest('{pg_etl dataset ,pg_etl release }'::text[]) k, unnest('{customers,products,transactions,erasure_requests}'::text[]) d)) n});
for (@held) { my ($class, $object, $sub) = split /\|/; ask($nobody, "SELECT pg_advisory_lock((${class}::bigint << 32) + $object), pg_advisory_lock($class, (${object}::bigint - 4294967296 * (${object}::bigint / 2147483648))::int)") }
is(ask($nobody, q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()}), (10 + 2 * @held) . "\n", 'a role without rights holds what it can hold');
stage($node, 'date=2020-01-01/hour=2/customers.json', qq({"id": "2", "first_name": "A", "last_name": "B", "email": "b\@example.com"}\n));
is_sql($node, q{SET statement_timeout = '20s'; SELECT count(*) FROM etl_run() WHERE status = 'succeeded'}, '4', 'and all is run');
is_sql($node, q{SET statement_timeout = '20s'; SELECT status FROM etl_erase('customers', '1')}, 'completed', 'erased');
is_sql($node, q{SET statement_timeout = '20s'; SELECT etl_export('customers', 'c.csv', 'csv')}, '2', 'and exported');

# a session that is killed lets go
ask($run, 'BEGIN');
ask($run, "SELECT status FROM etl_run('customers')");
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)");
is_sql($node, q{SELECT status FROM etl_run('customers')}, 'succeeded', 'a session that was killed holds nothing');

$node->stop;
done_testing();
