-- Jobs of pg_cron: loads, retention, purge.

CREATE FUNCTION @extschema@.etl_schedule(dataset text DEFAULT NULL, schedule text DEFAULT NULL) RETURNS SETOF bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    -- Each argument has the exact type, so that no other procedure of the schema is a better match.
    load constant text := 'CALL @extschema@.etl_load(%L::pg_catalog.text)';
    d record;
    wanted text;
BEGIN
    PERFORM etl_internal.require_writable('etl_schedule');
    PERFORM etl_internal.require_pg_cron();
    IF etl_schedule.dataset IS NOT NULL THEN
        PERFORM etl_internal.require_dataset(etl_schedule.dataset);
    END IF;
    PERFORM etl_internal.warn_of_cron_connections();
    IF etl_schedule.dataset IS NULL AND etl_schedule.schedule <> '' THEN
        RETURN NEXT etl_internal.cron_schedule('pg_etl load', etl_schedule.schedule, format(load, NULL));
        RETURN;
    END IF;
    FOR d IN SELECT t.name, t.schedule, t.enabled FROM etl.dataset t
              WHERE CASE WHEN etl_schedule.dataset IS NULL THEN t.enabled ELSE t.name = etl_schedule.dataset END
              ORDER BY t.name LOOP
        wanted := coalesce(etl_schedule.schedule, d.schedule);
        IF wanted IS NULL OR wanted = '' THEN
            IF etl_schedule.dataset IS NULL THEN
                CONTINUE;
            END IF;
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('dataset "%s" has no schedule', d.name),
                HINT = format('Give one: SELECT etl_schedule(%L, ''0 * * * *'').', d.name);
        END IF;
        RETURN NEXT etl_internal.cron_schedule(format('pg_etl load %s', d.name), wanted, format(load, d.name));
    END LOOP;
END $$;
COMMENT ON FUNCTION @extschema@.etl_schedule(text, text)
    IS 'Schedules etl_load of a dataset by pg_cron, as job "pg_etl load <dataset>", with the definition''s schedule '
    'unless another is given. dataset null: of all enabled ones, each with its own schedule; with a schedule given, '
    'all in one job "pg_etl load". Returns the job ids. Errors: 42704 without pg_cron or dataset, 22023 without '
    'schedule';

CREATE FUNCTION etl_internal.schedule_purge_steps(again boolean DEFAULT false) RETURNS SETOF bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command text;
    -- Each command is a job of its own, except that switches of the log that follow each other are one job.
    commands text[] := '{}';
    switch constant text := 'SELECT pg_catalog.pg_switch_wal()%';
    step int := 0;
    zone constant text := coalesce(current_setting('cron.timezone', true), 'GMT');
    start constant timestamptz := clock_timestamp() + interval '1 minute';
BEGIN
    -- The jobs of the last round have run. A job that removed itself while it runs would be reported as canceled.
    PERFORM etl_internal.cron_unschedule(CASE WHEN again THEN '^pg_etl maintenance purge step [0-9]+$'
        ELSE '^pg_etl maintenance purge (step [0-9]+|next)$' END);
    FOR command IN SELECT c FROM @extschema@.etl_erasure_purge() c LOOP
        IF command LIKE switch AND commands[cardinality(commands)] LIKE switch THEN
            commands[cardinality(commands)] := concat(commands[cardinality(commands)], '; ', command);
        ELSE
            commands := commands || command;
        END IF;
    END LOOP;
    FOREACH command IN ARRAY commands LOOP
        step := step + 1;
        RETURN NEXT etl_internal.cron_schedule(format('pg_etl maintenance purge step %s', step),
            to_char((start + step * interval '1 minute') AT TIME ZONE zone, 'FMMI FMHH24 FMDD FMMM') || ' *', command);
    END LOOP;
    IF step > 0 THEN
        -- A round schedules the next one until nothing is left to do.
        RETURN NEXT etl_internal.cron_schedule('pg_etl maintenance purge next',
            to_char((start + (step + 1) * interval '1 minute') AT TIME ZONE zone, 'FMMI FMHH24 FMDD FMMM') || ' *',
            'SELECT etl_internal.schedule_purge_steps(again => true)');
    END IF;
END $$;
COMMENT ON FUNCTION etl_internal.schedule_purge_steps(boolean)
    IS 'Schedules the commands of etl_erasure_purge by pg_cron, a minute apart, each as a job of its own (VACUUM runs '
    'in no function), and itself (again) after them until there is none';

CREATE FUNCTION @extschema@.etl_schedule_purge(schedule text DEFAULT '30 3 * * 0') RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT etl_internal.require_writable('etl_schedule_purge');
    SELECT etl_internal.require_pg_cron();
    SELECT etl_internal.warn_of_cron_connections();
    SELECT etl_internal.cron_schedule('pg_etl maintenance purge', schedule,
        'SELECT etl_internal.schedule_purge_steps()')
$$;
COMMENT ON FUNCTION @extschema@.etl_schedule_purge(text)
    IS 'Lets pg_cron physically remove erased people''s old row versions in a window (default: Sundays at 3:30): '
    'VACUUM FULL locks each table while it is rewritten. Returns the job id. Error: 42704 without pg_cron';

CREATE FUNCTION @extschema@.etl_schedule_retention(schedule text DEFAULT '30 2 * * *') RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT etl_internal.require_writable('etl_schedule_retention');
    SELECT etl_internal.require_pg_cron();
    SELECT etl_internal.warn_of_cron_connections();
    -- Each argument has the exact type, so that no other function of the schema is a better match.
    SELECT etl_internal.cron_schedule('pg_etl maintenance retention', schedule,
        'SELECT @extschema@.etl_retention(NULL::pg_catalog.text)')
$$;
COMMENT ON FUNCTION @extschema@.etl_schedule_retention(text)
    IS 'Schedules etl_retention() by pg_cron as job "pg_etl maintenance retention"; etl_unschedule() removes it with '
    'the other jobs. Error: 42704 without pg_cron';

CREATE FUNCTION @extschema@.etl_unschedule(dataset text DEFAULT NULL) RETURNS SETOF bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT etl_internal.require_writable('etl_unschedule');
    SELECT etl_internal.cron_unschedule(coalesce('^pg_etl load ' || dataset || '$', '^pg_etl (load|maintenance)( |$)'))
     -- A text with other characters is not the name of a dataset, and might be a regular expression.
     WHERE dataset IS NULL OR dataset ~ '^[a-z0-9_]+$'
$$;
COMMENT ON FUNCTION @extschema@.etl_unschedule(text)
    IS 'Removes the pg_cron job of a dataset (null: of all datasets, and of maintenance) and returns the ids';
