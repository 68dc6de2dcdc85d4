# What has held people and is no target table any more, and materialized views that read through functions: an
# erasure cannot reach or vouch for them, so it names each; nothing is called purged while one of them is there.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => "autovacuum = off\n");
my $sql = sub { $node->safe_psql('postgres', $_[0]) };
my $errors = sub { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err };
my $hour = 0;
my $load = sub { my ($dataset, $content) = @_; stage($node, sprintf("date=2026-01-%02d/hour=%d/%s.jsonl", 1 + int($hour / 24), $hour++ % 24, $dataset), $content); $sql->("SELECT etl_run('$dataset')") };
sub people
{
	my ($name, $personal, @more) = @_;
	my $columns = join ', ', map { qq({"name": "$_", "from": "/$_"}) } qw(name phone), @more;
	my $fields = join ', ', map { qq({"field": "/$_", "treatment": "redact"}) } @$personal;
	return $sql->(qq(SELECT etl_define('{"x-etl": {"dataset": "$name", "files": ["$name.jsonl"], "key": "/id", "subject": {"field": "/id"}, "personal": [$fields], "tables": [{"name": "$name", "columns": [{"name": "id", "type": "bigint", "from": "/id"}, $columns]}]}}')));
}
sub records { my ($name, @ids) = @_; return join '', map { qq({"id": $_, "name": "$name$_", "phone": "Phone$name$_"}\n) } @ids }
sub purge { for (1 .. 6) { my @commands = split /\n/, $sql->('SELECT etl_erasure_purge()'); last unless @commands; $sql->($_) for @commands; } return }
# all four places where an erasure says what it does not vouch for
sub named
{
	my ($dataset, $id, $place, $why, $name) = @_;
	like($sql->("SELECT (etl_erase('$dataset', '$id', dry_run => true)).plan -> 'unreached'"), qr/"place": "\Q$place\E"[^}]*$why|$why[^}]*"place": "\Q$place\E"/, "$name: the plan names it");
	like($errors->("SELECT etl_erase('$dataset', '$id')"), qr/NOTICE:  "\Q$place\E" stays as it is: .*$why/, "$name: so does a notice");
	is($sql->("SELECT status FROM etl.erasure WHERE dataset = '$dataset' AND remarks @? '\$[*] ? (\@.place == \"$place\" && \@.remark like_regex \"$why\")' ORDER BY erasure_id DESC LIMIT 1"), 'completed', "$name: it stands with the request");
	like($sql->("SELECT etl_certificate(max(erasure_id))::text FROM etl.erasure WHERE dataset = '$dataset'"), qr/\Q$place\E/, "$name: and in the certificate");
}

# ---- detached partitions, also of partitions, and one that was detached before the run
$sql->('CREATE SCHEMA IF NOT EXISTS data; CREATE TABLE data.parted (id bigint, name text, phone text) PARTITION BY RANGE (id);
  CREATE TABLE data.parted_1 PARTITION OF data.parted FOR VALUES FROM (0) TO (10); CREATE TABLE data.parted_2 PARTITION OF data.parted FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
  CREATE TABLE data.parted_21 PARTITION OF data.parted_2 FOR VALUES FROM (10) TO (20); CREATE TABLE data.parted_3 PARTITION OF data.parted FOR VALUES FROM (20) TO (30)');
people('parted', [qw(name phone)]);
$load->('parted', records('Parted', 1, 11, 21));
is($sql->(q{SELECT etl_erase('parted', '21')}) =~ /parted_/, '', 'what is part of the table is not named');
$sql->('ALTER TABLE data.parted DETACH PARTITION data.parted_1; ALTER TABLE data.parted DETACH PARTITION data.parted_2');
named('parted', 1, 'data.parted_1', 'none of its tables any more', 'a detached partition');
is($sql->(q{SELECT remarks::text ~ 'data.parted_21' FROM etl.erasure WHERE dataset = 'parted' ORDER BY erasure_id DESC LIMIT 1}), 't', 'the partitions of one, too');
like($sql->(q{SELECT place || ' ' || kind FROM etl_locate('PhoneParted1') WHERE kind = 'table'}), qr/^data\.parted_1 table$/m, 'etl_locate finds the person there');
purge();
is($sql->(q{SELECT purged_at IS NULL FROM etl.erasure WHERE dataset = 'parted' ORDER BY erasure_id DESC LIMIT 1}), 't', 'the erasure is not called purged');
like($errors->('SELECT etl_erasure_purge()'), qr/NOTICE:  what may still hold erased people is out of reach of a purge: data\.parted_1, data\.parted_2, data\.parted_21/, 'and the purge says why');
$sql->('ALTER TABLE data.parted ATTACH PARTITION data.parted_2 FOR VALUES FROM (10) TO (20); DROP TABLE data.parted_1');
purge();
is($sql->(q{SELECT count(*) FROM etl.erasure WHERE dataset = 'parted' AND purged_at IS NULL}), '0', 'gone or attached again, it is');

# ---- a dataset that was dropped, and one whose table has another name now
people('dropped', [qw(name phone)]);
$sql->(q{SELECT etl_define('{"x-etl": {"dataset": "visits", "files": ["visits.jsonl"], "subject": {"dataset": "dropped", "field": "/who"}, "personal": [{"field": "/ip", "treatment": "null"}],
  "tables": [{"name": "visits", "columns": [{"name": "who", "type": "bigint", "from": "/who"}, {"name": "ip", "from": "/ip"}]}]}}')});
$load->('dropped', records('Dropped', 1 .. 5));
$load->('visits', qq({"who": 1, "ip": "192.0.2.1"}\n{"who": 2, "ip": "192.0.2.2"}\n));
$sql->(q{SELECT etl_drop('visits')});
named('dropped', 1, 'data.visits', 'not defined any more', 'a table of a dataset that was dropped');
like($sql->(q{SELECT place FROM etl_locate('192.0.2.1') WHERE kind = 'table'}), qr/^data\.visits$/m, 'etl_locate looks there');
$sql->('DROP TABLE data.visits; ALTER TABLE data.dropped RENAME TO dropped_old; CREATE TABLE data.dropped (LIKE data.dropped_old)');
$load->('dropped', records('Again', 6));
named('dropped', 2, 'data.dropped_old', 'none of its tables any more', 'a table that another has taken the name of');
$sql->('DELETE FROM etl.personal_relation WHERE relation_oid = \'data.dropped_old\'::regclass');
is($sql->(q{SELECT count(*) FROM etl.former_places('dropped')}), '0', 'what is known to hold nobody can be taken out');

# ---- a view in the table's place: of the table behind it nothing is to be said, of another all
people('viewed', [qw(name phone)]);
$load->('viewed', records('Viewed', 1 .. 5));
$sql->(q{ALTER TABLE data.viewed RENAME TO viewed_behind; CREATE VIEW data.viewed AS SELECT * FROM data.viewed_behind});
is($sql->(q{SELECT count(*) FROM etl.former_places('viewed')}), '0', 'a table behind a view is reached');
$sql->(q{DROP VIEW data.viewed; CREATE TABLE data.elsewhere (LIKE data.viewed_behind); CREATE VIEW data.viewed AS SELECT * FROM data.elsewhere});
named('viewed', 2, 'data.viewed_behind', 'none of its tables any more', 'a table whose place a view of another has taken');

# ---- columns that are personal no more
people('columns', [qw(name phone email)], 'email');
$load->('columns', qq({"id": 1, "name": "n", "phone": "p", "email": "columns1\@example.org"}\n{"id": 2, "name": "n", "phone": "p", "email": "e2"}\n));
people('columns', [qw(name)]);
$sql->('ALTER TABLE data.columns RENAME phone TO old_phone; ALTER TABLE data.columns ADD phone text');
named('columns', 1, 'data.columns', 'has held what a definition', 'a column that no definition names');
is($sql->(q{SELECT string_agg(substring(r ->> 'remark', 'column "(\w+)" has held'), ' ') FROM etl.erasure, jsonb_array_elements(remarks) r WHERE dataset = 'columns'}), 'email old_phone', 'also under another name');
$sql->('ALTER TABLE data.columns DROP old_phone, DROP email');
people('columns', [qw(name phone)]);
is($sql->(q{SELECT count(*) FROM etl.former_places('columns')}), '0', 'nothing is said of columns that are gone or treated');

# ---- materialized views that read through functions
people('read', [qw(name phone)]);
$load->('read', records('Read', 1 .. 5));
$sql->(<<'SQL');
CREATE FUNCTION data.standard(out name text) RETURNS SETOF text LANGUAGE sql STABLE BEGIN ATOMIC SELECT r.name FROM data.read r; END;
CREATE FUNCTION data.outer(out name text) RETURNS SETOF text LANGUAGE sql STABLE BEGIN ATOMIC SELECT s.name FROM data.standard() s; END;
CREATE FUNCTION data.opaque(out name text) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN QUERY SELECT r.name FROM data.read r; END $$;
CREATE MATERIALIZED VIEW data.through_standard AS SELECT * FROM data.outer();
CREATE VIEW data.through_view AS SELECT * FROM data.opaque();
CREATE MATERIALIZED VIEW data.through_opaque AS SELECT * FROM data.through_view;
CREATE MATERIALIZED VIEW data.beside AS SELECT 1 AS one;
SQL
named('read', 1, $_, 'reads through functions', $_) for 'data.through_standard';
is($sql->(q{SELECT remarks::text ~ 'through_opaque', remarks::text ~ 'beside' FROM etl.erasure WHERE dataset = 'read'}), 't|f', 'one whose function may read anything is named, one that reads nothing of it is not');
is(join(' ', sort split /\n/, $sql->(q{SELECT DISTINCT place FROM etl_locate('Read1') WHERE kind = 'table'})), 'data.through_opaque data.through_standard', 'both hold the person');
my $commands = $sql->('SELECT etl_erasure_purge()');
like($commands, qr/REFRESH MATERIALIZED VIEW data\.$_/, "the purge refreshes data.$_") for qw(through_standard through_opaque);
purge();
is($sql->(q{SELECT purged_at IS NOT NULL FROM etl.erasure WHERE dataset = 'read'}), 't', 'then it is purged');
is($sql->(q{SELECT count(*) FROM etl_locate('Read1')}), '0', 'and nothing is found');

# ---- a dump that is restored: tables have other numbers, and their names say which they are
people('restored', [qw(name phone)]);
$load->('restored', records('Restored', 1 .. 3));
$sql->(q{SELECT etl_drop('restored')});
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '--exclude-table', 'data.viewed_behind', '--exclude-table', 'data.viewed', '-f', $dump ], 'a dump without some of the tables');
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('other'), '-f', $dump ], 'is restored');
is($node->safe_psql('other', q{SELECT place FROM etl.former_places('restored')}), 'data.restored', 'and the table of a dataset that was dropped is known there, too');
is($node->safe_psql('other', q{SELECT place FROM etl.former_places('viewed')}), 'data.elsewhere', 'one that is not there is not');

$node->stop;
done_testing();
