# What target tables do of their own: deferrable constraints, triggers that drop or refuse rows,
# generated columns, names that their code leaves unqualified, views; and settings of the database
# that a run meets.
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

sub definition
{
	my ($dataset, $columns, %more) = @_;
	my $schema = $more{schema} // 'data';
	my $rest = $more{rest} // '';
	my $key = $more{no_key} ? '' : '"key": "/id", ';
	return qq(SELECT name FROM etl_define('{"type": "object", "x-etl": {"dataset": "$dataset", "files": ["$dataset.json"], $key$rest
	  "tables": [{"schema": "$schema", "name": "$dataset", "columns": [{"name": "id", "type": "bigint", "from": "/id"}, $columns]}]}}'));
}
sub define { my (@args) = @_; return $node->safe_psql('postgres', definition(@args)) }

sub put
{
	my ($dataset, @records) = @_;
	stage($node, sprintf('date=2024-03-%02d/hour=%d/%s.json', 1 + $hour / 24, $hour % 24, $dataset), join '', map { "$_\n" } @records);
	++$hour;
	return;
}
sub run { my ($dataset, @records) = @_; put($dataset, @records); return run_counts($node, "etl_run('$dataset')") }
sub ids { my ($table) = @_; return $node->safe_psql('postgres', "SELECT coalesce(string_agg(id::text, ',' ORDER BY id), 'none') FROM $table") }

# The error of a statement that fails.
sub failure
{
	my ($sql) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', $sql, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return $rc == 0 ? "none: $out" : $err;
}

# ---- constraints that are checked at COMMIT
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE data.country (code text PRIMARY KEY);
INSERT INTO data.country VALUES ('DE'), ('FR');
CREATE TABLE data.refers (id bigint PRIMARY KEY, x text REFERENCES data.country DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE data.seats (id bigint PRIMARY KEY, x text UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE data.later (id bigint PRIMARY KEY, x text REFERENCES data.country DEFERRABLE INITIALLY IMMEDIATE);
CREATE FUNCTION data.not_bad() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF new.x = 'bad' THEN RAISE check_violation USING MESSAGE = 'bad'; END IF; RETURN NULL; END $$;
CREATE TABLE data.triggered (id bigint, x text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE data.triggered_1 PARTITION OF data.triggered FOR VALUES FROM (0) TO (1000);
CREATE CONSTRAINT TRIGGER not_bad AFTER INSERT OR UPDATE ON data.triggered DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION data.not_bad();
SQL
# one that the caller's transaction owes
$node->safe_psql('postgres', 'CREATE TABLE data.owes (code text REFERENCES data.country DEFERRABLE INITIALLY DEFERRED)');
{
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nBEGIN; INSERT INTO data.owes VALUES ('IT'); SELECT etl_run('products')");
	like($err, qr/ERROR:  23503: a deferred constraint of this transaction is not satisfied yet\nDETAIL:  .*owes_code_fkey.*\nHINT:  /, 'a constraint that waits already is told as what it is');
	unlike($err, qr/WARNING/, 'and nothing else');
	is_sql($node, "BEGIN; INSERT INTO data.owes VALUES ('IT'); INSERT INTO data.country VALUES ('IT'); SELECT status FROM etl_run('products'); COMMIT", 'succeeded', 'one that is satisfied is none');
}
my %bad = (refers => 'XX', seats => 'DE', later => 'XX', triggered => 'bad');
for my $table ('refers', 'seats', 'later', 'triggered')
{
	define($table, '{"name": "x", "from": "/x"}', rest => '"on_repeat": "update", "subject": {"field": "/id"}, "personal": [{"field": "/x", "treatment": "redact", "value": "erased"}],');
	is(run($table, '{"id": 1, "x": "DE"}', qq({"id": 2, "x": "$bad{$table}"}), '{"id": 3, "x": "FR"}'), 'succeeded|1|3|2|1', "$table: one row of three is refused");
	is(ids("data.$table"), '1,3', "$table: the others are in");
	is(run($table, qq({"id": 3, "x": "$bad{$table}"})), 'succeeded|1|1|0|1', "$table: an update is refused");
	is_sql($node, "SELECT status, loaded, quarantined FROM etl_replay('$table')", 'succeeded|0|2', "$table: as it is when it is replayed");
	is_sql($node, "BEGIN; SET CONSTRAINTS ALL DEFERRED; SELECT status, loaded, quarantined FROM etl_replay('$table'); COMMIT", 'succeeded|0|2',
		"$table: also where the caller has deferred everything");
}
is_sql($node, q{SELECT count(DISTINCT (dataset, line)) FROM etl.quarantine WHERE code = 'constraint'}, '8', 'each in quarantine, as constraint');
put('refers', '{"id": 9, "x": "none"}');
$node->safe_psql('postgres', q{CALL etl_load('refers')});
is_sql($node, q{SELECT count(*) FROM etl.quarantine WHERE dataset = 'refers'}, '3', 'etl_load commits with a row refused');
like(failure(q{SELECT etl_erase('refers', '1')}), qr/23503/, 'an erasure that such a constraint refuses says so at once')
  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_attribute WHERE attrelid = 'etl.erasure'::regclass AND attname = 'reason'}) eq '0';
is(failure(q{BEGIN; SELECT etl_run('refers'); INSERT INTO data.refers VALUES (20, 'NL'); INSERT INTO data.country VALUES ('NL'); COMMIT}) =~ /23503/ ? 'refused' : 'deferred', 'deferred',
	'after a call they are deferred again');

# ---- rows that triggers keep out
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE data.dropping (id bigint PRIMARY KEY, v text);
CREATE FUNCTION data.drop_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.v = 'drop' THEN RETURN NULL; ELSIF new.v = 'raise' THEN RAISE EXCEPTION 'not this one'; ELSIF new.v = 'key' THEN new.id := new.id + 1000; END IF;
    RETURN new;
END $$;
CREATE TRIGGER drop_rows BEFORE INSERT OR UPDATE ON data.dropping FOR EACH ROW EXECUTE FUNCTION data.drop_rows();
SQL
define('dropping', '{"name": "v", "from": "/v"}', rest => '"on_repeat": "update",');
is(run('dropping', '{"id": 1, "v": "a"}', '{"id": 2, "v": "drop"}', '{"id": 3, "v": "raise"}', '{"id": 4, "v": "key"}', '{"id": 5, "v": "b"}'), 'succeeded|1|5|3|1',
	'a row that a trigger drops is not counted as loaded');
is_sql($node, q{SELECT violations -> 0 ->> 'message' FROM etl.quarantine WHERE dataset = 'dropping'},
	'(root): refused by trigger "drop_rows" of table "dropping", SQLSTATE P0001', 'a trigger that refuses a row is named');
put('dropping', '{"id": 6, "v": "drop"}', '{"id": 7, "v": "c"}', '{"id": 8, "v": "drop"}');
put('dropping', '{"id": 9, "v": "d"}');
put('dropping', '{"id": 10, "v": "drop"}', '{"id": 11, "v": "e"}', '{"id": 1, "v": "drop"}', '{"id": 5, "v": "new"}');
is(run_counts($node, q{etl_run('dropping')}), 'succeeded|3|8|4|0', 'of several files, inserted and updated');
is_sql($node, q{SELECT string_agg(loaded::text, ',' ORDER BY file_id) FROM etl.file WHERE dataset = 'dropping'}, '3,1,1,2', 'each of which has its number');
is_sql($node, q{SELECT string_agg(id || v, ',' ORDER BY id) FROM data.dropping}, '1a,5new,7c,9d,11e,1004key', 'and the table what the trigger lets in');
$node->safe_psql('postgres', q{UPDATE etl.quarantine SET record = '{"id": 30, "v": "drop"}' WHERE dataset = 'dropping'});
is_sql($node, q{SELECT records, loaded FROM etl_replay('dropping')}, '1|0', 'a replayed row that is dropped is not counted either');

# ---- what is told of other refusals
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE data.needs (id bigint PRIMARY KEY, a text NOT NULL, b text NOT NULL DEFAULT 'x');
CREATE TABLE data.months (id bigint, day date) PARTITION BY RANGE (day);
CREATE TABLE data.month_1 PARTITION OF data.months FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
SQL
define('needs', '{"name": "a", "from": "/in/a"}');
define('months', '{"name": "day", "type": "date", "from": "/day"}', no_key => 1);
run('needs', '{"id": 1, "in": {}}');
run('months', '{"id": 1, "day": "2024-05-05"}', '{"id": 2, "day": "2024-01-05"}');
is_sql($node, q{SELECT violations -> 0 ->> 'pointer', violations -> 0 ->> 'message' FROM etl.quarantine WHERE dataset = 'needs'},
	'/in/a|/in/a: refused by table "needs", column "a" takes no null', 'NOT NULL names its column and where the value would stand');
is_sql($node, q{SELECT violations -> 0 ->> 'message' FROM etl.quarantine WHERE dataset = 'months'},
	'/day: refused by table "months", no partition takes it', 'a row for which there is no partition');

# ---- tables and columns that cannot be targets
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE data.computed (id bigint PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE data.numbered (id bigint PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY);
CREATE VIEW data.plain_view AS SELECT id, a FROM data.computed;
CREATE MATERIALIZED VIEW data.stored_view AS SELECT id, a FROM data.computed;
SQL
like(failure(definition('computed', '{"name": "twice", "type": "integer", "from": "/b"}')), qr/428C9.*"twice".*generated column/s, 'a generated column is refused');
like(failure(definition('numbered', '{"name": "n", "type": "integer", "from": "/n"}', rest => '"on_repeat": "update",')), qr/428C9.*"n".*IDENTITY/s,
	'so is an identity column that would be updated');
is(define('numbered', '{"name": "n", "type": "integer", "from": "/n"}'), 'numbered', 'one that is only inserted is not');
like(failure(definition('plain_view', '{"name": "a", "type": "integer", "from": "/a"}')), qr/42809.*INSTEAD OF INSERT/s, 'a view without INSTEAD OF triggers is refused');
like(failure(definition('stored_view', '{"name": "a", "type": "integer", "from": "/a"}')), qr/42809.*materialized view/s, 'so is a materialized view');
is(define('computed', '{"name": "a", "type": "integer", "from": "/a"}', rest => '"on_repeat": "update",'), 'computed', 'a definition that leaves the generated column out is taken');
run('computed', '{"id": 1, "a": 5}', '{"id": 2, "a": 6}');
run('computed', '{"id": 1, "a": 50}');
is_sql($node, q{SELECT string_agg(id || ':' || twice, ',' ORDER BY id) FROM data.computed}, '1:100,2:12', 'and the column is computed, also when rows are updated');

# ---- names that the table's code leaves unqualified mean what they mean to the caller, as in COPY
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA app;
CREATE TABLE app.log (line text);
CREATE TABLE app.codes (c text);
INSERT INTO app.codes VALUES ('A');
CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (tg_op || new.id); RETURN new; END $$;
CREATE FUNCTION app.known(text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN EXISTS (SELECT FROM codes WHERE c = $1); END $$;
CREATE FUNCTION app.first() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT max(c) FROM codes); END $$;
CREATE FUNCTION app.same(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM FROM codes; RETURN $1; END $$;
SET search_path = app;
CREATE TABLE data.named (id bigint PRIMARY KEY, v text CHECK (app.known(v)), w text DEFAULT app.first(), g text GENERATED ALWAYS AS (app.same(v)) STORED);
CREATE INDEX ON data.named (app.same(v));
CREATE TRIGGER note BEFORE INSERT OR UPDATE ON data.named FOR EACH ROW EXECUTE FUNCTION app.note();
ALTER DATABASE postgres SET search_path = app, public;
SQL
define('named', '{"name": "v", "from": "/v"}', rest => '"on_repeat": "update", "subject": {"field": "/id"}, "personal": [{"field": "/v", "treatment": "redact", "value": "A"}],');
is(run('named', '{"id": 1, "v": "A"}', '{"id": 2, "v": "none"}'), 'succeeded|1|2|1|1', 'a check that looks into a table by its bare name refuses what it should');
is(run('named', '{"id": 1, "v": "A"}'), 'succeeded|1|1|1|0', 'and takes an update');
is_sql($node, q{SELECT status FROM etl_erase('named', '1')}, 'completed', 'as it takes an erasure');
is_sql($node, q{SELECT string_agg(line, ',') FROM app.log}, 'INSERT1,UPDATE1,UPDATE1', 'a trigger writes where it means to');
is_sql($node, q{SELECT id || v || w || g FROM data.named}, '1AAA', 'default and generated column are computed');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET search_path');

# ---- settings of the database
$node->safe_psql('postgres', 'CREATE TABLE data.plain (id bigint PRIMARY KEY, v date)');
define('plain', '{"name": "v", "type": "date", "from": "/v"}');
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET quote_all_identifiers = on');
is(run('plain', '{"id": 1, "v": "2024-01-01"}'), 'succeeded|1|1|1|0', 'quote_all_identifiers changes nothing');
$node->safe_psql('postgres', q{ALTER DATABASE postgres SET quote_all_identifiers = off; ALTER DATABASE postgres SET default_transaction_isolation = 'repeatable read'});
put('plain', '{"id": 2, "v": "2024-01-02"}');
put('plain', '{"id": 3, "v": "2024-01-03"}');
$node->safe_psql('postgres', q{CALL etl_load('plain')});
is(ids('data.plain'), '1,2,3', 'etl_load works where REPEATABLE READ is the default');
like(failure(q{SELECT etl_run('plain')}), qr/25001.*READ COMMITTED/s, 'etl_run says what to type');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET default_transaction_isolation');

# ---- temp_file_limit where indexes are built last
$node->safe_psql('postgres', q{CREATE TABLE data.large (id bigint PRIMARY KEY, v text); CREATE INDEX ON data.large (v); ALTER DATABASE postgres SET temp_file_limit = '1MB'});
define('large', '{"name": "v", "from": "/v"}');
put('large', map { sprintf '{"id": %d, "v": "%s%d"}', ($_ * 7919) % 1000003, 'x' x 40, $_ } 1 .. 60_000);
is($node->safe_psql('postgres', q{SET etl.batch_memory = '16MB'; SELECT status, loaded FROM etl_run('large')}), 'succeeded|60000', 'a limit that sorting for an index meets is no end: it is filled row by row');
is_sql($node, q{SELECT count(*) FROM pg_index WHERE indrelid = 'data.large'::regclass AND indisvalid AND indisready}, '2', 'and in use');

$node->stop;
done_testing();
