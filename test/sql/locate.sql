-- etl_locate finds an identifier wherever it stands and however it was written; etl_erasure_purge
-- names what is needed until it is gone.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
\set directories :test '/include/directories.psql'
\i :directories

SELECT plan(25);

-- ---- what is no identifier
SELECT throws_ok('SELECT etl_locate(NULL)', '22004', 'identifier must not be null', 'null is refused: no row would read as a proof');
SELECT throws_ok($$SELECT etl_locate('ab')$$, '22023', 'identifier is too short to be searched for', 'so is what is everywhere');
SELECT throws_ok($$SELECT etl_locate('éé')$$, '22023', NULL, 'counted in characters');
SELECT throws_ok($$SELECT etl_locate(repeat('x', 5000))$$, '22023', 'identifier is too long', 'and what is no identifier');

-- ---- files
\set path :hour '/customers.json'
COPY (SELECT $${"id": "5550001", "first_name": "Jos\u00e9", "last_name": "Locatable", "email": "jos\u00e9.locatable@example.com"}$$)
    TO :'path' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
\set path :hour '/other.gz'
\set command 'gzip > "' :path '"'
COPY (SELECT 'José.Locatable@Example.com and josé.locatable@example.com') TO PROGRAM :'command';
\set path :hour '/broken.gz'
\set command 'cat > "' :path '"'
COPY (SELECT E'\x1f') TO PROGRAM :'command' WITH (ENCODING 'LATIN1');
CREATE FUNCTION located(text) RETURNS TABLE (kind text, place text, occurrences bigint) LANGUAGE sql AS $$ SELECT kind, place, occurrences FROM etl_locate($1) $$;
SELECT results_eq($$SELECT * FROM located('josé.locatable@example.com') WHERE kind = 'file' ORDER BY place$$,
    $$VALUES ('file', 'raw/date=2020-01-01/hour=3/customers.json', 1::bigint), ('file', 'raw/date=2020-01-01/hour=3/other.gz', 2)$$,
    'staged files: JSON escapes, gzip, other case');
SELECT is_empty($$SELECT * FROM located('nobody.of.this.name@example.com') WHERE kind <> 'dead'$$, 'who is nowhere is found nowhere');

-- ---- rows, and the server's files
SELECT is((SELECT loaded FROM etl_run('customers')), 1::bigint, 'loaded');
SELECT is((SELECT occurrences FROM located('JOSÉ.LOCATABLE@EXAMPLE.COM') WHERE kind = 'table'), 1::bigint, 'a row');
SELECT is((SELECT place FROM located('josé.locatable@example.com') WHERE kind = 'table'), 'data.customers', 'in its table');
SELECT is((SELECT place FROM located('5550001') WHERE kind = 'table'), 'data.customers', 'a number, as text');
SELECT is((SELECT count(*) FROM located(normalize('josé.locatable', NFD)) WHERE kind = 'table'), 1::bigint, 'in the other normalization');
SELECT is((SELECT sum(occurrences) FROM located('josé.locatable@example.com') WHERE kind = 'disk' AND place LIKE 'base/% (data.customers)'), 1::numeric, 'in the table''s file');
SELECT cmp_ok((SELECT sum(occurrences) FROM located('josé.locatable@example.com') WHERE kind = 'disk' AND place LIKE 'pg_wal/%'), '>=', 1::numeric, 'and in the write-ahead log');

-- ---- compressed: pglz and LZ4, inline and TOASTed, also when the row is gone
CREATE FUNCTION noise(n int) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(substr('quentin.comp' || 'ress@example.org', i % 23 + 1, 6) || ' ' || md5(i::text), ' ') FROM generate_series(1, n) i $$;
CREATE TABLE held (method text, body text);
CREATE TABLE held_lz4 (method text, body text COMPRESSION lz4);
INSERT INTO held VALUES ('inline', repeat('quentin.comp ress@example.org ', 60) || 'quentin.compress@example.org' || repeat(' and so on', 100));
INSERT INTO held_lz4 VALUES ('toast', noise(1500) || 'quentin.compress@example.org' || noise(10));
SELECT is((SELECT sum(occurrences) FROM located('quentin.compress@example.org') WHERE kind = 'table' AND place LIKE 'base/% (public.held)'), 1::numeric, 'pglz inside a row');
SELECT is((SELECT sum(occurrences) FROM located('quentin.compress@example.org') WHERE kind = 'disk' AND place LIKE 'base/% (pg_toast.% of public.held_lz4)'), 1::numeric, 'LZ4 in TOAST');
DELETE FROM held;
DELETE FROM held_lz4;
SELECT is((SELECT string_agg(DISTINCT kind, ' ') FROM located('quentin.compress@example.org') WHERE place LIKE 'base/%held%'), 'dead', 'deleted rows are dead');
VACUUM held, held_lz4;
SELECT is((SELECT count(*) FROM located('quentin.compress@example.org') WHERE kind NOT IN ('dead')), 0::bigint, 'and nothing but dead');

-- ---- planner statistics
CREATE TABLE common (email text);
INSERT INTO common SELECT 'often.seen@example.org' FROM generate_series(1, 100);
ANALYZE common;
SELECT is((SELECT place FROM located('often.seen@example.org') WHERE kind = 'statistics'), 'pg_stats of public.common (email)', 'most common values');
DROP TABLE common, held, held_lz4;

-- ---- quarantine
\set hour :raw '/date=2020-01-01/hour=4'
\set command 'mkdir -p "' :hour '"'
COPY shell FROM PROGRAM :'command';
\set path :hour '/customers.json'
COPY (SELECT $${"id": "5550002", "first_name": null, "last_name": "Q", "email": "kept.back@example.org"}$$)
    TO :'path' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
SELECT is((SELECT quarantined FROM etl_run('customers')), 1::bigint, 'quarantined');
SELECT is((SELECT place FROM located('kept.back@example.org') WHERE kind = 'quarantine'), 'etl.quarantine', 'a quarantined record');

-- ---- who may
CREATE ROLE etl_locate_reader;
SET ROLE etl_locate_reader;
SELECT throws_ok($$SELECT etl_locate('kept.back@example.org')$$, '42501', NULL, 'not everybody may ask');
RESET ROLE;
GRANT EXECUTE ON FUNCTION etl_locate(text) TO etl_locate_reader;
GRANT USAGE ON SCHEMA etl TO etl_locate_reader;
GRANT SELECT ON etl.dataset TO etl_locate_reader;
SET ROLE etl_locate_reader;
SELECT is((SELECT string_agg(DISTINCT kind, ' ') FROM located('kept.back@example.org')), 'file', 'without privileges on rows: files only');
RESET ROLE;
DROP OWNED BY etl_locate_reader;
DROP ROLE etl_locate_reader;

-- ---- what is needed to purge
SELECT is_empty('SELECT etl_erasure_purge()', 'nothing is needed before an erasure');
BEGIN;
INSERT INTO etl.purge_pending (xid, last_xid, relation, filenode) SELECT pg_current_xact_id(), pg_current_xact_id(), c, pg_relation_filenode(c) FROM unnest(ARRAY['data.customers'::regclass, 'pg_catalog.pg_statistic']) c;
SELECT results_eq('SELECT etl_erasure_purge()', $$VALUES ('VACUUM (FULL) data.customers'), ('VACUUM (FULL) pg_catalog.pg_statistic')$$, 'tables first, then statistics');
ROLLBACK;
SELECT is((SELECT etl_internal.wal_segments_before('0/1')), 0::bigint, 'no WAL from before its beginning');

SELECT * FROM finish();
DROP EXTENSION pg_etl;
DROP TABLE data.customers;
\set command 'rm -rf "' :root '"'
COPY shell FROM PROGRAM :'command';
DROP FUNCTION located(text), noise(int);
