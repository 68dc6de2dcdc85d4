-- Grants for the roles that a site may want. docs/explanation/security.md says what each may do and why.

CREATE TABLE etl.role_grant (
    role        regrole NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('operator', 'auditor', 'analyst')),
    relation    regclass,
    schema_name name,
    schema_oid  oid,
    UNIQUE NULLS NOT DISTINCT (role, kind, relation, schema_name)
);
COMMENT ON TABLE etl.role_grant
    IS 'What etl_grant has granted outside schema etl, so that etl_revoke finds it when definitions and names have '
    'changed';
COMMENT ON COLUMN etl.role_grant.role IS 'To whom';
COMMENT ON COLUMN etl.role_grant.kind IS 'As what: operator, auditor or analyst';
COMMENT ON COLUMN etl.role_grant.relation IS 'A target table';
COMMENT ON COLUMN etl.role_grant.schema_name IS 'The schema in which it was';
COMMENT ON COLUMN etl.role_grant.schema_oid
    IS 'Its number, by which it is found under another name (no regnamespace, which pg_upgrade refuses)';
SELECT pg_catalog.pg_extension_config_dump('etl.role_grant', '');

CREATE FUNCTION etl_internal.role_functions(kind text) RETURNS SETOF regprocedure
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.oid::regprocedure
      FROM pg_depend d
      JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_etl'
      JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
     WHERE d.deptype = 'e'
       AND (p.proname = ANY (CASE kind
           -- The functions that a run or an operator calls.
           WHEN 'operator' THEN ARRAY['etl_help', 'etl_run', 'etl_load', 'etl_replay', 'etl_pause', 'etl_resume',
                'etl_discard', 'etl_read', 'etl_validate', 'etl_validate_file', 'etl_schedule',
                'etl_unschedule', 'run_batch', 'run_order', 'exported_records', 'unclaimed_files',
                'waiting_files', 'raise_batch_error', 'require_dataset', 'require_writable',
                'require_pg_cron', 'warn_of_cron_connections', 'cron_call', 'cron_schedule',
                'cron_unschedule', 'rejected', 'delivery_addresses', 'fold_email', 'person_key',
                'removal_statements', 'personal_columns', 'target_tables', 'definitions',
                'personal_fields', 'retention_periods']
           WHEN 'auditor' THEN ARRAY['etl_help', 'etl_audit_verify', 'etl_certificate', 'certificate_body',
                'etl_signing_key', 'unclaimed_files', 'waiting_files', 'personal_columns',
                'target_tables', 'treated_columns', 'definitions', 'personal_fields',
                'retention_periods']
           ELSE ARRAY[]::text[] END)
            OR kind IN ('operator', 'auditor') AND p.pronamespace = 'etl_internal'::regnamespace
                -- etl.health reads the functions whose names end in _check.
                AND (p.proname = 'settings' OR p.proname LIKE '%\_check'))
     ORDER BY p.oid::regprocedure::text
$$;
COMMENT ON FUNCTION etl_internal.role_functions(text) IS 'Functions that etl_grant grants to a kind of role';

CREATE FUNCTION etl_internal.role_grants(role regrole, kind text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH member AS (
        SELECT c.oid, c.relname, c.relkind, format('%I.%I', n.nspname, c.relname) AS name
          FROM pg_depend d
          JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_etl'
          JOIN pg_class c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE d.deptype = 'e' AND n.nspname = 'etl'
    ), target AS (
        SELECT DISTINCT t.table_schema AS schema_name,
            to_regclass(format('%I.%I', t.table_schema, t.table_name)) AS relation, t.column_names
          FROM etl.dataset d, etl_internal.target_tables(d.name) t
    ), personal AS (
        -- The columns that the definition of any dataset in the table calls personal.
        SELECT DISTINCT to_regclass(format('%I.%I', p.table_schema, p.table_name)) AS relation, p.column_name
          FROM etl.dataset d, etl_internal.personal_columns(d.name) p
    ), open AS (
        -- The columns of target tables that an analyst may read. A column that no definition names may be personal,
        -- and a generated column may be computed from personal ones.
        SELECT t.relation, a.attname, a.attnum
          FROM target t
          JOIN pg_attribute a ON a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
                             AND a.attgenerated = '' AND t.column_names ? a.attname::text
         WHERE NOT EXISTS (SELECT FROM personal p WHERE p.relation = t.relation AND p.column_name = a.attname)
    ), hidden AS (
        -- The columns of the catalog that describe a person or contain a person's key.
        SELECT 'etl.quarantine'::regclass AS relation,
            unnest(ARRAY['record', 'record_bytes', 'violations', 'key', 'subject']) AS column_name
        UNION ALL SELECT 'etl.tombstone'::regclass, unnest(ARRAY['pseudonym', 'hash'])
    ), statement(step, sql) AS (
        SELECT 1, format('GRANT USAGE ON SCHEMA etl, etl_internal TO %s', role) WHERE kind IN ('operator', 'auditor')
        UNION ALL
        SELECT 2, format('GRANT EXECUTE ON ROUTINE %s TO %s', f, role) FROM etl_internal.role_functions(kind) f
        UNION ALL
        -- Former versions have granted privileges that an operator must not have.
        SELECT 2, format('REVOKE ALL ON %s FROM %s', CASE m.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END
            || m.name, role)
          FROM member m
         WHERE kind = 'operator'
           AND EXISTS (SELECT FROM pg_class c, aclexplode(c.relacl) x
                        WHERE c.oid = m.oid AND x.grantee = role_grants.role AND x.privilege_type <> 'SELECT')
        UNION ALL
        SELECT 3, format('GRANT SELECT%s ON TABLE %s TO %s',
                         -- Runs and functions write everything else as the extension's owner.
                         CASE m.relname WHEN 'quarantine' THEN ', UPDATE (record)' ELSE '' END, m.name, role)
          FROM member m WHERE kind = 'operator' AND m.relkind IN ('r', 'v')
        UNION ALL
        SELECT 3, format('GRANT SELECT ON SEQUENCE %s TO %s', m.name, role)
          FROM member m WHERE kind = 'operator' AND m.relkind = 'S'
        UNION ALL
        SELECT 3, format('GRANT SELECT%s ON TABLE %s TO %s',
                         (SELECT ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')'
                            FROM pg_attribute a
                           WHERE a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped
                             AND EXISTS (SELECT FROM hidden h WHERE h.relation = m.oid)
                             AND NOT EXISTS (SELECT FROM hidden h WHERE h.relation = m.oid
                                 AND h.column_name = a.attname)), m.name, role)
          FROM member m
         WHERE kind = 'auditor'
           AND m.relname IN ('dataset', 'run', 'pause', 'file', 'quarantine', 'file_action', 'erasure', 'audit',
                'audit_head', 'tombstone', 'unclaimed', 'waiting', 'personal_column', 'hold',
                'erasure_decision', 'erasure_report', 'erasure_overdue', 'erasure_held', 'health',
                'changed_tombstone', 'purge_pending', 'setting')
        UNION ALL
        SELECT 4, format('GRANT USAGE%s ON SCHEMA %I TO %s', CASE kind WHEN 'operator' THEN ', CREATE' ELSE '' END,
            s.schema_name, role)
          FROM (SELECT DISTINCT t.schema_name FROM target t) s
         WHERE kind IN ('operator', 'analyst') AND to_regnamespace(quote_ident(s.schema_name)) IS NOT NULL
        UNION ALL
        SELECT 5, format('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s TO %s', t.relation, role)
          FROM target t WHERE kind = 'operator' AND t.relation IS NOT NULL
        UNION ALL
        -- The privilege on a column that has become personal is taken back, unless the role is an operator too.
        SELECT 4, format('REVOKE SELECT ON TABLE %s FROM %s', t.relation, role)
          FROM target t
         WHERE kind = 'analyst' AND t.relation IS NOT NULL
           AND NOT EXISTS (SELECT FROM etl.role_grant g WHERE g.role = role_grants.role AND g.kind = 'operator'
               AND g.relation = t.relation)
           AND EXISTS (SELECT FROM pg_class c, aclexplode(c.relacl) x
                        WHERE c.oid = t.relation AND x.grantee = role_grants.role AND x.privilege_type = 'SELECT'
                       UNION ALL
                       SELECT FROM pg_attribute a, aclexplode(a.attacl) x
                        WHERE a.attrelid = t.relation AND x.grantee = role_grants.role AND x.privilege_type = 'SELECT'
                          AND NOT EXISTS (SELECT FROM open o WHERE o.relation = t.relation AND o.attnum = a.attnum))
        UNION ALL
        SELECT 5, format('GRANT SELECT (%s) ON TABLE %s TO %s',
            string_agg(quote_ident(o.attname), ', ' ORDER BY o.attnum), o.relation, role)
          FROM open o WHERE kind = 'analyst' GROUP BY o.relation
    )
    SELECT sql FROM statement ORDER BY step, sql
$$;
COMMENT ON FUNCTION etl_internal.role_grants(regrole, text) IS 'The statements that etl_grant runs';

CREATE FUNCTION @extschema@.etl_grant(role regrole, kind text) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    statement text;
    missing text;
BEGIN
    PERFORM etl_internal.require_writable('etl_grant');
    IF etl_grant.role IS NULL OR etl_grant.kind IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('%s must not be null', CASE WHEN etl_grant.role IS NULL THEN 'role' ELSE 'kind' END);
    END IF;
    IF kind NOT IN ('operator', 'auditor', 'analyst') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown kind of role "%s"', kind),
            HINT = 'Kinds are operator (runs datasets), auditor (reads the catalog without personal data) and analyst '
                '(reads the columns of target tables that definitions name and none declares personal).';
    END IF;
    FOR statement IN SELECT g FROM etl_internal.role_grants(role, kind) g LOOP
        EXECUTE statement;
        RETURN NEXT statement;
    END LOOP;
    INSERT INTO etl.role_grant (role, kind, relation, schema_name, schema_oid)
    SELECT DISTINCT etl_grant.role, etl_grant.kind, to_regclass(format('%I.%I', t.table_schema, t.table_name)),
        n.nspname, n.oid
      FROM etl.dataset d, etl_internal.target_tables(d.name) t
      JOIN pg_namespace n ON n.nspname = t.table_schema
     WHERE etl_grant.kind <> 'auditor'
    ON CONFLICT DO NOTHING;
    SELECT string_agg(DISTINCT format('%I.%I', t.table_schema, t.table_name), ', ') INTO missing
      FROM etl.dataset d, etl_internal.target_tables(d.name) t
     WHERE to_regclass(format('%I.%I', t.table_schema, t.table_name)) IS NULL
       -- A dataset that came with the extension may never be used.
       AND (NOT d.standard OR EXISTS (SELECT FROM etl.run r WHERE r.dataset = d.name));
    IF missing IS NOT NULL AND kind <> 'auditor' THEN
        RAISE NOTICE USING MESSAGE = 'target tables that do not exist yet are left out: ' || missing,
            HINT = format('Call etl_grant(%L, %L) again after the first run.', role, kind);
    END IF;
END $$;
COMMENT ON FUNCTION @extschema@.etl_grant(regrole, text)
    IS 'Grants a role what an operator, auditor or analyst needs, takes back what an analyst must not read any longer, '
    'and returns the statements. Call it again when datasets were defined or target tables made. Errors: 22023 unknown '
    'kind, 42501';

CREATE FUNCTION @extschema@.etl_revoke(role regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    f regprocedure;
    t record;
BEGIN
    PERFORM etl_internal.require_writable('etl_revoke');
    IF etl_revoke.role IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'role must not be null';
    END IF;
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA etl FROM %s', role);
    EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA etl FROM %s', role);
    EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA etl, etl_internal FROM %s', role);
    EXECUTE format('REVOKE ALL ON SCHEMA etl, etl_internal FROM %s', role);
    FOR f IN SELECT d.objid::regprocedure
               FROM pg_depend d
               JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
                   AND e.extname = 'pg_etl'
              WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %s', f, role);
    END LOOP;
    -- Definitions and names of tables may have changed, so this goes by what was granted.
    FOR t IN SELECT DISTINCT c.oid::regclass AS relation FROM etl.role_grant g JOIN pg_class c ON c.oid = g.relation
        WHERE g.role = etl_revoke.role LOOP
        EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', t.relation, role);
    END LOOP;
    FOR t IN SELECT n.nspname FROM pg_namespace n
              -- etl_grant has not granted what an owner may do.
              WHERE n.nspowner <> etl_revoke.role
                  AND EXISTS (SELECT FROM etl.role_grant g LEFT JOIN pg_class c ON c.oid = g.relation
                             WHERE g.role = etl_revoke.role
                                 AND (c.relnamespace = n.oid OR n.nspname = g.schema_name OR n.oid = g.schema_oid)) LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %s', t.nspname, role);
    END LOOP;
    DELETE FROM etl.role_grant g WHERE g.role = etl_revoke.role
        -- Rows of roles that were dropped are deleted as well.
        OR NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = g.role);
END $$;
COMMENT ON FUNCTION @extschema@.etl_revoke(regrole) IS 'Takes back all that etl_grant has granted to a role';
