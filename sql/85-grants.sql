-- Grants for the roles that a site may want. docs/explanation/security.md says what each may do and why.

CREATE FUNCTION etl.role_functions(kind text) RETURNS SETOF regprocedure
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.oid::regprocedure
      FROM pg_depend d
      JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_etl'
      JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
     WHERE d.deptype = 'e'
       AND p.proname = ANY (CASE kind
           -- what a run calls, and what an operator calls
           WHEN 'operator' THEN ARRAY['etl_run', 'etl_load', 'etl_replay', 'etl_read', 'etl_validate', 'etl_validate_file',
                'etl_schedule', 'etl_unschedule', 'run_batch', 'run_order', 'exported_records', 'unclaimed_files',
                'require_pg_cron', 'rejected', 'delivery_addresses', 'append_audit', 'journal_erasure', 'open_request', 'fold_email',
                'removal_statements', 'personal_columns', 'request_check', 'journal_check', 'audit_check', 'key_check']
           WHEN 'auditor' THEN ARRAY['etl_audit_verify', 'etl_certificate', 'etl_signing_key', 'unclaimed_files', 'personal_columns',
                'treated_columns', 'request_check', 'journal_check', 'audit_check', 'key_check']
           ELSE ARRAY[]::text[] END)
     ORDER BY p.oid::regprocedure::text
$$;
COMMENT ON FUNCTION etl.role_functions(text) IS 'Functions that etl_grant grants to a kind of role';

CREATE FUNCTION etl.role_grants(role regrole, kind text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH member AS (
        SELECT c.oid, c.relname, c.relkind, format('%I.%I', n.nspname, c.relname) AS name
          FROM pg_depend d
          JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_etl'
          JOIN pg_class c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE d.deptype = 'e' AND n.nspname = 'etl'
    ), target AS (
        SELECT DISTINCT t ->> 'schema' AS schema_name, t ->> 'name' AS table_name, d.name AS dataset,
               to_regclass(format('%I.%I', t ->> 'schema', t ->> 'name')) AS relation
          FROM etl.dataset d, jsonb_array_elements(d.definition -> 'x-etl' -> 'tables') t
    ), hidden AS (
        -- what says something about a person, or is a person's key
        SELECT 'etl.quarantine'::regclass AS relation, unnest(ARRAY['record', 'record_bytes', 'violations', 'key', 'subject']) AS column_name
        UNION ALL SELECT 'etl.subject_page'::regclass, 'entries'
    ), statement(step, sql) AS (
        SELECT 1, format('GRANT USAGE ON SCHEMA etl TO %s', role) WHERE kind IN ('operator', 'auditor')
        UNION ALL
        SELECT 2, format('GRANT EXECUTE ON ROUTINE %s TO %s', f, role) FROM etl.role_functions(kind) f
        UNION ALL
        SELECT 3, format('GRANT %s ON TABLE %s TO %s',
                         CASE WHEN m.relkind = 'v' OR m.relname IN ('dataset', 'hold', 'erasure_decision', 'key_fingerprint') THEN 'SELECT'
                              WHEN m.relname = 'audit' THEN 'SELECT, INSERT'
                              ELSE 'SELECT, INSERT, UPDATE, DELETE' END, m.name, role)
          FROM member m WHERE kind = 'operator' AND m.relkind IN ('r', 'v')
        UNION ALL
        SELECT 3, format('GRANT USAGE, SELECT ON SEQUENCE %s TO %s', m.name, role) FROM member m WHERE kind = 'operator' AND m.relkind = 'S'
        UNION ALL
        SELECT 3, format('GRANT SELECT%s ON TABLE %s TO %s',
                         (SELECT ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')'
                            FROM pg_attribute a
                           WHERE a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped
                             AND EXISTS (SELECT FROM hidden h WHERE h.relation = m.oid)
                             AND NOT EXISTS (SELECT FROM hidden h WHERE h.relation = m.oid AND h.column_name = a.attname)), m.name, role)
          FROM member m
         WHERE kind = 'auditor' AND m.relname IN ('dataset', 'run', 'file', 'quarantine', 'file_action', 'erasure', 'audit', 'audit_head', 'unclaimed',
                'personal_column', 'hold', 'erasure_decision', 'erasure_report', 'erasure_overdue', 'erasure_held', 'health', 'purge_pending')
        UNION ALL
        SELECT 4, format('GRANT USAGE%s ON SCHEMA %I TO %s', CASE kind WHEN 'operator' THEN ', CREATE' ELSE '' END, s.schema_name, role)
          FROM (SELECT DISTINCT t.schema_name FROM target t) s
         WHERE kind IN ('operator', 'analyst') AND to_regnamespace(quote_ident(s.schema_name)) IS NOT NULL
        UNION ALL
        SELECT 5, format('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s TO %s', t.relation, role)
          FROM target t WHERE kind = 'operator' AND t.relation IS NOT NULL
        UNION ALL
        SELECT 5, format('GRANT SELECT (%s) ON TABLE %s TO %s', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), t.relation, role)
          FROM target t
          JOIN pg_attribute a ON a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
         WHERE kind = 'analyst'
           AND NOT EXISTS (SELECT FROM etl.personal_columns(t.dataset) p
                            WHERE p.table_schema = t.schema_name AND p.table_name = t.table_name AND p.column_name = a.attname)
         GROUP BY t.relation
    )
    SELECT sql FROM statement ORDER BY step, sql
$$;
COMMENT ON FUNCTION etl.role_grants(regrole, text) IS 'The statements that etl_grant runs';

CREATE FUNCTION @extschema@.etl_grant(role regrole, kind text) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    statement text;
    missing text;
BEGIN
    IF kind NOT IN ('operator', 'auditor', 'analyst') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown kind of role "%s"', kind),
            HINT = 'Kinds are operator (runs datasets), auditor (reads the catalog without personal data) and analyst (reads the columns of target tables that are not personal).';
    END IF;
    FOR statement IN SELECT g FROM etl.role_grants(role, kind) g LOOP
        EXECUTE statement;
        RETURN NEXT statement;
    END LOOP;
    SELECT string_agg(format('%I.%I', t ->> 'schema', t ->> 'name'), ', ' ORDER BY t ->> 'schema', t ->> 'name') INTO missing
      FROM etl.dataset d, jsonb_array_elements(d.definition -> 'x-etl' -> 'tables') t
     WHERE to_regclass(format('%I.%I', t ->> 'schema', t ->> 'name')) IS NULL;
    IF missing IS NOT NULL AND kind <> 'auditor' THEN
        RAISE NOTICE USING MESSAGE = 'target tables that do not exist yet are left out: ' || missing,
            HINT = format('Call etl_grant(%L, %L) again after the first run.', role, kind);
    END IF;
END $$;
COMMENT ON FUNCTION @extschema@.etl_grant(regrole, text) IS 'Grants a role what an operator, auditor or analyst needs, and returns the statements. Call it again when datasets were defined or target tables made. Errors: 22023 unknown kind, 42501';

CREATE FUNCTION @extschema@.etl_revoke(role regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    f regprocedure;
    t record;
BEGIN
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA etl FROM %s', role);
    EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA etl FROM %s', role);
    EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA etl FROM %s', role);
    EXECUTE format('REVOKE ALL ON SCHEMA etl FROM %s', role);
    FOR f IN SELECT d.objid::regprocedure
               FROM pg_depend d
               JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_etl'
              WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %s', f, role);
    END LOOP;
    FOR t IN SELECT DISTINCT x ->> 'schema' AS schema_name, to_regclass(format('%I.%I', x ->> 'schema', x ->> 'name')) AS relation
               FROM etl.dataset d, jsonb_array_elements(d.definition -> 'x-etl' -> 'tables') x LOOP
        IF t.relation IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', t.relation, role);
        END IF;
        IF to_regnamespace(quote_ident(t.schema_name)) IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %s', t.schema_name, role);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION @extschema@.etl_revoke(regrole) IS 'Takes back all that etl_grant has granted to a role';
