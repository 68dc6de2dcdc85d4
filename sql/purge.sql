-- What is needed until an erased person is physically gone.

CREATE FUNCTION etl_internal.wal_segments_before(lsn pg_lsn) RETURNS bigint
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'etl_wal_segments_before';
COMMENT ON FUNCTION etl_internal.wal_segments_before(pg_lsn)
    IS 'Files in pg_wal that hold write-ahead log from before a position, recycled ones included';

CREATE FUNCTION etl_internal.is_empty(relation oid) RETURNS boolean
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'etl_is_empty';
COMMENT ON FUNCTION etl_internal.is_empty(oid)
    IS 'Whether a table holds no row. What its owner has put on it runs as the owner';

CREATE FUNCTION etl_internal.has_older_rows(relation oid, since xid) RETURNS boolean
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'etl_has_older_rows';
COMMENT ON FUNCTION etl_internal.has_older_rows(oid, xid)
    IS 'Whether a materialized view holds rows from before a transaction: it was not refreshed since. What its owner '
    'has put in its place runs as the owner';

CREATE FUNCTION etl_internal.statements_about_erased() RETURNS SETOF text
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_statements_about_erased';
COMMENT ON FUNCTION etl_internal.statements_about_erased()
    IS 'The command that empties pg_stat_statements, where a statement in it names somebody whose erasure is not '
    'purged yet';

CREATE FUNCTION etl_internal.older(a xid, b xid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT age(a) > age(b) $$;
COMMENT ON FUNCTION etl_internal.older(xid, xid) IS 'Was transaction a begun before b';

CREATE FUNCTION etl_internal.statistics_of(relation oid, OUT catalog oid, OUT made_by xid, OUT renewable boolean)
    RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'pg_statistic'::regclass::oid, s.xmin, coalesce(a.attstattarget, -1) <> 0
      FROM pg_statistic s LEFT JOIN pg_attribute a ON a.attrelid = s.starelid AND a.attnum = s.staattnum
     WHERE s.starelid = statistics_of.relation
        OR s.starelid IN (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = statistics_of.relation)
    UNION ALL
    SELECT 'pg_statistic_ext_data'::regclass::oid, d.xmin, coalesce(e.stxstattarget, -1) <> 0
      FROM pg_statistic_ext e JOIN pg_statistic_ext_data d ON d.stxoid = e.oid
     WHERE e.stxrelid = statistics_of.relation
$$;
COMMENT ON FUNCTION etl_internal.statistics_of(oid)
    IS 'Planner statistics of a table, of the expressions of its indexes, and its extended ones: the catalog they are '
    'in, the transaction that made them, and whether ANALYZE makes them anew';

CREATE FUNCTION etl_internal.materialized_views(relations oid[], OUT view oid, OUT depth int) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE a(oid) AS (
        SELECT r FROM unnest(materialized_views.relations) r
        UNION
        SELECT i.inhparent FROM a JOIN pg_inherits i ON i.inhrelid = a.oid),
    -- The relations and functions that read them, directly or through each other. A function whose body is a text
    -- may read anything.
    d(class, oid, depth) AS (
        SELECT 'pg_class'::regclass::oid, a.oid, 0 FROM a
        UNION
        SELECT 'pg_proc'::regclass::oid, f.oid, 0
          FROM pg_proc f JOIN pg_language l ON l.oid = f.prolang
         WHERE f.oid >= 16384 AND f.prosqlbody IS NULL AND l.lanname NOT IN ('internal', 'c') AND EXISTS (SELECT FROM a)
           AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = f.oid
               AND e.deptype = 'e')
        UNION
        SELECT n.class, n.oid, d.depth + n.step
          FROM d CROSS JOIN LATERAL (
            SELECT 'pg_class'::regclass::oid AS class, w.ev_class AS oid,
                CASE c.relkind WHEN 'm' THEN 1 ELSE 0 END AS step
              FROM pg_depend p
              JOIN pg_rewrite w ON w.oid = p.objid
              JOIN pg_class c ON c.oid = w.ev_class AND c.relkind IN ('v', 'm')
             WHERE p.refclassid = d.class AND p.refobjid = d.oid AND p.classid = 'pg_rewrite'::regclass
               AND NOT (d.class = 'pg_class'::regclass AND w.ev_class = d.oid)
            UNION ALL
            SELECT p.classid, p.objid, 0 FROM pg_depend p
             WHERE p.refclassid = d.class AND p.refobjid = d.oid AND p.classid = 'pg_proc'::regclass) n
         -- A function can be replaced by one that reads a relation which reads the function.
         WHERE d.depth < 100)
    SELECT d.oid, max(d.depth) FROM d JOIN pg_class c ON d.class = 'pg_class'::regclass AND c.oid = d.oid
     WHERE c.relkind = 'm' AND d.oid <> ALL (materialized_views.relations) GROUP BY d.oid
$$;
COMMENT ON FUNCTION etl_internal.materialized_views(oid[])
    IS 'Materialized views that hold copies of relations, or of what these are partitions of, through views, functions '
    'and other materialized views, or that read through functions of which nobody knows what they read; and how many '
    'materialized views lie before them: the order in which to refresh them';

CREATE FUNCTION @extschema@.etl_erasure_purge() RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    catalogs constant oid[] := ARRAY['pg_catalog.pg_statistic'::regclass,
        'pg_catalog.pg_statistic_ext_data'::regclass]::oid[];
    p record;
    rewrite boolean;
    is_empty boolean;
    stale boolean;
    renewed boolean;
    has_older boolean;
    stale_views oid[] := '{}';
    older text;
    since xid;
    analyses int := 0;
    redo pg_lsn;
    needed pg_lsn;
    segments bigint;
    holders text;
    command text;
    statements boolean := false;
BEGIN
    PERFORM etl_internal.require_writable('etl_erasure_purge');
    -- Two callers would decide about the same rows.
    LOCK TABLE etl.purge_pending IN SHARE ROW EXCLUSIVE MODE;
    PERFORM etl_internal.refuse_citus_table(q.relation)
        FROM (SELECT DISTINCT o.relation FROM etl.purge_pending o WHERE o.wal_lsn IS NULL) q;
    -- Statements in pg_stat_statements contain identifiers of the people as they were typed.
    FOR command IN SELECT c FROM etl_internal.statements_about_erased() c LOOP
        statements := true;
        RETURN NEXT command;
    END LOOP;
    -- A table that was dropped has no file any more.
    DELETE FROM etl.purge_pending q
     WHERE q.wal_lsn IS NULL AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = q.relation)
       AND EXISTS (SELECT FROM etl.purge_pending o WHERE o.xid = q.xid AND o.relation <> q.relation);

    -- Materialized views may have been filled while the erasure was open, or with an older snapshot.
    WITH unfinished AS (
        -- Erasures for which a materialized view has no row yet.
        SELECT q.xid FROM etl.purge_pending q GROUP BY q.xid
        HAVING bool_or(q.wal_lsn IS NULL)
           AND EXISTS (SELECT FROM pg_class m WHERE m.relkind = 'm'
                          AND NOT EXISTS (SELECT FROM etl.purge_pending o WHERE o.xid = q.xid AND o.relation = m.oid))
    ), pending AS MATERIALIZED (
        SELECT q.xid, max(q.last_xid::text::numeric) OVER (PARTITION BY q.xid)::text::xid8 AS last_xid, q.relation
          FROM unfinished u JOIN etl.purge_pending q USING (xid)
          JOIN pg_class c ON c.oid = q.relation AND c.oid <> ALL (catalogs) AND c.relkind <> 'm'
    ), copy AS MATERIALIZED (
        -- Each table is looked up once, however many erasures there are.
        SELECT r.relation, v.view
          FROM (SELECT DISTINCT w.relation FROM pending w) r
         CROSS JOIN LATERAL etl_internal.materialized_views(ARRAY[r.relation]) v
    )
    INSERT INTO etl.purge_pending (xid, last_xid, relation, filenode)
    SELECT DISTINCT w.xid, w.last_xid, c.view, 0::oid FROM pending w JOIN copy c USING (relation)
    ON CONFLICT DO NOTHING;

    -- A table is done when it has another file without a row version that the erasure has replaced. A materialized
    -- view is done when it was refreshed, after the materialized views that it reads.
    FOR p IN
        SELECT q.relation, format('%I.%I', n.nspname, c.relname) AS name, c.relkind, c.relkind = 'm' AS is_view,
            c.relispopulated AS has_rows,
               coalesce(v.depth, 0) AS depth, c.xmin AS made_by,
                   max(q.last_xid::text::numeric)::text::xid8::xid AS erased_by,
               bool_or(q.filenode = 0) AS is_new,
               c.relkind IN ('r', 'm', 't')
                   AND bool_or(q.filenode IS NOT NULL AND (q.filenode = pg_relation_filenode(c.oid)
                       OR (c.relkind <> 'm' AND NOT etl_internal.older(q.last_xid::xid, c.relfrozenxid)))) AS rewrite,
               -- Only the statistics of this relation are about erased rows.
               bool_and(q.filenode IS NULL) AND c.relkind IN ('r', 'p', 'f') AS is_only_sampled
          FROM etl.purge_pending q JOIN pg_class c ON c.oid = q.relation JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN etl_internal.materialized_views((SELECT array_agg(DISTINCT o.relation) FROM etl.purge_pending o
              JOIN pg_class t ON t.oid = o.relation AND t.relkind <> 'm')) v ON v.view = q.relation
         WHERE q.wal_lsn IS NULL AND q.relation <> ALL (catalogs)
         GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 6, 2
    LOOP
        rewrite := p.rewrite;
        IF p.is_view THEN
            has_older := false;
            IF p.has_rows THEN
                has_older := etl_internal.has_older_rows(p.relation, p.erased_by);
            END IF;
            -- A view that reads a view which is refreshed now, or was refreshed since, is out of date.
            rewrite := rewrite OR p.is_new OR has_older
                OR EXISTS (SELECT FROM etl.purge_pending o JOIN pg_class c ON c.oid = o.relation AND c.relkind = 'm'
                            WHERE o.relation <> p.relation
                                AND (o.relation = ANY (stale_views) OR etl_internal.older(p.made_by, c.xmin))
                              AND EXISTS (SELECT FROM etl_internal.materialized_views(ARRAY[o.relation]) d
                                  WHERE d.view = p.relation));
        END IF;
        IF rewrite THEN
            -- Neither a rewrite that had to keep old versions for somebody's snapshot nor a refresh that
            -- began before the erasure was committed counts.
            UPDATE etl.purge_pending q SET filenode = pg_relation_filenode(q.relation)
             WHERE q.relation = p.relation AND q.wal_lsn IS NULL
               AND NOT (p.is_view AND EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'relation'
                   AND l.relation = p.relation AND l.granted
                                                 AND l.database = (SELECT d.oid FROM pg_database d
                                                     WHERE d.datname = current_database())
                                                 AND l.mode IN ('ExclusiveLock', 'AccessExclusiveLock')
                                                     AND l.pid <> pg_backend_pid()));
        END IF;
        -- An ANALYZE from before the rewrite may have seen older rows.
        since := p.made_by;
        IF p.is_only_sampled THEN
            -- Nothing rewrites such a relation. Its statistics are stale if they are older than the erasure, or than
            -- the rewrite of one of its partitions or children.
            WITH RECURSIVE t(relid) AS (
                SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = p.relation
                UNION SELECT i.inhrelid FROM t JOIN pg_inherits i ON i.inhparent = t.relid)
            SELECT coalesce((SELECT l.xmin FROM t JOIN pg_class l ON l.oid = t.relid AND l.relkind = 'r'
                              ORDER BY age(l.xmin) LIMIT 1), p.erased_by) INTO since;
            IF etl_internal.older(since, p.erased_by) THEN
                since := p.erased_by;
            END IF;
        END IF;
        SELECT coalesce(bool_or(rewrite OR etl_internal.older(s.made_by, since)), false),
               coalesce(bool_or(NOT etl_internal.older(s.made_by, since)), false)
                   OR NOT coalesce(bool_or(s.renewable AND etl_internal.older(s.made_by, since)), false)
          INTO stale, renewed
          FROM etl_internal.statistics_of(p.relation) s;
        IF stale THEN
            analyses := analyses + 1;
            -- A foreign table is not read, because its server may not be reachable.
            is_empty := NOT p.has_rows OR p.relkind = 'f';
            -- A view that has replaced the table has no rows of its own.
            IF p.has_rows AND p.relkind IN ('r', 'm', 't', 'p') THEN
                is_empty := etl_internal.is_empty(p.relation);
            END IF;
            IF is_empty OR (renewed AND NOT rewrite) THEN
                -- ANALYZE keeps the statistics of an empty table, and those of a column without a statistics target.
                older := CASE WHEN is_empty THEN ''
                    ELSE format(' AND pg_catalog.age(xmin) OPERATOR(pg_catalog.>) pg_catalog.age(%L::pg_catalog.xid)',
                    since) END;
                IF EXISTS (SELECT FROM etl_internal.statistics_of(p.relation) s WHERE s.catalog = catalogs[1]) THEN
                    RETURN NEXT format('DELETE FROM pg_catalog.pg_statistic WHERE starelid OPERATOR(pg_catalog.=) ANY '
                        '(ARRAY(SELECT %1$L::pg_catalog.regclass::pg_catalog.oid'
                                       ' UNION ALL SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid '
                                           'OPERATOR(pg_catalog.=) %1$L::pg_catalog.regclass::pg_catalog.oid))%2$s',
                                           p.name, older);
                END IF;
                IF EXISTS (SELECT FROM etl_internal.statistics_of(p.relation) s WHERE s.catalog = catalogs[2]) THEN
                    RETURN NEXT format('DELETE FROM pg_catalog.pg_statistic_ext_data WHERE stxoid '
                        'OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT oid FROM pg_catalog.pg_statistic_ext'
                                       ' WHERE stxrelid OPERATOR(pg_catalog.=) '
                                           '%L::pg_catalog.regclass::pg_catalog.oid))%s', p.name, older);
                END IF;
            END IF;
        END IF;
        IF rewrite AND p.is_view THEN
            stale_views := stale_views || p.relation;
            RETURN NEXT format('REFRESH MATERIALIZED VIEW %s%s', p.name,
                CASE WHEN p.has_rows THEN '' ELSE ' WITH NO DATA' END);
            IF stale AND p.has_rows THEN
                RETURN NEXT format('ANALYZE %s', p.name);
            END IF;
        ELSIF rewrite THEN
            RETURN NEXT format('VACUUM (FULL%s) %s', CASE WHEN stale THEN ', ANALYZE' ELSE '' END, p.name);
        ELSIF stale AND NOT is_empty AND NOT renewed THEN
            RETURN NEXT format('ANALYZE %s', p.name);
        ELSIF NOT stale THEN
            UPDATE etl.purge_pending q SET wal_lsn = pg_current_wal_insert_lsn() WHERE q.relation = p.relation
                AND q.wal_lsn IS NULL;
        END IF;
    END LOOP;

    -- The catalogs of statistics are rewritten after the statistics of all tables were made anew.
    FOR p IN
        SELECT q.xid, q.relation,
               (analyses > 0 OR q.filenode = pg_relation_filenode(q.relation)
                   OR NOT etl_internal.older(q.last_xid::xid, c.relfrozenxid)
                OR EXISTS (SELECT FROM etl.purge_pending o CROSS JOIN LATERAL etl_internal.statistics_of(o.relation) s
                            WHERE o.xid = q.xid AND s.catalog = q.relation
                                AND etl_internal.older(c.relfrozenxid, s.made_by))) AS rewrite
          FROM etl.purge_pending q JOIN pg_class c ON c.oid = q.relation
         WHERE q.wal_lsn IS NULL AND q.relation = ANY (catalogs)
    LOOP
        IF p.rewrite THEN
            UPDATE etl.purge_pending q SET filenode = pg_relation_filenode(q.relation) WHERE q.relation = p.relation
                AND q.xid = p.xid;
        ELSE
            UPDATE etl.purge_pending q SET wal_lsn = pg_current_wal_insert_lsn() WHERE q.relation = p.relation
                AND q.xid = p.xid;
        END IF;
    END LOOP;
    RETURN QUERY SELECT format('VACUUM (FULL) pg_catalog.%I', c.relname) FROM pg_class c
      WHERE c.oid = ANY (catalogs) AND c.oid IN (SELECT q.relation FROM etl.purge_pending q WHERE q.wal_lsn IS NULL)
          ORDER BY 1;

    -- Write-ahead log from before the last rewrite of an erasure's tables has old row versions.
    SELECT max(f.lsn) INTO needed
      FROM (SELECT max(q.wal_lsn) AS lsn FROM etl.purge_pending q
          GROUP BY q.xid HAVING bool_and(q.wal_lsn IS NOT NULL)) f;
    IF needed IS NOT NULL THEN
        SELECT c.redo_lsn INTO redo FROM pg_control_checkpoint() c;
        DELETE FROM etl.purge_pending q
         WHERE q.xid IN (SELECT o.xid FROM etl.purge_pending o GROUP BY o.xid
                         HAVING bool_and(o.wal_lsn IS NOT NULL) AND max(o.wal_lsn) <= redo
                            AND etl_internal.wal_segments_before(max(o.wal_lsn)) = 0);
        SELECT max(f.lsn) INTO needed
          FROM (SELECT max(q.wal_lsn) AS lsn FROM etl.purge_pending q
              GROUP BY q.xid HAVING bool_and(q.wal_lsn IS NOT NULL)) f;
    END IF;
    IF needed IS NOT NULL THEN
        segments := etl_internal.wal_segments_before(needed);
        -- Each switch ends a segment and begins the next, which overwrites a recycled segment. The checkpoint removes
        -- older segments.
        RETURN NEXT 'SELECT pg_catalog.pg_switch_wal()';
        RETURN NEXT 'CHECKPOINT';
        FOR i IN 1 .. segments LOOP
            RETURN NEXT 'SELECT pg_catalog.pg_switch_wal() FROM pg_catalog.pg_logical_emit_message(false, ''pg_etl'', '
                '''purge'')';
        END LOOP;
        RETURN NEXT 'CHECKPOINT';
        SELECT string_agg(h.text, E'\n') INTO holders
          FROM (SELECT format('Replication slot "%s" keeps it from %s on.', s.slot_name, s.restart_lsn) AS text
                  FROM pg_replication_slots s WHERE s.restart_lsn < needed
                UNION ALL
                SELECT format('wal_keep_size is %s.', current_setting('wal_keep_size'))
                    WHERE current_setting('wal_keep_size') <> '0'
                UNION ALL
                SELECT format('WAL is archived: segments wait until archive_command or archive_library took them; "%s" '
                    'failed last.', a.last_failed_wal)
                  FROM pg_stat_archiver a WHERE current_setting('archive_mode') <> 'off'
                      AND a.last_failed_time > coalesce(a.last_archived_time, '-infinity')) h;
        IF holders IS NOT NULL AND redo >= needed THEN
            RAISE NOTICE 'write-ahead log from before % is kept', needed USING DETAIL = holders;
        END IF;
    END IF;

    UPDATE etl.erasure e SET purged_at = clock_timestamp()
     WHERE NOT statements AND e.purged_at IS NULL AND NOT EXISTS (SELECT FROM etl.purge_pending q WHERE q.xid = e.xid)
       -- A place that was out of reach may still contain the person.
       AND NOT EXISTS (SELECT FROM jsonb_array_elements(e.remarks) r JOIN etl.former_places(e.dataset) f
                           ON f.place = r ->> 'place'
                             AND (f.remark = r ->> 'remark' OR f.remark LIKE 'it has held%'
                                 AND r ->> 'remark' LIKE 'it has held%'));
    SELECT string_agg(DISTINCT f.place, ', ') INTO holders
      FROM (SELECT DISTINCT e.dataset FROM etl.erasure e WHERE e.purged_at IS NULL AND e.status = 'completed') e
     CROSS JOIN etl.former_places(e.dataset) f;
    IF holders IS NOT NULL THEN
        RAISE NOTICE 'what may still hold erased people is out of reach of a purge: %', holders
            USING HINT = 'SELECT * FROM etl.former_places(''…''); says why. Drop it, make it part of a dataset again '
                'and erase, or take it out of etl.personal_relation.';
    END IF;
END $$;
COMMENT ON FUNCTION @extschema@.etl_erasure_purge()
    IS 'The commands that are still needed before old row versions of erased people are physically gone, in order; run '
    'each (in psql: \gexec) and call again until there is none, which sets etl.erasure.purged_at';
