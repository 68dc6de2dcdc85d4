-- The ending of an exported file's name is true: another format than is written is refused with 22023
-- and what to type, a compression that is not written with 0A000.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
\set directories :test '/include/directories.psql'
\i :directories
\set command 'mkdir "' :processed '/a.csv"'
COPY shell FROM PROGRAM :'command';
SELECT name AS defined FROM etl_define('{"x-etl": {"dataset": "notes", "files": ["notes.json"], "tables": [{"name": "notes", "columns": [{"name": "v", "from": "/v"}, {"name": "w", "from": "/w"}]}]}}') \gset
INSERT INTO data.notes VALUES ('a,b "c"', 'x'), (NULL, 'y');
CREATE FUNCTION said(path text, format text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    RETURN etl_export('notes', path, format);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, hint);
END $$;
SELECT * FROM no_plan();
SELECT is(said(p, f), '2', p || ' as ' || f) FROM (VALUES ('a.jsonl', 'jsonl'), ('a.ndjson', 'jsonl'), ('a.json', 'jsonl'), ('a.JSON.gz', 'jsonl'), ('b.csv', 'csv'), ('b.CSV', 'csv'), ('b.csv.gz', 'csv'),
    ('plain', 'csv'), ('plain.txt', 'jsonl'), ('plain.gz', 'csv'), ('a.csv/plain', 'jsonl'), ('v1.2', 'csv'), ('.csv.d', 'jsonl')) v(p, f);
SELECT is(said(p, 'jsonl'), format('22023 | path "%s" names another format than jsonl | SELECT etl_export(''notes'', ''%s'', ''csv'');  or give a path that ends in .jsonl or .jsonl.gz.', p, p), p || ' is not JSON Lines')
  FROM unnest('{c.csv,c.csv.gz,C.CSV,a.csv/c.csv,.csv}'::text[]) p;
SELECT is(said(p, 'csv'), format('22023 | path "%s" names another format than csv | SELECT etl_export(''notes'', ''%s'', ''jsonl'');  or give a path that ends in .csv or .csv.gz.', p, p), p || ' is not CSV')
  FROM unnest('{c.json,c.jsonl.gz,c.ndjson}'::text[]) p;
SELECT is(said(p, f), format('22023 | path "%s" names another format than %s | Formats are jsonl and csv. Give a path that ends in .%s or .%s.gz.', p, f, f, f), p || ' is not written')
  FROM unnest('{c.tsv,c.parquet,c.xml.gz,c.XLSX}'::text[]) p, unnest('{jsonl,csv}'::text[]) f;
SELECT is(said(p, 'csv'), format('0A000 | cannot write "%s" in the compression that it names | Give a path that ends in .gz.', p), p || ' is not compressed so')
  FROM unnest('{c.csv.zst,c.zst,c.csv.bz2,c.xz,c.csv.gz.gz,c.zip,c.csv.ZST,c.tgz}'::text[]) p;
SELECT is(said('c.csv.GZ', 'csv'), '22023 | path "c.csv.GZ" would not be compressed | Write the ending as .gz.', 'nor is what another ending than .gz says');
-- what is there is what the names say
CREATE TEMP TABLE line (n serial, v text);
\set command 'cd "' :processed '" && cat b.csv && gzip -dc b.csv.gz && cat a.jsonl && gzip -dc a.JSON.gz && ls -A -I .pg_etl . | tr \'\\n\' \' \''
COPY line (v) FROM PROGRAM :'command' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
SELECT results_eq('SELECT v FROM line ORDER BY n', $$VALUES ('v,w'), ('"a,b ""c""",x'), (',y'), ('v,w'), ('"a,b ""c""",x'), (',y'),
    ('{"v":"a,b \"c\"","w":"x"}'), ('{"v":null,"w":"y"}'), ('{"v":"a,b \"c\"","w":"x"}'), ('{"v":null,"w":"y"}'),
    ('.csv.d a.JSON.gz a.csv a.json a.jsonl a.ndjson b.CSV b.csv b.csv.gz plain plain.gz plain.txt v1.2 ')$$, 'files hold what their names say, and nothing is left of what was refused');
-- a column that is called as a query's alias could be
ALTER TABLE data.notes ADD x text, ADD t text;
SELECT is((SELECT etl_export('notes', :'processed' || '/x.jsonl')), 2::bigint, 'columns called x and t are in nobody''s way');
SELECT * FROM finish();
DROP FUNCTION said;
DROP EXTENSION pg_etl;
DROP TABLE data.notes;
\set command 'rm -rf "' :root '"'
COPY shell FROM PROGRAM :'command';
