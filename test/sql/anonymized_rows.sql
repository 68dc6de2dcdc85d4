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

-- ---- rows of partitions, of a foreign table, through views, and under row-level security
CREATE EXTENSION postgres_fdw;
SELECT format('CREATE SERVER etl_regress_loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database()) \gexec
CREATE USER MAPPING FOR CURRENT_USER SERVER etl_regress_loop;
CREATE TABLE data.parted (id bigint PRIMARY KEY, mail text, name text) PARTITION BY RANGE (id);
-- columns in another order, and one that is gone
CREATE TABLE data.parted_1 (name text, gone int, id bigint NOT NULL, mail text);
ALTER TABLE data.parted_1 DROP COLUMN gone;
ALTER TABLE data.parted ATTACH PARTITION data.parted_1 FOR VALUES FROM (0) TO (100);
CREATE TABLE data.parted_2 PARTITION OF data.parted DEFAULT;
CREATE TABLE data.near (id bigint, mail text, name text);
CREATE FOREIGN TABLE data.far (id bigint, mail text, name text) SERVER etl_regress_loop OPTIONS (schema_name 'data', table_name 'near');
CREATE TABLE data.behind (id bigint PRIMARY KEY, mail text, name text);
CREATE VIEW data.viewed AS SELECT id, mail, name FROM data.behind;
CREATE FUNCTION data.put() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO data.behind VALUES (NEW.*); RETURN NEW; END$$;
CREATE TRIGGER put INSTEAD OF INSERT ON data.viewed FOR EACH ROW EXECUTE FUNCTION data.put();
CREATE TABLE data.guarded (id bigint PRIMARY KEY, mail text, name text);
SELECT count(etl_define(format('{"x-etl": {"dataset": "%1$s", "files": ["%1$s.json"], "key": "/id", "subject": {"field": "/id", "email": "/mail"},
    "personal": [{"field": "/mail", "treatment": "token"}, {"field": "/name", "treatment": "redact"}], "tables": [{"name": "%1$s", "columns": [{"name": "id", "type": "bigint", "from": "/id"},
    {"name": "mail", "from": "/mail"}, {"name": "name", "from": "/name"}]}]}}', name)::jsonb)::text) AS defined FROM unnest(ARRAY['parted', 'far', 'viewed', 'guarded']) name \gset
INSERT INTO data.parted VALUES (1, 'a@example.com', 'Ann'), (200, 'b@example.com', 'Bob');
INSERT INTO data.near TABLE data.parted;
INSERT INTO data.behind TABLE data.parted;
INSERT INTO data.guarded TABLE data.parted;
CREATE FUNCTION pg_temp.treated(dataset text) RETURNS TABLE (id bigint, mail text, name text) LANGUAGE sql
    AS $$VALUES (1::bigint, etl_token(dataset, '1'), '[erased]'), (200, etl_token(dataset, '200'), '[erased]')$$;
SELECT results_eq(format('SELECT a.* FROM data.%1$s r, etl_anonymized(r, %1$L) a ORDER BY id', name), format('SELECT * FROM pg_temp.treated(%L)', name), name || ': row by row') FROM unnest(ARRAY['parted', 'far', 'viewed', 'guarded']) name;
SELECT results_eq(format('SELECT a.* FROM etl_anonymized(NULL::data.%1$s, %1$L) a ORDER BY id', name), format('SELECT * FROM pg_temp.treated(%L)', name), name || ': all rows') FROM unnest(ARRAY['parted', 'far', 'viewed', 'guarded']) name;
SELECT results_eq($$SELECT a.* FROM data.parted_1 r, etl_anonymized(r::data.parted, 'parted') a$$, $$SELECT * FROM pg_temp.treated('parted') LIMIT 1$$, 'a row of a partition, as one of the whole');
SELECT throws_ok(format('SELECT a.* FROM data.%1$s r, etl_anonymized(r, %2$L) a', relation, dataset), '22023', NULL, 'no row of ' || relation || ' by itself')
  FROM (VALUES ('parted_1', 'parted'), ('parted_2', 'parted'), ('near', 'far'), ('behind', 'viewed')) v(relation, dataset);
CREATE VIEW data.over AS SELECT g FROM data.guarded g;
SELECT results_eq($$SELECT a.* FROM data.over o, etl_anonymized(o.g, 'guarded') a ORDER BY id$$, $$SELECT * FROM pg_temp.treated('guarded')$$, 'rows that come through a view');
ALTER TABLE data.guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY low ON data.guarded FOR SELECT TO etl_regress_reader USING (id < 100);
SELECT count(*) AS granted FROM etl_grant('etl_regress_reader', 'analyst') \gset
GRANT EXECUTE ON FUNCTION etl_anonymized(anyelement, text) TO etl_regress_reader;
GRANT EXECUTE ON FUNCTION etl.subject_token(text, text) TO etl_regress_reader;
GRANT SELECT ON data.guarded, data.parted TO etl_regress_reader;
SET ROLE etl_regress_reader;
SELECT results_eq($$SELECT a.id FROM data.guarded r, etl_anonymized(r, 'guarded') a$$, '{1}'::bigint[], 'row-level security: a row that may be seen');
SELECT results_eq($$SELECT id FROM etl_anonymized(NULL::data.guarded, 'guarded')$$, '{1}'::bigint[], 'and of the table only those');
SELECT results_eq($$SELECT name FROM etl_anonymized(ROW(200, 'b@example.com', 'Bob')::data.guarded, 'guarded')$$, '{[erased]}'::text[], 'a row that is at hand is treated, whoever may see it');
SELECT results_eq($$SELECT id FROM etl_anonymized(NULL::data.parted, 'parted')$$, '{1,200}'::bigint[], 'partitions go by the privileges of the whole');
RESET ROLE;

-- ---- columns that the table computes from personal ones are null, whatever the treatment; others are as they are
CREATE DOMAIN data.must AS text NOT NULL;
ALTER TABLE data.readers ADD "Shout" varchar(40) GENERATED ALWAYS AS (upper(mail)) STORED, ADD both_of text GENERATED ALWAYS AS (city || ', ' || (about ->> 'phone')) STORED,
    ADD twice bigint GENERATED ALWAYS AS (id * 2) STORED, ADD must data.must GENERATED ALWAYS AS (coalesce(mail, '-')) STORED;
SELECT results_eq($$SELECT a.city, a.rank, a."Shout", a.both_of, a.twice, a.must::text FROM etl_anonymized(NULL::data.readers, 'readers') a WHERE id = 1$$,
    $$VALUES ('Paris'::text, 5, NULL::varchar(40), NULL::text, 2::bigint, NULL::text)$$, 'generated columns: of the table');
SELECT results_eq($$SELECT a."Shout", a.both_of, a.twice FROM data.readers r, etl_anonymized(r, 'readers') a WHERE r.id = 1$$, $$VALUES (NULL::varchar(40), NULL::text, 2::bigint)$$, 'of a row');
\set directories :test '/include/directories.psql'
\i :directories
\set jsonl :processed '/readers.jsonl'
\set csv :processed '/readers.csv'
SELECT is(etl_export('readers', :'jsonl', 'jsonl', anonymized => true) + etl_export('readers', :'csv', 'csv', anonymized => true), 6::bigint, 'exported');
SELECT is(line::jsonb - '{id,mail,born,about}'::text[], '{"city": "Paris", "rank": 5, "Shout": null, "both_of": null, "twice": 2, "must": null}', 'in JSON Lines') FROM regexp_split_to_table(pg_read_file(:'jsonl'), '\n') line WHERE line LIKE '{"id":1,%';
SELECT ok(pg_read_file(path) NOT LIKE '%' || word || '%', word || ' is in no ' || format) FROM (VALUES ('jsonl', :'jsonl'), ('csv', :'csv')) f(format, path), unnest('{EXAMPLE,example,0123}'::text[]) word;
SELECT ok(etl_export('readers', :'jsonl', 'jsonl') = 3 AND pg_read_file(:'jsonl') LIKE '%ANN@EXAMPLE%', 'one that is not anonymised has them');
ALTER TABLE data.parted ADD low text GENERATED ALWAYS AS (lower(name)) STORED;
SELECT results_eq($$SELECT low FROM etl_anonymized(NULL::data.parted, 'parted') a$$, $$VALUES (NULL::text), (NULL)$$, 'of partitions');
\set command 'rm -rf "' :root '"'
COPY shell FROM PROGRAM :'command';

SELECT * FROM finish();
DROP OWNED BY etl_regress_reader;
DROP ROLE etl_regress_reader;
DEALLOCATE one;
DROP TYPE etl_regress_row;
DROP EXTENSION postgres_fdw CASCADE;
DROP EXTENSION pg_etl;
DROP VIEW data.over, data.viewed;
DROP FUNCTION data.put();
DROP TABLE data.readers, data.loans, data.parted, data.near, data.behind, data.guarded;
DROP DOMAIN data.must;
