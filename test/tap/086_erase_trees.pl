# Tables that are more than one: partitioned (by range with a default, by hash below that), inherited
# with columns of a child's own, behind a view, on a foreign server. They are loaded, erased in,
# searched, purged and emptied leaf by leaf.
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
my $hour = 'date=2020-01-01/hour=01';
my @kinds = qw(parted tree seen far);

$sql->('CREATE DATABASE far');
$node->safe_psql('far', 'CREATE TABLE far (id bigint PRIMARY KEY, email text, name text)');
my ($host, $port) = ($node->host, $node->port);
$sql->(<<"SQL");
CREATE SCHEMA IF NOT EXISTS data;
CREATE TABLE data.parted (id bigint PRIMARY KEY, email text, name text) PARTITION BY RANGE (id);
CREATE TABLE data.parted_low PARTITION OF data.parted FOR VALUES FROM (0) TO (100) PARTITION BY HASH (id);
CREATE TABLE data.parted_low_0 PARTITION OF data.parted_low FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE data.parted_low_1 PARTITION OF data.parted_low FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE data.parted_rest PARTITION OF data.parted DEFAULT;
CREATE TABLE data.tree (id bigint PRIMARY KEY, email text, name text);
CREATE TABLE data.tree_child (note text, UNIQUE (id)) INHERITS (data.tree);
CREATE TABLE data.base (id bigint PRIMARY KEY, email text, name text);
CREATE VIEW data.seen AS SELECT * FROM data.base;
CREATE FUNCTION data.seen() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
    IF TG_OP = 'INSERT' THEN INSERT INTO data.base VALUES (NEW.id, NEW.email, NEW.name);
    ELSE UPDATE data.base SET email = NEW.email, name = NEW.name WHERE id = OLD.id; END IF;
    RETURN NEW;
END \$\$;
CREATE TRIGGER seen INSTEAD OF INSERT OR UPDATE ON data.seen FOR EACH ROW EXECUTE FUNCTION data.seen();
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'far');
CREATE USER MAPPING FOR CURRENT_USER SERVER elsewhere;
CREATE FOREIGN TABLE data.far (id bigint, email text, name text) SERVER elsewhere OPTIONS (schema_name 'public');
SQL

sub definition
{
	my ($kind, $more) = @_;
	return qq({"x-etl": {"dataset": "$kind", "files": ["$kind.json"], "key": "/id", "tables": [{"schema": "data", "name": "$kind", "columns": [
		{"name": "id", "type": "bigint", "from": "/id"}, {"name": "email", "from": "/email"}, {"name": "name", "from": "/name"}]}],
		"subject": {"field": "/id", "email": "/email"$more}, "personal": [{"field": "/email", "treatment": "token"}, {"field": "/name", "treatment": "redact"}]}});
}
my $ask = '{"x-etl": {"dataset": "ask", "files": ["ask.json"], "key": "/who", "erases": {"dataset": "parted", "subject": "/who"}}}';

for my $kind (@kinds)
{
	$sql->("SELECT etl_define('" . definition($kind, '') . "')");
	stage($node, "$hour/$kind.json",
		join '', map { qq({"id": $_, "email": "ann$_\@example.org", "name": "Quillworth$kind$_"}\n) } (1, 2, 3, 200));
	is($sql->("SELECT loaded FROM etl_run('$kind')"), '4', "$kind: loaded");
	stage($node, 'date=2020-01-02/hour=01/' . "$kind.json", qq({"id": 300, "email": "late\@example.org", "name": "Quillworth${kind}300"}\n{"id": 1, "email": "again\@example.org", "name": "Twice"}\n));
	is($sql->("SELECT loaded, quarantined FROM etl_run('$kind')"), '1|1', "$kind: what comes again is a duplicate");
}
$sql->(q{INSERT INTO data.tree_child VALUES (30, 'cy@example.org', 'Quillworthtree30', 'a note')});
$sql->('ANALYZE data.parted; ANALYZE data.tree; ANALYZE data.tree_child; ANALYZE data.base; ANALYZE data.far');
is($sql->(q{SELECT count(*) FROM pg_stats WHERE most_common_vals::text || histogram_bounds::text LIKE '%Quillworth%' OR histogram_bounds::text LIKE '%Quillworth%'}) > 4 ? 'yes' : 'no',
	'yes', 'statistics of parents, children and the foreign table hold the names');

# erased, by file where the table is partitioned
$sql->("SELECT etl_define('$ask')");
stage($node, "$hour/ask.json", qq({"who": 2}\n{"who": 200}\n));
is($sql->("SELECT status, loaded FROM etl_run('ask')"), 'succeeded|2', 'requests in a file about a partitioned table are carried out');
is($sql->('SELECT string_agg(id::text, \',\' ORDER BY id) FROM data.parted WHERE name = \'[erased]\''), '2,200', 'and its rows are treated');
for my $kind (@kinds)
{
	is($sql->("SELECT count(*) FROM etl_subject('$kind', '1') WHERE place = 'data.$kind'"), '1', "$kind: subject access");
	is($sql->("SELECT status, row_count FROM etl_erase('$kind', '1')"), 'completed|2', "$kind: erased by key");
	is($sql->("SELECT status, row_count FROM etl_erase('$kind', email => 'ANN3\@example.org')"), 'completed|1', "$kind: erased by email");
	is($sql->("SELECT name FROM data.$kind WHERE id IN (1, 3) GROUP BY 1"), '[erased]', "$kind: the rows are treated");
	is($sql->("SELECT count(*) FROM etl_anonymized(NULL::data.$kind, '$kind') WHERE name <> '[erased]'"), '0', "$kind: nobody in the anonymized rows");
	is($sql->("SELECT etl_export('$kind', '$kind.anonymized.jsonl', anonymized => true)"), $kind eq 'tree' ? '6' : '5', "$kind: exported");
}
is($sql->("SELECT status, row_count FROM etl_erase('tree', '30')"), 'completed|1', 'a row of an inheriting table is erased');
is($sql->('SELECT count(*) FROM data.base WHERE id = 1 AND name = \'[erased]\''), '1', 'behind a view it is the table that is treated');
is($node->safe_psql('far', q{SELECT count(*) FROM far WHERE name = '[erased]'}), '2', 'and the table of the foreign server');

# the plan, the notice and the certificate name the foreign server, and no other
like($errors->("SELECT etl_erase('far', '2')"), qr/NOTICE:.*data\.far.*foreign server "elsewhere"/, 'the notice names a foreign server');
is($sql->(q{SELECT jsonb_path_query_first((etl_erase('far', '200', dry_run => true)).plan, '$.remarks[0].place')}), '"data.far"', 'so does the plan');
is($sql->(q{SELECT count(*) FROM etl.erasure, jsonb_array_elements(remarks) r WHERE dataset <> 'far' AND r ->> 'remark' LIKE '%foreign%'}), '0', 'nothing of it where there is none');
$sql->(qq{ALTER DATABASE postgres SET etl.signing_key_file = '$node->{etl_root}/signing.key'});
is($sql->(q{SELECT count(*) FROM etl.erasure e, jsonb_array_elements(etl_certificate(e.erasure_id) -> 'not_searched') n WHERE e.dataset = 'far' AND n ->> 'because' LIKE '%elsewhere%'}) > 0 ? 'yes' : 'no',
	'yes', 'so does the certificate');

# purged leaf by leaf
my $pending = $sql->(q{SELECT string_agg(DISTINCT relation::regclass::text, ' ' ORDER BY relation::regclass::text) FROM etl.purge_pending});
is($pending, 'data.base data.far data.parted data.parted_low data.parted_low_0 data.parted_low_1 data.parted_rest data.tree data.tree_child etl.quarantine pg_statistic',
	'every leaf waits to be purged');
my $commands = $sql->('SELECT etl_erasure_purge()');
like($commands, qr/^VACUUM \(FULL.*\) data\.$_$/m, "$_ is to be rewritten") for qw(parted_low_0 parted_low_1 parted_rest tree tree_child base);
unlike($commands, qr/VACUUM[^;\n]* data\.(parted|parted_low|far|seen)$/m, 'nothing without storage is');
$node->safe_psql('postgres', $_) for grep { !/data\.parted_rest$/ } split /\n/, $commands;
$node->safe_psql('postgres', $_) for grep { !/data\.parted_rest$/ } split /\n/, $sql->('SELECT etl_erasure_purge()');
is($sql->(q{SELECT count(*) FROM etl.erasure WHERE dataset = 'parted' AND purged_at IS NOT NULL}), '0', 'not purged while one partition is not');
my $rounds = 0;
while (++$rounds < 10 && (my $left = $sql->('SELECT etl_erasure_purge()')))
{
	$node->safe_psql('postgres', $_) for split /\n/, $left;
}
is($sql->('SELECT count(*) FROM etl.erasure WHERE purged_at IS NULL'), '0', 'purged when all are');
my $found = $sql->(q{SELECT string_agg(place || ' ' || kind, ', ') FROM etl_locate('Quillworthparted2') WHERE place !~ 'parted300'});
is($found, '', 'nothing of the partitioned table is found then');
is($sql->(q{SELECT count(*) FROM pg_stats WHERE most_common_vals::text ~ 'Quillworth(tree|seen|far|parted)[13]\M' OR histogram_bounds::text ~ 'Quillworth(tree|seen|far|parted)[13]\M'}), '0',
	'nor by the statistics of any');

# removal: rows that are referred to keep their keys
$sql->('DROP TABLE data.tree CASCADE; DROP TABLE data.parted CASCADE');
$sql->(<<'SQL');
CREATE TABLE data.parted (id bigint, region text DEFAULT 'x', email text, name text, boss bigint, PRIMARY KEY (id)) PARTITION BY HASH (id);
CREATE TABLE data.parted_0 PARTITION OF data.parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE data.parted_1 PARTITION OF data.parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE data.tree (id bigint PRIMARY KEY, email text, name text);
CREATE TABLE data.tree_child (note text, UNIQUE (id)) INHERITS (data.tree);
CREATE TABLE data.visit (who bigint REFERENCES data.parted_0 (id));
CREATE TABLE data.visit_child (who bigint REFERENCES data.tree_child (id));
ALTER TABLE data.parted ADD FOREIGN KEY (boss) REFERENCES data.parted (id);
INSERT INTO data.parted SELECT i, 'x', 'e' || i || '@example.org', 'Name' || i, i FROM generate_series(1001, 1040) i;
INSERT INTO data.visit SELECT min(id) FROM data.parted_0;
INSERT INTO data.tree VALUES (1001, 'a@example.org', 'Plain');
INSERT INTO data.tree_child VALUES (1002, 'b@example.org', 'Free', 'a note'), (1003, 'c@example.org', 'Bound', 'a note');
INSERT INTO data.visit_child VALUES (1003);
SQL
$sql->("SELECT etl_define('" . definition($_, ', "on_erasure": "delete"') . "')") for qw(parted tree);
my $bound = $sql->('SELECT who FROM data.visit');
my $free = $sql->("SELECT min(id) FROM data.parted WHERE id <> $bound");
is($sql->("SELECT status, row_count FROM etl_erase('parted', '$free')"), 'completed|1', 'a row that refers to itself only is removed');
is($sql->("SELECT count(*) FROM data.parted WHERE id = $free"), '0', 'it is gone');
is($sql->("SELECT status, row_count FROM etl_erase('parted', '$bound')"), 'completed|1', 'one that is referred to by its partition');
is($sql->("SELECT id, name, email FROM data.parted WHERE id = $bound"), "$bound||", 'keeps its key');
is($sql->("SELECT status FROM etl_erase('tree', '$_')"), 'completed', "removal in a tree of inheritance: $_") for 1001 .. 1003;
is($sql->('SELECT id, name, note FROM data.tree_child'), '1003||', 'what refers to a child keeps the key, and the columns of its own are emptied');
is($sql->('SELECT count(*) FROM data.tree'), '1', 'the others are gone');

$node->stop;
done_testing();
