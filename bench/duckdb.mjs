// DuckDB doing what it can of the job: read the gzipped JSON of all files, check duplicates and
// totals, write clean CSV for COPY FROM, and with --export also the accepted records as gzipped
// JSON, a file for each staged one. References are checked against CSV copies of the two tables.
//
//     node duckdb.mjs RAW CUSTOMERS.csv PRODUCTS.csv OUT [--export]
//
// Prints the seconds that it took. Needs npm's @duckdb/node-api.
import { mkdirSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';

const [raw, customers, products, out, exporting] = process.argv.slice(2);
const literal = (text) => `'${text.replaceAll("'", "''")}'`;
const instance = await DuckDBInstance.create(':memory:');
const db = await instance.connect();
const began = process.hrtime.bigint();
await db.run(`CREATE TABLE staged AS
	SELECT *, row_number() OVER () AS n, regexp_extract(filename, 'date=[^/]*/hour=[^/]*') AS part
	FROM read_json(${literal(raw + '/date=*/hour=*/transactions.json.gz')}, format = 'newline_delimited',
		filename = true, columns = {
			transaction_id: 'UUID', transaction_time: 'VARCHAR', customer_id: 'VARCHAR',
			delivery_address: 'STRUCT(address VARCHAR, postcode VARCHAR, city VARCHAR, country VARCHAR)',
			purchases: 'STRUCT(products STRUCT(sku BIGINT, quanitity INT, price DECIMAL(10,2), total DECIMAL(10,2))[], total_cost DECIMAL(12,2))'
		})`);
await db.run(`CREATE TABLE accepted AS
	SELECT * FROM staged s
	WHERE customer_id::BIGINT IN (SELECT column0 FROM read_csv(${literal(customers)}, header = false))
	AND NOT EXISTS (SELECT 1 FROM (SELECT unnest(s2.purchases.products).sku AS sku, n FROM staged s2) u
		WHERE u.n = s.n AND u.sku NOT IN (SELECT column0 FROM read_csv(${literal(products)}, header = false)))
	AND list_sum(list_transform(purchases.products, p -> p.price * p.quanitity)) = purchases.total_cost
	QUALIFY row_number() OVER (PARTITION BY transaction_id ORDER BY n) = 1`);
await db.run(`COPY (SELECT transaction_id, transaction_time, customer_id::BIGINT, delivery_address.address,
		delivery_address.postcode, delivery_address.city, delivery_address.country, purchases.total_cost,
		regexp_extract(part, 'date=([^/]*)', 1), regexp_extract(part, 'hour=([0-9]*)', 1)
	FROM accepted ORDER BY transaction_id) TO ${literal(out + '/transactions.csv')} (FORMAT csv, HEADER false)`);
await db.run(`COPY (SELECT transaction_id, line, p.sku, p.quanitity, p.price, p.total FROM (
		SELECT transaction_id, unnest(purchases.products) AS p, generate_subscripts(purchases.products, 1) AS line
		FROM accepted) ORDER BY transaction_id, line) TO ${literal(out + '/purchases.csv')} (FORMAT csv, HEADER false)`);
if (exporting === '--export') {
	// JSON can't be written with PARTITION_BY: a COPY for each file, over a range of rows that are
	// numbered in the files' order, so that each reads no more than its own
	const parts = await db.runAndReadAll('SELECT part, min(n), max(n) FROM accepted GROUP BY part');
	for (const [part, first, last] of parts.getRows()) {
		mkdirSync(`${out}/json/${part}`, { recursive: true });
		await db.run(`COPY (SELECT transaction_id, transaction_time, customer_id, delivery_address, purchases
			FROM accepted WHERE n BETWEEN ${first} AND ${last} AND part = ${literal(part)} ORDER BY n)
			TO ${literal(`${out}/json/${part}/transactions.json.gz`)} (FORMAT json, COMPRESSION gzip)`);
	}
}
console.log((Number(process.hrtime.bigint() - began) / 1e9).toFixed(3));
