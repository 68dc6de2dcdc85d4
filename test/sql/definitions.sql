-- Definitions from SQL: a dataset of one's own needs no C++, and mistakes are told with their place.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
BEGIN;
SELECT plan(24);

CREATE FUNCTION reported(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text; hint text;
BEGIN
    EXECUTE sql;
    RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', state, message, detail, hint);
END $$;

SELECT results_eq('SELECT name, enabled, schedule FROM etl.dataset ORDER BY name',
    $$VALUES ('customers', true, '0 * * * *'), ('erasure_requests', true, '0 1 * * *'), ('products', true, '0 0 * * *'), ('transactions', true, '0 * * * *')$$,
    'the standard datasets are defined');

-- ---- a dataset of one's own, with names that need quoting
\set readings '{"type": "object", "required": ["meter"], "additionalProperties": false, "properties": {"meter": {"type": "integer"}, "kWh": {"type": "number", "minimum": 0}, "tags": {"type": "array", "items": {"type": "string"}}}, "x-etl": {"dataset": "readings", "files": ["readings.jsonl"], "key": "/meter", "tables": [{"schema": "My \\"Schema\\"", "name": "Read; DROP TABLE", "primary_key": ["me''ter"], "columns": [{"name": "me''ter", "type": "int8", "from": "/meter"}, {"name": "k\\\\Wh", "type": "numeric(10, 2)", "from": "/kWh"}, {"name": "day", "type": "date", "from": "$record_date"}]}]}}'
SELECT is((SELECT name FROM etl_define(:'readings')), 'readings', 'etl_define stores a definition');
SELECT has_table('My "Schema"'::name, 'Read; DROP TABLE'::name, 'and creates its table');
SELECT col_type_is('My "Schema"'::name, 'Read; DROP TABLE'::name, 'k\Wh'::name, 'numeric(10,2)'::text, 'with its columns, whatever their names');
SELECT col_is_pk('My "Schema"'::name, 'Read; DROP TABLE'::name, ARRAY['me''ter'::name], 'and its primary key');
SELECT is((SELECT count(*) FROM etl_validate('readings', '{"meter": 1, "kWh": -1}')), 1::bigint, 'it validates');
SELECT is((SELECT name FROM etl_define(:'readings')), 'readings', 'defining it again replaces it');
SELECT is((SELECT count(*) FROM etl.dataset WHERE name = 'readings'), 1::bigint, 'once');
INSERT INTO "My ""Schema"""."Read; DROP TABLE" VALUES (1, 2.5, '2020-01-01');
SELECT results_eq($$SELECT code, sqlstate FROM etl_validate('readings', '{"meter": 1}')$$, $$VALUES ('duplicate', '23505')$$, 'and knows what is loaded');
SELECT ok(etl_drop('readings'), 'etl_drop forgets it');
SELECT is((SELECT count(*) FROM "My ""Schema"""."Read; DROP TABLE"), 1::bigint, 'but never the data');
SELECT ok(NOT etl_drop('readings'), 'and says when there is nothing to forget');
ALTER TABLE "My ""Schema"""."Read; DROP TABLE" ALTER COLUMN "k\Wh" TYPE text;
SELECT is(reported(format('SELECT etl_define(%L)', :'readings')),
    '42804 | table "My ""Schema"""."Read; DROP TABLE" does not fit dataset "readings" | Column "k\Wh" should be numeric(10,2), but is text. | Change the table with ALTER TABLE or the definition with etl_define.',
    'a table that does not fit is told');

-- ---- mistakes
SELECT is(reported($$SELECT etl_define('{"type": "object"}')$$), '22023 | invalid definition of a dataset | At "": the JSON Schema has no "x-etl" object | "x-etl" says where the files and the tables are.', 'no x-etl');
SELECT is(reported($$SELECT etl_define('{"x-etl": {"dataset": "a", "files": ["a.json"], "kye": "/a"}}')$$),
    '22023 | invalid definition of a dataset | At "/x-etl/kye": a property that the schema does not allow | docs/reference/definition.md describes the format.', 'a misspelled member');
SELECT is(reported($$SELECT etl_define('{"propertys": {}, "x-etl": {"dataset": "a", "files": ["a.json"]}}')$$) LIKE '22023 | invalid definition of a dataset | At "/propertys": %', true, 'a misspelled keyword of JSON Schema');
SELECT is(reported($$SELECT etl_define('{"x-etl": {"dataset": "a", "files": ["a.json"], "tables": [{"name": "t", "columns": [{"name": "c", "type": "money", "from": "/a"}]}]}}')$$) LIKE
    '22023 | invalid definition of a dataset | At "/x-etl/tables/0/columns/0/type": type "money" is not one that can be loaded | Types are smallint%', true, 'a type that cannot be loaded');
SELECT throws_ok($$SELECT etl_define('{"properties": {"a": {"pattern": "("}}, "x-etl": {"dataset": "a", "files": ["a.json"]}}')$$, '22023', NULL, 'a pattern that does not compile');
SELECT throws_ok($$SELECT etl_define('{"$ref": "#/nowhere", "x-etl": {"dataset": "a", "files": ["a.json"]}}')$$, '22023', NULL, 'a reference to nowhere');
SELECT is(reported($$SELECT etl_define('{"x-etl": {"dataset": "Robert''); DROP TABLE etl.run; --", "files": ["a.json"]}}')$$) LIKE '22023 | invalid definition of a dataset | At "/x-etl/dataset"%', true, 'a name that is none');

-- ---- without pg_cron
SELECT throws_ok($$SELECT etl_schedule()$$, '42704', 'pg_cron is not installed in this database', 'scheduling needs pg_cron');

-- ---- every object of the extension
CREATE TEMP VIEW member AS
    SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS object
      FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_etl'
     WHERE d.deptype = 'e';
SELECT is_empty($$SELECT object FROM member WHERE obj_description(objid, classid::regclass::name) IS NULL
    AND object !~ '^(sequence|type|index|constraint|rule|trigger|toast|function etl\.[a-z_]*trigger)'$$, 'has a comment');
SELECT is_empty($$SELECT object, attname FROM member JOIN pg_attribute a ON classid = 'pg_class'::regclass AND objid = attrelid JOIN pg_class c ON c.oid = objid
    WHERE c.relkind IN ('r', 'v') AND c.relnamespace = 'etl'::regnamespace AND attnum > 0 AND NOT attisdropped AND col_description(objid, attnum) IS NULL$$, 'and so have the columns of the catalog');
SELECT is_empty($$SELECT p.oid::regprocedure FROM member JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid WHERE has_function_privilege('public', p.oid, 'EXECUTE')$$,
    'PUBLIC may call none of its functions');

SELECT * FROM finish();
ROLLBACK;
