# Every kind of object that the owner of a target table can put on it or behind it, and every call that
# touches target tables, made by a superuser: the owner's code runs as the owner or not at all, gets nowhere,
# and the call does what it is for.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => "log_min_messages = warning\nautovacuum = off\n");
my ($host, $port) = ($node->host, $node->port);
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub clerk { return $node->safe_psql('postgres', $_[0], extra_params => [ '-U', 'clerk' ]) }

# What hostile code tries. Sequences count what a rollback takes back otherwise: where the code ran as the
# owner, as somebody else, and where something has succeeded that the owner may not.
my $superuser = sql('SELECT quote_ident(current_user)');
sql(<<'SQL' =~ s/\b(SET ROLE|GRANT) postgres\b/$1 $superuser/gr);
CREATE ROLE clerk LOGIN;
CREATE ROLE reader LOGIN;
SELECT etl_grant('clerk', 'operator');
GRANT CREATE, USAGE ON SCHEMA data TO clerk;
CREATE TABLE public.only_superusers (what text);
CREATE EXTENSION postgres_fdw;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO clerk;
CREATE SCHEMA hostile AUTHORIZATION clerk;
SET ROLE clerk;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
CREATE SEQUENCE hostile.as_owner;
CREATE SEQUENCE hostile.as_other;
CREATE SEQUENCE hostile.succeeded;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA hostile TO PUBLIC;
CREATE TABLE hostile.late (x int);
CREATE FUNCTION hostile.attack() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    attempt text;
BEGIN
    PERFORM nextval(CASE WHEN current_user = 'clerk' THEN 'hostile.as_owner'::regclass ELSE 'hostile.as_other'::regclass END);
    IF current_setting('hostile.inside', true) = 'on' THEN RETURN; END IF;
    PERFORM set_config('hostile.inside', 'on', true);
    FOREACH attempt IN ARRAY ARRAY['ALTER ROLE clerk SUPERUSER', 'INSERT INTO public.only_superusers VALUES (''x'')', 'SET ROLE postgres; ALTER ROLE clerk SUPERUSER', 'RESET ROLE; ALTER ROLE clerk SUPERUSER',
                                   'SET SESSION AUTHORIZATION DEFAULT; ALTER ROLE clerk SUPERUSER', 'RESET SESSION AUTHORIZATION; ALTER ROLE clerk SUPERUSER', 'GRANT postgres TO clerk',
                                   'COPY public.only_superusers TO PROGRAM ''true''', 'DELETE FROM etl.tombstone', 'CREATE TEMP TABLE mine (x int); DROP TABLE mine; SELECT 1/0'] LOOP
        BEGIN
            EXECUTE attempt;
            PERFORM nextval('hostile.succeeded');
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    -- what runs at COMMIT runs as whoever commits
    BEGIN
        SET CONSTRAINTS ALL DEFERRED;
        INSERT INTO hostile.late VALUES (1);
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    BEGIN
        EXECUTE 'DECLARE kept CURSOR WITH HOLD FOR SELECT hostile.attack()';
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    PERFORM set_config('hostile.inside', 'off', true);
END $$;
CREATE FUNCTION hostile.fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hostile.attack();
    RETURN CASE WHEN tg_op = 'DELETE' THEN old ELSE new END;
END $$;
CREATE FUNCTION hostile.fire_late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval(CASE WHEN current_user = 'clerk' THEN 'hostile.as_owner'::regclass ELSE 'hostile.as_other'::regclass END);
    RETURN new;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON hostile.late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hostile.fire_late();
GRANT INSERT ON hostile.late TO PUBLIC;
CREATE FUNCTION hostile.ok(v text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.attack(); RETURN true; END $$;
-- said to be what they are not, so that indexes and generated columns take them
CREATE FUNCTION hostile.calm(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN PERFORM hostile.attack(); RETURN v; END $$;
CREATE FUNCTION hostile.yes() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM hostile.attack(); RETURN true; END $$;
CREATE DOMAIN hostile.word AS text CHECK (hostile.ok(VALUE));
CREATE TYPE hostile.pair AS (a text, b text);
CREATE FUNCTION hostile.pair_json(p hostile.pair) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.attack(); RETURN '"pair"'; END $$;
CREATE CAST (hostile.pair AS json) WITH FUNCTION hostile.pair_json(hostile.pair);
CREATE FUNCTION hostile.pair_text(p hostile.pair) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.attack(); RETURN 'pair'; END $$;
CREATE CAST (hostile.pair AS text) WITH FUNCTION hostile.pair_text(hostile.pair);
CREATE TYPE hostile.colour AS ENUM ('red');
CREATE FUNCTION hostile.colour_json(c hostile.colour) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.attack(); RETURN '"colour"'; END $$;
CREATE CAST (hostile.colour AS json) WITH FUNCTION hostile.colour_json(hostile.colour);
CREATE FUNCTION hostile.colour_text(c hostile.colour) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.attack(); RETURN 'colour'; END $$;
CREATE CAST (hostile.colour AS text) WITH FUNCTION hostile.colour_text(hostile.colour);
CREATE TABLE hostile.copies (op text);
CREATE VIEW hostile.through AS SELECT 1 AS x WHERE hostile.ok('x');
SQL
sql(<<"SQL");
SET ROLE clerk;
CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
-- as whom the server is asked if a superuser asks it
CREATE USER MAPPING FOR SESSION_USER SERVER loop;
RESET ROLE;
CREATE USER MAPPING FOR clerk SERVER loop OPTIONS (user 'clerk', password_required 'false');
SQL

# name => { before: SQL that makes the table instead of us; on: what is put on it }; %s is its
# name.
my $columns = 'id bigint PRIMARY KEY, v text, mail text';
my $trigger = sub { my ($when, $events, $each, $table) = @_; return "CREATE TRIGGER t$when" . ($each eq 'ROW' ? 'r' : 's') . " $when $events ON " . ($table // 'data.%s') . " FOR EACH $each EXECUTE FUNCTION hostile.fire();" };
my $all = 'INSERT OR UPDATE OR DELETE';
my $instead = <<'SQL';
CREATE FUNCTION hostile.into_%s() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hostile.attack();
    IF tg_op = 'INSERT' THEN INSERT INTO hostile.b_%s VALUES (new.id, new.v, new.mail);
    ELSIF tg_op = 'UPDATE' THEN UPDATE hostile.b_%s b SET v = new.v, mail = new.mail WHERE b.id = old.id;
    ELSE DELETE FROM hostile.b_%s b WHERE b.id = old.id; RETURN old; END IF;
    RETURN new;
END $$;
CREATE TRIGGER i INSTEAD OF INSERT OR UPDATE OR DELETE ON data.%s FOR EACH ROW EXECUTE FUNCTION hostile.into_%s();
SQL
my @objects = (
	[ before_row => { on => $trigger->('BEFORE', $all, 'ROW') } ],
	[ after_row => { on => $trigger->('AFTER', $all, 'ROW') } ],
	[ statement => { on => $trigger->('BEFORE', $all, 'STATEMENT') . $trigger->('AFTER', $all, 'STATEMENT') . 'CREATE TRIGGER tr AFTER UPDATE ON data.%s REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION hostile.fire();' } ],
	[ always => { on => $trigger->('BEFORE', $all, 'ROW') . 'ALTER TABLE data.%s ENABLE ALWAYS TRIGGER tBEFOREr;' } ],
	[ deferred => { on => 'CREATE CONSTRAINT TRIGGER d AFTER INSERT OR UPDATE OR DELETE ON data.%s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hostile.fire();' } ],
	[ checked => { on => q{ALTER TABLE data.%s ADD CHECK (hostile.ok(v));} } ],
	[ checked_constant => { on => q{ALTER TABLE data.%s ADD CHECK (hostile.yes());} } ],
	[ defaulted => { on => q{ALTER TABLE data.%s ADD w text DEFAULT hostile.calm('w');} } ],
	[ generated => { on => q{ALTER TABLE data.%s ADD w text GENERATED ALWAYS AS (hostile.calm(v)) STORED;} } ],
	[ indexed => { on => q{CREATE INDEX ON data.%s (hostile.calm(v)); CREATE STATISTICS data.s_%s ON (hostile.calm(mail)) FROM data.%s;} } ],
	[ predicate => { on => q{CREATE INDEX ON data.%s (mail) WHERE hostile.yes(); CREATE INDEX ON data.%s (v) WHERE hostile.calm(v) <> 'nobody';} } ],
	[ excluded => { on => q{CREATE EXTENSION IF NOT EXISTS btree_gist; ALTER TABLE data.%s ADD EXCLUDE USING gist (hostile.calm(v) WITH =) WHERE (id < 0);}, super => 1 } ],
	[ rule_also => { on => q{CREATE RULE i AS ON INSERT TO data.%s DO ALSO INSERT INTO hostile.copies SELECT 'insert' WHERE hostile.ok('x'); CREATE RULE u AS ON UPDATE TO data.%s DO ALSO INSERT INTO hostile.copies SELECT 'update' WHERE hostile.ok('x');} } ],
	[ rule_instead => { on => q{CREATE RULE u AS ON UPDATE TO data.%s WHERE hostile.ok('x') AND old.id < 0 DO INSTEAD INSERT INTO hostile.copies VALUES (hostile.calm('update'));} } ],
	[ policies => { on => q{CREATE POLICY p ON data.%s USING (hostile.ok(v)) WITH CHECK (hostile.ok(v)); ALTER TABLE data.%s ENABLE ROW LEVEL SECURITY;} } ],
	[ policies_forced => { on => q{CREATE POLICY p ON data.%s USING (hostile.ok(v)) WITH CHECK (hostile.ok(v)); ALTER TABLE data.%s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;} } ],
	[ domains => { before => 'CREATE TABLE data.%s (id bigint PRIMARY KEY, v text, mail text, extra hostile.word DEFAULT \'x\')' } ],
	[ json_cast => { on => q{ALTER TABLE data.%s ADD p hostile.pair DEFAULT ROW('a', 'b')::hostile.pair, ADD c hostile.colour DEFAULT 'red'; CREATE FUNCTION hostile.json_%s(r data.%s) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.attack(); RETURN json_build_object('id', r.id, 'v', r.v, 'mail', r.mail); END $$;
		CREATE CAST (data.%s AS json) WITH FUNCTION hostile.json_%s(data.%s);} } ],
	[ partitioned => { before => "CREATE TABLE data.%s ($columns) PARTITION BY RANGE (id); CREATE TABLE data.%s_1 PARTITION OF data.%s (CHECK (hostile.ok(v))) FOR VALUES FROM (0) TO (1000)", on => $trigger->('BEFORE', 'INSERT OR UPDATE', 'ROW', 'data.%s_1') . 'CREATE INDEX ON data.%s_1 (mail) WHERE hostile.yes();' } ],
	[ inherited => { before => "CREATE TABLE data.%s ($columns)", on => 'CREATE TABLE data.%s_1 (CHECK (hostile.yes())) INHERITS (data.%s);' . $trigger->('BEFORE', 'UPDATE', 'ROW', 'data.%s_1') . $trigger->('BEFORE', 'UPDATE', 'STATEMENT', 'data.%s_1')
		. q{CREATE INDEX ON data.%s_1 (mail) WHERE hostile.yes();} } ],
	[ viewed => { before => "CREATE TABLE hostile.b_%s ($columns); CREATE VIEW data.%s AS SELECT id, v, mail FROM hostile.b_%s WHERE hostile.ok(v);\n$instead" } ],
	[ viewed_policy => { before => "CREATE TABLE hostile.b_%s ($columns); CREATE POLICY p ON hostile.b_%s USING (hostile.ok(v)); ALTER TABLE hostile.b_%s ENABLE ROW LEVEL SECURITY; CREATE VIEW data.%s AS SELECT id, v, mail FROM hostile.b_%s;\n$instead" } ],
	[ viewed_invoker => { before => "CREATE TABLE hostile.b_%s ($columns); CREATE VIEW data.%s WITH (security_invoker = true) AS SELECT id, v, mail FROM hostile.b_%s, hostile.through;\n$instead" } ],
	[ materialized => { on => q{CREATE MATERIALIZED VIEW hostile.m_%s AS SELECT id, hostile.calm(v) AS v FROM data.%s; CREATE INDEX ON hostile.m_%s (hostile.calm(v)) WHERE hostile.yes();} } ],
	[ referred => { on => q{CREATE TABLE hostile.r_%s (id bigint REFERENCES data.%s DEFERRABLE INITIALLY DEFERRED); CREATE INDEX ON hostile.r_%s (id) WHERE hostile.yes();} . $trigger->('BEFORE', $all, 'ROW', 'hostile.r_%s') } ],
	[ far => { before => 'CREATE TABLE hostile.b_%s (' . $columns . ', CHECK (hostile.ok(v)));' . $trigger->('BEFORE', $all, 'ROW', 'hostile.b_%s') . q{CREATE FOREIGN TABLE data.%s (id bigint NOT NULL, v text, mail text) SERVER loop OPTIONS (schema_name 'hostile', table_name 'b_%s')},
		on => $trigger->('BEFORE', $all, 'ROW') } ],
);

sub count_of { my ($sequence) = @_; return sql("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM hostile.$sequence") }
my $hour = 0;
my ($cells, $refused) = (0, 0);

# What an attack that was let in, or our own statements, have left.
sub forget { return sql('SET client_min_messages = error; ALTER ROLE clerk NOSUPERUSER; REVOKE ' . $superuser . ' FROM clerk; TRUNCATE public.only_superusers; ALTER SEQUENCE hostile.as_other RESTART; ALTER SEQUENCE hostile.succeeded RESTART') }

# One cell: what the call says, and that nobody's rights were used but the owner's.
sub cell
{
	my ($object, $call, $sql, $expected) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($rc, $out, $err) = $node->psql('postgres', "SET client_min_messages = error; $sql");
	++$cells;
	my $said = $rc == 0 ? $out : $err =~ s/^psql:[^:]*:\d+: //r;
	my $others = count_of('as_other') . ' ' . count_of('succeeded') . ' ' . sql(q{SELECT rolsuper FROM pg_roles WHERE rolname = 'clerk'}) . ' ' . sql('SELECT count(*) FROM public.only_superusers');
	is($others, '0 0 f 0', "$object, $call: only the owner's rights");
	forget();
	ref $expected ? like($said, $expected, "$object, $call: the result") : is($said, $expected, "$object, $call: the result");
	return;
}

sub staged
{
	my ($dataset, $records) = @_;
	my $path = sprintf 'date=2024-03-%02d/hour=%d/%s.json', 1 + int($hour / 24), $hour % 24, $dataset;
	++$hour;
	stage($node, $path, join '', map { qq({"id": $_->[0], "v": "$_->[1]", "mail": "$_->[1]\@example.org"}\n) } @$records);
	return $path;
}

for (@objects)
{
	my ($name, $how) = @$_;
	next if $ENV{ETL_OBJECT} && $name !~ /^($ENV{ETL_OBJECT})$/;
	my $put = sub { my ($text) = @_; return $text =~ s/%s/$name/gr };
	my $definition = qq({"type": "object", "x-etl": {"dataset": "$name", "files": ["$name.json"], "key": "/id", "on_repeat": "update", "retention": {"quarantine": "1 day"},
	  "subject": {"field": "/id", "email": "/mail"}, "personal": [{"field": "/v", "treatment": "pseudonymize"}, {"field": "/mail", "treatment": "token"}],
	  "tables": [{"schema": "data", "name": "$name", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "v", "from": "/v"}, {"name": "mail", "from": "/mail"}]}]}});
	clerk($put->($how->{before})) if $how->{before};
	sql("SELECT etl_define('$definition')");
	sql("ALTER TABLE data.$name OWNER TO clerk") unless $how->{before};
	$how->{super} ? sql($put->($how->{on})) : clerk($put->($how->{on})) if $how->{on};
	my $ran = count_of('as_owner');
	my $is_table = !$how->{before} || $how->{before} !~ /VIEW|FOREIGN/;

	cell($name, 'etl_define', "SELECT (etl_define('$definition')).name", $name);
	my $path = staged($name, [ map { [ $_, "first$_" ] } 1 .. 3 ]);
	cell($name, 'etl_validate_file', "SELECT count(*) FROM etl_validate_file('$name', '$path')", '0');
	cell($name, 'etl_run', "SELECT status, loaded FROM etl_run('$name')", 'succeeded|3');
	staged($name, [ [ 1, 'second1' ], [ 4, 'first4' ], [ '"none"', 'refused' ] ]);
	cell($name, 'etl_run that updates', "SELECT status, loaded, quarantined FROM etl_run('$name')", 'succeeded|2|1');
	cell($name, 'etl_validate', qq{SELECT count(*) FROM etl_validate('$name', '{"id": 1, "v": "x", "mail": "y"}')}, '0');
	sql(qq{UPDATE etl.quarantine SET record = '{"id": 5, "v": "first5", "mail": "first5\@example.org"}' WHERE dataset = '$name'});
	cell($name, 'etl_replay', "SELECT status, loaded FROM etl_replay('$name')", 'succeeded|1');
	staged($name, [ [ 6, 'first6' ] ]);
	cell($name, 'etl_load', "CALL etl_load('$name'); SELECT count(*) FROM etl.file WHERE dataset = '$name' AND status = 'archived'", '3');
	staged($name, [ [ 7, 'first7' ], [ 1, 'third1' ] ]);
	cell($name, 'etl_run() of all', "SELECT status, loaded FROM etl_run() WHERE dataset = '$name'", 'succeeded|2');
	is(clerk("SELECT string_agg(id || v, ',' ORDER BY id) FROM data.$name"), '1third1,2first2,3first3,4first4,5first5,6first6,7first7', "$name: what was to be loaded is");
	cell($name, 'etl_anonymized', "SELECT count(*) FROM etl_anonymized(NULL::data.$name, '$name') a WHERE a.v LIKE '%first%'", '0');
	cell($name, 'etl_export', "SELECT etl_export('$name', '$name.jsonl'), etl_export('$name', '$name.csv', 'csv', true)", '7|7');
	cell($name, 'etl_locate', "SELECT occurrences FROM etl_locate('first5\@example.org') WHERE place = 'data.$name'", '1');
	cell($name, 'etl_subject', "SELECT count(*) FROM etl_subject('$name', '5') WHERE place = 'data.$name'", '1');
	cell($name, 'etl_erase, dry run', "SELECT row_count > 0 FROM etl_erase('$name', '5', dry_run => true)", 't');
	cell($name, 'etl_erase', "SELECT status FROM etl_erase('$name', '5')", 'completed');
	cell($name, 'etl_erase by email', "SELECT status FROM etl_erase('$name', email => 'first6\@example.org')", 'completed');
	is(clerk("SELECT count(*) FROM data.$name WHERE v IN ('first5', 'first6') OR mail LIKE 'first5%' OR mail LIKE 'first6%'"), '0', "$name: who was erased is gone");
	staged($name, [ [ 5, 'first5' ] ]);
	cell($name, 'etl_run with somebody erased', "SELECT status, loaded FROM etl_run('$name')", 'succeeded|1');
	is(clerk("SELECT count(*) FROM data.$name WHERE v = 'first5'"), '0', "$name: who was erased does not come back");
	cell($name, 'etl_retention', "SELECT count(*) FROM etl_retention('$name')", '1');
	cell($name, 'etl_reload', "SELECT status FROM etl_reload('2000-01-01', '$name')", 'succeeded');
	cell($name, 'etl_catalog_archive', "SELECT files > 0 FROM etl_catalog_archive('$name')", 't');
	for (1 .. 2)
	{
		for my $command (grep { /\b$name\b|m_$name|${name}_1/ } split /\n/, sql('SELECT * FROM etl_erasure_purge()'))
		{
			cell($name, "purge: " . $command =~ s/(\S+) .*/$1/r, $command, qr/^(DELETE \d+)?$/);
		}
	}
	cell($name, 'etl_hold and etl_release_hold', "SELECT (etl_hold('$name', '4', 'why')).dataset; SELECT status FROM etl_erase('$name', '4'); SELECT status FROM etl_release_hold('$name', '4')", "$name\nheld\ncompleted");
	cell($name, 'etl_grant and etl_revoke', "SELECT count(*) > 0 FROM etl_grant('reader', 'analyst'); SELECT etl_revoke('reader')", "t\n");
	cell($name, 'etl_label_columns', "SELECT count(*) FROM etl_label_columns('$name')", $name eq 'generated' ? '3' : '2');
	cell($name, 'etl_reinstate', "SELECT etl_reinstate('$name', '5', 'asked') > 0", 't');
	cell($name, 'views', join('; ', map { "SELECT count(*) >= 0 FROM $_" } split /\n/, sql(q{SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'etl' AND c.relkind = 'v' ORDER BY 1})), qr/^t(\nt)*$/);
	cell($name, 'etl_drop', "SELECT etl_drop('$name')", 't');
	cmp_ok(count_of('as_owner'), '>', $ran, "$name: the owner's code has run") unless $name =~ /^(policies.*|excluded|referred)$/;
	sql("DROP TABLE data.$name CASCADE") if $is_table;
}
# Views of ours that read a target table by themselves.
sql(q{SELECT etl_define(definition) FROM etl.dataset WHERE name = 'transactions'});
sql('ALTER TABLE data.transactions OWNER TO clerk');
clerk('CREATE INDEX ON data.transactions (customer_id) WHERE hostile.yes(); ALTER TABLE data.transactions ADD CHECK (hostile.yes()); CREATE POLICY p ON data.transactions USING (hostile.ok(city)); ALTER TABLE data.transactions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;');
clerk("INSERT INTO data.transactions (transaction_id, transaction_time, customer_id, city) VALUES ('00000000-0000-4000-8000-000000000001', now(), 1, 'X')");
for my $view (split /\n/, sql(q{SELECT d.objid::regclass FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid AND d.refclassid = 'pg_extension'::regclass JOIN pg_class c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass
	WHERE e.extname = 'pg_etl' AND d.deptype = 'e' AND c.relkind = 'v' ORDER BY 1}))
{
	cell('transactions', $view, "SELECT count(*) >= 0 FROM $view", 't');
}
is(sql('SELECT count(*) FROM data.delivery_addresses'), '1', 'data.delivery_addresses shows the row');
sql('GRANT SELECT ON data.delivery_addresses TO clerk');
is(clerk('SELECT count(*) FROM data.delivery_addresses'), '1', 'to its owner, too');

# A superuser's table, whose partition or child was given to the clerk.
for my $name ('given', 'begotten')
{
	sql($name eq 'given' ? "CREATE TABLE data.$name ($columns) PARTITION BY RANGE (id); CREATE TABLE data.${name}_1 PARTITION OF data.$name FOR VALUES FROM (0) TO (1000)" : "CREATE TABLE data.$name ($columns); CREATE TABLE data.${name}_1 () INHERITS (data.$name)");
	sql("ALTER TABLE data.${name}_1 OWNER TO clerk");
	clerk($trigger->('BEFORE', 'INSERT OR UPDATE', 'ROW', "data.${name}_1") . $trigger->('BEFORE', 'INSERT OR UPDATE', 'STATEMENT', "data.${name}_1") . "CREATE INDEX ON data.${name}_1 (mail) WHERE hostile.yes(); ALTER TABLE data.${name}_1 ADD CHECK (hostile.ok(v));");
	sql(qq(SELECT etl_define('{"type": "object", "x-etl": {"dataset": "$name", "files": ["$name.json"], "key": "/id", "on_repeat": "update", "subject": {"field": "/id"}, "personal": [{"field": "/v", "treatment": "null"}],
	  "tables": [{"schema": "data", "name": "$name", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "v", "from": "/v"}, {"name": "mail", "from": "/mail"}]}]}}')));
	staged($name, [ [ 1, 'first1' ], [ 2, 'first2' ] ]);
	cell($name, 'etl_run', "SELECT status, loaded FROM etl_run('$name')", 'succeeded|2');
	sql("INSERT INTO data.$name VALUES (3, 'first3', 'x')");
	forget();
	clerk("INSERT INTO data.${name}_1 VALUES (4, 'first4', 'x')");
	staged($name, [ [ 1, 'second1' ], [ 4, 'second4' ] ]);
	cell($name, 'etl_run that updates', "SELECT status, loaded FROM etl_run('$name')", 'succeeded|2');
	cell($name, 'etl_subject', "SELECT count(*) FROM etl_subject('$name', '4') WHERE place = 'data.$name'", '1');
	cell($name, 'etl_export', "SELECT etl_export('$name', '$name.jsonl')", '4');
	cell($name, 'etl_locate', "SELECT occurrences FROM etl_locate('second4') WHERE place = 'data.$name'", '2');
	cell($name, 'etl_erase', "SELECT status FROM etl_erase('$name', '4')", 'completed');
	is(sql("SET row_security = on; SELECT count(v) FROM data.$name"), '3', "$name: and one is erased");
	forget();
}
sql('CREATE ROLE other; CREATE TABLE data.given_2 PARTITION OF data.given FOR VALUES FROM (1000) TO (2000); ALTER TABLE data.given_2 OWNER TO other');
cell('given', 'partitions of several roles', "SELECT status FROM etl_erase('given', '1')", qr/^ERROR:  cannot work on a table whose partitions belong to several roles/);
note "$cells cells";
$node->stop;
done_testing();
