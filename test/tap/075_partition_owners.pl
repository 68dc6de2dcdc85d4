# Partitions and children that belong to somebody else than their parent: their owner's code never runs as
# the parent's owner, nor the parent's as theirs, whatever a superuser does with the tree.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE clerk LOGIN;
CREATE ROLE mallory LOGIN;
CREATE ROLE chief LOGIN;
CREATE SCHEMA trap;
CREATE TABLE trap.seen (whose name, who name, how text);
GRANT USAGE, CREATE ON SCHEMA trap TO PUBLIC;
GRANT INSERT, SELECT ON trap.seen TO PUBLIC;
GRANT USAGE, CREATE ON SCHEMA data TO clerk, mallory, chief;
CREATE FUNCTION trap.fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trap.seen VALUES (tg_argv[0], current_user, tg_op); RETURN CASE WHEN tg_op = 'DELETE' THEN old ELSE new END; END $$;
CREATE FUNCTION trap.ok(v text, whose text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trap.seen VALUES (whose, current_user, 'check'); RETURN true; END $$;
SQL

my $hour = 0;
sub stage_one { my ($dataset, @records) = @_; stage($node, sprintf('date=2024-03-01/hour=%d/%s.json', $hour++, $dataset), join '', map { "$_\n" } @records); return }

# Makes a tree with one part of it another's, and code on both; the names of its tables.
sub tree
{
	my ($name, $kind, $parent, $child) = @_;
	my $columns = 'id bigint, v text, day date';
	$node->safe_psql('postgres', $kind eq 'partition'
		? "CREATE TABLE data.$name ($columns, PRIMARY KEY (id)) PARTITION BY RANGE (id); CREATE TABLE data.${name}_1 PARTITION OF data.$name FOR VALUES FROM (0) TO (1000)"
		: $kind eq 'deep'
		? "CREATE TABLE data.$name ($columns, PRIMARY KEY (id)) PARTITION BY RANGE (id); CREATE TABLE data.${name}_0 PARTITION OF data.$name FOR VALUES FROM (0) TO (1000) PARTITION BY RANGE (id);
		   CREATE TABLE data.${name}_1 PARTITION OF data.${name}_0 FOR VALUES FROM (0) TO (500); ALTER TABLE data.${name}_0 OWNER TO $parent"
		: "CREATE TABLE data.$name ($columns, PRIMARY KEY (id)); CREATE TABLE data.${name}_1 (PRIMARY KEY (id)) INHERITS (data.$name); INSERT INTO data.${name}_1 VALUES (1, 'child', '2024-01-01')");
	for ([ $name, $parent ], [ "${name}_1", $child ])
	{
		my ($table, $owner) = @$_;
		$node->safe_psql('postgres', "CREATE TRIGGER fire BEFORE INSERT OR UPDATE OR DELETE ON data.$table FOR EACH ROW EXECUTE FUNCTION trap.fire('$owner')") unless $table eq $name && $kind ne 'child';
		$node->safe_psql('postgres', "ALTER TABLE data.$table ADD CONSTRAINT ${table}_ok CHECK (trap.ok(v, '$owner'))") if $table ne $name;
		$node->safe_psql('postgres', "ALTER TABLE data.$table OWNER TO $owner");
	}
	$node->safe_psql('postgres', qq(SELECT etl_define('{"type": "object", "x-etl": {"dataset": "$name", "files": ["$name.json"], "key": "/id", "on_repeat": "update",
	  "subject": {"field": "/id"}, "personal": [{"field": "/v", "treatment": "pseudonymize"}], "retention": {"quarantine": "1 day"},
	  "tables": [{"schema": "data", "name": "$name", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "v", "from": "/v"}, {"name": "day", "type": "date", "from": "\$record_date"}]}]}}')));
	$node->safe_psql('postgres', 'TRUNCATE trap.seen');
	return;
}

# Everything that touches the tree, by a superuser; what was said of it.
sub everything
{
	my ($name) = @_;
	my @said;
	stage_one($name, '{"id": 1, "v": "one"}', '{"id": 2, "v": "two"}', '{"id": "x", "v": "bad"}');
	my $do = sub { my (undef, undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\n$_[0]"); push @said, $error; return };
	$do->("SELECT etl_run('$name')");
	stage_one($name, '{"id": 1, "v": "one again"}');
	$do->("SELECT etl_run('$name')");
	$do->(qq{UPDATE etl.quarantine SET record = '{"id": 3, "v": "mended"}' WHERE dataset = '$name'; SELECT etl_replay('$name')});
	$do->("SELECT count(*) FROM etl_anonymized(NULL::data.$name, '$name')");
	$do->("SELECT etl_export('$name', '$name.jsonl')");
	$do->("SELECT count(*) FROM etl_subject('$name', '2')");
	$do->("SELECT etl_erase('$name', '1')");
	$do->("SELECT count(*) FROM etl_locate('one again')");
	my ($purge) = $node->safe_psql('postgres', 'SELECT * FROM etl_erasure_purge()');
	$do->($_) for split /\n/, $purge;
	$do->("SELECT count(*) FROM etl_retention('$name')");
	return join "\n", @said;
}

for my $kind (qw(partition deep child))
{
	tree("${kind}_down", $kind, 'clerk', 'mallory');
	my $said = everything("${kind}_down");
	like($said, qr/42501: cannot work on a table whose partitions belong to several roles/, "$kind of another: a superuser's load is refused");
	is_sql($node, 'SELECT count(*) FROM trap.seen WHERE who <> whose', '0', "$kind of another: nobody's code has run as somebody else");

	# a partition of somebody who may become the parent's owner gains nothing
	$node->safe_psql('postgres', 'GRANT clerk TO chief');
	tree("${kind}_member", $kind, 'clerk', 'chief');
	everything("${kind}_member");
	is_sql($node, q{SELECT string_agg(DISTINCT who, ',') FROM trap.seen}, 'clerk', "$kind of a member of the parent's owner: all code runs as that owner");
	tree("${kind}_up", $kind, 'chief', 'clerk');
	everything("${kind}_up");
	is_sql($node, q{SELECT string_agg(DISTINCT who, ',') FROM trap.seen}, 'clerk', "$kind of one of whom the parent's owner is a member: all code runs as the partition's owner");
	$node->safe_psql('postgres', 'REVOKE clerk FROM chief');
}
is_sql($node, 'SELECT v IS NOT NULL FROM data.partition_up WHERE id = 2', 't', 'those that are safe are loaded');

# ---- one statement over the tables of several owners
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION trap.looks(whose text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trap.seen VALUES (whose, current_user, 'read'); RETURN true; END $$;
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "people", "files": ["people.json"], "key": "/id", "subject": {"field": "/id", "on_erasure": "delete"}, "personal": [{"field": "/v", "treatment": "redact"}],
  "tables": [{"schema": "data", "name": "people", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "v", "from": "/v"}]}]}}');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "orders", "files": ["orders.json"], "key": "/o", "references": [{"field": "/id", "dataset": "people"}],
  "tables": [{"schema": "data", "name": "orders", "primary_key": ["o"], "columns": [{"name": "o", "type": "bigint", "from": "/o"}, {"name": "id", "type": "bigint", "from": "/id"}]}]}}');
SQL
stage_one('people', map { qq({"id": $_, "v": "Ann"}) } 1 .. 4);
stage_one('orders', '{"o": 1, "id": 2}');
is_sql($node, q{SELECT string_agg(dataset || ' ' || loaded, ', ' ORDER BY dataset) FROM etl_run() WHERE dataset IN ('orders', 'people')}, 'orders 1, people 4', 'people and what refers to them');
$node->safe_psql('postgres', 'ALTER TABLE data.people OWNER TO mallory; ALTER TABLE data.orders OWNER TO clerk');
is_sql($node, q{SELECT status FROM etl_erase('people', '1')}, 'completed', 'plain tables of two owners: one who is deleted');
is_sql($node, q{SELECT count(*) FROM data.people WHERE id = 1}, '0', 'is gone');
$node->safe_psql('postgres', q{ALTER TABLE data.orders RENAME TO orders_base; CREATE VIEW data.orders AS SELECT o, id FROM data.orders_base WHERE trap.looks('clerk'); ALTER VIEW data.orders OWNER TO clerk; TRUNCATE trap.seen});
my (undef, $out, $err) = $node->psql('postgres', q{SELECT status, error FROM etl_erase('people', '3')});
unlike($out, qr/completed/, 'the code of one owner is not run as the other');
like("$out$err", qr/cannot work on tables of several roles at once/, 'which is told');
is_sql($node, 'SELECT count(*) FROM trap.seen WHERE who <> whose', '0', 'and has not run');
$node->safe_psql('postgres', 'GRANT mallory TO clerk; GRANT SELECT ON data.orders TO mallory');
is_sql($node, q{SELECT status FROM etl_erase('people', '4')}, 'completed', 'of a member of the other it may');
is_sql($node, q{SELECT string_agg(DISTINCT who, ',') FROM trap.seen}, 'mallory', 'as the other');

# ---- who has logged in as a superuser and is somebody else for the session
$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "back", "files": ["back.json"], "key": "/id", "tables": [{"schema": "data", "name": "back", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}');
SELECT etl_grant('clerk', 'operator');
CREATE TABLE IF NOT EXISTS data.back (id bigint PRIMARY KEY);
ALTER TABLE data.back OWNER TO clerk;
CREATE FUNCTION trap.back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN EXECUTE 'SET SESSION AUTHORIZATION DEFAULT'; EXECUTE 'ALTER ROLE clerk SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
    RETURN new;
END $$;
CREATE TRIGGER back BEFORE INSERT ON data.back FOR EACH ROW EXECUTE FUNCTION trap.back();
SQL
stage_one('back', '{"id": 1}');
is_sql($node, q{SET SESSION AUTHORIZATION clerk; SELECT status, loaded FROM etl_run('back')}, 'succeeded|1', 'a superuser loads as somebody else');
is_sql($node, q{SELECT rolsuper FROM pg_roles WHERE rolname = 'clerk'}, 'f', 'whose code finds no way back');

$node->stop;
done_testing();
