-- etl_help names every call of the extension and nothing else, and its examples are statements that the server
-- can prepare.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
SELECT * FROM no_plan();
SELECT set_eq($$SELECT split_part(call, '(', 1) FROM etl_help()$$,
    $$SELECT DISTINCT p.proname::text
        FROM pg_depend d
        JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_etl'
        JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND p.pronamespace = e.extnamespace
       WHERE d.deptype = 'e'$$, 'every call, and nothing else, is listed');
-- the names of arguments are those of a function of that name
SELECT is_empty($$
    SELECT h.call, a.name
      FROM etl_help() h, regexp_split_to_table(nullif(substring(h.call FROM '\((.*)\)'), ''), ', ') a(name)
     WHERE NOT EXISTS (SELECT FROM pg_proc p
                        WHERE p.proname = split_part(h.call, '(', 1) AND a.name = ANY (p.proargnames))$$,
    'with arguments that it has');
SELECT is_empty($$SELECT call FROM etl_help() WHERE example !~ ('^(SELECT|CALL) .*' || split_part(call, '(', 1) || '\(.*;$')$$,
    'each with an example of that call');
CREATE ROLE joe;
CREATE SCHEMA IF NOT EXISTS data;
CREATE TABLE data.customers (id bigint);
CREATE FUNCTION prepared(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'PREPARE example AS ' || statement;
    DEALLOCATE example;
    RETURN 'prepared';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;
SELECT is_empty($$SELECT h.example, prepared(h.example) FROM etl_help() h WHERE h.example LIKE 'SELECT%' AND prepared(h.example) <> 'prepared'$$,
    'which can be prepared');
SELECT is((SELECT count(*) FROM etl_help() WHERE example LIKE 'CALL%'), 1::bigint, 'and one that is called');
SELECT cmp_ok(max(length(call) + length(purpose)), '<', 110, 'the list without examples fits a terminal') FROM etl_help();
SELECT * FROM finish();
DROP EXTENSION pg_etl;
DROP TABLE data.customers;
DROP FUNCTION prepared;
DROP ROLE joe;
