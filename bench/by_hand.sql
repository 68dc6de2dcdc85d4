-- The job of etl_run('transactions') as a good DBA would write it in SQL: read the gzipped files by
-- COPY FROM PROGRAM, parse with jsonb, check set-based, quarantine, INSERT … SELECT sorted by key,
-- write the accepted records of each file by COPY TO PROGRAM, archive the raw files.
--
-- psql -v raw=… -v processed=… -v archive=… -f by_hand.sql. JSON Schema is reduced to what can be
-- said in a WHERE clause, and a line that is no JSON ends it all: PostgreSQL 15 has no test for
-- that short of a function with an exception block, which would be slower still.
\set ON_ERROR_STOP on
\set QUIET on
BEGIN;
SET LOCAL work_mem = '256MB';

CREATE TEMP TABLE staged (file text, line bigint, record text) ON COMMIT DROP;
SELECT format(
	'COPY staged FROM PROGRAM %L (FORMAT csv, QUOTE E''\x01'', DELIMITER E''\x02'')',
	'cd ' || quote_literal(:'raw') || ' && find . -name transactions.json.gz -printf "%P\n" | sort |'
	' while read -r f; do gzip -dc "$f" |'
	' awk -v f="$f" ''{ printf "%s\002%d\002%s\n", f, NR, $0 }''; done') \gexec

CREATE TEMP TABLE parsed ON COMMIT DROP AS
SELECT file, line, record, record::jsonb AS j,
       substring(file FROM 'date=([0-9-]+)')::date AS record_date,
       substring(file FROM 'hour=([0-9]+)')::smallint AS record_hour
  FROM staged;

-- what can be told from the record itself
CREATE TEMP TABLE judged ON COMMIT DROP AS
SELECT p.*, (j ->> 'transaction_id') AS id,
       CASE WHEN jsonb_typeof(j -> 'transaction_id') IS DISTINCT FROM 'string'
              OR jsonb_typeof(j -> 'transaction_time') IS DISTINCT FROM 'string'
              OR jsonb_typeof(j -> 'customer_id') IS DISTINCT FROM 'string'
              OR jsonb_typeof(j #> '{delivery_address,address}') IS DISTINCT FROM 'string'
              OR jsonb_typeof(j #> '{delivery_address,postcode}') IS DISTINCT FROM 'string'
              OR jsonb_typeof(j #> '{delivery_address,city}') IS DISTINCT FROM 'string'
              OR jsonb_typeof(j #> '{delivery_address,country}') IS DISTINCT FROM 'string'
              OR jsonb_typeof(j #> '{purchases,products}') IS DISTINCT FROM 'array'
              OR jsonb_typeof(j #> '{purchases,total_cost}') IS DISTINCT FROM 'string'
              OR j - '{transaction_id,transaction_time,customer_id,delivery_address,purchases}'::text[] <> '{}'
            THEN 'schema' END AS code
  FROM parsed p;

CREATE TEMP TABLE purchase ON COMMIT DROP AS
SELECT q.file, q.line AS record_line, q.id::uuid AS transaction_id, e.n::int AS line,
       (e.v ->> 'sku')::bigint AS product_sku, (e.v ->> 'quanitity')::int AS quantity,
       (e.v ->> 'price')::numeric(10,2) AS price, (e.v ->> 'total')::numeric(10,2) AS total
  FROM judged q, jsonb_array_elements(q.j #> '{purchases,products}') WITH ORDINALITY e(v, n)
 WHERE q.code IS NULL;
ANALYZE judged, purchase;

CREATE TEMP TABLE refused ON COMMIT DROP AS
SELECT DISTINCT ON (file, line) file, line, code FROM (
	SELECT file, line, 1 AS rank, code FROM judged WHERE code IS NOT NULL
	UNION ALL
	SELECT file, line, 2, 'duplicate' FROM (
		SELECT file, line, id, row_number() OVER (PARTITION BY id ORDER BY file, line) AS n
		  FROM judged WHERE code IS NULL) d
	 WHERE n > 1 OR EXISTS (SELECT FROM data.transactions t WHERE t.transaction_id = d.id::uuid)
	UNION ALL
	SELECT file, line, 3, 'reference' FROM judged q
	 WHERE code IS NULL
	   AND NOT EXISTS (SELECT FROM data.customers c WHERE c.id = (q.j ->> 'customer_id')::bigint)
	UNION ALL
	SELECT file, record_line, 3, 'reference' FROM purchase u
	 WHERE NOT EXISTS (SELECT FROM data.products p WHERE p.sku = u.product_sku)
	UNION ALL
	SELECT q.file, q.line, 4, 'check' FROM judged q
	  JOIN (SELECT file, record_line, sum(price * quantity) AS s FROM purchase GROUP BY 1, 2) u
	    ON u.file = q.file AND u.record_line = q.line
	 WHERE q.code IS NULL AND u.s <> (q.j #>> '{purchases,total_cost}')::numeric) r
 ORDER BY file, line, rank;
ANALYZE refused;

INSERT INTO etl.quarantine (run_id, dataset, line, record, code, violations)
SELECT 0, 'transactions', q.line, q.record, r.code, '[]' FROM refused r JOIN judged q USING (file, line);

CREATE TEMP TABLE accepted ON COMMIT DROP AS
SELECT q.* FROM judged q WHERE NOT EXISTS (SELECT FROM refused r WHERE r.file = q.file AND r.line = q.line);

INSERT INTO data.transactions (transaction_id, transaction_time, customer_id, address, postcode, city,
                               country, total_cost, record_date, record_hour, processed_at)
SELECT id::uuid, (j ->> 'transaction_time')::timestamptz, (j ->> 'customer_id')::bigint,
       j #>> '{delivery_address,address}', j #>> '{delivery_address,postcode}',
       j #>> '{delivery_address,city}', j #>> '{delivery_address,country}',
       (j #>> '{purchases,total_cost}')::numeric(12,2), record_date, record_hour, now()
  FROM accepted ORDER BY id::uuid;

INSERT INTO data.purchases (transaction_id, line, product_sku, quantity, price, total)
SELECT transaction_id, u.line, product_sku, quantity, price, total
  FROM purchase u
 WHERE NOT EXISTS (SELECT FROM refused r WHERE r.file = u.file AND r.line = u.record_line)
 ORDER BY transaction_id, u.line;

-- one program writes all processed files: awk opens a gzip for each
SELECT format(
	'COPY (SELECT file, record FROM accepted ORDER BY file, line) TO PROGRAM %L'
	' (FORMAT csv, QUOTE E''\x01'', DELIMITER E''\x02'')',
	'cd ' || quote_literal(:'processed') || ' && awk -F ''\002'' ''$1 != f { if (f) close(c); f = $1; d = f;'
	' sub("/[^/]*$", "", d); system("mkdir -p " d); c = "gzip -1 >" f } { print $2 | c }''') \gexec
COMMIT;
\setenv RAW :raw
\setenv ARCHIVE :archive
\! cd "$RAW" && find . -name transactions.json.gz -printf '%P\n' | while read -r f; do mkdir -p "$ARCHIVE/${f%/*}" && mv "$f" "$ARCHIVE/$f"; done
