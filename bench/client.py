"""A row-at-a-time client: what pg_etl replaces, for comparison. Reads gzipped JSON Lines, validates
each record with jsonschema, looks up its key and references one by one, inserts row by row, writes
the processed file and moves the raw one. One transaction for each file.

    client.py RAW PROCESSED ARCHIVE SCHEMA [FILES]

Connects as libpq's environment says. Prints the seconds that it took and the records."""
import decimal
import gzip
import json
import os
import re
import shutil
import sys
import time

import jsonschema
import psycopg2


def insert(cursor, record, date, hour):
    key = record["transaction_id"]
    cursor.execute("SELECT 1 FROM data.transactions WHERE transaction_id = %s", (key,))
    if cursor.fetchone():
        return "duplicate"
    cursor.execute("SELECT 1 FROM data.customers WHERE id = %s", (record["customer_id"],))
    if not cursor.fetchone():
        return "reference"
    products = record["purchases"]["products"]
    for product in products:
        cursor.execute("SELECT 1 FROM data.products WHERE sku = %s", (product["sku"],))
        if not cursor.fetchone():
            return "reference"
    total = sum(decimal.Decimal(p["price"]) * p["quanitity"] for p in products)
    if total != decimal.Decimal(record["purchases"]["total_cost"]):
        return "check"
    address = record["delivery_address"]
    cursor.execute(
        "INSERT INTO data.transactions (transaction_id, transaction_time, customer_id, address,"
        " postcode, city, country, total_cost, record_date, record_hour, processed_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now())",
        (key, record["transaction_time"], record["customer_id"], address["address"],
         address["postcode"], address["city"], address["country"],
         record["purchases"]["total_cost"], date, hour))
    for line, p in enumerate(products, 1):
        cursor.execute(
            "INSERT INTO data.purchases (transaction_id, line, product_sku, quantity, price, total)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (key, line, p["sku"], p["quanitity"], p["price"], p["total"]))
    return None


def main():
    raw, processed, archive, schema_path = sys.argv[1:5]
    limit = int(sys.argv[5]) if len(sys.argv) > 5 else None
    with open(schema_path) as file:
        schema = json.load(file)
    validator = jsonschema.validators.validator_for(schema)(schema)
    paths = sorted(os.path.join(folder, "transactions.json.gz")
                   for folder, _, names in os.walk(raw) if "transactions.json.gz" in names)[:limit]
    connection = psycopg2.connect("")
    records = 0
    began = time.monotonic()
    for path in paths:
        relative = os.path.relpath(path, raw)
        date, hour = re.match(r"date=([0-9-]+)/hour=(\d+)", relative).groups()
        target = os.path.join(processed, relative)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with connection, connection.cursor() as cursor, gzip.open(path, "rt") as lines, \
                gzip.open(target, "wt") as out:
            for number, line in enumerate(lines, 1):
                records += 1
                record = json.loads(line)
                errors = [e.message for e in validator.iter_errors(record)]
                code = "schema" if errors else insert(cursor, record, date, hour)
                if code is None:
                    out.write(line)
                else:
                    cursor.execute(
                        "INSERT INTO etl.quarantine (run_id, dataset, line, record, code, violations)"
                        " VALUES (0, 'transactions', %s, %s, %s, '[]')", (number, line, code))
        moved = os.path.join(archive, relative)
        os.makedirs(os.path.dirname(moved), exist_ok=True)
        shutil.move(path, moved)
    print(f"{time.monotonic() - began:.3f} {records}")


main()
