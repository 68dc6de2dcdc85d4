-- What a DBA should know.

CREATE FUNCTION etl_internal.tombstone_check(OUT check_name text, OUT dataset text, OUT status text, OUT count bigint,
    OUT message text, OUT hint text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Nothing removes a tombstone. A lifted tombstone stays and has the time when it was lifted.
    WITH known AS (
        SELECT a.erasure_id, sum(a.row_count) AS tombstones FROM etl.audit a WHERE a.place = 'etl.tombstone'
            AND a.action = 'tombstone' GROUP BY 1
    ), there AS (
        SELECT t.erasure_id, count(*) AS tombstones FROM etl.tombstone t GROUP BY 1
    ), missing AS (
        SELECT k.erasure_id, k.tombstones - coalesce(t.tombstones, 0) AS tombstones
          FROM known k LEFT JOIN there t USING (erasure_id) WHERE k.tombstones > coalesce(t.tombstones, 0)
    ), lifted AS (
        SELECT (SELECT count(*) FROM etl.tombstone t WHERE t.reinstated_at IS NOT NULL)
               - (SELECT coalesce(sum(a.row_count), 0) FROM etl.audit a WHERE a.action = 'reinstate') AS tombstones
    ), changed AS (
        SELECT c.erasure_id, count(*) AS tombstones FROM etl.changed_tombstone c GROUP BY 1
    ), problem AS (
        SELECT (SELECT coalesce(sum(m.tombstones), 0) FROM missing m) AS missing,
               (SELECT coalesce(sum(c.tombstones), 0) FROM changed c) AS changed,
               (SELECT string_agg(c.erasure_id::text, ', ' ORDER BY c.erasure_id)
                   FROM (SELECT * FROM changed ORDER BY erasure_id LIMIT 10) c) AS of_requests,
               (SELECT string_agg(m.erasure_id::text, ', ' ORDER BY m.erasure_id)
                   FROM (SELECT * FROM missing ORDER BY erasure_id LIMIT 10) m) AS requests,
               (SELECT greatest(l.tombstones, 0) FROM lifted l) AS lifted
    )
    SELECT 'tombstones', NULL,
           CASE WHEN p.missing > 0 OR p.changed > 0 OR p.lifted > 0 THEN 'error' ELSE 'ok' END,
           p.missing + p.changed + p.lifted,
           CASE WHEN p.missing > 0 OR p.changed > 0 OR p.lifted > 0
               THEN concat_ws('; ',
                   CASE WHEN p.missing > 0
                       THEN format('%s tombstones that etl.audit knows are gone, of erasure requests %s: records about '
                       'these people come in as they are', p.missing, p.requests) END,
                   CASE WHEN p.changed > 0
                       THEN format('%s tombstones are not about whom their erasure requests are, of erasure requests '
                       '%s: records about these people come in as they are', p.changed, p.of_requests) END,
                   CASE WHEN p.lifted > 0
                       THEN format('%s tombstones were lifted by no call of etl_reinstate', p.lifted) END)
               ELSE 'every tombstone that etl.audit knows is there' END,
           CASE WHEN p.missing > 0 OR p.changed > 0 OR p.lifted > 0
               THEN 'Restore the rows of etl.tombstone from a backup, or erase the people again by key and email, and '
               'find out who changed the table.' END
      FROM problem p
$$;
COMMENT ON FUNCTION etl_internal.tombstone_check()
    IS 'Is every tombstone still there that the audit trail knows, and about whom it was?';

CREATE FUNCTION etl_internal.request_check(OUT check_name text, OUT dataset text, OUT status text, OUT count bigint,
    OUT message text, OUT hint text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'erasure requests', NULL,
           CASE WHEN count(*) FILTER (WHERE r.overdue) > 0 THEN 'error'
                WHEN count(*) FILTER (WHERE r.status = 'failed') > 0 THEN 'error'
                WHEN count(*) FILTER (WHERE r.status = 'quarantined' OR (r.held_back AND r.hold_reasons IS NULL)) > 0
                    THEN 'warning' ELSE 'ok' END,
           count(*) FILTER (WHERE r.overdue OR r.held_back OR r.status IN ('failed', 'quarantined')),
           format('%s overdue, %s held back, %s in quarantine%s', count(*) FILTER (WHERE r.overdue),
               count(*) FILTER (WHERE r.held_back),
                  count(*) FILTER (WHERE r.status = 'quarantined'), ', '
                      || nullif(count(*) FILTER (WHERE r.status = 'failed'), 0) || ' failed'),
           CASE WHEN count(*) FILTER (WHERE r.overdue) > 0 THEN 'SELECT * FROM etl.erasure_overdue;'
                WHEN count(*) FILTER (WHERE r.status = 'failed') > 0
                THEN 'SELECT * FROM etl.erasure WHERE status = ''failed''; says why: mend that, then SELECT * FROM '
                    'etl_erase_failed();'
                WHEN count(*) FILTER (WHERE r.status = 'quarantined') > 0
                THEN 'SELECT * FROM etl.erasure_report WHERE status = ''quarantined''; then mend the records in '
                    'etl.quarantine and etl_replay(…), or ask by etl_erase(…).'
                WHEN count(*) FILTER (WHERE r.held_back AND r.hold_reasons IS NULL) > 0
                THEN 'Requests wait for a hold that is not there: SELECT etl_hold(…) and etl_release_hold(…) let them '
                    'go.' END
      FROM etl.erasure_report r
$$;
COMMENT ON FUNCTION etl_internal.request_check() IS 'Erasure requests that are late, or that could not be read';

-- Checks of datasets return a row for each dataset with a problem, or a single row with status ok.

CREATE FUNCTION etl_internal.directory_check(OUT check_name text, OUT status text, OUT message text, OUT hint text)
    RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_directory_check';
COMMENT ON FUNCTION etl_internal.directory_check()
    IS 'Are the directories there, can the server use them, and have they room?';

CREATE FUNCTION etl_internal.definition_check(OUT check_name text, OUT dataset text, OUT status text, OUT count bigint,
    OUT message text, OUT hint text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH bad AS MATERIALIZED (
        SELECT d.dataset FROM etl_internal.definitions() d WHERE NOT d.is_valid
    )
    SELECT 'definitions', b.dataset, 'error', 1::bigint, 'the definition is not valid',
           format('Define the dataset again with etl_define, or forget it with SELECT etl_drop(%L);', b.dataset)
      FROM bad b
    UNION ALL
    SELECT 'definitions', NULL, 'ok', 0, 'every definition is valid', NULL WHERE NOT EXISTS (SELECT FROM bad)
$$;
COMMENT ON FUNCTION etl_internal.definition_check() IS 'Datasets whose definitions are not valid';

CREATE FUNCTION etl_internal.file_check(OUT check_name text, OUT dataset text, OUT status text, OUT count bigint,
    OUT message text, OUT hint text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH failed AS MATERIALIZED (
        SELECT f.dataset, count(*) AS files, max(f.file_id) AS last FROM etl.file f
         WHERE f.status = 'failed'
           -- The row of a failed file stays until the next run when a replacement was loaded.
           AND NOT EXISTS (SELECT FROM etl.file g WHERE g.dataset = f.dataset AND g.path = f.path
               AND g.file_id > f.file_id AND g.status IN ('loaded', 'archived', 'duplicate'))
         GROUP BY 1
    ), unarchived AS MATERIALIZED (
        SELECT f.dataset, count(*) AS files, max(f.file_id) AS last FROM etl.file f
         WHERE f.status = 'loaded' AND f.error IS NOT NULL GROUP BY 1
    ), refused AS MATERIALIZED (
        SELECT f.dataset, count(*) AS files, max(f.file_id) AS last FROM etl.file f
         WHERE f.loaded = 0 AND f.quarantined > 0 GROUP BY 1
    )
    SELECT 'failed files', p.dataset, 'error', p.files,
           format('%s could not be loaded, the last of them "%s": %s',
               CASE WHEN p.files = 1 THEN '1 file' ELSE p.files || ' files' END, f.path, f.error),
           format('Mend or replace what SELECT path, error FROM etl.file WHERE dataset = %L AND status = ''failed''; '
               'lists: the next run tries again.', p.dataset)
      FROM failed p JOIN etl.file f ON f.file_id = p.last
    UNION ALL
    SELECT 'failed files', NULL, 'ok', 0, 'no file has failed', NULL WHERE NOT EXISTS (SELECT FROM failed)
    UNION ALL
    SELECT 'unarchived files', p.dataset, 'warning', p.files,
           format('%s loaded and could not be archived, the last of them "%s": %s',
               CASE WHEN p.files = 1 THEN '1 file is' ELSE p.files || ' files are' END, f.path, f.error),
           format('Mend what SELECT path, error FROM etl.file WHERE dataset = %L AND status = ''loaded''; tells: the '
               'next run archives them.', p.dataset)
      FROM unarchived p JOIN etl.file f ON f.file_id = p.last
    UNION ALL
    SELECT 'unarchived files', NULL, 'ok', 0, 'every file that is loaded is archived', NULL
     WHERE NOT EXISTS (SELECT FROM unarchived)
    UNION ALL
    SELECT 'nothing accepted', p.dataset, 'warning', p.files,
           format('no record of %s was accepted, the last of them "%s"',
               CASE WHEN p.files = 1 THEN '1 file' ELSE p.files || ' files' END, f.path),
           format('SELECT code, violations -> 0 ->> ''message'', count(*) FROM etl.quarantine WHERE dataset = %L AND '
               'status = ''open'' GROUP BY 1, 2; says why.', p.dataset)
      FROM refused p JOIN etl.file f ON f.file_id = p.last
    UNION ALL
    SELECT 'nothing accepted', NULL, 'ok', 0, 'no file was refused as a whole', NULL
     WHERE NOT EXISTS (SELECT FROM refused)
$$;
COMMENT ON FUNCTION etl_internal.file_check()
    IS 'Datasets with files that failed, that could not be archived, or of which no record was accepted';

CREATE FUNCTION etl_internal.unclaimed_check(OUT check_name text, OUT dataset text, OUT status text, OUT count bigint,
    OUT message text, OUT hint text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unreadable bigint;
    files bigint;
    first text;
BEGIN
    IF (SELECT s.value FROM etl_internal.settings() s WHERE s.name = 'etl.raw_dir') = '' THEN
        RETURN;
    END IF;
    SELECT count(*) FILTER (WHERE u.error IS NOT NULL), count(*) FILTER (WHERE u.error IS NULL), min(u.path)
      INTO unreadable, files, first
      FROM etl_internal.unclaimed_files() u
     -- Its producer may be about to rename a file that has just come.
     WHERE u.error IS NOT NULL OR u.modified_at < clock_timestamp() - interval '1 hour';
    RETURN QUERY SELECT 'unclaimed files', NULL::text,
        CASE WHEN unreadable > 0 THEN 'error' WHEN files > 0 THEN 'warning' ELSE 'ok' END, unreadable + files,
        CASE WHEN unreadable + files = 0 THEN 'a dataset claims every staged file'
            ELSE concat_ws(' and ',
                CASE WHEN files = 1 THEN '1 staged file that no dataset claims'
                     WHEN files > 1 THEN files || ' staged files that no dataset claims' END,
                CASE WHEN unreadable = 1 THEN '1 directory that cannot be read'
                     WHEN unreadable > 1 THEN unreadable || ' directories that cannot be read' END)
                -- The path of etl.raw_dir itself is empty.
                || CASE WHEN first <> '' THEN format(', the first of them "%s"', first) ELSE '' END END,
        CASE WHEN unreadable + files > 0
            THEN 'SELECT * FROM etl.unclaimed; lists them: rename them, add their names to a definition, or let the '
            'server''s user read them.' END;
EXCEPTION WHEN OTHERS THEN
    RETURN QUERY SELECT 'unclaimed files', NULL::text, 'error', NULL::bigint, SQLERRM,
        'The message says what keeps the staged files from being looked at; the check of the directories may say more.';
END $$;
COMMENT ON FUNCTION etl_internal.unclaimed_check()
    IS 'Staged files that no dataset has claimed for an hour, and directories that cannot be read';

CREATE FUNCTION etl_internal.reference_check(OUT check_name text, OUT dataset text, OUT status text, OUT count bigint,
    OUT message text, OUT hint text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH waiting AS MATERIALIZED (
        SELECT q.dataset, count(*) AS records, min(q.quarantined_at) AS since
          FROM etl.quarantine q
         WHERE q.status IN ('open', 'erased') AND q.code = 'reference' AND q.quarantined_at < now() - interval '1 day'
         GROUP BY 1
    )
    SELECT 'waiting for parents', w.dataset, 'warning', w.records,
           format('%s for more than a day for what they refer to, the oldest since %s',
               CASE WHEN w.records = 1 THEN '1 record waits' ELSE w.records || ' records wait' END,
               to_char(w.since, 'YYYY-MM-DD HH24:MI TZ')),
           'SELECT * FROM etl.quarantine_cause ORDER BY waiting DESC; lists what is missing: they are loaded when that '
           'comes.'
      FROM waiting w
    UNION ALL
    SELECT 'waiting for parents', NULL, 'ok', 0, 'no record has waited for more than a day', NULL
     WHERE NOT EXISTS (SELECT FROM waiting)
$$;
COMMENT ON FUNCTION etl_internal.reference_check()
    IS 'Datasets with records that have waited for more than a day for what they refer to';

CREATE FUNCTION etl_internal.pause_check(OUT check_name text, OUT dataset text, OUT status text, OUT count bigint,
    OUT message text, OUT hint text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'paused', p.dataset, 'warning', NULL::bigint,
           format('%s paused by %s since %s: %s', CASE WHEN p.dataset IS NULL THEN 'all datasets are' ELSE 'it is' END,
               p.paused_by, to_char(p.paused_at, 'YYYY-MM-DD HH24:MI TZ'), p.reason),
           format('SELECT * FROM etl_resume(%s); lets it run again.', coalesce(quote_literal(p.dataset), ''))
      FROM etl.pause p WHERE p.resumed_at IS NULL
    UNION ALL
    SELECT 'paused', NULL, 'ok', NULL, 'no dataset is paused', NULL
     WHERE NOT EXISTS (SELECT FROM etl.pause p WHERE p.resumed_at IS NULL)
$$;
COMMENT ON FUNCTION etl_internal.pause_check() IS 'Datasets that are paused';

CREATE VIEW etl.health AS
    SELECT c.check_name, NULL::text AS dataset, c.status, NULL::bigint AS count, c.message, c.hint
      FROM (SELECT * FROM etl_internal.directory_check()
            UNION ALL SELECT * FROM etl_internal.journal_check()
            UNION ALL SELECT * FROM etl_internal.audit_check()
            UNION ALL SELECT * FROM etl_internal.key_check()
            UNION ALL SELECT * FROM etl_internal.archive_check()) c
    UNION ALL SELECT * FROM etl_internal.tombstone_check()
    UNION ALL SELECT * FROM etl_internal.request_check()
    UNION ALL SELECT * FROM etl_internal.definition_check()
    UNION ALL SELECT * FROM etl_internal.file_check()
    UNION ALL SELECT * FROM etl_internal.unclaimed_check()
    UNION ALL SELECT * FROM etl_internal.reference_check()
    UNION ALL SELECT * FROM etl_internal.pause_check();
COMMENT ON VIEW etl.health
    IS 'What a DBA should know: one row for each check, or one for each dataset that something is wrong with';
COMMENT ON COLUMN etl.health.check_name IS 'What was looked at';
COMMENT ON COLUMN etl.health.dataset IS 'The dataset that it is about; null: all, or none in particular';
COMMENT ON COLUMN etl.health.status IS 'ok, warning or error';
COMMENT ON COLUMN etl.health.count IS 'How many files or records it is about; null: not counted';
COMMENT ON COLUMN etl.health.message IS 'What was found';
COMMENT ON COLUMN etl.health.hint IS 'What to do; null where nothing is needed';
