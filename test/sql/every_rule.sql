-- A record that breaks the schema or does not fit its columns is quarantined with every other rule that
-- it breaks as far as its fields can be read: key, references, sums. In files, in etl_validate
-- and in a replay. It claims no key and waits for nobody.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
\set directories :test '/include/directories.psql'
\i :directories
\set command 'mkdir -p "' :raw '/date=2020-01-02/hour=3" && touch "' :raw '/keeps the directory"'
COPY shell FROM PROGRAM :'command';
SELECT count(name) AS defined FROM (
    SELECT (etl_define('{"x-etl": {"dataset": "shops", "files": ["shops.json"], "key": "/id", "tables": [{"name": "shops", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}')).name
    UNION ALL SELECT (etl_define(format('{"type": "object", "properties": {"size": {"enum": ["S", "M"]}}, "x-etl": {"dataset": %1$s, "files": [%2$s], "key": "/no", "on_repeat": %3$s,
        "references": [{"field": "/shop", "dataset": "shops"}, {"field": "/lines/*/shop", "dataset": "shops"}],
        "checks": [{"name": "total", "sum_over": "/lines/*", "sum_of": ["/n"], "equals": "/total"}],
        "tables": [{"name": %1$s, "primary_key": ["no"], "columns": [{"name": "no", "type": "bigint", "from": "/no"}, {"name": "day", "type": "date", "from": "/day"},
            {"name": "shop", "type": "bigint", "from": "/shop"}, {"name": "total", "type": "numeric(6,2)", "from": "/total"}, {"name": "size", "from": "/size"}]}]}}',
        to_json(n), to_json(n || '.json'), to_json(r))::jsonb)).name FROM (VALUES ('orders', 'quarantine'), ('prices', 'update')) v(n, r)) d \gset
CREATE FUNCTION stage(day text, file text, VARIADIC records text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($f$COPY (SELECT unnest(%L::text[])) TO %L WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')$f$,
        records, current_setting('etl.raw_dir') || '/date=2020-01-' || day || '/hour=3/' || file);
END $$;
CREATE FUNCTION shown(violations jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', v ->> 'code', nullif(v ->> 'pointer', '')), ', ' ORDER BY n) FROM jsonb_array_elements(violations) WITH ORDINALITY a(v, n)
$$;
CREATE FUNCTION shown(dataset text, record text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', code, nullif(pointer, '')), ', ') FROM etl_validate(dataset, record::jsonb)
$$;
SELECT stage('01', 'shops.json', '{"id": 1}');
SELECT stage('01', f, '{"no": 1, "shop": 1, "day": "2020-01-01", "total": 3, "lines": [{"n": 1}, {"n": 2}]}',
    '{"no": 1, "shop": 9, "day": "2020-02-30", "size": "XXL", "total": 4, "lines": [{"n": 1, "shop": 8}, {"n": 2, "shop": 1}]}',
    -- what cannot be read says nothing about keys, references and sums
    '{"no": "x", "shop": "y", "day": "2020-01-01", "total": 3, "lines": [{"n": "many"}, {"n": 2}]}',
    '{"no": 2, "shop": 1, "size": "L", "total": 3, "lines": [{"n": 3}]}',
    -- a key that only a refused record had is free
    '{"no": 2, "shop": 1, "total": 3, "lines": [{"n": 3}]}') FROM unnest('{orders.json,prices.json}'::text[]) f;
SELECT count(*) AS ran FROM etl_run() \gset
SELECT * FROM no_plan();
SELECT results_eq(format($$SELECT line, shown(violations) FROM etl.quarantine WHERE dataset = %L ORDER BY line$$, d),
    $$VALUES (2::bigint, 'schema /size, type /day, duplicate /no, reference /shop, reference /lines/0/shop, check /total'), (3, 'type /no, type /shop'), (4, 'schema /size')$$,
    d || ': all that is wrong and can be read') FROM unnest('{orders,prices}'::text[]) d;
SELECT results_eq(format($$SELECT line, code FROM etl.quarantine WHERE dataset = %L ORDER BY line$$, d), $$VALUES (2::bigint, 'schema'), (3, 'type'), (4, 'schema')$$, 'the first names it') FROM unnest('{orders,prices}'::text[]) d;
SELECT results_eq('SELECT no FROM data.orders ORDER BY no', 'VALUES (1::bigint), (2)', 'a refused record claims no key');
SELECT is_empty('SELECT * FROM etl.quarantine_reference', 'and waits for nobody');
SELECT is_empty('SELECT * FROM etl.quarantine_cause WHERE waiting_dataset IN (''orders'', ''prices'')', 'nor is it counted so');
-- in another file, against what is loaded
SELECT stage('02', f, '{"no": 1, "shop": 1, "size": "L"}', '{"no": 7, "shop": 1, "size": "L"}', '{"no": 7, "shop": 1, "size": "L"}') FROM unnest('{orders.json,prices.json}'::text[]) f;
SELECT count(*) AS ran FROM etl_run() \gset
SELECT results_eq($$SELECT q.line, shown(q.violations) FROM etl.quarantine q JOIN etl.file f USING (file_id) WHERE q.dataset = 'orders' AND f.record_date = '2020-01-02' ORDER BY 1$$,
    $$VALUES (1::bigint, 'schema /size, duplicate /no'), (2, 'schema /size'), (3, 'schema /size')$$, 'a key that is loaded');
SELECT results_eq($$SELECT q.line, shown(q.violations) FROM etl.quarantine q JOIN etl.file f USING (file_id) WHERE q.dataset = 'prices' AND f.record_date = '2020-01-02' ORDER BY 1$$,
    $$VALUES (1::bigint, 'schema /size'), (2, 'schema /size'), (3, 'schema /size')$$, 'where repeats update it is not wrong');
-- one record
SELECT is(shown('orders', '{"no": 1, "shop": 9, "day": "x", "size": "L", "total": 4, "lines": [{"n": 1, "shop": 8}]}'),
    'schema /size, type /day, duplicate /no, reference /shop, reference /lines/0/shop, check /total', 'etl_validate');
SELECT is(shown('prices', '{"no": 1, "shop": 9, "day": "x"}'), 'type /day, reference /shop', 'a type alone');
-- mended in part
UPDATE etl.quarantine SET record = replace(record, '2020-02-30', '2020-02-29') WHERE line = 2 AND record LIKE '%2020-02-30%';
SELECT count(*) AS replayed FROM (SELECT etl_replay('orders') UNION ALL SELECT etl_replay('prices')) r \gset
SELECT results_eq($$SELECT dataset, shown(violations) FROM etl.quarantine WHERE record LIKE '%2020-02-29%' ORDER BY 1$$,
    $$VALUES ('orders', 'schema /size, duplicate /no, reference /shop, reference /lines/0/shop, check /total'), ('prices', 'schema /size, reference /shop, reference /lines/0/shop, check /total')$$, 'a replay');
UPDATE etl.quarantine SET record = replace(record, 'XXL', 'M') WHERE record LIKE '%2020-02-29%';
SELECT count(*) AS replayed FROM (SELECT etl_replay('orders') UNION ALL SELECT etl_replay('prices')) r \gset
SELECT results_eq($$SELECT q.dataset, string_agg(r.key, ',' ORDER BY r.key) FROM etl.quarantine q LEFT JOIN etl.quarantine_reference r USING (quarantine_id) WHERE record LIKE '%2020-02-29%' GROUP BY 1 ORDER BY 1$$,
    $$VALUES ('orders', '8,9'), ('prices', '8,9')$$, 'and one that only rules over others keep out waits for them');
SELECT * FROM finish();
DROP FUNCTION stage, shown(jsonb), shown(text, text);
DROP EXTENSION pg_etl;
DROP TABLE data.shops, data.orders, data.prices;
\set command 'rm -rf "' :root '"'
COPY shell FROM PROGRAM :'command';
