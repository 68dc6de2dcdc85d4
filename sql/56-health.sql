-- What a DBA should know.

CREATE FUNCTION etl.request_check(OUT check_name text, OUT status text, OUT message text, OUT hint text)
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
COMMENT ON FUNCTION etl.request_check() IS 'Erasure requests that are late, or that could not be read';

CREATE VIEW etl.health AS
    SELECT * FROM etl.journal_check()
    UNION ALL SELECT * FROM etl.audit_check()
    UNION ALL SELECT * FROM etl.key_check()
    UNION ALL SELECT * FROM etl.archive_check()
    UNION ALL SELECT * FROM etl.tombstone_check()
    UNION ALL SELECT * FROM etl.request_check();
COMMENT ON VIEW etl.health IS 'What a DBA should know: one row for each check';
COMMENT ON COLUMN etl.health.check_name IS 'What was looked at';
COMMENT ON COLUMN etl.health.status IS 'ok, warning or error';
COMMENT ON COLUMN etl.health.message IS 'What was found';
COMMENT ON COLUMN etl.health.hint IS 'What to do; null where nothing is needed';
