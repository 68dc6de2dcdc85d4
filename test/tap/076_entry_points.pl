# Every function of the extension, whatever it is called with and from where: the server lives, and
# what is refused is refused with a SQLSTATE of its own. The functions are those that pg_proc has, so
# that one which is added is tried as well.
#
#   ETL_SOAK=1           all calls
#   ETL_SERVER_PRELOAD   a sanitizer's runtime (scripts/sanitize-server), with which calls take longer
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $timeout = $ENV{ETL_SERVER_PRELOAD} ? '3000s' : '300s';
my $node = etl_node(conf => "autovacuum = off\nrestart_after_crash = on\nstatement_timeout = $timeout\nlog_min_messages = fatal\n");
if (my $module = $ENV{ETL_MODULE})
{
	my $maps = $node->safe_psql('postgres', q{SELECT count(*) FROM etl.setting; SELECT pg_read_file('/proc/self/maps')});
	like($maps, qr/\Q$_\E/, "$_ is in the server") for $module, split / /, $ENV{ETL_SERVER_PRELOAD};
	unlike($maps, qr{/lib/pg_etl\.so}, 'and not the installed module');
}
my $hour = 'date=2020-01-01/hour=0';

$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}, "email": {"type": "string"}},
  "x-etl": {"dataset": "entry", "files": ["entry.json"], "key": "/id", "on_repeat": "update", "subject": {"field": "/id", "email": "/email"},
            "personal": [{"field": "/name", "treatment": "redact"}, {"field": "/email", "treatment": "token"}],
            "tables": [{"schema": "data", "name": "entry", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"},
                        {"name": "name", "from": "/name"}, {"name": "email", "from": "/email"}]}]}}');
CREATE SCHEMA trial;

-- values of each type: none, empty, huge, negative, infinite, garbage
CREATE TABLE trial.value (type regtype, value text);
INSERT INTO trial.value
  SELECT 'text'::regtype, unnest(ARRAY[$$''$$, $$'entry'$$, $$'nothing'$$, $$'1'$$, $$'jsonl'$$, $$'year'$$, $$'operator'$$, $$E'a\tb''"\\$(x)/../\n'$$,
         $$repeat('é', 300000)$$, $$'/dev/zero'$$, $$'.'$$, $$repeat('[', 2000)$$])
  UNION ALL SELECT 'bigint', unnest(ARRAY['0', '1', '-1', '9223372036854775807', '-9223372036854775808'])
  UNION ALL SELECT 'integer', unnest(ARRAY['0', '1', '-1', '2147483647', '-2147483648'])
  UNION ALL SELECT 'smallint', unnest(ARRAY['0', '-1', '32767'])
  UNION ALL SELECT 'boolean', unnest(ARRAY['true', 'false'])
  UNION ALL SELECT t, unnest(ARRAY[$$'infinity'$$, $$'-infinity'$$, $$'epoch'$$, $$'294276-12-31'$$, $$'4713-01-01 BC'$$]) FROM unnest('{timestamptz,timestamp,date}'::regtype[]) t
  UNION ALL SELECT 'interval', unnest(ARRAY[$$'0'$$, $$'-178000000 years'$$, $$'178000000 years'$$])
  UNION ALL SELECT 'jsonb', unnest(ARRAY[$$'{}'$$, $$'[]'$$, $$'null'$$, $$'""'$$, $$'-1e400'$$, $$'{"id": null, "": [[]]}'$$, $$'{"id": 1, "name": "n", "email": "e@example.org"}'$$,
         $$'{"x-etl": 1}'$$, $$'{"treatment": "partial"}'$$, $$'{"treatment": "generalize", "to": {"range": 1e400}}'$$, $$'{"x-etl": {"dataset": "entry", "files": [null]}}'$$,
         $$(repeat('[', 1500) || repeat(']', 1500))$$])
  UNION ALL SELECT 'numeric', unnest(ARRAY['0', '-1', '1', $$'NaN'$$, $$'Infinity'$$, $$'-Infinity'$$, '1e1000', '1e-1000'])
  UNION ALL SELECT 'double precision', unnest(ARRAY['0', '-1', $$'NaN'$$, $$'Infinity'$$])
  UNION ALL SELECT 'bytea', unnest(ARRAY[$$'\x'$$, $$'\x00'$$, $$decode(repeat('ff', 32), 'hex')$$, $$decode(repeat('00ff', 500000), 'hex')$$])
  UNION ALL SELECT 'text[]', unnest(ARRAY[$$'{}'$$, $$'{NULL}'$$, $$'{a,NULL,""}'$$, $$'{{a,b},{c,d}}'$$, $$'[5:5]={x}'$$])
  UNION ALL SELECT 'bigint[]', unnest(ARRAY[$$'{}'$$, $$'{NULL}'$$, $$'{-1,NULL}'$$, $$'{{1},{2}}'$$])
  UNION ALL SELECT 'uuid', unnest(ARRAY[$$'00000000-0000-0000-0000-000000000000'$$])
  UNION ALL SELECT 'inet', unnest(ARRAY[$$'0.0.0.0'$$, $$'::1/0'$$, $$'255.255.255.255/7'$$])
  UNION ALL SELECT 'oid', unnest(ARRAY['0', '4294967295', $$'pg_class'::regclass$$])
  UNION ALL SELECT 'regclass', unnest(ARRAY['0', '4294967295', $$'data.entry'$$])
  UNION ALL SELECT 'regrole', unnest(ARRAY['0', '4294967295', '10'])
  UNION ALL SELECT 'xid', unnest(ARRAY[$$'0'$$, $$'1'$$, $$'4294967295'$$])
  UNION ALL SELECT 'pg_lsn', unnest(ARRAY[$$'0/0'$$, $$'FFFFFFFF/FFFFFFFF'$$])
  UNION ALL SELECT 'anyelement', unnest(ARRAY[$$NULL::data.entry$$, $$ROW(1, 'n', 'e')::data.entry$$, $$ROW(1, 'n')$$, $$NULL::etl.run$$, $$NULL::pg_class$$, '1', $$'{1}'::int[]$$, $$NULL::int4range$$]);

CREATE TABLE trial.entry AS
  SELECT p.oid::regprocedure AS function, p.prokind, p.pronargs, p.proretset AND p.prorettype = 'record'::regtype AND p.proallargtypes IS NULL AS needs_columns
  FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid AND d.refclassid = 'pg_extension'::regclass
       JOIN pg_proc p ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
  WHERE e.extname = 'pg_etl' AND d.deptype = 'e';

-- calls: all arguments null; each argument with each of its values, the others null, or the first of
-- theirs that are no null; and of every function some arguments drawn from all values
CREATE FUNCTION trial.argument(type oid, choice int) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN choice = 0 OR count(*) = 0 THEN CASE WHEN argument.type IN ('anyelement'::regtype, 'anyarray'::regtype, 'anynonarray'::regtype) THEN 'NULL::text' ELSE 'NULL::' || format_type(argument.type, NULL) END
              WHEN argument.type = 'anyelement'::regtype THEN (array_agg(value ORDER BY value))[1 + (choice - 1) % count(*)]
              ELSE format('(%s)::%s', (array_agg(value ORDER BY value))[1 + (choice - 1) % count(*)], format_type(argument.type, NULL)) END
  FROM trial.value v WHERE v.type = argument.type $$;
CREATE TABLE trial.call (n bigint GENERATED ALWAYS AS IDENTITY, function regprocedure, prokind "char", statement text, turn bigint);
INSERT INTO trial.call (function, prokind, statement)
WITH args AS (
  SELECT f.function, f.prokind, f.needs_columns, coalesce(array_agg(t.type ORDER BY t.n) FILTER (WHERE t.n IS NOT NULL), '{}') AS types
  FROM trial.entry f JOIN pg_proc p ON p.oid = f.function LEFT JOIN LATERAL unnest(p.proargtypes) WITH ORDINALITY t(type, n) ON true
  GROUP BY f.function, f.prokind, f.needs_columns),
plan AS (
  SELECT function, prokind, needs_columns, types, array_fill(0, ARRAY[cardinality(types)]) AS choices FROM args
  UNION
  SELECT a.function, a.prokind, a.needs_columns, a.types,
         ARRAY(SELECT CASE WHEN i = at THEN choice ELSE base END FROM generate_subscripts(a.types, 1) i ORDER BY i)
  FROM args a, generate_subscripts(a.types, 1) at, generate_series(1, 12) choice, unnest(ARRAY[0, 2]) base
  WHERE choice <= (SELECT count(*) FROM trial.value v WHERE v.type = a.types[at])
  UNION
  SELECT a.function, a.prokind, a.needs_columns, a.types, ARRAY(SELECT 1 + abs(hashint8extended(i, round + a.function::oid::bigint)) % 12 FROM generate_subscripts(a.types, 1) i)
  FROM args a, generate_series(1, 8) round WHERE cardinality(a.types) > 1),
texts AS (
  SELECT p.function, p.prokind, p.needs_columns,
         p.function::oid::regproc || '(' || coalesce((SELECT string_agg(trial.argument(p.types[i], p.choices[i]::int), ', ' ORDER BY i) FROM generate_subscripts(p.types, 1) i), '') || ')' AS text
  FROM plan p)
SELECT DISTINCT function, prokind, statement FROM texts,
  unnest(CASE WHEN prokind = 'p' THEN ARRAY['CALL ' || text]
              WHEN needs_columns THEN ARRAY['SELECT ' || text, 'SELECT * FROM ' || text || ' AS t (a int)', 'SELECT * FROM ' || text || ' AS t (a bigint, b text, c text)',
                                            'SELECT * FROM ' || text || ' AS t (a text, b bytea, c jsonb, d timestamptz, e int[], f numeric)']
              ELSE ARRAY['SELECT ' || text, 'SELECT count(*) FROM ' || text || ' AS t'] END) statement;
-- in which a function's calls have their turn: the one without arguments first
UPDATE trial.call c SET turn = t.turn FROM (SELECT n, row_number() OVER (PARTITION BY function ORDER BY statement !~ '\(NULL', hashtext(statement)) AS turn FROM trial.call) t WHERE c.n = t.n;

-- what nobody may begin inside a run, with arguments that would do
ALTER TABLE trial.call ADD COLUMN refused boolean NOT NULL DEFAULT false;
INSERT INTO trial.call (function, prokind, statement, turn, refused)
SELECT (SELECT f.function FROM trial.entry f WHERE f.function::text LIKE split_part(split_part(s, ' ', 2), '(', 1) || '(%' LIMIT 1), 'f', s, 0, true
FROM unnest(ARRAY['SELECT etl_run()', $$SELECT etl_run('entry', true)$$, $$SELECT etl_replay('entry')$$, $$SELECT etl_drop('entry')$$,
  $$SELECT etl_define((SELECT definition FROM etl.dataset WHERE name = 'entry'))$$, $$SELECT etl_erase('entry', '1')$$, $$SELECT etl_reinstate('entry', '1', 'mistaken')$$,
  $$SELECT etl_export('entry', 'entry.csv', 'csv')$$, $$SELECT etl_catalog_archive()$$, $$SELECT etl_locate('e1@example.org')$$]) s;

-- each in a subtransaction that is rolled back
CREATE TABLE trial.outcome (place text, n bigint, sqlstate text, message text);
CREATE FUNCTION trial.try_all(place text, turns int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  c record; states text[] := '{}'; numbers bigint[] := '{}'; messages text[] := '{}';
BEGIN
  FOR c IN SELECT n, statement FROM trial.call WHERE turn <= turns ORDER BY n LOOP
    BEGIN
      EXECUTE c.statement;
      RAISE EXCEPTION USING ERRCODE = 'TRIED';
    EXCEPTION WHEN OTHERS THEN
      states := states || SQLSTATE::text; numbers := numbers || c.n; messages := messages || left(SQLERRM, 200);
    END;
  END LOOP;
  INSERT INTO trial.outcome SELECT place, n, s, m FROM unnest(numbers, states, messages) u(n, s, m);
END $$;
CREATE FUNCTION trial.in_a_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() = 1 AND NOT EXISTS (SELECT FROM trial.outcome WHERE place = TG_OP) THEN
    PERFORM trial.try_all(TG_OP, current_setting('trial.turns')::int);
  END IF;
  RETURN NEW;
END $$;
SQL

my ($functions, $calls) = split /\|/, $node->safe_psql('postgres', 'SELECT count(DISTINCT function), count(*) FROM trial.call');
is($functions, $node->safe_psql('postgres', 'SELECT count(*) FROM trial.entry'), "each of the extension's $functions functions is called");
cmp_ok($calls, '>', 20 * $functions, "in $calls ways");
# how many of a function's calls are made: all of them take minutes
my $turns = $ENV{ETL_SOAK} ? 1_000_000 : 8;
my $made = $node->safe_psql('postgres', "SELECT count(*) FROM trial.call WHERE turn <= $turns");
note("$made of them are made, in three places");
my $began = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

# Backends that ended: the postmaster says so.
sub survives
{
	my ($sql, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $started = time;
	my ($rc, $out, $err) = $node->psql('postgres', $sql);
	note("$what: " . (time - $started) . ' s');
	is($rc, 0, "$what: the session lives") or diag(substr $err, 0, 2000);
	return;
}

sub no_internal_error
{
	my ($place) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_sql($node, "SELECT string_agg(left(statement, 200) || ': ' || message, E'\\n') FROM trial.outcome o JOIN trial.call USING (n) WHERE place = '$place' AND sqlstate LIKE 'XX%'", '',
		"$place: no error is internal");
	note($node->safe_psql('postgres', "SELECT string_agg(sqlstate || ' ' || count, ', ') FROM (SELECT sqlstate, count(*) FROM trial.outcome WHERE place = '$place' GROUP BY 1 ORDER BY 2 DESC) s"));
	return;
}

survives("SELECT trial.try_all('statement', $turns)", 'from a statement');
is_sql($node, q{SELECT count(*) FROM trial.outcome WHERE place = 'statement'}, $made, 'all of them');
no_internal_error('statement');

# From a trigger of a run: while COPY inserts, and while UPDATE replaces rows.
$node->safe_psql('postgres', q{
  CREATE TABLE IF NOT EXISTS data.entry (id bigint PRIMARY KEY, name text, email text);
  CREATE TRIGGER try BEFORE INSERT OR UPDATE ON data.entry FOR EACH ROW EXECUTE FUNCTION trial.in_a_run()});
my $line = sub { join '', map { qq({"id": $_, "name": "    $_[0]", "email": "e$_\@example.org"}\n) } 1 .. 3 };
for my $step ([ 0, 'INSERT' ], [ 1, 'UPDATE' ])
{
	my ($number, $operation) = @$step;
	stage($node, "date=2020-01-01/hour=$number/entry.json", $line->($operation));
	survives("SET trial.turns = $turns; SELECT etl_run('entry')", "from a trigger of a run, at $operation");
	is_sql($node, "SELECT count(*) FROM trial.outcome WHERE place = '$operation'", $made, "all of them at $operation");
	no_internal_error($operation);
	is_sql($node, q{SELECT status, records, loaded FROM etl.run WHERE dataset = 'entry' ORDER BY run_id DESC LIMIT 1}, 'succeeded|3|3', "and the run goes on");
	is_sql($node, 'SELECT string_agg(id || trim(name), \' \' ORDER BY id) FROM data.entry', join(' ', map { "$_$operation" } 1 .. 3), 'with its own rows');
}

# Whatever would begin a run, an erasure or a change of definitions within one is refused.
for my $operation ('INSERT', 'UPDATE')
{
	is_sql($node, "SELECT sqlstate, count(*), bool_and(message LIKE '% cannot be called while etl\\_run() is at work in this session') FROM trial.outcome JOIN trial.call USING (n) WHERE place = '$operation' AND refused GROUP BY 1",
		'55000|10|t', "a run within a run is refused, and so is all that changes what runs go by ($operation)");
	is_sql($node, "SELECT DISTINCT sqlstate FROM trial.outcome JOIN trial.call USING (n) WHERE place = '$operation' AND statement LIKE 'SELECT etl\\_internal.exported\\_records%'", '55000',
		"what a run hands out is only for its own statement ($operation)");
}

is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $began, 'the server has not been started again');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:|exited with exit code/, 'and no backend has ended by itself');
$node->stop;
done_testing();
