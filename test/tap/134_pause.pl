# A paused dataset is not run by any call, says why, and loses nothing; the others go on.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => "autovacuum = off\n");
my $root = $node->{etl_root};
sub sql { return $node->safe_psql('postgres', $_[0]) }

sql(q{SELECT etl_drop(name) FROM etl.dataset});
for my $name ('a', 'b')
{
	sql(qq{SELECT etl_define('{"type": "object", "required": ["id"], "x-etl": {"dataset": "$name", "files": ["$name.json"], "key": "/id",
	  "tables": [{"schema": "data", "name": "$name", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}')});
}
sub counts { return sql(q{SELECT (SELECT count(*) FROM data.a) || '|' || (SELECT count(*) FROM data.b)}) }
sub deliver
{
	my ($hour, $id) = @_;
	stage($node, "date=2020-01-01/hour=$hour/$_.json", qq({"id": $id}\n)) for ('a', 'b');
	return;
}
sub refused
{
	my ($statement, $state, $name) = @_;
	my (undef, undef, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n$statement;");
	like($err, qr/ERROR:  $state/, $name);
	return;
}
my $well = sql(q{SELECT status || '|' || message FROM etl.health WHERE check_name = 'paused'});
is($well, 'ok|no dataset is paused', 'nothing is paused at first');

# ---- one dataset
deliver(1, 1);
is(sql(q{SELECT dataset, reason, paused_by, resumed_at FROM etl_pause('a', ' test data ')}), 'a|test data|postgres|', 'a dataset is paused');
like(sql(q{SELECT status, files, error FROM etl_run('a')}), qr/^skipped\|0\|the dataset is paused by postgres since .*: test data$/, 'etl_run is skipped and says why');
is(sql(q{SELECT string_agg(dataset || ' ' || status, ', ' ORDER BY dataset) FROM etl_run()}), 'a skipped, b succeeded', 'etl_run() runs the others');
is(counts(), '0|1', 'and nothing of it is loaded');
is(sql(q{CALL etl_load('a'); SELECT status FROM etl.run ORDER BY run_id DESC LIMIT 1}), 'skipped', 'etl_load is skipped and raises nothing');
is(sql(q{CALL etl_load(); SELECT count(*) FROM etl.run WHERE dataset = 'a' AND status = 'skipped'}), '4', 'etl_load() as well');
is(sql(q{SELECT status FROM etl_replay('a')}), 'skipped', 'and a replay');
ok(-e "$root/raw/date=2020-01-01/hour=1/a.json", 'the staged file is where it was');
like(sql(q{SELECT status, dataset, message FROM etl.health WHERE check_name = 'paused'}), qr/^warning\|a\|it is paused by postgres since .*: test data$/, 'etl.health tells it');
my (undef, $again, $notice) = $node->psql('postgres', q{SELECT reason FROM etl_pause('a', 'another reason')});
is($again, 'test data', 'a dataset that is paused keeps its pause');
like($notice, qr/dataset "a" is paused already/, 'and a notice says so');
my ($hint) = sql(q{SELECT hint FROM etl.health WHERE check_name = 'paused'}) =~ /(SELECT .*?;)/;
is(sql($hint) =~ /\|postgres$/ ? 'ended' : '', 'ended', 'what the hint says ends it');
is(sql(q{SELECT status, files FROM etl_run('a')}), 'succeeded|1', 'and the next run loads what came meanwhile');
is(counts(), '1|1', 'once');
is(sql(q{SELECT count(*) FROM etl_resume('a')}), '0', 'a dataset that is not paused has nothing to end');

# ---- all datasets
deliver(2, 2);
sql(q{SELECT etl_pause('b', 'only b'), etl_pause(NULL, 'the night of the move')});
like(sql(q{SELECT error FROM etl_run('a')}), qr/^all datasets are paused by .*: the night of the move$/, 'all are paused');
is(sql(q{SELECT string_agg(DISTINCT status, ', ') FROM etl_run()}), 'skipped', 'by every call');
(undef, undef, $notice) = $node->psql('postgres', q{SELECT * FROM etl_resume('b')});
like($notice, qr/dataset "b" is still not run: all datasets are paused by/, 'one of them is resumed: a notice says that it is not run yet');
sql(q{SELECT etl_define('{"type": "object", "required": ["id"], "x-etl": {"dataset": "c", "files": ["c.json"], "key": "/id",
  "tables": [{"schema": "data", "name": "c", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}')});
is(sql(q{SELECT status FROM etl_run('c')}), 'skipped', 'a dataset that is defined later is paused as well');
is(sql(q{SELECT count(*) FROM etl_resume()}), '1', 'all pauses end');
is(sql(q{SELECT count(*) FROM etl_run() WHERE status = 'succeeded'}), '3', 'and all are run');
is(counts(), '2|2', 'nothing is lost');
is(sql(q{SELECT count(*), count(resumed_by) FROM etl.pause}), '3|3', 'the pauses are kept');

# ---- between two batches of a backlog
deliver(3, 3);
my $last = sql(q{SELECT max(run_id) FROM etl.run});
is(sql(qq{SELECT status FROM etl_internal.run_batch('a', $last, true)}), 'succeeded', 'a batch of a backlog');
deliver(4, 4);
is(sql(qq{SELECT (etl_pause('a', 'enough')).reason; SELECT status, files FROM etl_internal.run_batch('a', $last, false)}), "enough\nskipped|0", 'a pause ends it before the next batch');
is(sql(q{SELECT count(*) FROM etl.run WHERE error LIKE '%: enough'}), '1', 'which etl.run tells');
is(sql(q{SELECT count(*) FROM etl_resume()}), '1', 'it is resumed');
is(sql(q{CALL etl_load(); SELECT (SELECT count(*) FROM data.a) || '|' || (SELECT count(*) FROM data.b)}), '4|4', 'and the backlog goes on where it was');

# ---- mistakes, a dropped dataset, rights, a rollback, a dump
refused(q{SELECT etl_pause('nope', 'x')}, '42704', 'a dataset that does not exist cannot be paused');
refused(q{SELECT etl_resume('nope')}, '42704', 'nor resumed');
refused(q{SELECT etl_pause('a', ' ')}, '22004', 'a reason must be given');
refused(q{SELECT etl_pause('a', repeat('x', 4001))}, '22001', 'and be short');
refused(q{SELECT etl_pause('a', NULL)}, '22004', 'or not be null');
refused(q{BEGIN READ ONLY; SELECT etl_pause('a', 'x')}, '25006', 'a read-only transaction pauses nothing');
sql(q{SELECT etl_pause('c', 'x'); SELECT etl_drop('c')});
is(sql(q{SELECT count(*) FROM etl.pause WHERE resumed_at IS NULL}), '0', 'the pause of a dataset that is dropped ends');
sql(q{BEGIN; SELECT etl_pause('a', 'x'); ROLLBACK});
is(sql(q{SELECT status FROM etl_run('a')}), 'succeeded', 'a pause that is rolled back was none');
sql(q{CREATE ROLE operator; CREATE ROLE auditor; CREATE ROLE nobody; SELECT etl_grant('operator', 'operator'), etl_grant('auditor', 'auditor')});
is(sql(q{SET ROLE operator; SELECT dataset FROM etl_pause('a', 'by an operator'); SELECT status FROM etl_run('a'); SELECT count(*) FROM etl_resume('a')}), "a\nskipped\n1", 'an operator pauses and resumes');
refused(q{SET ROLE operator; INSERT INTO etl.pause (dataset, reason) VALUES ('a', 'x')}, '42501', 'and does not write the table');
refused(q{SET ROLE auditor; SELECT etl_pause('a', 'x')}, '42501', 'an auditor does not pause');
is(sql(q{SET ROLE auditor; SELECT count(*) > 3 FROM etl.pause}), 't', 'and reads who did');
refused(q{SET ROLE nobody; SELECT etl_resume()}, '42501', 'nobody else resumes');

# ---- pauses go with a dump
sql(q{SELECT etl_pause('b', 'before the dump')});
my $dump = "$root/pause.sql";
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'a dump');
sql('CREATE DATABASE restored');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'and its restore');
is($node->safe_psql('restored', q{SELECT dataset, reason FROM etl.pause WHERE resumed_at IS NULL}), 'b|before the dump', 'a pause is restored with the database');

done_testing();
