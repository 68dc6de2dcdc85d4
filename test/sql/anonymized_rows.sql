-- etl_anonymized treats what it is given: a table that a null names, the row that is given, and of
-- what is no row of the dataset's tables nothing (22023).
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
SELECT name AS defined FROM etl_define('{"x-etl": {"dataset": "readers", "files": ["readers.json"], "key": "/id",
    "tables": [{"name": "readers", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "mail", "from": "/mail"},
                   {"name": "born", "type": "date", "from": "/born"}, {"name": "about", "type": "jsonb", "from": "/about"}, {"name": "city", "from": "/city"}]},
               {"name": "loans", "each": "/loans", "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "line", "type": "int", "from": "$line"}, {"name": "note", "from": "./note"}]}],
    "subject": {"field": "/id", "email": "/mail"},
    "personal": [{"field": "/mail", "treatment": "token"}, {"field": "/born", "treatment": "generalize", "to": "year"}, {"field": "/about/phone", "treatment": "redact"}, {"field": "/loans", "treatment": "redact"}]}}') \gset
-- a column that is gone leaves a gap in the rows
ALTER TABLE data.readers ADD COLUMN gone int;
ALTER TABLE data.readers ADD COLUMN rank int DEFAULT 5;
ALTER TABLE data.readers DROP COLUMN gone;
INSERT INTO data.readers (id, mail, born, about, city) VALUES
    (1, 'ann@example.com', '1980-05-17', '{"phone": "0123", "plan": "pro"}', 'Paris'), (2, 'bob@example.com', '1991-02-03', NULL, 'Rome'), (3, NULL, NULL, NULL, NULL);
INSERT INTO data.loans VALUES (1, 1, 'Ann''s'), (2, 1, 'Bob''s');
SELECT * FROM no_plan();

SELECT results_eq($$SELECT a.* FROM etl_anonymized(NULL::data.readers, 'readers') a ORDER BY id$$,
    $$VALUES (1::bigint, etl_token('readers', '1'), '1980-01-01'::date, '{"phone": "[erased]", "plan": "pro"}'::jsonb, 'Paris', 5), (2, etl_token('readers', '2'), '1991-01-01', NULL, 'Rome', 5), (3, NULL, NULL, NULL, NULL, 5)$$,
    'a null of the table''s type: all of its rows, each column in its place');
SELECT results_eq($$SELECT a.* FROM data.readers r, etl_anonymized(r, 'readers') a WHERE r.id = 2$$,
    $$SELECT * FROM etl_anonymized(NULL::data.readers, 'readers') WHERE id = 2$$, 'a row: that row, as it is in the table''s');
SELECT results_eq($$SELECT a.* FROM data.readers r, etl_anonymized(r, 'readers') a ORDER BY a.id$$,
    $$SELECT * FROM etl_anonymized(NULL::data.readers, 'readers') ORDER BY id$$, 'every row by itself: each once');
SELECT results_eq($$SELECT (etl_anonymized(r, 'readers')).id FROM data.readers r ORDER BY 1$$, $$VALUES (1::bigint), (2), (3)$$, 'in a select list too');
SELECT results_eq($$SELECT a.* FROM etl_anonymized(ROW(7, 'new@example.com', '2001-09-09', '{"phone": "1"}', 'Oslo', 9)::data.readers, 'readers') a$$,
    $$VALUES (7::bigint, etl_token('readers', '7'), '2001-01-01'::date, '{"phone": "[erased]"}'::jsonb, 'Oslo', 9)$$, 'a row that is in no table');
SELECT results_eq($$SELECT a.* FROM etl_anonymized(ROW(NULL, NULL, NULL, NULL, NULL, NULL)::data.readers, 'readers') a$$,
    $$VALUES (NULL::bigint, NULL::text, NULL::date, NULL::jsonb, NULL::text, NULL::int)$$, 'a row of nulls is a row');
SELECT results_eq($$SELECT x, a.id FROM generate_series(1, 4) x LEFT JOIN data.readers r ON r.id = x, etl_anonymized(r, 'readers') a ORDER BY 1$$,
    $$VALUES (1, 1::bigint), (2, 2), (3, 3)$$, 'the row that an outer join has not found is none, and not the table');
SELECT results_eq($$SELECT a.* FROM data.loans l, etl_anonymized(l, 'readers') a ORDER BY id$$, $$VALUES (1::bigint, 1, '[erased]'), (2, 1, '[erased]')$$, 'rows of child tables');
PREPARE one(data.readers) AS SELECT count(*) FROM etl_anonymized($1, 'readers');
SELECT results_eq($$EXECUTE one(ROW(1, 'x', NULL, NULL, NULL, NULL))$$, '{1}'::bigint[], 'a parameter is a row');
CREATE TYPE etl_regress_row AS (id bigint, mail text);
SELECT throws_ok(c, '22023', 'the first argument must be a row of a target table of dataset "readers", or NULL::table for all its rows', c) FROM unnest(ARRAY[
    $$SELECT * FROM etl_anonymized(NULL::pg_class, 'readers') a$$, $$SELECT count(*) FROM pg_class c, etl_anonymized(c, 'readers') a$$,
    $$SELECT etl_anonymized(7, 'readers')$$, $$SELECT etl_anonymized('x'::text, 'readers')$$, $$SELECT etl_anonymized(NULL::etl_regress_row, 'readers')$$,
    $$SELECT * FROM etl_anonymized(ROW(1, 'x')::etl_regress_row, 'readers') a$$]) c;
SELECT throws_ok($$SELECT * FROM data.readers r, etl_anonymized(r, 'products') a$$, '22023', NULL, 'nor of another dataset');
-- who has a row and may not read the table
CREATE ROLE etl_regress_reader;
GRANT EXECUTE ON FUNCTION etl_anonymized(anyelement, text) TO etl_regress_reader;
GRANT USAGE ON SCHEMA etl, data TO etl_regress_reader;
GRANT SELECT ON etl.dataset TO etl_regress_reader;
SET ROLE etl_regress_reader;
SELECT throws_ok($$SELECT * FROM etl_anonymized(NULL::data.readers, 'readers')$$, '42501', NULL, 'the table''s rows are for those who may read it');
RESET ROLE;

SELECT * FROM finish();
DROP OWNED BY etl_regress_reader;
DROP ROLE etl_regress_reader;
DEALLOCATE one;
DROP TYPE etl_regress_row;
DROP EXTENSION pg_etl;
DROP TABLE data.readers, data.loans;
