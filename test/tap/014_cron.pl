# A real pg_cron runs what etl_schedule has scheduled, in both of its modes, until etl_unschedule.
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

my %node;
for my $mode (qw(workers connections))
{
	my $node = $node{$mode} = etl_node(
		name => $mode,
		conf => "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'postgres'\netl.batch_memory = 16MB\n"
		  . 'cron.use_background_workers = ' . ($mode eq 'workers' ? "on\n" : "off\n"));
	my ($status, $out, $err) = $node->psql('postgres', "SELECT etl_schedule('products')");
	like($err, qr/pg_cron is not installed in this database.*\n.*\n.*CREATE EXTENSION pg_cron/, "$mode: without the extension, what to do is said");
	$node->append_conf('postgresql.conf', "cron.host = '" . $node->host . "'");
	$node->restart;
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
	$node->safe_psql('postgres', "UPDATE cron.job SET nodeport = " . $node->port);
	my $sku = 0;
	# each more than a batch: etl_load commits between them
	for my $hour (0 .. 2)
	{
		stage($node, "date=2020-01-01/hour=$hour/products.json",
			join '', map { sprintf qq({"sku": %d, "name": "%s", "price": "1.00", "category": "c", "popularity": 1.5}\n), ++$sku, 'n' x 1000 } 1 .. 2000);
	}
	($status, $out, $err) = $node->psql('postgres', "SELECT etl_schedule('products', '* * * * *')");
	like($out, qr/^\d+$/, "$mode: scheduled");
	if ($mode eq 'workers') { is($err, '', "$mode: without a warning") }
	else
	{
		like($err, qr/WARNING:  jobs of pg_cron connect to the server.*\nDETAIL:  cron.use_background_workers is off: .*\nHINT:  ALTER SYSTEM SET cron.use_background_workers = on;.*pg_hba\.conf.*\.pgpass/, "$mode: that it has to be let in is said");
		for my $call ('etl_schedule_retention()', 'etl_schedule_purge()', q{etl_schedule()})
		{
			($status, $out, $err) = $node->psql('postgres', "BEGIN; SELECT $call; ROLLBACK");
			is(scalar(() = $err =~ /WARNING:/g), 1, "$mode: once by $call");
		}
	}
	$node->safe_psql('postgres', 'UPDATE cron.job SET nodeport = ' . $node->port);
	is_sql($node, 'SELECT jobname, schedule, command, active FROM cron.job', "pg_etl load products|* * * * *|CALL public.etl_load('products'::pg_catalog.text)|t", "$mode: the job");
}
for my $mode (sort keys %node)
{
	my $node = $node{$mode};
	# on the minute, so it takes up to sixty seconds
	ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')}), "$mode: a scheduled run has ended");
	is_sql($node, q{SELECT DISTINCT status FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')}, 'succeeded', "$mode: it succeeded")
	  or diag $node->safe_psql('postgres', 'SELECT status, return_message FROM cron.job_run_details');
	is_sql($node, 'SELECT count(*) FROM data.products', '6000', "$mode: it has loaded the files");
	is_sql($node, q{SELECT count(*), count(DISTINCT xmin::text) FROM etl.run WHERE loaded > 0}, '3|3', "$mode: batch by batch, each committed");
	is(scalar(files_below("$node->{etl_root}/archive")), 3, "$mode: and archived them");
	like($node->safe_psql('postgres', "SELECT etl_unschedule('products')"), qr/^\d+$/, "$mode: unscheduled");
	like($node->safe_psql('postgres', 'SELECT etl_schedule_retention()'), qr/^\d+$/, "$mode: retention is scheduled");
	is_sql($node, 'SELECT jobname, schedule, command FROM cron.job', 'pg_etl maintenance retention|30 2 * * *|SELECT public.etl_retention(NULL::pg_catalog.text)', "$mode: every night");
	$node->safe_psql('postgres', q{SELECT etl_define('{"type": "object", "properties": {"id": {"type": "integer"}}, "x-etl": {"dataset": "retention", "files": ["retention.json"], "schedule": "5 * * * *", "tables": [{"name": "retention", "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}')});
	like($node->safe_psql('postgres', q{SELECT etl_schedule('retention')}), qr/^\d+$/, "$mode: a dataset may be called like a job");
	like($node->safe_psql('postgres', q{SELECT etl_schedule(NULL, '7 * * * *')}), qr/^\d+$/, "$mode: all datasets in one job");
	$node->safe_psql('postgres', q{SELECT cron.schedule('pg_etl of somebody else', '* 3 1 1 *', 'SELECT 1')});
	is_sql($node, 'SELECT jobname, command FROM cron.job ORDER BY 1',
		"pg_etl load|CALL public.etl_load(NULL::pg_catalog.text)\npg_etl load retention|CALL public.etl_load('retention'::pg_catalog.text)\n"
		  . "pg_etl maintenance retention|SELECT public.etl_retention(NULL::pg_catalog.text)\npg_etl of somebody else|SELECT 1", "$mode: and takes the place of none");
	is_sql($node, q{SELECT count(*) FROM etl_unschedule('r.*')}, '0', "$mode: a regular expression is no dataset");
	is_sql($node, q{SELECT count(*) FROM etl_unschedule()}, '3', "$mode: and unscheduled with all others");
	$node->safe_psql('postgres', q{SELECT cron.unschedule('pg_etl of somebody else')});
	is_sql($node, 'SELECT count(*) FROM cron.job', '0', "$mode: no job is left");
	$node->stop;
}
done_testing();
