# A dataset that cannot be run leaves a row that says why, and the others go on; a call that could not begin
# leaves one where its transaction lives on.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
my $root = $node->{etl_root};
sub sql { return $node->safe_psql('postgres', $_[0]) }
my $day = 'date=2026-05-01';

sql(qq<SELECT etl_define('{"x-etl": {"dataset": "$_", "files": ["$_.jsonl"], "key": "/id", "tables": [{"schema": "data", "name": "$_", "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}')>) for qw(a m z);
my $hour = 0;
sub stage_all { $hour++; stage($node, sprintf('%s/hour=%02d/%s.jsonl', $day, $hour, $_), qq({"id": $hour}\n)) for qw(a m z); return }
sub rows_since { my ($id) = @_; return sql("SELECT string_agg(concat_ws(' ', dataset, status, sqlstate, loaded), ', ' ORDER BY dataset, run_id) FROM etl.run WHERE dataset IN ('a', 'm', 'z') AND run_id > $id") }
sub newest { return sql('SELECT coalesce(max(run_id), 0) FROM etl.run') }

# the table does not fit; a request for erasure has its turn all the same
sql('ALTER TABLE data.m ALTER id TYPE text');
stage($node, "$day/hour=00/customers.json", qq({"id": "1", "first_name": "Ann", "last_name": "B", "email": "a\@example.org"}\n));
stage($node, "$day/hour=00/erasure-requests.json", qq({"customer-id": "1"}\n));
stage_all();
my $since = newest();
my ($rc, $out, $err) = $node->psql('postgres', 'SELECT count(*) FROM etl_run()');
is("$rc $out", '0 7', 'etl_run() returns a row for each dataset');
like($err, qr/^(psql:.*)?WARNING:\s+dataset "m" could not be run$/m, 'and warns of the one that cannot be run');
is(rows_since($since), 'a succeeded 1, m failed 42804 0, z succeeded 1', 'the others are loaded');
like(sql(q{SELECT error FROM etl.run WHERE status = 'failed'}), qr/table data\.m does not fit dataset "m": Column "id" should be bigint, but is text\./, 'its row says why');
is(sql('SELECT first_name FROM data.customers'), '[erased]', 'the request was answered');
ok(-f "$root/raw/$day/hour=01/m.jsonl", 'its file stays staged');

stage_all();
$since = newest();
($rc, $out, $err) = $node->psql('postgres', 'CALL etl_load()');
isnt($rc, 0, 'etl_load() ends with an error');
like($err, qr/ERROR:\s+could not load "m"$/m, 'which names the dataset');
like($err, qr/DETAIL:\s+m: table data\.m does not fit.*\(SQLSTATE 42804\)/, 'and says why');
is(rows_since($since), 'a succeeded 1, m failed 42804 0, z succeeded 1', 'when all is committed');
is(sql('SELECT (SELECT count(*) FROM data.a) || \' \' || (SELECT count(*) FROM data.z)'), '2 2', 'the others are loaded');

$since = newest();
($rc, $out, $err) = $node->psql('postgres', "CALL etl_load('m')");
like($err, qr/ERROR:\s+table data\.m does not fit dataset "m".*HINT:/s, 'a call that names it raises the error itself');
is(rows_since($since), 'm failed 42804 0', 'and leaves a row');
($rc, $out, $err) = $node->psql('postgres', "SELECT etl_run('m')");
like($err, qr/ERROR:\s+table data\.m does not fit dataset "m"/, 'so does etl_run of the one, which is rolled back');
sql('ALTER TABLE data.m ALTER id TYPE bigint USING id::bigint');
is(sql(q{SELECT concat_ws(' ', status, files, loaded, coalesce(sqlstate, '-')) FROM etl_run('m')}), 'succeeded 2 2 -', 'mended, it loads what has waited');

# no privilege on one table
sql('CREATE ROLE loader LOGIN');
sql('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA etl, data TO loader; GRANT USAGE ON SCHEMA etl, etl_internal, data TO loader; GRANT USAGE ON ALL SEQUENCES IN SCHEMA etl TO loader; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA etl, etl_internal, public TO loader; GRANT EXECUTE ON ALL PROCEDURES IN SCHEMA public TO loader; GRANT CREATE ON SCHEMA data TO loader');
sql('REVOKE INSERT ON data.m FROM loader');
stage_all();
$since = newest();
($rc, $out, $err) = $node->psql('postgres', 'SELECT count(*) FROM etl_run()', extra_params => [ '-U', 'loader' ]);
is("$rc", '0', 'a privilege is missing');
is(rows_since($since), 'a succeeded 1, m failed 42501 0, z succeeded 1', 'the others are loaded');
sql(q{SELECT etl_run('m')});

# a trigger that raises what is not the data's fault
sql(q{CREATE FUNCTION public.broken() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION USING ERRCODE = '58030', MESSAGE = 'not now'; END$$});
sql('CREATE TRIGGER broken BEFORE INSERT ON data.m FOR EACH STATEMENT EXECUTE FUNCTION public.broken()');
stage_all();
$since = newest();
sql('SELECT count(*) FROM etl_run()');
is(rows_since($since), 'a succeeded 1, m failed 58030 0, z succeeded 1', 'a trigger that raises stops its own dataset only');
sql('DROP TRIGGER broken ON data.m');

# a directory is missing: every dataset has a row, and nothing was touched
rename "$root/archive", "$root/gone" or die;
stage_all();
$since = newest();
($rc, $out, $err) = $node->psql('postgres', 'SELECT etl_run()');
isnt($rc, 0, 'etl_run() raises where a directory is missing');
is(newest(), $since, 'and is rolled back');
($rc, $out, $err) = $node->psql('postgres', 'CALL etl_load()');
like($err, qr/ERROR:\s+could not load .*"a".*"z"/, 'etl_load() raises');
is(rows_since($since), 'a failed 58P01 0, m failed 58P01 0, z failed 58P01 0', 'and leaves a row for each dataset');
rename "$root/gone", "$root/archive" or die;
is(sql(q{SELECT string_agg(concat_ws(' ', dataset, status, loaded), ', ' ORDER BY dataset) FROM etl_run() WHERE dataset IN ('a', 'm', 'z')}), 'a succeeded 1, m succeeded 2, z succeeded 1', 'the next run loads them');
($rc, $out, $err) = $node->psql('postgres', "CALL etl_load('nobody')");
like($err, qr/ERROR:\s+dataset "nobody" is not defined/, 'a dataset that does not exist is nobody\'s run');
($rc, $out, $err) = $node->psql('postgres', 'SELECT etl_internal.raise_batch_error()');
like($err, qr/ERROR:\s+etl_internal\.raise_batch_error\(\) is internal to etl_load/, 'an internal function says so');

# a definition that was valid once and is no more: told with the dataset's name and what helps
sql(q{SET session_replication_role = replica; UPDATE etl.dataset SET definition = '{}' WHERE name = 'm'});
($rc, $out, $err) = $node->psql('postgres', q{SELECT etl_run('m')});
like($err, qr/ERROR:\s+dataset "m" has a definition that is not valid\n.*DETAIL: .*\n.*HINT: .*etl_drop\('m'\)/, 'a stored definition that is not valid is named');
sql(q{SELECT etl_drop('m')});
stage_all();
$since = newest();
sql('SELECT count(*) FROM etl_run()');
is(rows_since($since), 'a succeeded 1, z succeeded 1', 'and without it the others are loaded');

$node->stop;
done_testing();
