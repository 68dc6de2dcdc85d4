-- Comments on what gets its columns from somewhere else: the views with old names, and sequences.

DO $$
DECLARE
    c record;
BEGIN
    -- A column that a view takes from a table of the catalog has the comment of that table's column.
    FOR c IN SELECT a.attrelid::regclass AS view, a.attname, col_description(t.attrelid, t.attnum) AS meaning
               FROM (VALUES ('data.invalid_customers'::regclass, 'etl.quarantine'::regclass),
                   ('data.invalid_customers', 'etl.file'),
                            ('data.invalid_products', 'etl.quarantine'), ('data.invalid_products', 'etl.file'),
                            ('data.invalid_transactions', 'etl.quarantine'), ('data.invalid_transactions', 'etl.file'),
                            ('data.invalid_erasure_requests', 'etl.quarantine'),
                                ('data.invalid_erasure_requests', 'etl.file'),
                            ('data.processing_statistics', 'etl.file'),
                                ('data.erasure_requests', 'etl.erasure')) AS taken(view, origin)
               JOIN pg_attribute a ON a.attrelid = taken.view AND a.attnum > 0
               JOIN pg_attribute t ON t.attrelid = taken.origin AND t.attnum > 0 AND t.attname = a.attname
              WHERE a.attname <> 'error' LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', c.view, c.attname, c.meaning);
    END LOOP;
    FOR c IN SELECT v FROM unnest(ARRAY['customers', 'products', 'transactions', 'erasure_requests']) v LOOP
        EXECUTE format('COMMENT ON COLUMN data.%I.error IS %L', 'invalid_' || c.v,
            'Why the record was refused: the message of its first violation');
    END LOOP;
    FOR c IN SELECT s.objid::regclass AS sequence, format('%s.%I', s.refobjid::regclass, a.attname) AS numbered
               FROM pg_extension e
               JOIN pg_depend m ON m.refclassid = 'pg_extension'::regclass AND m.refobjid = e.oid
                   AND m.classid = 'pg_class'::regclass AND m.deptype = 'e'
               JOIN pg_depend s ON s.classid = 'pg_class'::regclass AND s.refclassid = 'pg_class'::regclass
                   AND s.refobjid = m.objid
                               AND s.refobjsubid > 0 AND s.deptype IN ('a', 'i')
               JOIN pg_class q ON q.oid = s.objid AND q.relkind = 'S'
               JOIN pg_attribute a ON a.attrelid = s.refobjid AND a.attnum = s.refobjsubid
              WHERE e.extname = 'pg_etl' LOOP
        EXECUTE format('COMMENT ON SEQUENCE %s IS %L', c.sequence, 'Numbers of ' || c.numbered);
    END LOOP;
END $$;

COMMENT ON COLUMN data.processing_statistics.total_records IS 'Records read from the file';
COMMENT ON COLUMN data.processing_statistics.valid_records IS 'Records accepted';
COMMENT ON COLUMN data.processing_statistics.invalid_records IS 'Records still quarantined';
COMMENT ON COLUMN data.processing_statistics.processed_at IS 'When the file''s records were decided';
COMMENT ON COLUMN data.erasure_requests.customer_id IS 'Keyed pseudonym of the subject''s key';
COMMENT ON COLUMN data.delivery_addresses.transaction_id IS 'The transaction';
COMMENT ON COLUMN data.delivery_addresses.customer_id IS 'The customer';
COMMENT ON COLUMN data.delivery_addresses.address IS 'Street and number';
COMMENT ON COLUMN data.delivery_addresses.postcode IS 'Postcode';
COMMENT ON COLUMN data.delivery_addresses.city IS 'City';
COMMENT ON COLUMN data.delivery_addresses.country IS 'Country';
