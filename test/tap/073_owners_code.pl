# What the owner of a target table has put on it runs as the owner, whoever runs the load: nobody
# becomes superuser because a superuser loads, replays, erases, retains, purges or exports.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
my $hour = 0;

# Everything that hostile code tries, and what it saw. A row of seen stays only where no error ended
# the attempt's statement, so each attempt is in a block of its own.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE clerk LOGIN;
CREATE ROLE friend LOGIN;
SELECT etl_grant('clerk', 'operator');
GRANT CREATE ON SCHEMA data TO clerk;
GRANT USAGE ON SCHEMA data TO clerk, friend;
CREATE SCHEMA hostile AUTHORIZATION clerk;
SET ROLE clerk;
CREATE TABLE hostile.seen (place text, who name, restricted boolean DEFAULT false);
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
GRANT INSERT, SELECT ON hostile.seen TO PUBLIC;
CREATE FUNCTION hostile.attack(place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    attempt text;
BEGIN
    FOREACH attempt IN ARRAY ARRAY['ALTER ROLE clerk SUPERUSER', 'SET ROLE postgres', 'RESET ROLE', 'SET SESSION AUTHORIZATION DEFAULT',
                                   'SET SESSION AUTHORIZATION postgres', 'RESET SESSION AUTHORIZATION'] LOOP
        BEGIN
            EXECUTE format('%s', attempt);
            EXECUTE 'ALTER ROLE clerk SUPERUSER';
        EXCEPTION WHEN insufficient_privilege OR invalid_parameter_value OR invalid_transaction_state OR read_only_sql_transaction OR undefined_object THEN NULL;
        END;
    END LOOP;
    BEGIN
        INSERT INTO hostile.seen VALUES (attack.place, current_user);
    EXCEPTION WHEN insufficient_privilege THEN RAISE WARNING 'attack ran as %', current_user;
    END;
END $$;
CREATE FUNCTION hostile.fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hostile.attack(tg_argv[0] || ' ' || tg_op);
    RETURN CASE WHEN tg_op = 'DELETE' THEN old ELSE new END;
END $$;
CREATE FUNCTION hostile.ok(v text, place text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.attack(place); RETURN true; END $$;
CREATE FUNCTION hostile.word(place text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.attack(place); RETURN 'w'; END $$;
-- said to be what they are not, so that indexes and generated columns take them
CREATE FUNCTION hostile.calm(v text, place text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM hostile.attack(place); RETURN v; END $$;
RESET ROLE;
SQL

sub define
{
	my ($dataset, $more, $columns) = @_;
	$columns //= '{"name": "id", "type": "bigint", "from": "/id"}, {"name": "v", "from": "/v"}, {"name": "day", "type": "date", "from": "$record_date"}';
	$node->safe_psql('postgres', qq(SELECT etl_define('{"type": "object", "x-etl": {"dataset": "$dataset", "files": ["$dataset.json"], "key": "/id", "on_repeat": "update",
	  "subject": {"field": "/id"}, "personal": [{"field": "/v", "treatment": "pseudonymize"}]$more,
	  "tables": [{"schema": "data", "name": "$dataset", "primary_key": ["id"], "columns": [$columns]}]}}')));
	return;
}

sub run
{
	my ($dataset, $records) = @_;
	stage($node, sprintf('date=2024-03-01/hour=%d/%s.json', $hour++, $dataset), $records);
	return run_counts($node, "etl_run('$dataset')");
}

# The owner reads his table: whoever else does so by himself runs the owner's code by himself.
sub is_owners
{
	my ($sql, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($node->safe_psql('postgres', $sql, extra_params => [ '-U', 'clerk' ]), $expected, $name);
}

# No attempt has succeeded, and the code has run where it is expected to, as its owner.
sub harmless
{
	my ($name, $places) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_sql($node, q{SELECT rolsuper FROM pg_roles WHERE rolname = 'clerk'}, 'f', "$name: the owner is no superuser");
	is_sql($node, q{SELECT string_agg(DISTINCT who::text, ',') FROM hostile.seen}, 'clerk', "$name: the owner's code has run as the owner");
	is_sql($node, q{SELECT string_agg(DISTINCT place, ', ' ORDER BY place) FROM hostile.seen}, $places, "$name: all of it") if defined $places;
	$node->safe_psql('postgres', 'TRUNCATE hostile.seen; ALTER ROLE clerk NOSUPERUSER');
	return;
}

# ---- a table that the operator's first run has made
define('people', ', "retention": {"quarantine": "1 day"}');
stage($node, 'date=2024-03-01/hour=0/people.json', qq({"id": 1, "v": "first"}\n));
$hour = 1;
is($node->safe_psql('postgres', q{SELECT pg_get_userbyid(relowner) = current_user FROM pg_class WHERE oid = 'data.people'::regclass}), 't', 'who defines owns the table');
$node->safe_psql('postgres', 'ALTER TABLE data.people OWNER TO clerk');
is($node->safe_psql('postgres', q{SELECT status, loaded FROM etl_run('people')}, extra_params => [ '-U', 'clerk' ]), 'succeeded|1', 'the owner loads');
$node->safe_psql('postgres', <<'SQL', extra_params => [ '-U', 'clerk' ]);
CREATE TRIGGER before BEFORE INSERT OR UPDATE OR DELETE ON data.people FOR EACH ROW EXECUTE FUNCTION hostile.fire('before');
CREATE TRIGGER after AFTER INSERT OR UPDATE OR DELETE ON data.people FOR EACH ROW EXECUTE FUNCTION hostile.fire('after');
CREATE TRIGGER statement AFTER INSERT OR UPDATE OR DELETE ON data.people FOR EACH STATEMENT EXECUTE FUNCTION hostile.fire('statement');
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT OR UPDATE ON data.people DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hostile.fire('deferred');
ALTER TABLE data.people ADD CHECK (hostile.ok(v, 'check')), ADD w text DEFAULT hostile.word('default'),
    ADD g text GENERATED ALWAYS AS (hostile.calm(v, 'generated')) STORED;
CREATE INDEX ON data.people (hostile.calm(v, 'index'));
CREATE INDEX ON data.people (id) WHERE hostile.calm('x', 'predicate') = 'x';
TRUNCATE hostile.seen;
SQL
is(run('people', qq({"id": 1, "v": "second"}\n{"id": 2, "v": "other"}\n)), 'succeeded|1|2|2|0', 'a superuser loads it: rows are updated and inserted');
harmless('etl_run', 'after INSERT, after UPDATE, before INSERT, before UPDATE, check, default, deferred INSERT, deferred UPDATE, generated, index, predicate, statement INSERT, statement UPDATE');
is_owners('SELECT string_agg(id || v || w || g, $$,$$ ORDER BY id) FROM data.people', '1secondwsecond,2otherwother', 'and the code does what it is for');

# in a session that has become somebody less, nothing leads back
stage($node, sprintf('date=2024-03-01/hour=%d/people.json', $hour++), qq({"id": 1, "v": "third"}\n{"id": 3, "v": "three"}\n));
is($node->safe_psql('postgres', q{SET ROLE clerk; SELECT status, loaded FROM etl_run('people')}), 'succeeded|2', 'a superuser loads it as the operator');
harmless('etl_run after SET ROLE');

stage($node, sprintf('date=2024-03-01/hour=%d/people.json', $hour++), qq({"id": 4, "v": "four"}\n));
$node->safe_psql('postgres', q{CALL etl_load('people')});
harmless('etl_load');

is(run('people', qq({"id": "none", "v": "mended later"}\n)), 'succeeded|1|1|0|1', 'a record is refused');
$node->safe_psql('postgres', q{UPDATE etl.quarantine SET record = '{"id": 5, "v": "five"}' WHERE dataset = 'people'});
$node->safe_psql('postgres', 'TRUNCATE hostile.seen');
is_sql($node, q{SELECT status, loaded FROM etl_replay('people')}, 'succeeded|1', 'and replayed by a superuser');
harmless('etl_replay');

is_sql($node, q{SELECT count(*) FROM etl_anonymized(NULL::data.people, 'people') a WHERE a.v <> 'five'}, '5', 'a superuser reads treated rows');
harmless('etl_anonymized');
is_sql($node, q{SELECT etl_export('people', 'people.jsonl')}, '5', 'exports');
is_sql($node, q{SELECT etl_export('people', 'treated.csv', 'csv', true)}, '5', 'exports treated rows');
$node->safe_psql('postgres', q{SELECT * FROM etl_locate('five')});
$node->safe_psql('postgres', q{SELECT * FROM etl_subject('people', '5')});
harmless('etl_export, etl_locate and etl_subject');

is_sql($node, q{SELECT status, row_count FROM etl_erase('people', '5')}, 'completed|2', 'a superuser erases a person, table and quarantine');
is_owners(q{SELECT v <> 'five' FROM data.people WHERE id = 5}, 't', 'with the key, which the owner has not');
harmless('etl_erase', 'after UPDATE, before UPDATE, check, deferred UPDATE, generated, index, predicate, statement UPDATE');
my (undef, undef, $refused) = $node->psql('postgres', q{SELECT format('["%s", "%s", "people", "5"]', repeat('0', 32), 'etl.subject_token(text,text)'::regprocedure::oid)::etl_internal.lent},
	extra_params => [ '-U', 'clerk' ]);
like($refused, qr/permission denied for type etl_internal.lent/, 'what our statements are lent, nobody else can use');

my @purge = split /\n/, $node->safe_psql('postgres', 'SELECT * FROM etl_erasure_purge()');
$node->safe_psql('postgres', $_) for grep { /people/ } @purge;
ok((grep { /people/ } @purge) > 0, 'the table is purged by a superuser');
$node->safe_psql('postgres', q{SELECT count(*) FROM etl_retention('people')});
harmless('purge and retention');

# ---- "on_erasure": "delete"
$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "gone", "files": ["gone.json"], "key": "/id", "subject": {"field": "/id", "on_erasure": "delete"}, "personal": [{"field": "/v", "treatment": "null"}],
  "tables": [{"schema": "data", "name": "gone", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "v", "from": "/v"}]}]}}');
ALTER TABLE data.gone OWNER TO clerk;
SET ROLE clerk;
CREATE TRIGGER before BEFORE INSERT OR UPDATE OR DELETE ON data.gone FOR EACH ROW EXECUTE FUNCTION hostile.fire('before');
CREATE TABLE hostile.refers (id bigint REFERENCES data.gone DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX ON hostile.refers (id) WHERE hostile.calm('x', 'predicate of another table') = 'x';
SQL
is(run('gone', qq({"id": 1, "v": "x"}\n{"id": 2, "v": "y"}\n)), 'succeeded|1|2|2|0', 'a table from which people are deleted');
$node->safe_psql('postgres', 'TRUNCATE hostile.seen');
is_sql($node, q{SELECT status, row_count FROM etl_erase('gone', '1')}, 'completed|1', 'somebody is deleted');
harmless('deletion', 'before DELETE, predicate of another table');
is_owners('SELECT string_agg(id::text, $$,$$) FROM data.gone', '2', 'and the others are not');

# ---- a view with INSTEAD OF triggers, a partitioned table, a foreign table
$node->safe_psql('postgres', <<'SQL');
SET ROLE clerk;
CREATE TABLE hostile.behind (id bigint PRIMARY KEY, v text, day date);
CREATE VIEW data.seen_through AS SELECT id, v, day FROM hostile.behind WHERE hostile.ok(v, 'view');
CREATE FUNCTION hostile.instead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hostile.attack('instead ' || tg_op);
    IF tg_op = 'INSERT' THEN INSERT INTO hostile.behind VALUES (new.id, new.v, new.day);
    ELSE UPDATE hostile.behind b SET v = new.v WHERE b.id = old.id; END IF;
    RETURN new;
END $$;
CREATE TRIGGER instead INSTEAD OF INSERT OR UPDATE ON data.seen_through FOR EACH ROW EXECUTE FUNCTION hostile.instead();
CREATE TABLE data.parts (id bigint, v text, day date, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE data.parts_1 PARTITION OF data.parts (CHECK (hostile.ok(v, 'check of a partition'))) FOR VALUES FROM (0) TO (1000);
CREATE TRIGGER before BEFORE INSERT OR UPDATE ON data.parts_1 FOR EACH ROW EXECUTE FUNCTION hostile.fire('partition');
SQL
define($_, '') for 'seen_through', 'parts';
for my $dataset ('seen_through', 'parts')
{
	is(run($dataset, qq({"id": 1, "v": "a"}\n{"id": 2, "v": "b"}\n)), 'succeeded|1|2|2|0', "$dataset: rows are inserted by a superuser");
	is(run($dataset, qq({"id": 1, "v": "c"}\n)), 'succeeded|1|1|1|0', "$dataset: and updated");
	is_owners("SELECT v FROM data.$dataset WHERE id = 1", 'c', "$dataset: so that the row is the new one");
}
harmless('view and partitions', 'check of a partition, instead INSERT, instead UPDATE, partition INSERT, partition UPDATE, view');

SKIP:
{
	skip 'no postgres_fdw', 2 if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) eq '0';
	my ($host, $port) = ($node->host, $node->port);
	$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION postgres_fdw;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO clerk;
SET ROLE clerk;
CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
-- as whom the server is asked when a superuser reads
CREATE USER MAPPING FOR SESSION_USER SERVER loop;
CREATE USER MAPPING FOR clerk SERVER loop OPTIONS (user 'clerk', password 'x');
CREATE TABLE hostile.far (id bigint PRIMARY KEY, v text, day date);
CREATE TRIGGER before BEFORE INSERT OR UPDATE ON hostile.far FOR EACH ROW EXECUTE FUNCTION hostile.fire('far');
CREATE FOREIGN TABLE data.distant (id bigint NOT NULL, v text, day date) SERVER loop OPTIONS (schema_name 'hostile', table_name 'far');
SQL
	define('distant', '');
	stage($node, 'date=2024-03-02/hour=1/distant.json', qq({"id": 1, "v": "a"}\n));
	$node->psql('postgres', q{SELECT etl_run('distant')});
	is_sql($node, q{SELECT count(*) FROM hostile.seen WHERE who <> 'clerk'}, '0', 'a foreign table asks its server as the owner, not as who runs');
	is_sql($node, q{SELECT rolsuper FROM pg_roles WHERE rolname = 'clerk'}, 'f', 'and its owner is no superuser');
}

# ---- who runs without having become the owner needs the privilege himself
$node->safe_psql('postgres', <<'SQL');
SELECT etl_grant('friend', 'operator');
REVOKE INSERT, UPDATE ON data.people FROM friend;
-- before the grant: from PostgreSQL 16 on a membership inherits or not as the role did when it was granted
ALTER ROLE friend NOINHERIT;
GRANT clerk TO friend;
DELETE FROM hostile.seen;
SQL
stage($node, 'date=2024-03-03/hour=1/people.json', qq({"id": 77, "v": "x"}\n));
my ($rc, $out, $err) = $node->psql('postgres', q{SELECT etl_run('people')}, extra_params => [ '-U', 'friend' ]);
like($err, qr/permission denied for table people|row-level|permission denied/, 'who may not write the table may not load it, though he may become its owner');
is_owners('SELECT count(*) FROM data.people WHERE id = 77', '0', 'and nothing is loaded');

$node->stop;
done_testing();
