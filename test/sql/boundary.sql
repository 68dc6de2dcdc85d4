-- The boundary between C++ and PostgreSQL: errors keep SQLSTATE, message, detail and hint both ways,
-- every C++ frame is unwound, and the transaction and memory are as any error leaves them.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
\getenv libdir PG_LIBDIR
\set module :libdir '/boundary'
BEGIN;
SELECT plan(22);

CREATE FUNCTION boundary_throw(kind text, depth int) RETURNS void LANGUAGE c AS :'module';
CREATE FUNCTION boundary_execute(sql text, depth int) RETURNS void LANGUAGE c AS :'module';
CREATE FUNCTION public.boundary_layers(layers int) RETURNS void LANGUAGE c AS :'module';
CREATE FUNCTION boundary_catch(sql text) RETURNS text LANGUAGE c AS :'module';
CREATE FUNCTION boundary_throw_at_reset(kind text) RETURNS boolean LANGUAGE c AS :'module';
CREATE FUNCTION boundary_alive() RETURNS int LANGUAGE c AS :'module';

-- what a statement reports, all of it
CREATE FUNCTION reported(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text; hint text; constraint_name text;
BEGIN
    EXECUTE sql;
    RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT, constraint_name = CONSTRAINT_NAME;
    RETURN concat_ws('|', state, message, detail, hint, constraint_name);
END $$;

-- C++ to PostgreSQL
SELECT is(reported($$SELECT boundary_throw('error', 0)$$), '22023|message of an error|its detail|its hint|', 'an Error is reported whole');
SELECT is(reported($$SELECT boundary_throw('error', 50)$$), '22023|message of an error|its detail|its hint|', 'through 50 frames');
SELECT is(boundary_alive(), 0, 'and every frame is unwound');
SELECT is(reported($$SELECT boundary_throw('runtime_error', 3)$$), 'XX000|message of a runtime_error|||', 'a standard exception is an internal error');
SELECT is(reported($$SELECT boundary_throw('bad_alloc', 3)$$), '53200|out of memory|||', 'bad_alloc is out of memory');
SELECT is(reported($$SELECT boundary_throw('int', 3)$$), 'XX000|unknown C++ exception|||', 'anything else is an internal error too');

-- PostgreSQL to C++ to PostgreSQL
SELECT is(reported($$SELECT boundary_execute('SELECT 1/0', 5)$$), '22012|division by zero|||', 'an error of the server passes through C++');
SELECT is(boundary_alive(), 0, 'and unwinds its frames');
CREATE TABLE boundary_rows (n int CONSTRAINT boundary_positive CHECK (n > 0));
SELECT is(reported($$SELECT boundary_execute('INSERT INTO public.boundary_rows VALUES (-1)', 5)$$),
    '23514|new row for relation "boundary_rows" violates check constraint "boundary_positive"|Failing row contains (-1).||boundary_positive',
    'with detail and constraint');
SELECT is(reported($$SELECT boundary_execute('DO $x$BEGIN RAISE EXCEPTION USING ERRCODE = ''ETL01'', MESSAGE = ''m'', DETAIL = ''d'', HINT = ''h''; END$x$', 2)$$),
    'ETL01|m|d|h|', 'with hint');

-- both, nested
SELECT is(reported('SELECT public.boundary_layers(6)'), '2F005|from the innermost layer|detail|hint|', 'C++ in SQL in C++ … keeps everything');
SELECT is(boundary_alive(), 0, 'and unwinds everything');

-- caught in C++
SELECT is(boundary_catch('SELECT 1/0'), '22012|division by zero|||', 'C++ can catch what the server reports and go on');
SELECT is(boundary_catch('INSERT INTO public.boundary_rows VALUES (-1)'),
    '23514|new row for relation "boundary_rows" violates check constraint "boundary_positive"|Failing row contains (-1).||boundary_positive',
    'with everything it said');
SELECT is(boundary_catch('INSERT INTO public.boundary_rows VALUES (1)'), 'nothing', 'a subtransaction that goes well');
SELECT is((SELECT count(*) FROM boundary_rows), 1::bigint, 'stays, and those that failed are rolled back');
SELECT is(boundary_alive(), 0, 'nothing is left over');

-- what PostgreSQL calls back throws nothing into its frames: each exception is a WARNING
SELECT ok(boundary_throw_at_reset(kind), 'called back: ' || kind) FROM unnest('{error,runtime_error,bad_alloc,int}'::text[]) kind;
SELECT is(boundary_alive(), 0, 'and every frame is unwound');

SELECT * FROM finish();
ROLLBACK;

-- at the end of a transaction, too, which is committed
CREATE FUNCTION boundary_throw_at_end(kind text) RETURNS boolean LANGUAGE c AS :'module';
CREATE TABLE boundary_committed (kind text);
INSERT INTO boundary_committed SELECT kind FROM (VALUES ('error')) k(kind) WHERE boundary_throw_at_end(kind);
INSERT INTO boundary_committed SELECT kind FROM (VALUES ('bad_alloc')) k(kind) WHERE boundary_throw_at_end(kind);
SELECT 'committed: ' || string_agg(kind, ', ' ORDER BY kind) FROM boundary_committed;
DROP TABLE boundary_committed;
DROP FUNCTION boundary_throw_at_end(text);
