# A backlog of many files that stay where they are after they were loaded: each batch of etl_load goes on where
# the one before has ended, and does not look at all of them again. Nothing is loaded twice, and nothing that
# comes meanwhile is passed over.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'root may write every directory' if $> == 0;
my $node = etl_node(conf => "etl.batch_memory = '16MB'\nautovacuum = off\n");
my $root = $node->{etl_root};
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub hour { my ($n, $date) = @_; return sprintf 'date=2021-%02d-%02d/hour=%02d', 1 + int($n / 24 / 28), 1 + int($n / 24) % 28, $n % 24 }

# 16 files of 128 kB are a batch.
sub content { my (@ids) = @_; return join('', map { qq({"id": $_}\n) } @ids) . ' ' x (128 * 1024) . "\n" }
sql(q{SELECT etl_define('{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}},
  "x-etl": {"dataset": "ev", "files": ["ev.jsonl", "ev2.jsonl", "ev3.jsonl"], "tables": [{"schema": "data", "name": "ev",
  "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}')});
# so few rows would be read from the beginning
sql('ALTER DATABASE postgres SET enable_seqscan = off');
my $files = 240;
# Three files in every tenth hour: a batch ends between them now and then.
my $id = 0;
my @hours;
for my $n (100 .. 99 + $files)
{
	my $hour = hour($n);
	push @hours, "$root/raw/$hour";
	stage($node, "$hour/$_", content(++$id)) for $n % 10 ? 'ev.jsonl' : ('ev.jsonl', 'ev2.jsonl', 'ev3.jsonl');
}
chmod 0500, $_ or die for @hours;

# What happens meanwhile: an earlier hour gets a file, one that was loaded gets more, one that was loaded is
# replaced by another delivery, and there is one that is not complete.
my $late = "$root/late.jsonl";
PostgreSQL::Test::Utils::append_to_file($late, qq({"id": 5001}\n{"id": 5002}\n));
mkdir "$root/other" or die;
PostgreSQL::Test::Utils::append_to_file("$root/other/ev.jsonl", qq({"id": 7001}\n{"id": 7002}\n));
my ($early, $grown, $replaced) = (hour(3), hour(103), hour(105));
PostgreSQL::Test::Utils::append_to_file("$root/meanwhile", <<"SH");
mkdir -p $root/raw/$early && cp $late $root/raw/$early/ev.jsonl
echo '{"id": 6001}' >>$root/raw/$grown/ev.jsonl
chmod 0700 $root/raw/$replaced && mv $root/other/ev.jsonl $root/raw/$replaced/ev.jsonl && chmod 0500 $root/raw/$replaced
SH
sql(<<"SQL");
CREATE FUNCTION data.meanwhile() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
    COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; sh $root/meanwhile';
    RETURN NULL;
END \$\$;
CREATE TRIGGER meanwhile AFTER INSERT ON data.ev FOR EACH ROW WHEN (NEW.id = 150) EXECUTE FUNCTION data.meanwhile();
SQL
open my $producer, '>>:raw', stage($node, hour(200) . 'x/ev.jsonl', '', 1) or die; # no partition: nobody's
close $producer;
my $rows_read = q{SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_all_tables WHERE relid = 'etl.file_action'::regclass};
$node->safe_psql('postgres', q{CALL etl_load('ev')});
my $expected = join ',', 1 .. $id, 5001, 5002, 6001, 7001, 7002;
is(sql('SELECT string_agg(id::text, $$,$$ ORDER BY id) FROM data.ev'), $expected, 'each record is loaded once, with those that came meanwhile');
cmp_ok(sql('SELECT count(*) FROM etl.run'), '>=', 15, 'in many batches');
is(sql(q{SELECT count(*) FROM etl.file WHERE status = 'loaded' AND error LIKE '%Permission denied'}), $id, 'etl.file tells that they could not be moved');
$node->poll_query_until('postgres', "SELECT ($rows_read) > 0");
my $read = sql($rows_read);
note("$read rows of $id files");
cmp_ok($read, '<', 8 * $id, "rows of etl.file_action that were read for $id files");
is(run_counts($node, q{etl_run('ev')}), 'succeeded|0|0|0|0', 'the next run has nothing to load');

chmod 0700, $_ or die for @hours;
sql(q{CALL etl_load('ev')});
is(sql('SELECT string_agg(id::text, $$,$$ ORDER BY id) FROM data.ev'), $expected, 'nor when they can be moved');
is(sql(q{SELECT string_agg(concat_ws(' ', status, path, error), '; ' ORDER BY file_id) FROM etl.file WHERE status <> 'archived'}),
	"loaded $replaced/ev.jsonl raw file was replaced by another delivery before it could be archived", 'all are archived that were not replaced');

is(join(' ', grep { !/x\// } files_below("$root/raw")), '', 'and gone');
my $records = 0;
for my $file (files_below("$root/processed"))
{
	$records += grep { /id/ } slurp_lines("$root/processed/$file");
}
is($records, $id + 5, 'the processed files have each record, once');

# Processed files that could not be published keep their names from others of the same backlog.
my @some = map { hour($_) } 400 .. 440;
stage($node, "$_/ev.jsonl", content(++$id)) for @some;
make_closed("$root/processed/$_") for @some;
sub make_closed { my ($dir) = @_; system_or_bail('mkdir', '-p', $dir); chmod 0500, $dir or die; return }
sql(q{CALL etl_load('ev')});
stage($node, "$_/ev.jsonl", content(++$id)) for @some;
sql(q{CALL etl_load('ev')});
chmod 0700, "$root/processed/$_" or die for @some;
sql(q{CALL etl_load('ev')});
$records = 0;
$records += grep { /id/ } slurp_lines("$root/processed/$_") for files_below("$root/processed");
is($records, $id + 5, 'no processed file has replaced another');
is(sql('SELECT count(*), count(DISTINCT id) FROM data.ev'), join('|', ($id + 5) x 2), 'all are loaded');

$node->stop;
done_testing();
