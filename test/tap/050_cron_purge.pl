# A real pg_cron carries out the purge that etl_schedule_purge has scheduled, step by step and round by
# round, until the erasure is purged and no byte of the person is left in the server's files. Takes minutes:
# the steps are a minute apart.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $library = `pg_config --pkglibdir`;
chomp $library;
plan skip_all => 'pg_cron is not installed' unless -f "$library/pg_cron.so";

my $node = PostgreSQL::Test::Cluster->new('purge');
$node->init(extra => ['--wal-segsize=1']);
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.use_background_workers = on
autovacuum = off
min_wal_size = 2MB
max_wal_size = 32MB
CONF
$node->start;
my $root = $node->basedir . '/etl';
mkdir $_ or die for $root, "$root/raw", "$root/processed", "$root/archive";
$node->{etl_root} = $root;
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION pg_etl;
CREATE EXTENSION pg_cron;
ALTER DATABASE postgres SET etl.raw_dir = '$root/raw';
ALTER DATABASE postgres SET etl.processed_dir = '$root/processed';
ALTER DATABASE postgres SET etl.archive_dir = '$root/archive';
SQL
stage($node, 'date=2020-01-01/hour=1/customers.json',
	join '', map { qq({"id": "$_", "first_name": "First", "last_name": "Last", "email": "scheduled.purge.$_\@example.org"}\n) } 5001 .. 5010);
is(run_counts($node, "etl_run('customers')"), 'succeeded|1|10|10|0', 'loaded');
$node->safe_psql('postgres', 'ANALYZE');
is_sql($node, q{SELECT status FROM etl_erase('customers', '5001')}, 'completed', 'erased');
is_sql($node, q{SELECT purged_at IS NULL FROM etl.erasure}, 't', 'not purged');
like($node->safe_psql('postgres', q{SELECT kind FROM etl_locate('scheduled.purge.5001@example.org')}), qr/^dead$/m, 'dead bytes are left');
like($node->safe_psql('postgres', q{SELECT etl_schedule_purge('* * * * *')}), qr/^\d+$/, 'scheduled');
is_sql($node, q{SELECT jobname, schedule, active FROM cron.job}, 'pg_etl maintenance purge|* * * * *|t', 'one job');
ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM cron.job WHERE jobname LIKE 'pg_etl maintenance purge step %'}), 'it schedules the steps');
# the window is over: what follows is done by the steps themselves
$node->safe_psql('postgres', q{SELECT cron.unschedule('pg_etl maintenance purge')});
my $deadline = time + 1800;
my $purged = 'f';
until ($purged eq 't' || time > $deadline)
{
	sleep 5;
	$purged = $node->safe_psql('postgres', q{SELECT purged_at IS NOT NULL FROM etl.erasure});
}
is($purged, 't', 'the erasure is purged') or diag $node->safe_psql('postgres', 'SELECT command, status, return_message FROM cron.job_run_details ORDER BY runid');
is_sql($node, q{SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'}, '0', 'no step failed')
  or diag $node->safe_psql('postgres', q{SELECT command, return_message FROM cron.job_run_details WHERE status = 'failed'});
like($node->safe_psql('postgres', q{SELECT string_agg(command, E'\n' ORDER BY runid) FROM cron.job_run_details WHERE status = 'succeeded'}), qr/VACUUM \(FULL, ANALYZE\) data\.customers.*VACUUM \(FULL\) pg_catalog\.pg_statistic.*CHECKPOINT/s, 'the steps in their order');
is_sql($node, q{SELECT count(*) FROM cron.job WHERE jobname LIKE 'pg_etl maintenance purge step %'}, '0', 'no step is left');
is_sql($node, q{SELECT count(*) FROM etl_locate('scheduled.purge.5001@example.org')}, '0', 'nothing of the person is left');
isnt($node->safe_psql('postgres', q{SELECT count(*) FROM etl_locate('scheduled.purge.5002@example.org')}), '0', 'somebody else is found');
is_sql($node, q{SELECT count(*) FROM etl_unschedule()}, '1', 'what looked last is unscheduled');
$node->stop;
done_testing();
