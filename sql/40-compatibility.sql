-- The names of the system that pg_etl replaces, as views over the catalog.

DO $$
BEGIN
    -- the schema holds the user's tables: not a member of the extension, so that DROP EXTENSION
    -- leaves it alone
    IF pg_catalog.to_regnamespace('data') IS NULL THEN
        CREATE SCHEMA data;
        ALTER EXTENSION pg_etl DROP SCHEMA data;
    END IF;
END $$;

CREATE FUNCTION etl.rejected(dataset text)
RETURNS TABLE (quarantine_id bigint, record text, code text, error text, record_date date, record_hour smallint, path text, line bigint, quarantined_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT q.quarantine_id, q.record, q.code, q.violations -> 0 ->> 'message', f.record_date, f.record_hour, f.path, q.line, q.quarantined_at
      FROM etl.quarantine q LEFT JOIN etl.file f USING (file_id)
     WHERE q.dataset = rejected.dataset AND q.status IN ('open', 'erased')
$$;
COMMENT ON FUNCTION etl.rejected(text) IS 'The records of a dataset that are quarantined, with the first reason';

CREATE VIEW data.invalid_customers AS SELECT * FROM etl.rejected('customers');
CREATE VIEW data.invalid_products AS SELECT * FROM etl.rejected('products');
CREATE VIEW data.invalid_transactions AS SELECT * FROM etl.rejected('transactions');
CREATE VIEW data.invalid_erasure_requests AS SELECT * FROM etl.rejected('erasure_requests');
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

CREATE FUNCTION etl.delivery_addresses()
RETURNS TABLE (transaction_id uuid, customer_id bigint, address text, postcode text, city text, country text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target constant regclass := to_regclass('data.transactions');
BEGIN
    -- the target table is made when the first transactions are loaded
    IF target IS NOT NULL THEN
        -- Who has made it is not known. A view, or a cast to text of somebody's own type, would run its
        -- owner's code as whoever looks.
        IF EXISTS (SELECT FROM pg_class c WHERE c.oid = target AND c.relkind NOT IN ('r', 'p'))
           OR EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                       WHERE a.attrelid = target AND t.typnamespace <> 'pg_catalog'::regnamespace
                         AND a.attname IN ('transaction_id', 'customer_id', 'address', 'postcode', 'city', 'country')) THEN
            RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
                MESSAGE = 'data.transactions is not the table of dataset transactions',
                DETAIL = 'It is no table, or has a column of a type that is not built in.';
        END IF;
        RETURN QUERY EXECUTE 'SELECT t.transaction_id, t.customer_id, t.address::text, t.postcode::text, t.city::text, t.country::text FROM data.transactions t';
    END IF;
END $$;
COMMENT ON FUNCTION etl.delivery_addresses() IS 'Delivery addresses of data.transactions, none before it exists';
CREATE VIEW data.delivery_addresses AS SELECT * FROM etl.delivery_addresses();
COMMENT ON VIEW data.delivery_addresses IS 'Old name of: the address columns of data.transactions';
