"""A row-at-a-time client: what pg_etl replaces, for comparison. Reads gzipped JSON Lines, validates
each record with jsonschema, looks up its key and references one by one, inserts row by row, writes
the processed file, logs every record, valid or not, and each file's statistics in tables, and moves
the raw file. One transaction for each file. An erasure touches the customer's row only, not the
files.

    client.py RAW PROCESSED ARCHIVE SCHEMAS DATASETS [FILES [naive]]

SCHEMAS is the folder of the datasets' definitions, DATASETS a list with commas, FILES how many of
each are taken at most. "naive" is the client as such scripts are first written:
jsonschema.validate() for each record, which checks the schema each time, and a commit after each.
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


def missing(cursor, table, column, value):
    cursor.execute(f"SELECT 1 FROM data.{table} WHERE {column} = %s", (value,))
    return not cursor.fetchone()


def put(cursor, table, values, key=None):
    columns = ", ".join(values)
    marks = ", ".join(["%s"] * len(values))
    statement = f"INSERT INTO data.{table} ({columns}) VALUES ({marks})"
    if key:
        news = ", ".join(f"{c} = excluded.{c}" for c in values if c != key)
        statement += f" ON CONFLICT ({key}) DO UPDATE SET {news}"
    cursor.execute(statement, tuple(values.values()))


def normalised(dataset, record):
    if dataset == "products" and isinstance(record.get("price"), str):
        return {**record, "price": float(record["price"])}
    return record


def products(cursor, record, date, hour):
    put(cursor, "products", {**record, "record_date": date, "record_hour": hour}, "sku")


def customers(cursor, record, date, hour):
    put(cursor, "customers", {**record, "record_date": date, "record_hour": hour}, "id")


def transactions(cursor, record, date, hour):
    key = record["transaction_id"]
    if not missing(cursor, "transactions", "transaction_id", key):
        return "duplicate"
    if missing(cursor, "customers", "id", record["customer_id"]):
        return "reference"
    lines = record["purchases"]["products"]
    for line in lines:
        if missing(cursor, "products", "sku", line["sku"]):
            return "reference"
    total = sum(decimal.Decimal(line["price"]) * line["quanitity"] for line in lines)
    if total != decimal.Decimal(record["purchases"]["total_cost"]):
        return "check"
    put(cursor, "transactions", {
        "transaction_id": key, "transaction_time": record["transaction_time"],
        "customer_id": record["customer_id"], **record["delivery_address"],
        "total_cost": record["purchases"]["total_cost"], "record_date": date,
        "record_hour": hour})
    for number, line in enumerate(lines, 1):
        put(cursor, "purchases", {
            "transaction_id": key, "line": number, "product_sku": line["sku"],
            "quantity": line["quanitity"], "price": line["price"], "total": line["total"]})


def erasure_requests(cursor, record, date, hour):
    cursor.execute(
        "UPDATE data.customers SET first_name = '***', last_name = '***', address = '***',"
        " city = '***', postcode = '***', email = md5(email), phone_number = NULL"
        " WHERE id::text = %s OR email = %s", (record.get("customer-id"), record.get("email")))
    if not cursor.rowcount:
        return "reference"


LOG_TABLES = """
CREATE SCHEMA IF NOT EXISTS client;
CREATE TABLE IF NOT EXISTS client.valid_record (dataset text, path text, line int, record text);
CREATE TABLE IF NOT EXISTS client.statistics (dataset text, path text, records int, valid int,
    at timestamptz DEFAULT now());
"""


def violations(record, schema, validator):
    if validator:
        return [e.message for e in validator.iter_errors(record)]
    try:
        jsonschema.validate(record, schema)
        return []
    except jsonschema.ValidationError as error:
        return [error.message]


def run(connection, dataset, folders, schemas, limit, naive):
    raw, processed, archive = folders
    with open(os.path.join(schemas, f"{dataset}.json")) as file:
        schema = json.load(file)
    validator = None if naive else jsonschema.validators.validator_for(schema)(schema)
    load = globals()[dataset]
    name = dataset.replace("_", "-") + ".json.gz"
    paths = sorted(os.path.join(folder, name)
                   for folder, _, names in os.walk(raw) if name in names)[:limit]
    records = 0
    with connection, connection.cursor() as cursor:
        cursor.execute(LOG_TABLES)
    for path in paths:
        relative = os.path.relpath(path, raw)
        date, hour = re.match(r"date=([0-9-]+)/hour=(\d+)", relative).groups()
        target = os.path.join(processed, relative)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with connection, connection.cursor() as cursor, gzip.open(path, "rt") as lines, \
                gzip.open(target, "wt") as out:
            number = valid = 0
            for number, line in enumerate(lines, 1):
                records += 1
                record = normalised(dataset, json.loads(line))
                errors = violations(record, schema, validator)
                code = "schema" if errors else load(cursor, record, date, hour)
                if code is None:
                    out.write(line)
                    valid += 1
                    cursor.execute("INSERT INTO client.valid_record (dataset, path, line, record)"
                                   " VALUES (%s, %s, %s, %s)", (dataset, relative, number, line))
                else:
                    cursor.execute(
                        "INSERT INTO etl.quarantine (run_id, dataset, line, record, code, violations)"
                        " VALUES (0, %s, %s, %s, %s, '[]')", (dataset, number, line, code))
                if naive:
                    connection.commit()
            cursor.execute("INSERT INTO client.statistics (dataset, path, records, valid)"
                           " VALUES (%s, %s, %s, %s)", (dataset, relative, number, valid))
        moved = os.path.join(archive, relative)
        os.makedirs(os.path.dirname(moved), exist_ok=True)
        shutil.move(path, moved)
    return records


def main():
    folders, schemas, datasets = sys.argv[1:4], sys.argv[4], sys.argv[5].split(",")
    limit = int(sys.argv[6]) if len(sys.argv) > 6 else None
    naive = sys.argv[7:] == ["naive"]
    connection = psycopg2.connect("")
    began = time.monotonic()
    records = sum(run(connection, dataset, folders, schemas, limit, naive) for dataset in datasets)
    print(f"{time.monotonic() - began:.3f} {records}")


main()
