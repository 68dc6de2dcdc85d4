-- What a DBA should know.

CREATE FUNCTION etl_internal.tombstone_check(OUT check_name text, OUT status text, OUT message text, OUT hint text)
    RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- nothing ever removes a tombstone: one that was lifted says so and stays
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
    SELECT 'tombstones',
           CASE WHEN p.missing > 0 OR p.changed > 0 OR p.lifted > 0 THEN 'error' ELSE 'ok' END,
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

CREATE FUNCTION etl_internal.request_check(OUT check_name text, OUT status text, OUT message text, OUT hint text)
    RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'erasure requests',
           CASE WHEN count(*) FILTER (WHERE r.overdue) > 0 THEN 'error'
                WHEN count(*) FILTER (WHERE r.status = 'failed') > 0 THEN 'error'
                WHEN count(*) FILTER (WHERE r.status = 'quarantined' OR (r.held_back AND r.hold_reasons IS NULL)) > 0
                    THEN 'warning' ELSE 'ok' END,
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

CREATE VIEW etl.health AS
    SELECT * FROM etl_internal.journal_check()
    UNION ALL SELECT * FROM etl_internal.audit_check()
    UNION ALL SELECT * FROM etl_internal.key_check()
    UNION ALL SELECT * FROM etl_internal.archive_check()
    UNION ALL SELECT * FROM etl_internal.tombstone_check()
    UNION ALL SELECT * FROM etl_internal.request_check();
COMMENT ON VIEW etl.health IS 'What a DBA should know: one row for each check';
COMMENT ON COLUMN etl.health.check_name IS 'What was looked at';
COMMENT ON COLUMN etl.health.status IS 'ok, warning or error';
COMMENT ON COLUMN etl.health.message IS 'What was found';
COMMENT ON COLUMN etl.health.hint IS 'What to do; null where nothing is needed';
