-- The names of the system that pg_etl replaces, as views over the catalog.

DO $$
BEGIN
    -- The schema has the user's tables. It is not a member of the extension, so that DROP EXTENSION leaves it
    -- alone.
    IF pg_catalog.to_regnamespace('data') IS NULL THEN
        CREATE SCHEMA data;
        ALTER EXTENSION pg_etl DROP SCHEMA data;
    END IF;
END $$;

CREATE FUNCTION etl_internal.rejected(dataset text)
RETURNS TABLE (quarantine_id bigint, record text, code text, error text, record_date date, record_hour smallint,
    path text, line bigint, quarantined_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT q.quarantine_id, q.record, q.code, q.violations -> 0 ->> 'message', f.record_date, f.record_hour, f.path,
        q.line, q.quarantined_at
      FROM etl.quarantine q LEFT JOIN etl.file f USING (file_id)
     WHERE q.dataset = rejected.dataset AND q.status IN ('open', 'erased')
$$;
COMMENT ON FUNCTION etl_internal.rejected(text)
    IS 'The records of a dataset that are quarantined, with the first reason';

CREATE VIEW data.invalid_customers AS SELECT * FROM etl_internal.rejected('customers');
CREATE VIEW data.invalid_products AS SELECT * FROM etl_internal.rejected('products');
CREATE VIEW data.invalid_transactions AS SELECT * FROM etl_internal.rejected('transactions');
CREATE VIEW data.invalid_erasure_requests AS SELECT * FROM etl_internal.rejected('erasure_requests');
COMMENT ON VIEW data.invalid_customers IS 'Old name of: etl.quarantine, dataset customers';
COMMENT ON VIEW data.invalid_products IS 'Old name of: etl.quarantine, dataset products';
COMMENT ON VIEW data.invalid_transactions IS 'Old name of: etl.quarantine, dataset transactions';
COMMENT ON VIEW data.invalid_erasure_requests IS 'Old name of: etl.quarantine, dataset erasure_requests';

CREATE VIEW data.processing_statistics AS
    SELECT f.dataset, f.record_date, f.record_hour, f.path, f.status,
           f.records AS total_records, f.loaded AS valid_records, f.quarantined AS invalid_records,
           f.started_at, f.finished_at AS processed_at
      FROM etl.file f;
COMMENT ON VIEW data.processing_statistics IS 'Old name of: etl.file';

CREATE VIEW data.erasure_requests AS
    SELECT e.erasure_id, e.dataset, e.subject AS customer_id, e.email, e.source, e.status, e.received_at, e.completed_at
      FROM etl.erasure e;
COMMENT ON VIEW data.erasure_requests IS 'Old name of: etl.erasure; identifiers are keyed pseudonyms';

CREATE FUNCTION etl_internal.delivery_addresses()
RETURNS TABLE (transaction_id uuid, customer_id bigint, address text, postcode text, city text, country text)
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_delivery_addresses';
COMMENT ON FUNCTION etl_internal.delivery_addresses()
    IS 'Delivery addresses of data.transactions, none before it exists. What its owner has put on it runs as the owner';

CREATE VIEW data.delivery_addresses AS SELECT * FROM etl_internal.delivery_addresses();
COMMENT ON VIEW data.delivery_addresses IS 'Old name of: the address columns of data.transactions';
