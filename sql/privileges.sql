-- By default nobody but superusers and the extension's owner runs, erases or reads quarantine.

DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT d.objid::regprocedure
               FROM pg_catalog.pg_depend d
               JOIN pg_catalog.pg_extension e ON d.refobjid = e.oid AND e.extname = 'pg_etl'
              WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.deptype = 'e' LOOP
        EXECUTE pg_catalog.format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', f);
    END LOOP;
END $$;

-- A role that may read all settings may read these.
GRANT USAGE ON SCHEMA etl TO pg_read_all_settings;
GRANT EXECUTE ON FUNCTION etl_internal.settings() TO pg_read_all_settings;
GRANT SELECT ON etl.setting TO pg_read_all_settings;
