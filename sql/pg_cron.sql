-- Calls of pg_cron, which is used when it is installed and never required. Whoever owns the database
-- can make a schema cron with a function schedule in it: only members of extension pg_cron, which nobody
-- but a superuser can create, are called and read.

CREATE FUNCTION etl_internal.require_pg_cron() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = 'pg_cron is not installed in this database',
            DETAIL = format('Scheduling needs the extension pg_cron in database %I.', current_database()),
            HINT = format('Set shared_preload_libraries = ''pg_cron'' and cron.database_name = %L, restart the server '
                'and run CREATE EXTENSION pg_cron.', current_database());
    END IF;
END $$;
COMMENT ON FUNCTION etl_internal.require_pg_cron() IS 'Raises 42704 with a hint where pg_cron is missing';

CREATE FUNCTION etl_internal.warn_of_cron_connections() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    host constant text := coalesce(nullif(current_setting('cron.host', true), ''), 'localhost');
BEGIN
    -- pg_cron before 1.4 has no such setting: its jobs always connect.
    IF coalesce(current_setting('cron.use_background_workers', true), 'off')::boolean THEN
        RETURN;
    END IF;
    RAISE WARNING USING
        MESSAGE = 'jobs of pg_cron connect to the server, which may refuse them',
        DETAIL = format('cron.use_background_workers is off: each job connects to host "%s" as role %I, without a '
            'password. Where pg_hba.conf asks for one, as on a stock Debian, every job ends with "connection failed" '
            'in cron.job_run_details.', host, current_user),
        HINT = format('ALTER SYSTEM SET cron.use_background_workers = on; and restart the server. Or let role %I in '
            'without a password: by a line of pg_hba.conf, or by one of ~/.pgpass of the server''s user.',
            current_user);
END $$;
COMMENT ON FUNCTION etl_internal.warn_of_cron_connections()
    IS 'Warns where the jobs of pg_cron are connections, which need to be let in';

CREATE FUNCTION etl_internal.cron_call(function text, VARIADIC arguments text[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    call text;
BEGIN
    PERFORM etl_internal.require_pg_cron();
    -- Each argument has the exact type, so that no other function of the schema is a better match.
    SELECT format('SELECT %I.%I(%s)', n.nspname, p.proname,
                  (SELECT string_agg(format('$%s::%s', t.i, format_type(t.type, NULL)), ', ' ORDER BY t.i)
                      FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY t(type, i)))
      INTO call
      FROM pg_extension e
      JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
          AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
      JOIN pg_proc p ON p.oid = d.objid
      JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE e.extname = 'pg_cron' AND p.proname = function AND p.pronargs = cardinality(arguments)
       AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY t(type, i)
                        -- Before pg_cron 1.4 a job's name had type name.
                        WHERE format_type(t.type, NULL) <> arguments[t.i]
                            AND NOT (format_type(t.type, NULL) = 'name' AND arguments[t.i] = 'text'))
     ORDER BY p.oid DESC LIMIT 1;
    IF call IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('extension pg_cron has no function %s(%s)', function, array_to_string(arguments, ', ')),
            HINT = 'pg_etl needs pg_cron 1.3 or later: ALTER EXTENSION pg_cron UPDATE;';
    END IF;
    RETURN call;
END $$;
COMMENT ON FUNCTION etl_internal.cron_call(text, text[])
    IS 'The statement that calls a function of extension pg_cron, and no other of its name';

CREATE FUNCTION etl_internal.cron_schedule(job text, schedule text, command text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id bigint;
BEGIN
    IF cron_schedule.schedule IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'schedule must not be null';
    END IF;
    EXECUTE etl_internal.cron_call('schedule', 'text', 'text', 'text') INTO id USING job, schedule, command;
    RETURN id;
END $$;
COMMENT ON FUNCTION etl_internal.cron_schedule(text, text, text) IS 'pg_cron''s cron.schedule';

CREATE FUNCTION etl_internal.cron_unschedule(pattern text) RETURNS SETOF bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    call constant text := etl_internal.cron_call('unschedule', 'bigint');
    jobs text;
    job bigint;
BEGIN
    SELECT format('%I.%I', n.nspname, c.relname) INTO jobs
      FROM pg_extension e
      JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
          AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
      JOIN pg_class c ON c.oid = d.objid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE e.extname = 'pg_cron' AND c.relname = 'job' AND c.relkind = 'r';
    FOR job IN EXECUTE format('SELECT jobid FROM %s WHERE jobname ~ $1 ORDER BY jobid', jobs) USING pattern LOOP
        EXECUTE call USING job;
        RETURN NEXT job;
    END LOOP;
END $$;
COMMENT ON FUNCTION etl_internal.cron_unschedule(text)
    IS 'Removes the pg_cron jobs whose names match a regular expression, and returns their ids';
