# etl.health tells what a night has left behind: one row for each check, or one for each dataset that
# something is wrong with, with how many files or records it is about and what to type. Doing so makes it well.
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

sub health
{
	my ($check) = @_;
	return sql(qq{SELECT concat_ws('|', coalesce(dataset, '-'), status, count) FROM etl.health WHERE check_name = '$check' ORDER BY dataset});
}
sub hint { return sql(qq{SELECT hint FROM etl.health WHERE check_name = '$_[0]' AND status <> 'ok' ORDER BY dataset LIMIT 1}) }

# what stands in a hint between SELECT and the semicolon is a statement that can be run
sub types
{
	my ($check) = @_;
	my ($statement) = hint($check) =~ /(SELECT .*?);/;
	ok(defined $statement, "$check: the hint has something to type") or return '';
	return sql($statement);
}

sql(q{SELECT etl_drop(name) FROM etl.dataset});
sql(q{SELECT etl_define('{"type": "object", "required": ["id"], "x-etl": {"dataset": "parent", "files": ["parent.json"], "key": "/id",
  "tables": [{"schema": "data", "name": "parent", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}')});
sql(q{SELECT etl_define('{"type": "object", "required": ["id"], "x-etl": {"dataset": "child", "files": ["child.json"], "key": "/id",
  "references": [{"field": "/parent", "dataset": "parent"}],
  "tables": [{"schema": "data", "name": "child", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "parent", "type": "bigint", "from": "/parent"}]}]}}')});

# ---- nothing is wrong
for my $check (('directories', 'definitions', 'failed files', 'unarchived files', 'nothing accepted', 'unclaimed files', 'waiting for parents'))
{
	like(health($check), qr/^-\|ok(\|0)?$/, "$check: well");
}
is(sql(q{SELECT string_agg(check_name, ', ' ORDER BY check_name) FROM etl.health WHERE status = 'ok' AND hint IS NOT NULL}), '', 'what is well needs no hint');

# ---- each fault
my $day = 'date=2020-01-01/hour=1';
stage($node, "$day/parent.json", "\x1f\x8bnot gzip", 1);
stage($node, "$day/child.json", qq({"id": 1, "parent": 7}\n{"id": 2, "parent": 8}\n));
stage($node, "$day/chidl.json", qq({"id": 3}\n));
sql('SELECT count(*) FROM etl_run()');
is(health('failed files'), 'parent|error|1', 'a file that failed');
is(types('failed files'), "$day/parent.json|" . sql(q{SELECT error FROM etl.file WHERE status = 'failed'}), 'and the hint names it');
is(health('nothing accepted'), 'child|warning|1', 'a file of which no record was accepted');
like(types('nothing accepted'), qr/^reference\|.*\|2$/, 'and the hint says why');
is(health('unclaimed files'), '-|ok|0', 'a file that has just come may be renamed yet');
utime time - 7200, time - 7200, "$root/raw/$day/chidl.json";
is(health('unclaimed files'), '-|warning|1', 'a file that nobody has claimed for an hour');
like(types('unclaimed files'), qr/chidl\.json/, 'and the hint lists it');
is(health('waiting for parents'), '-|ok|0', 'records may wait for a day');
sql(q{UPDATE etl.quarantine SET quarantined_at = quarantined_at - interval '25 hours'});
is(health('waiting for parents'), 'child|warning|2', 'records that wait for longer');
like(types('waiting for parents'), qr/^parent\|[78]\|/, 'and the hint says for what');
SKIP:
{
	skip 'root reads everything', 1 if $> == 0;
	chmod 0, "$root/raw/date=2020-01-01";
	is(health('unclaimed files'), '-|error|1', 'a directory that cannot be read');
	chmod 0755, "$root/raw/date=2020-01-01";
}
rename "$root/archive", "$root/gone" or die $!;
is(health('directories'), '-|error', 'a directory that is not there');
like(hint('directories'), qr/^Create the directory on the server/, 'with a hint');
is(sql('SELECT count(*) > 8 FROM etl.health'), 't', 'the other checks go on');
rename "$root/gone", "$root/archive" or die $!;
is(health('directories'), '-|ok', 'well again');
rename "$root/raw", "$root/gone" or die $!;
is(health('directories'), '-|error', 'etl.raw_dir is not there');
is(sql(q{SELECT message FROM etl.health WHERE check_name = 'unclaimed files'}), '1 directory that cannot be read', 'and nobody knows what is in it');
rename "$root/gone", "$root/raw" or die $!;
is(sql('BEGIN READ ONLY; SELECT count(*) > 8 FROM etl.health; COMMIT'), 't', 'a transaction that may only read may ask');

# ---- who may ask
sql(q{CREATE ROLE watch; SELECT etl_grant('watch', 'auditor'); CREATE ROLE night; SELECT etl_grant('night', 'operator')});
is(sql("SET ROLE $_; SELECT string_agg(check_name, ',' ORDER BY check_name) FROM etl.health WHERE status <> 'ok' AND check_name <> 'journal'"),
	'failed files,nothing accepted,unclaimed files,waiting for parents', "$_ sees the same")
  for qw(watch night);

# ---- what the hints say mends it
stage($node, "$day/parent.json", qq({"id": 7}\n{"id": 8}\n));
rename "$root/raw/$day/chidl.json", "$root/raw/$day/child.json" or die $!;
sql('SELECT count(*) FROM etl_run()');
is(sql(q{SELECT count(*) FROM data.child}), '3', 'the children are loaded');
is(health('failed files'), '-|ok|0', 'no file has failed');
is(health('waiting for parents'), '-|ok|0', 'no record waits');
is(health('unclaimed files'), '-|ok|0', 'every file is claimed');

# ---- a million files: indexes, not the table
sql(q{INSERT INTO etl.file (run_id, dataset, path, record_date, record_hour, records, loaded, status, started_at, finished_at)
  SELECT 1, 'parent', 'p' || i, '2020-01-01', 1, 10, 10, 'archived', now(), now() FROM generate_series(1, 100000) i; ANALYZE etl.file});
my $before = sql(q{SELECT seq_tup_read FROM pg_stat_all_tables WHERE relid = 'etl.file'::regclass});
sql('SELECT count(*) FROM etl_internal.file_check(); SELECT pg_stat_force_next_flush()');
is(sql(q{SELECT seq_tup_read FROM pg_stat_all_tables WHERE relid = 'etl.file'::regclass}) - $before, 0, 'the table of files is not read as a whole');
$node->stop;
done_testing();
