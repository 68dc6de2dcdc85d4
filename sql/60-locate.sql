-- Where does an identifier stand, and what is needed until an erased one is physically gone.

CREATE FUNCTION @extschema@.etl_locate(identifier text, OUT place text, OUT kind text, OUT occurrences bigint) RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_locate';
COMMENT ON FUNCTION @extschema@.etl_locate(text) IS 'Every place that holds a literal identifier, in any case, JSON-escaped or compressed: tables, quarantine, catalog, planner statistics, pg_stat_statements, files; for a superuser also the server''s files on disk (kind dead: no live row explains it). What could not be searched comes as a NOTICE. Errors: 22023 for null or less than 3 characters';

CREATE FUNCTION etl.wal_segments_before(lsn pg_lsn) RETURNS bigint
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'etl_wal_segments_before';
COMMENT ON FUNCTION etl.wal_segments_before(pg_lsn) IS 'Files in pg_wal that hold write-ahead log from before a position, recycled ones included';

-- Not dumped: a restored database has new files.
CREATE TABLE etl.purge_pending (
    xid      xid8 NOT NULL,
    relation oid NOT NULL,
    filenode oid,
    wal_lsn  pg_lsn,
    PRIMARY KEY (xid, relation)
);
COMMENT ON TABLE etl.purge_pending IS 'Tables in which an erasure left old row versions that may still be on disk: of a partitioned table or a tree of inheritance each one, of a view those that it selects from';
COMMENT ON COLUMN etl.purge_pending.xid IS 'The transaction that erased';
COMMENT ON COLUMN etl.purge_pending.relation IS 'The table';
COMMENT ON COLUMN etl.purge_pending.filenode IS 'Its file at that time: a rewrite gives it another; null: a partitioned or foreign table, of which this database has only statistics';
COMMENT ON COLUMN etl.purge_pending.wal_lsn IS 'Where the write-ahead log was when the table had been rewritten: older log may hold the bytes; null: not rewritten yet';

ALTER TABLE etl.erasure ADD COLUMN xid xid8 DEFAULT pg_catalog.pg_current_xact_id();
COMMENT ON COLUMN etl.erasure.xid IS 'The transaction that treated the data';

CREATE FUNCTION etl.is_empty(relation oid, own boolean DEFAULT false) RETURNS boolean
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'etl_is_empty';
COMMENT ON FUNCTION etl.is_empty(oid, boolean) IS 'Whether a table holds no row (own: none beside those of its children). What its owner has put on it runs as the owner';

CREATE FUNCTION etl.older(a xid, b xid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT age(a) > age(b) $$;
COMMENT ON FUNCTION etl.older(xid, xid) IS 'Was transaction a begun before b';

CREATE FUNCTION etl.statistics_older(relation oid, xid xid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_statistic s WHERE s.starelid = statistics_older.relation AND etl.older(s.xmin, statistics_older.xid))
$$;
COMMENT ON FUNCTION etl.statistics_older(oid, xid) IS 'Has a table planner statistics from before a transaction';

CREATE FUNCTION @extschema@.etl_erasure_purge() RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    statistics constant oid := 'pg_catalog.pg_statistic'::regclass;
    p record;
    is_empty boolean;
    own_empty boolean;
    analyses int := 0;
    rewrites int := 0;
    redo pg_lsn;
    needed pg_lsn;
    segments bigint;
    holders text;
BEGIN
    -- two callers would decide about the same rows
    LOCK TABLE etl.purge_pending IN SHARE ROW EXCLUSIVE MODE;
    -- a table that is gone has no file
    DELETE FROM etl.purge_pending q
     WHERE q.wal_lsn IS NULL AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = q.relation)
       AND EXISTS (SELECT FROM etl.purge_pending o WHERE o.xid = q.xid AND o.relation <> q.relation);

    -- tables: rewritten when there is another file that keeps no row version the erasure replaced
    FOR p IN
        SELECT q.relation, c.relkind, format('%I.%I', n.nspname, c.relname) AS name,
               bool_or(etl.statistics_older(q.relation, q.xid::xid)) AS analyse,
               c.relkind IN ('r', 'm')
                   AND bool_or(q.filenode = pg_relation_filenode(c.oid) OR NOT etl.older(q.xid::xid, c.relfrozenxid)) AS rewrite
          FROM etl.purge_pending q JOIN pg_class c ON c.oid = q.relation JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE q.wal_lsn IS NULL AND q.relation <> statistics
         GROUP BY 1, 2, 3 ORDER BY 3
    LOOP
        IF p.rewrite THEN
            -- a rewrite that had to keep old versions for somebody's snapshot does not count
            UPDATE etl.purge_pending q SET filenode = pg_relation_filenode(q.relation) WHERE q.relation = p.relation AND q.wal_lsn IS NULL;
        END IF;
        IF p.analyse THEN
            analyses := analyses + 1;
            -- ANALYZE leaves an empty table's statistics as they were, those of its own rows apart from those of its
            -- children as well. A foreign table is not asked, for its server may be away, and a view that took the
            -- table's place has no row that a rewrite could free
            is_empty := p.relkind = 'f';
            own_empty := is_empty;
            IF p.relkind IN ('r', 'm', 't', 'p') THEN
                is_empty := etl.is_empty(p.relation);
                own_empty := etl.is_empty(p.relation, true);
            END IF;
            IF is_empty OR own_empty AND p.relkind <> 'p' THEN
                RETURN NEXT format('DELETE FROM pg_catalog.pg_statistic WHERE starelid OPERATOR(pg_catalog.=) %L::pg_catalog.regclass::pg_catalog.oid', p.name);
            END IF;
        END IF;
        IF p.rewrite THEN
            rewrites := rewrites + 1;
            RETURN NEXT format('VACUUM (FULL%s) %s', CASE WHEN p.analyse THEN ', ANALYZE' ELSE '' END, p.name);
        ELSIF p.analyse AND NOT is_empty THEN
            RETURN NEXT format('ANALYZE %s', p.name);
        ELSIF NOT p.analyse THEN
            UPDATE etl.purge_pending q SET wal_lsn = pg_current_wal_insert_lsn() WHERE q.relation = p.relation AND q.wal_lsn IS NULL;
        END IF;
    END LOOP;

    -- planner statistics: rewritten after every table's were made anew
    FOR p IN
        SELECT q.xid,
               (analyses > 0 OR q.filenode = pg_relation_filenode(statistics) OR NOT etl.older(q.xid::xid, c.relfrozenxid)
                OR EXISTS (SELECT FROM pg_statistic s JOIN etl.purge_pending o ON o.relation = s.starelid AND o.xid = q.xid
                            WHERE etl.older(c.relfrozenxid, s.xmin))) AS rewrite
          FROM etl.purge_pending q JOIN pg_class c ON c.oid = q.relation
         WHERE q.wal_lsn IS NULL AND q.relation = statistics
    LOOP
        IF p.rewrite THEN
            rewrites := rewrites + 1;
            UPDATE etl.purge_pending q SET filenode = pg_relation_filenode(statistics) WHERE q.relation = statistics AND q.xid = p.xid;
        ELSE
            UPDATE etl.purge_pending q SET wal_lsn = pg_current_wal_insert_lsn() WHERE q.relation = statistics AND q.xid = p.xid;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM etl.purge_pending q WHERE q.relation = statistics AND q.wal_lsn IS NULL) THEN
        RETURN NEXT 'VACUUM (FULL) pg_catalog.pg_statistic';
    END IF;

    -- the log: what is older than the last rewrite of an erasure's tables
    SELECT max(f.lsn) INTO needed
      FROM (SELECT max(q.wal_lsn) AS lsn FROM etl.purge_pending q GROUP BY q.xid HAVING bool_and(q.wal_lsn IS NOT NULL)) f;
    IF needed IS NOT NULL THEN
        SELECT c.redo_lsn INTO redo FROM pg_control_checkpoint() c;
        DELETE FROM etl.purge_pending q
         WHERE q.xid IN (SELECT o.xid FROM etl.purge_pending o GROUP BY o.xid
                         HAVING bool_and(o.wal_lsn IS NOT NULL) AND max(o.wal_lsn) <= redo
                            AND etl.wal_segments_before(max(o.wal_lsn)) = 0);
        SELECT max(f.lsn) INTO needed
          FROM (SELECT max(q.wal_lsn) AS lsn FROM etl.purge_pending q GROUP BY q.xid HAVING bool_and(q.wal_lsn IS NOT NULL)) f;
    END IF;
    IF needed IS NOT NULL THEN
        segments := etl.wal_segments_before(needed);
        -- Each switch ends a segment and begins the next, overwriting what a recycled one holds; the
        -- checkpoint lets older ones go.
        RETURN NEXT 'SELECT pg_catalog.pg_switch_wal()';
        RETURN NEXT 'CHECKPOINT';
        FOR i IN 1 .. segments LOOP
            RETURN NEXT 'SELECT pg_catalog.pg_switch_wal() FROM pg_catalog.pg_logical_emit_message(false, ''pg_etl'', ''purge'')';
        END LOOP;
        RETURN NEXT 'CHECKPOINT';
        SELECT string_agg(h.text, E'\n') INTO holders
          FROM (SELECT format('Replication slot "%s" keeps it from %s on.', s.slot_name, s.restart_lsn) AS text
                  FROM pg_replication_slots s WHERE s.restart_lsn < needed
                UNION ALL
                SELECT format('wal_keep_size is %s.', current_setting('wal_keep_size')) WHERE current_setting('wal_keep_size') <> '0'
                UNION ALL
                SELECT format('WAL is archived: segments wait until archive_command or archive_library took them; "%s" failed last.', a.last_failed_wal)
                  FROM pg_stat_archiver a WHERE current_setting('archive_mode') <> 'off' AND a.last_failed_time > coalesce(a.last_archived_time, '-infinity')) h;
        IF holders IS NOT NULL AND redo >= needed THEN
            RAISE NOTICE 'write-ahead log from before % is kept', needed USING DETAIL = holders;
        END IF;
    END IF;

    UPDATE etl.erasure e SET purged_at = clock_timestamp()
     WHERE e.purged_at IS NULL AND NOT EXISTS (SELECT FROM etl.purge_pending q WHERE q.xid = e.xid);
END $$;
COMMENT ON FUNCTION @extschema@.etl_erasure_purge() IS 'The commands that are still needed before old row versions of erased people are physically gone, in order; run each (in psql: \gexec) and call again until there is none, which sets etl.erasure.purged_at';

CREATE FUNCTION etl.schedule_purge_steps(again boolean DEFAULT false) RETURNS SETOF bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command text;
    -- each in a job of its own, but for switches of the log that follow each other
    commands text[] := '{}';
    switch constant text := 'SELECT pg_catalog.pg_switch_wal()%';
    step int := 0;
    zone constant text := coalesce(current_setting('cron.timezone', true), 'GMT');
    start constant timestamptz := clock_timestamp() + interval '1 minute';
BEGIN
    -- those of the last round have run; a job that takes itself away while it runs would be called canceled
    PERFORM etl.cron_unschedule(CASE WHEN again THEN '^pg_etl maintenance purge step [0-9]+$' ELSE '^pg_etl maintenance purge (step [0-9]+|next)$' END);
    FOR command IN SELECT c FROM @extschema@.etl_erasure_purge() c LOOP
        IF command LIKE switch AND commands[cardinality(commands)] LIKE switch THEN
            commands[cardinality(commands)] := concat(commands[cardinality(commands)], '; ', command);
        ELSE
            commands := commands || command;
        END IF;
    END LOOP;
    FOREACH command IN ARRAY commands LOOP
        step := step + 1;
        RETURN NEXT etl.cron_schedule(format('pg_etl maintenance purge step %s', step),
            to_char((start + step * interval '1 minute') AT TIME ZONE zone, 'FMMI FMHH24 FMDD FMMM') || ' *', command);
    END LOOP;
    IF step > 0 THEN
        -- the next round, until one finds nothing to do
        RETURN NEXT etl.cron_schedule('pg_etl maintenance purge next',
            to_char((start + (step + 1) * interval '1 minute') AT TIME ZONE zone, 'FMMI FMHH24 FMDD FMMM') || ' *',
            'SELECT etl.schedule_purge_steps(again => true)');
    END IF;
END $$;
COMMENT ON FUNCTION etl.schedule_purge_steps(boolean) IS 'Schedules the commands of etl_erasure_purge by pg_cron, a minute apart, each as a job of its own (VACUUM runs in no function), and itself (again) after them until there is none';

CREATE FUNCTION @extschema@.etl_schedule_purge(schedule text DEFAULT '30 3 * * 0') RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT etl.cron_schedule('pg_etl maintenance purge', schedule, 'SELECT etl.schedule_purge_steps()')
$$;
COMMENT ON FUNCTION @extschema@.etl_schedule_purge(text) IS 'Lets pg_cron physically remove erased people''s old row versions in a window (default: Sundays at 3:30): VACUUM FULL locks each table while it is rewritten. Returns the job id. Error: 42704 without pg_cron';
