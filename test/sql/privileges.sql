-- Who may do what: nobody anything by default, and each kind of role what etl_grant grants. And what
-- a definition, a path or a record with quotes and backslashes can't do.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
\set directories :test '/include/directories.psql'
\i :directories
\set command 'touch "' :hour '/keeps the directory"'
COPY shell FROM PROGRAM :'command';

CREATE ROLE etl_regress_nobody;
\set roles :test '/include/roles.psql'
\i :roles

SELECT * FROM no_plan();

-- ---- by default
CREATE TEMP VIEW member AS
    SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid
     WHERE d.refclassid = 'pg_extension'::regclass AND e.extname = 'pg_etl' AND d.deptype = 'e';
SELECT is_empty($$SELECT objid::regprocedure FROM member WHERE classid = 'pg_proc'::regclass AND has_function_privilege('etl_regress_nobody', objid, 'EXECUTE')$$,
    'PUBLIC may call no function or procedure');
SELECT is_empty($$SELECT oid::regclass FROM member JOIN pg_class ON classid = 'pg_class'::regclass AND objid = oid
     WHERE relkind IN ('r', 'v', 'm') AND has_any_column_privilege('etl_regress_nobody', oid, 'SELECT, INSERT, UPDATE, REFERENCES')$$,
    'and read or write no table or view');
SELECT is_empty($$SELECT oid::regclass FROM member JOIN pg_class ON classid = 'pg_class'::regclass AND objid = oid
     WHERE CASE relkind WHEN 'S' THEN has_sequence_privilege('etl_regress_nobody', oid, 'USAGE, SELECT, UPDATE') END$$, 'no sequence');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'data'::regnamespace AND has_any_column_privilege('etl_regress_nobody', c.oid, 'SELECT')$$,
    'nor the views with the old names');
SELECT ok(NOT has_schema_privilege('etl_regress_nobody', s, 'USAGE, CREATE'), 'nor use schema ' || s) FROM unnest('{etl,etl_internal}'::text[]) s;
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'etl_internal'::regnamespace$$, 'etl_internal has functions only');
SELECT is(outcome('etl_regress_nobody', 'SELECT * FROM ' || t), '42501', 'closed: ' || t)
  FROM unnest('{etl.quarantine,etl.file,etl.erasure,data.invalid_customers}'::text[]) t;
SELECT is(outcome('etl_regress_nobody', s), '42501', 'refused: ' || s)
  FROM unnest(ARRAY[$$SELECT etl_run('products')$$, 'SELECT etl_run()', $$SELECT etl_replay('products')$$,
    $$CALL etl_load('products')$$, $$SELECT etl_read('x')$$, $$SELECT etl_define('{}')$$, $$SELECT etl_drop('products')$$,
    $$SELECT etl_locate('x')$$, $$SELECT etl_rotate_key()$$, $$SELECT etl_token('customers', '1')$$,
    $$SELECT etl_grant('etl_regress_nobody', 'operator')$$]) s;
SELECT is(outcome('etl_regress_nobody', format('SET etl.%s = %L', s, v)), '42501', 'settings of folders, keys and limits are a superuser''s: ' || s)
  FROM (VALUES ('raw_dir', '/etc'), ('processed_dir', '/tmp'), ('archive_dir', '/tmp'), ('key_file', '/tmp/k'), ('journal_dir', '/tmp'),
               ('max_record_size', '1MB'), ('max_file_size', '1GB'), ('batch_memory', '1GB'), ('settle_time', '1h')) x(s, v);
SELECT is(outcome('etl_regress_nobody', $$ALTER ROLE etl_regress_nobody SET etl.raw_dir = '/etc'$$), '42501', 'nor by ALTER ROLE');
SELECT is(outcome('etl_regress_nobody', 'SET etl.threads = 1'), 'ok', 'but for the number of threads');
SELECT is(outcome('etl_regress_nobody', 'SET etl.postpone_indexes = off'), 'ok', 'and when indexes are built');

-- ---- operator
SELECT stage('products.json', '{"sku": 1, "name": "Tea", "price": 1, "category": "c", "popularity": 1}',
    '{"sku": 2, "name": null, "price": 1, "category": "c", "popularity": 1}');
SELECT stage('customers.json', '{"id": "7", "first_name": "Ann", "last_name": "Bee", "email": "ann@example.com"}');
SELECT throws_ok($$SELECT etl_grant('etl_regress_operator', 'boss')$$, '22023', 'unknown kind of role "boss"', 'kinds are known');
SELECT ok(count(*) > 20, 'etl_grant says what it grants') FROM etl_grant('etl_regress_operator', 'operator');
SELECT is(outcome('etl_regress_operator', $$SELECT 1 / (status = 'succeeded' AND loaded = 1 AND quarantined = 1)::int FROM etl_run('products')$$), 'ok',
    'an operator runs a dataset, and makes its table');
SELECT is(outcome('etl_regress_operator', $$DO 'DECLARE r record; BEGIN PERFORM 1 / (count(*) > 3)::int FROM etl_run(); END'$$), 'ok', 'and all');
SELECT is((SELECT count(*) FROM data.customers), 1::bigint, 'which loads');
SELECT is(outcome('etl_regress_operator', $$UPDATE etl.quarantine SET record = replace(record, 'null', '"n"')$$), 'ok', 'mends a record');
SELECT is(outcome('etl_regress_operator', $$SELECT 1 / (loaded = 1)::int FROM etl_replay('products')$$), 'ok', 'replays');
SELECT is(outcome('etl_regress_operator', $$SELECT etl_validate('products', '{}')$$), 'ok', 'validates');
SELECT is(outcome('etl_regress_operator', 'SELECT * FROM etl.unclaimed, etl.quarantine_cause'), 'ok', 'looks');
SELECT is(outcome('etl_regress_operator', s), '42501', 'an operator may not: ' || s)
  FROM unnest(ARRAY[$$SELECT etl_define('{}')$$, $$SELECT etl_drop('products')$$, $$UPDATE etl.dataset SET definition = '{}'$$,
    $$SELECT etl_rotate_key()$$, $$SELECT etl_locate('x')$$, $$SELECT etl_read('/etc/passwd')$$, $$SELECT etl_validate_file('products', '/etc/passwd')$$,
    $$SET etl.raw_dir = '/etc'$$]) s;
-- a row that the operator puts there moves and removes no file of the server
\set victim :root '/victim'
COPY (SELECT 'alive') TO :'victim';
INSERT INTO etl.file_action (dataset, action, from_path, to_path) VALUES ('products', 'publish', :'victim', :'processed' || '/date=2020-01-01/hour=3/stolen');
INSERT INTO etl.file_action (dataset, action, from_path, to_path) VALUES ('products', 'publish', :'raw' || '/date=2020-01-01/hour=3/../../../victim', :'processed' || '/date=2020-01-01/hour=3/stolen');
INSERT INTO etl.file_action (dataset, action, from_path, sha256) VALUES ('products', 'remove', :'victim', sha256(convert_to(E'alive\n', 'UTF8')));
SET client_min_messages = error;
SELECT is(outcome('etl_regress_operator', $$SELECT etl_run('products')$$), 'ok', 'a run with planned actions of an intruder');
SET client_min_messages = warning;
SELECT is(pg_read_file(:'victim'), E'alive\n', 'touches nothing outside the folders');
DELETE FROM etl.file_action;

-- ---- auditor
SELECT ok(count(*) > 5, 'an auditor''s grants') FROM etl_grant('etl_regress_auditor', 'auditor');
SELECT is(outcome('etl_regress_auditor', s), 'ok', 'an auditor reads: ' || s)
  FROM unnest('{SELECT * FROM etl.run,SELECT * FROM etl.dataset,"SELECT file_id, path, status, error FROM etl.file","SELECT quarantine_id, code, status FROM etl.quarantine",SELECT * FROM etl.erasure,SELECT * FROM etl.personal_column}'::text[]) s;
SELECT is(outcome('etl_regress_auditor', s), '42501', 'but not: ' || s)
  FROM unnest('{SELECT record FROM etl.quarantine,SELECT record_bytes FROM etl.quarantine,SELECT key FROM etl.quarantine,SELECT violations FROM etl.quarantine,SELECT * FROM etl.quarantine_cause,SELECT * FROM data.customers,SELECT * FROM data.invalid_customers,SELECT etl_run(''products''),UPDATE etl.run SET error = '''',DELETE FROM etl.file,SELECT etl_read(''x'')}'::text[]) s;

-- ---- analyst
SELECT ok(count(*) > 2, 'an analyst''s grants') FROM etl_grant('etl_regress_analyst', 'analyst');
SELECT is(outcome('etl_regress_analyst', s), 'ok', 'an analyst reads: ' || s)
  FROM unnest('{SELECT * FROM data.products,"SELECT id, country, segment FROM data.customers"}'::text[]) s;
SELECT is(outcome('etl_regress_analyst', s), '42501', 'but not: ' || s)
  FROM unnest('{SELECT email FROM data.customers,SELECT * FROM data.customers,SELECT * FROM etl.run,SELECT etl_run(''products''),INSERT INTO data.products (sku) VALUES (1)}'::text[]) s;

-- ---- and back
SELECT etl_revoke('etl_regress_operator');
SELECT is(outcome('etl_regress_operator', s), '42501', 'taken back: ' || s)
  FROM unnest('{SELECT etl_run(''products''),SELECT * FROM etl.run,SELECT * FROM data.customers}'::text[]) s;

-- ---- quotes, backslashes, percent signs and SQL in names, paths and records
SELECT throws_ok(format('SELECT etl_define(%L)', jsonb_build_object('type', 'object', 'x-etl', jsonb_build_object('dataset', n, 'files', '["f.json"]'::jsonb))),
    '22023', NULL, 'no name of a dataset: ' || to_json(n)::text)
  FROM unnest(ARRAY['a"b', 'a''b', 'a\b', '../a', 'a/b', 'A', '', E'a\n', 'a; DROP TABLE x', repeat('a', 64), '%s', 'é']) n;
SELECT throws_ok(format('SELECT etl_run(%L)', n), '42704', format('dataset "%s" is not defined', n), 'not defined: ' || n)
  FROM unnest(ARRAY['"', '''', '''; DROP TABLE data.products; --', '%s%n%d', E'\\', '$$', '../products']) n;
SELECT throws_ok(format('SELECT etl_read(%L)', n), '58P01', NULL, 'no such file: ' || n)
  FROM unnest(ARRAY['"', '''; DROP TABLE data.products; --', '%s%n%d', E'a\\b', '$(touch x)', 'a b']) n;
SELECT lives_ok($def$SELECT etl_define($${
    "type": "object",
    "properties": {"i'd": {"type": "integer"}, "na\"me\\": {"type": "string", "pattern": "^[^%]*$"}},
    "x-etl": {"dataset": "odd", "files": ["odd.json"], "key": "/i'd",
        "tables": [{"schema": "odd '\"\\ %s", "name": "ta'b\"l\\e; DROP TABLE data.products; --", "primary_key": ["i'd\"\\"],
            "columns": [{"name": "i'd\"\\", "type": "bigint", "from": "/i'd"}, {"name": "%s$1 \"'\\", "from": "/na\"me\\"}]}],
        "personal": [{"field": "/na\"me\\", "treatment": "redact", "value": "'); DROP TABLE data.products; --\\\"%s"}],
        "subject": {"field": "/i'd"}}}$$)$def$, 'a definition with odd names');
SELECT stage('odd.json', $r${"i'd": 1, "na\"me\\": "'); DROP TABLE data.products; -- \\ \" $1 \u0027"}$r$,
    $r${"i'd": 2, "na\"me\\": "100%s %n"}$r$, $r${"i'd": "3'", "na\"me\\": "\\.\n\t\\N"}$r$, $r${"i'd": 4, "na\"me\\": "\\.\n\t\\N,\"'"}$r$);
SELECT results_eq($$SELECT status, loaded, quarantined FROM etl_run('odd')$$, $$VALUES ('succeeded', 2::bigint, 2::bigint)$$, 'is run');
SELECT results_eq($$SELECT * FROM "odd '""\ %s"."ta'b""l\e; DROP TABLE data.products; --" ORDER BY 1$$,
    $$VALUES (1::bigint, '''); DROP TABLE data.products; -- \ " $1 '''), (4, E'\\.\n\t\\N,"''')$$, 'every character arrives as it was sent');
SELECT results_eq($$SELECT code, violations -> 0 ->> 'pointer' FROM etl.quarantine WHERE dataset = 'odd' ORDER BY line$$,
    $$VALUES ('schema', '/na"me\'), ('schema', '/i''d')$$, 'and what is refused is told with its odd place');
SELECT stage('odd.json', $r${"i'd": 4, "na\"me\\": "again"}$r$, $r${"i'd": 5, "na\"me\\": "$5"}$r$);
SELECT results_eq($$SELECT loaded, quarantined FROM etl_run('odd')$$, $$VALUES (1::bigint, 1::bigint)$$, 'keys are looked up');
SELECT results_eq($$SELECT DISTINCT "%s$1 ""'\" FROM etl_anonymized(NULL::"odd '""\ %s"."ta'b""l\e; DROP TABLE data.products; --", 'odd')$$,
    $$VALUES ('''); DROP TABLE data.products; --\"%s')$$, 'treated');
SELECT lives_ok($$SELECT etl_export('odd', 'odd '' " \ %s.csv', 'csv', true)$$, 'exported');
SELECT ok(count(*) > 0, 'granted') FROM etl_grant('etl_regress_analyst', 'analyst');
SELECT is((SELECT count(*) FROM data.products), 2::bigint, 'and nothing is dropped');

-- ---- somebody's objects with the names of ours, in pg_temp and first in the search path
CREATE SCHEMA etl_regress_shadow;
CREATE TABLE etl_regress_shadow.called (what text);
CREATE FUNCTION etl_regress_shadow.trap(what text) RETURNS void LANGUAGE sql AS $$INSERT INTO etl_regress_shadow.called VALUES (what)$$;
CREATE FUNCTION etl_regress_shadow.equals(a text, b text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM etl_regress_shadow.trap('='); RETURN false; END$$;
CREATE OPERATOR etl_regress_shadow.= (LEFTARG = text, RIGHTARG = text, FUNCTION = etl_regress_shadow.equals);
CREATE FUNCTION etl_regress_shadow.less(a int, b int) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM etl_regress_shadow.trap('>'); RETURN false; END$$;
CREATE OPERATOR etl_regress_shadow.> (LEFTARG = int, RIGHTARG = int, FUNCTION = etl_regress_shadow.less);
CREATE OPERATOR etl_regress_shadow.= (LEFTARG = int, RIGHTARG = int, FUNCTION = etl_regress_shadow.less);
CREATE FUNCTION etl_regress_shadow.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM etl_regress_shadow.trap('format'); RETURN ''; END$$;
CREATE FUNCTION etl_regress_shadow.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$BEGIN PERFORM etl_regress_shadow.trap('clock_timestamp'); RETURN NULL; END$$;
CREATE FUNCTION etl_regress_shadow.nextval(regclass) RETURNS bigint LANGUAGE plpgsql AS $$BEGIN PERFORM etl_regress_shadow.trap('nextval'); RETURN 1; END$$;
CREATE TEMP TABLE dataset (name text, definition jsonb, enabled boolean);
CREATE TEMP TABLE run (run_id bigint);
CREATE TEMP TABLE quarantine (record text);
CREATE TEMP TABLE pg_namespace (nspname name);
CREATE TEMP TABLE pg_locks (pid int);
CREATE TEMP TABLE pg_attribute (attname name);
SELECT stage('products.json', '{"sku": 3, "name": "Jar", "price": 1, "category": "c", "popularity": 1}', '{"sku": 4}');
CREATE TEMP TABLE results (r text);
SET search_path = pg_temp, etl_regress_shadow, pg_catalog, public;
INSERT INTO results SELECT public.etl_run('products');
CALL public.etl_load('products');
INSERT INTO results SELECT public.etl_replay('products');
DO 'BEGIN PERFORM public.etl_schedule(''products''); EXCEPTION WHEN undefined_object OR undefined_table THEN NULL; END';
DO 'BEGIN PERFORM public.etl_unschedule(); EXCEPTION WHEN undefined_object OR undefined_table THEN NULL; END';
INSERT INTO results SELECT public.etl_grant('etl_regress_auditor', 'auditor');
INSERT INTO results SELECT c::text FROM etl.quarantine_cause c;
INSERT INTO results SELECT u::text FROM etl.unclaimed u;
INSERT INTO results SELECT i::text FROM data.invalid_products i;
RESET search_path;
SELECT is_empty('SELECT DISTINCT what FROM etl_regress_shadow.called', 'nothing of theirs is called');
SELECT is((SELECT count(*) FROM data.products), 3::bigint, 'and ours works');

-- ---- row-level security would hide rows from a load
ALTER TABLE data.products OWNER TO CURRENT_USER;
ALTER TABLE data.products ENABLE ROW LEVEL SECURITY;
SELECT ok(count(*) > 0, 'granted again') FROM etl_grant('etl_regress_operator', 'operator');
SELECT is(outcome('etl_regress_operator', $$SELECT etl_run('products')$$), 'ok', 'nothing to load: nothing is in the way');
SELECT stage('products.json', '{"sku": 1, "name": "Tea", "price": 9, "category": "c", "popularity": 1}');
SELECT is(outcome('etl_regress_operator', $$SELECT etl_run('products')$$), '42501', 'a load that could not see every row is refused');
SELECT is((SELECT price FROM data.products WHERE sku = 1), 1.00, 'before anything is written');
SELECT results_eq($$SELECT status, loaded FROM etl_run('products')$$, $$VALUES ('succeeded', 1::bigint)$$, 'who sees every row loads it');

-- ---- the key file
\set key :root '/key'
SET etl.key_file = :'key';
SELECT throws_ok($$SELECT etl_token('customers', '1')$$, '55000', NULL, 'no key is made for a database that has one');
DELETE FROM etl.key_fingerprint;
SELECT isnt(etl_token('customers', '1'), NULL, 'the key is made when it is needed');
SELECT cmp_ok((pg_stat_file(:'key')).size, '>=', 32::bigint, 'with enough of it');
CREATE TEMP TABLE mode (mode text);
\set command 'stat -c %a "' :key '"'
COPY mode FROM PROGRAM :'command';
SELECT is(mode, '600', 'and for nobody else') FROM mode;
\set command 'chmod 640 "' :key '"'
COPY shell FROM PROGRAM :'command';
SELECT throws_ok($$SELECT etl_token('customers', '1')$$, '55000', NULL, 'one that others can read is refused');
\set command 'chmod 600 "' :key '" && printf short >"' :key '"'
COPY shell FROM PROGRAM :'command';
SELECT throws_ok($$SELECT etl_token('customers', '1')$$, '55000', NULL, 'one with too few bytes, too');
SET etl.key_file = :'root';
SELECT throws_ok($$SELECT etl_token('customers', '1')$$, '55000', NULL, 'what is no file, too');
SELECT current_setting('data_directory') || '/etl.key' AS inside \gset
SET etl.key_file = :'inside';
SELECT throws_ok($$SELECT etl_token('customers', '1')$$, '55000', NULL, 'and so is one that every base backup would carry');
RESET etl.key_file;

-- ---- functions that run with their owner's rights would have to pin their search_path
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
     WHERE d.refclassid = 'pg_extension'::regclass AND e.extname = 'pg_etl' AND p.prosecdef
       AND NOT coalesce(array_to_string(p.proconfig, ' ') ~ 'search_path=', false)$$, 'no function is SECURITY DEFINER without a search_path');

SELECT * FROM finish();
SET client_min_messages = error;
DROP SCHEMA etl_regress_shadow, "odd '""\ %s" CASCADE;
DROP TABLE IF EXISTS data.customers, data.products, data.transactions, data.purchases;
DROP EXTENSION pg_etl;
DROP FUNCTION outcome, stage;
DROP OWNED BY etl_regress_nobody, etl_regress_operator, etl_regress_auditor, etl_regress_analyst;
DROP ROLE etl_regress_nobody, etl_regress_operator, etl_regress_auditor, etl_regress_analyst;
\set command 'rm -rf "' :root '"'
COPY shell FROM PROGRAM :'command';
