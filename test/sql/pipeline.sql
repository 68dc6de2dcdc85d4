-- The pipeline from SQL: run, dry run, read, anonymise, export, replay, and what they refuse.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
\set directories :test '/include/directories.psql'
\i :directories

SELECT plan(52);

-- ---- what is missing is told before anything is touched
SET etl.raw_dir = '';
SELECT throws_ok($$SELECT etl_run('products')$$, '55000', 'setting "etl.raw_dir" is not set', 'folders must be set');
SET etl.raw_dir = '/nonexistent/raw';
SELECT throws_ok($$SELECT etl_run('products')$$, '58P01', NULL, 'and exist');
SELECT throws_ok($$SET etl.raw_dir = 'raw'$$, '22023', NULL, 'and be absolute');
SET etl.raw_dir = :'raw';
SET etl.processed_dir = :'raw';
SET etl.archive_dir = :'archive';
SELECT throws_ok($$SELECT etl_run('products')$$, '55000', 'etl.raw_dir, etl.processed_dir and etl.archive_dir must lie apart', 'and lie apart');
SET etl.processed_dir = :'processed';
SELECT throws_ok($$SELECT etl_run('nothing')$$, '42704', 'dataset "nothing" is not defined', 'the dataset must be defined');
SELECT is((SELECT count(*) FROM etl.run), 0::bigint, 'no run was recorded');

-- ---- staged files
\set path :hour '/products.json'
COPY (SELECT * FROM (VALUES
    ('{"sku": 1, "name": "Tea", "price": "3.50", "category": "food", "popularity": 0.5}'),
    ('{"sku": 2, "name": null, "price": "1.00", "category": "food", "popularity": 0.5}'),
    ('{"sku": 3, "name": "Cup", "price": 4, "category": "house", "popularity": 1}')) v(x))
    TO :'path' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
\set path :hour '/customers.json'
COPY (SELECT * FROM (VALUES
    ('{"id": "010", "first_name": "Zoë", "last_name": "Weiß", "email": "Zoe@Example.com", "phone_number": "1", "date_of_birth": "1990-02-28", "address": "1 Way\nFlat 2", "city": "Ulm", "country": "DE", "postcode": "89073"}'),
    ('{"id": "11", "first_name": "Ann", "last_name": "Bee", "email": "ann@example.com"}')) v(x))
    TO :'path' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
\set path :hour '/transactions.json'
COPY (SELECT * FROM (VALUES
    ('{"transaction_id": "00000000-0000-0000-0000-000000000001", "transaction_time": "2020-01-01T03:00:00", "customer_id": "10", "delivery_address": {"address": "1 Way", "postcode": "89073", "city": "Ulm", "country": "DE"}, "purchases": {"products": [{"sku": 1, "quanitity": 2, "price": "3.50", "total": "7.00"}], "total_cost": "7.00"}}'),
    ('{"transaction_id": "00000000-0000-0000-0000-000000000002", "transaction_time": "2020-01-01T03:00:00", "customer_id": "11", "delivery_address": {"address": "2 Way", "postcode": "X", "city": "Y", "country": "DE"}, "purchases": {"products": [{"sku": 2, "quanitity": 1, "price": "1.00", "total": "1.00"}], "total_cost": "1.00"}}')) v(x))
    TO :'path' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');

SELECT results_eq($$SELECT line, record::jsonb ->> 'id' FROM etl_read('date=2020-01-01/hour=3/customers.json')$$,
    $$VALUES (1::bigint, '010'), (2, '11')$$, 'etl_read gives the records of a staged file');
SELECT throws_ok($$SELECT etl_read('date=2020-01-01/hour=3/none.json')$$, '58P01', NULL, 'which must exist');

-- ---- dry runs
SELECT results_eq($$SELECT line, code, keyword, pointer, message FROM etl_validate_file('products', 'date=2020-01-01/hour=3/products.json')$$,
    $$VALUES (2::bigint, 'schema', 'type', '/name', '/name: expected string, got null')$$, 'etl_validate_file tells what a run would');
SELECT is((SELECT count(*) FROM etl.quarantine), 0::bigint, 'and writes nothing');
SELECT is(to_regclass('data.products'), NULL, 'nothing at all');
SELECT results_eq($$SELECT code, keyword, pointer, sqlstate FROM etl_validate('products', '{"sku": "x", "name": "n", "price": "0", "category": "c", "popularity": 1, "more": 1}') ORDER BY 2$$,
    $$VALUES ('schema', 'additionalProperties', '/more', '23514'), ('schema', 'exclusiveMinimum', '/price', '23514'), ('schema', 'type', '/sku', '23514')$$,
    'etl_validate gives every violation of a record');
SELECT is_empty($$SELECT * FROM etl_validate('products', '{"sku": 1, "name": "n", "price": "1.5", "category": "c", "popularity": 1}')$$, 'none of a valid one');
SELECT results_eq($$SELECT schema_pointer FROM etl_validate('customers', '{"id": "1", "first_name": null, "last_name": "b", "email": "c"}')$$,
    $$VALUES ('/properties/first_name/type')$$, 'with the place in the schema');

-- ---- run
SELECT results_eq($$SELECT dataset, status, files, records, loaded, quarantined, error FROM etl_run()$$,
    $$VALUES ('customers', 'succeeded', 1, 2::bigint, 2::bigint, 0::bigint, NULL::text), ('products', 'succeeded', 1, 3, 2, 1, NULL),
             ('transactions', 'succeeded', 1, 2, 1, 1, NULL), ('erasure_requests', 'succeeded', 0, 0, 0, 0, NULL)$$,
    'etl_run() runs every dataset, those that others refer to first');
SELECT results_eq($$SELECT sku, name, price, category, popularity, record_date, record_hour FROM data.products ORDER BY sku$$,
    $$VALUES (1::bigint, 'Tea', 3.50, 'food', 0.5::float8, date '2020-01-01', 3::smallint), (3, 'Cup', 4.00, 'house', 1, '2020-01-01', 3::smallint)$$, 'products are loaded');
SELECT results_eq($$SELECT transaction_id, line, product_sku, quantity, price, total FROM data.purchases$$,
    $$VALUES ('00000000-0000-0000-0000-000000000001'::uuid, 1, 1::bigint, 2, 3.50, 7.00)$$, 'and the elements of arrays');
SELECT is((SELECT last_change FROM data.products WHERE sku = 1), (SELECT started_at FROM etl.run WHERE dataset = 'products'), 'last_change is the time of the run');
SELECT is((SELECT transaction_time FROM data.transactions), timestamptz '2020-01-01 03:00:00+00', 'a time without zone is UTC');
SELECT is((SELECT address FROM data.customers WHERE id = 10), E'1 Way\nFlat 2', 'escapes are undone');
SELECT results_eq($$SELECT dataset, key, waiting_dataset, waiting, quarantine_id = (SELECT quarantine_id FROM etl.quarantine WHERE dataset = 'products') FROM etl.quarantine_cause$$,
    $$VALUES ('products', '2', 'transactions', 1::bigint, true)$$, 'etl.quarantine_cause names the parent that blocks');
SELECT is_empty($$SELECT * FROM etl.unclaimed$$, 'nothing is unclaimed');
SELECT results_eq($$SELECT path, status, records, loaded, quarantined, processed_path = path, archived_path = path FROM etl.file ORDER BY path$$,
    $$VALUES ('date=2020-01-01/hour=3/customers.json', 'archived', 2::bigint, 2::bigint, 0::bigint, true, true),
             ('date=2020-01-01/hour=3/products.json', 'archived', 3, 2, 1, true, true), ('date=2020-01-01/hour=3/transactions.json', 'archived', 2, 1, 1, true, true)$$,
    'every file is in the catalog');

-- ---- files, once the transaction of the run has ended
\set processed_file :processed '/date=2020-01-01/hour=3/products.json'
SELECT results_eq(format('SELECT record::jsonb - ''last_change'' FROM etl_read(%L)', :'processed_file'),
    $$VALUES ('{"sku": 1, "name": "Tea", "price": 3.50, "category": "food", "popularity": 0.5}'::jsonb), ('{"sku": 3, "name": "Cup", "price": 4, "category": "house", "popularity": 1}')$$,
    'the processed file has the accepted records, normalized');
SELECT matches((SELECT record FROM etl_read(:'processed_file') LIMIT 1), '"price": 3.50, .*"last_change": "20[0-9-]+T[0-9:.]+Z"}$', 'the rest as it came');
\set command 'cd "' :root '" && find raw processed archive -type f -not -path "*/.*" | sort'
TRUNCATE shell;
COPY shell FROM PROGRAM :'command';
SELECT results_eq('SELECT line FROM shell', $$VALUES ('archive/date=2020-01-01/hour=3/customers.json'), ('archive/date=2020-01-01/hour=3/products.json'),
    ('archive/date=2020-01-01/hour=3/transactions.json'), ('processed/date=2020-01-01/hour=3/customers.json'), ('processed/date=2020-01-01/hour=3/products.json'),
    ('processed/date=2020-01-01/hour=3/transactions.json')$$, 'files are where they should be');

-- ---- replay
SELECT results_eq($$SELECT status, files, records, loaded, quarantined FROM etl_replay('products')$$, $$VALUES ('succeeded', 0, 1::bigint, 0::bigint, 1::bigint)$$, 'a record that is not mended stays');
UPDATE etl.quarantine SET record = replace(record, 'null', '"Pot"') WHERE dataset = 'products';
SELECT results_eq($$SELECT status, files, records, loaded, quarantined FROM etl_replay('products')$$, $$VALUES ('succeeded', 1, 1::bigint, 1::bigint, 0::bigint)$$, 'a mended record is loaded');
SELECT is((SELECT count(*) FROM data.transactions), 2::bigint, 'and with it what waited for it');
SELECT results_eq($$SELECT status, count(*) FROM etl.quarantine GROUP BY 1$$, $$VALUES ('released', 2::bigint)$$, 'quarantine says so');
SELECT results_eq($$SELECT loaded, quarantined FROM etl.file WHERE dataset = 'transactions'$$, $$VALUES (2::bigint, 0::bigint)$$, 'and so does the file');
\set processed_file :processed '/date=2020-01-01/hour=3/transactions.json'
SELECT is((SELECT string_agg(right(record::jsonb ->> 'transaction_id', 1), '') FROM etl_read(:'processed_file')), '12', 'the processed file is completed');

-- ---- anonymised reads
SELECT results_eq($$SELECT a - 'email' FROM etl_anonymize('customers', '{"id": "10", "first_name": "Zoë", "last_name": "W", "email": "z@example.com", "phone_number": "1", "country": "DE", "segment": null}') a$$,
    $$VALUES ('{"id": "10", "first_name": "[erased]", "last_name": "[erased]", "phone_number": null, "country": "DE", "segment": null}'::jsonb)$$, 'etl_anonymize treats personal fields');
SELECT matches((SELECT a ->> 'email' FROM etl_anonymize('customers', '{"id": "10", "email": "z@example.com"}') a), '^[0-9a-f]{32}@erased\.invalid$', 'the email becomes a token');
SELECT is((SELECT a ->> 'email' FROM etl_anonymize('customers', '{"id": "010", "email": "other"}') a), (SELECT a.email FROM etl_anonymized(NULL::data.customers, 'customers') a WHERE id = 10),
    'that depends on the person alone, and every copy agrees');
SELECT results_eq($$SELECT id, first_name, date_of_birth, phone_number, city, country FROM etl_anonymized(NULL::data.customers, 'customers') ORDER BY id$$,
    $$VALUES (10::bigint, '[erased]', NULL::date, NULL::text, '[erased]', 'DE'), (11, '[erased]', NULL, NULL, NULL, NULL)$$, 'etl_anonymized treats columns');
SELECT throws_ok($$SELECT * FROM etl_anonymized(NULL::pg_class, 'customers')$$, '22023', NULL, 'of target tables only');
SELECT is((SELECT count(*) FROM etl_anonymized(NULL::data.purchases, 'transactions')), 2::bigint, 'child tables too');

-- ---- export
SELECT is(etl_export('customers', 'customers.jsonl.gz', 'jsonl', true), 2::bigint, 'etl_export gives the number of rows');
\set exported :processed '/customers.jsonl.gz'
SELECT results_eq(format('SELECT record::jsonb ->> ''first_name'' FROM etl_read(%L)', :'exported'), $$VALUES ('[erased]'), ('[erased]')$$, 'gzipped and anonymised where asked');
SELECT is(etl_export('products', 'products.csv', 'csv'), 3::bigint, 'csv');
\set exported :processed '/products.csv'
SELECT is((SELECT string_agg(split_part(record, ',', 2), ' ') FROM etl_read(:'exported')), 'name Tea Pot Cup', 'with a header, in order of the key');
SELECT throws_ok($$SELECT etl_export('products', 'x.xml', 'xml')$$, '22023', 'unknown export format', 'no other format');
SELECT throws_ok($$SELECT etl_export('products', 'none/x.csv', 'csv')$$, '58P01', NULL, 'into folders that exist');
SELECT throws_ok($$SELECT etl_export('erasure_requests', 'x.jsonl')$$, '55000', NULL, 'of datasets that have a table');

-- ---- old names
SELECT is((SELECT count(*) FROM data.processing_statistics), 3::bigint, 'data.processing_statistics');
SELECT is((SELECT count(*) FROM data.delivery_addresses), 2::bigint, 'data.delivery_addresses');
SELECT is((SELECT count(*) FROM data.invalid_products), 0::bigint, 'data.invalid_products');

-- ---- files of others
CREATE ROLE etl_regress_reader;
GRANT EXECUTE ON FUNCTION etl_read(text), etl_export(text, text, text, boolean) TO etl_regress_reader;
GRANT USAGE ON SCHEMA etl TO etl_regress_reader;
GRANT SELECT ON etl.dataset TO etl_regress_reader;
GRANT USAGE ON SCHEMA data TO etl_regress_reader;
GRANT SELECT ON data.products TO etl_regress_reader;
GRANT pg_read_all_settings TO etl_regress_reader;
SET ROLE etl_regress_reader;
SELECT throws_ok($$SELECT etl_read('/etc/passwd')$$, '42501', NULL, 'files outside the folders are closed to those who may not read server files');
SELECT throws_ok($$SELECT etl_read('../../etc/passwd')$$, NULL, NULL, 'whatever the path');
SELECT throws_ok($$SELECT etl_export('products', '/tmp/pg_etl.export.csv', 'csv')$$, '42501', NULL, 'and so is writing them');
SELECT throws_ok($$SELECT etl_run('products')$$, '42501', NULL, 'nobody runs a dataset without being allowed to');
RESET ROLE;

SELECT * FROM finish();
DROP OWNED BY etl_regress_reader;
DROP ROLE etl_regress_reader;
DROP EXTENSION pg_etl;
DROP TABLE data.customers, data.products, data.transactions, data.purchases;
\set command 'rm -rf "' :root '"'
COPY shell FROM PROGRAM :'command';
