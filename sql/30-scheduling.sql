-- Scheduling by pg_cron, which is used when it is installed and never required.

CREATE FUNCTION etl.require_pg_cron() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_regprocedure('cron.schedule(text,text,text)') IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = 'pg_cron is not installed in this database',
            DETAIL = format('Scheduling needs the extension pg_cron in database %I.', current_database()),
            HINT = format('Set shared_preload_libraries = ''pg_cron'' and cron.database_name = %L, restart the server and run CREATE EXTENSION pg_cron.', current_database());
    END IF;
END $$;
COMMENT ON FUNCTION etl.require_pg_cron() IS 'Raises 42704 with a hint where pg_cron is missing';

CREATE FUNCTION @extschema@.etl_schedule(dataset text DEFAULT NULL, schedule text DEFAULT NULL) RETURNS SETOF bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    d record;
    found_one boolean := false;
    wanted text;
BEGIN
    PERFORM etl.require_pg_cron();
    FOR d IN SELECT t.name, t.schedule, t.enabled FROM etl.dataset t
              WHERE CASE WHEN etl_schedule.dataset IS NULL THEN t.enabled ELSE t.name OPERATOR(pg_catalog.=) etl_schedule.dataset END
              ORDER BY t.name LOOP
        found_one := true;
        wanted := coalesce(etl_schedule.schedule, d.schedule);
        IF wanted IS NULL OR wanted OPERATOR(pg_catalog.=) '' THEN
            IF etl_schedule.dataset IS NULL THEN
                CONTINUE;
            END IF;
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = pg_catalog.format('dataset "%s" has no schedule', d.name),
                HINT = pg_catalog.format('Give one: SELECT etl_schedule(%L, ''0 * * * *'').', d.name);
        END IF;
        RETURN NEXT cron.schedule(
            pg_catalog.format('pg_etl %s', d.name), wanted,
            pg_catalog.format('CALL %I.etl_load(%L)', '@extschema@', d.name));
    END LOOP;
    IF NOT found_one AND etl_schedule.dataset IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = pg_catalog.format('dataset "%s" is not defined', etl_schedule.dataset),
            HINT = 'SELECT name FROM etl.dataset lists the datasets.';
    END IF;
END $$;
COMMENT ON FUNCTION @extschema@.etl_schedule(text, text) IS 'Schedules etl_load of a dataset (null: of all enabled ones) by pg_cron, with the definition''s schedule unless another is given. Returns the job ids. Errors: 42704 without pg_cron or dataset, 22023 without schedule';

CREATE FUNCTION @extschema@.etl_unschedule(dataset text DEFAULT NULL) RETURNS SETOF bigint
LANGUAGE plpgsql AS $$
DECLARE
    job record;
BEGIN
    PERFORM etl.require_pg_cron();
    FOR job IN SELECT j.jobid, j.jobname FROM cron.job j
                WHERE CASE WHEN etl_unschedule.dataset IS NULL
                           THEN j.jobname OPERATOR(pg_catalog.~~) 'pg\_etl %'
                           ELSE j.jobname OPERATOR(pg_catalog.=) pg_catalog.format('pg_etl %s', etl_unschedule.dataset) END
                ORDER BY j.jobid LOOP
        PERFORM cron.unschedule(job.jobid);
        RETURN NEXT job.jobid;
    END LOOP;
END $$;
COMMENT ON FUNCTION @extschema@.etl_unschedule(text) IS 'Removes the pg_cron jobs of a dataset (null: of all datasets) and returns their ids';
