# A file that gets more after it was loaded, with targets of every kind: partitioned, foreign, under
# row-level security, with triggers. What was added is loaded once, and nothing of it twice.
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
my ($host, $port) = ($node->host, $node->port);
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub event { return join '', map { qq({"id": $_, "v": "value $_"}\n) } @_ }

# Without a key: what is loaded twice is there twice.
my @kinds = qw(parted far guarded triggered);
sql(<<"SQL");
CREATE TABLE data.parted (id bigint, v text) PARTITION BY RANGE (id);
CREATE TABLE data.parted_low (v text, id bigint);
ALTER TABLE data.parted ATTACH PARTITION data.parted_low FOR VALUES FROM (0) TO (3);
CREATE TABLE data.parted_rest PARTITION OF data.parted DEFAULT;
CREATE DATABASE elsewhere;
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'elsewhere');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'postgres');
CREATE FOREIGN TABLE data.far (id bigint, v text) SERVER elsewhere OPTIONS (schema_name 'public', table_name 'far');
CREATE TABLE data.guarded (id bigint, v text);
CREATE TABLE data.triggered (id bigint, v text);
CREATE TABLE data.seen (id bigint);
CREATE FUNCTION data.see() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN INSERT INTO data.seen VALUES (NEW.id); RETURN NEW; END \$\$;
CREATE TRIGGER see AFTER INSERT ON data.triggered FOR EACH ROW EXECUTE FUNCTION data.see();
CREATE FUNCTION data.drop_it() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RETURN CASE WHEN NEW.id % 100 = 4 THEN NULL ELSE NEW END; END \$\$;
CREATE TRIGGER drop_it BEFORE INSERT ON data.triggered FOR EACH ROW EXECUTE FUNCTION data.drop_it();
SQL
my $superuser = sql('SELECT current_user');
sql(qq{ALTER USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (SET user '$superuser')});
$node->safe_psql('elsewhere', 'CREATE TABLE far (id bigint, v text)');
for my $kind (@kinds)
{
	sql(<<"SQL");
SELECT etl_define('{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "v": {"type": "string"}},
  "x-etl": {"dataset": "$kind", "files": ["$kind.jsonl"], "tables": [{"schema": "data", "name": "$kind",
  "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "v", "type": "text", "from": "/v"}]}]}}')
SQL
}
# Somebody whom a policy lets see a part: their runs are refused, and take nothing from the owner's.
sql(q{CREATE ROLE loader LOGIN; SELECT etl_grant('loader', 'operator'); GRANT USAGE ON SCHEMA data TO loader;
	GRANT SELECT, INSERT, UPDATE, DELETE ON data.guarded TO loader; ALTER TABLE data.guarded ENABLE ROW LEVEL SECURITY;
	CREATE POLICY low ON data.guarded TO loader USING (id < 3)});

sub ids { my ($kind) = @_; return sql("SELECT string_agg(id::text, ',' ORDER BY id) FROM data.$kind") }
my %has = (triggered => '1,2,3,5,6');
my $hour = 0;
for my $kind (@kinds)
{
	# opened again before the commit, when the file is archived; written and closed afterwards
	my $path = sprintf 'date=2020-01-01/hour=%02d/%s.jsonl', $hour++, $kind;
	my $full = stage($node, $path, event(1, 2), 1);
	my $s = session($node);
	ask($s, "BEGIN; SELECT etl_run('$kind')");
	open my $producer, '>>:raw', $full or die;
	$producer->autoflush(1);
	ask($s, 'COMMIT');
	$s->{run}->kill_kill;
	ok(-e "$root/archive/$path", "$kind: archived while it is open");
	print $producer event(3, 4);
	close $producer;
	if ($kind eq 'guarded')
	{
		my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT etl_run('guarded')", extra_params => [ '-U', 'loader' ]);
		like($err, qr/ERROR:  42501: row-level security of table data\.guarded is in the way/, 'guarded: a run under a policy is refused');
	}
	my $left = $kind eq 'triggered' ? '2|1' : '2|2';
	is(sql("SELECT status, records, loaded FROM etl_run('$kind')"), "succeeded|$left", "$kind: what was added is loaded");

	# appended to before the commit, when the file stays where it is
	my $path2 = sprintf 'date=2020-01-01/hour=%02d/%s.jsonl', $hour++, $kind;
	$full = stage($node, $path2, event(5), 1);
	$s = session($node);
	ask($s, "BEGIN; SELECT etl_run('$kind')");
	open $producer, '>>:raw', $full or die;
	print $producer event(6);
	close $producer;
	ask($s, 'COMMIT');
	$s->{run}->kill_kill;
	is(sql("SELECT status, records FROM etl_run('$kind')"), 'succeeded|1', "$kind: as is what comes before the commit");
	is(sql("SELECT status, records FROM etl_run('$kind')"), 'succeeded|0', "$kind: once");
	is(ids($kind), $has{$kind} // '1,2,3,4,5,6', "$kind: each record is there once");
	is(sql("SELECT string_agg(DISTINCT status, ',') FROM etl.file WHERE dataset = '$kind'"), 'archived', "$kind: all is archived");
}
is(sql('SELECT count(*) FROM etl.quarantine'), '0', 'nothing is quarantined');
is(sql('SELECT string_agg(id::text, $$,$$ ORDER BY id) FROM data.seen'), '1,2,3,5,6', 'triggers see each row once');
is(join(' ', files_below("$root/raw")), '', 'nothing is left');

$node->stop;
done_testing();
