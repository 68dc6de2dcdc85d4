-- The report on erasure requests.

CREATE VIEW etl.erasure_report AS
    SELECT e.erasure_id, e.dataset, e.subject, e.source, e.status, e.received_at,
           c.due_at, e.completed_at, e.purged_at,
           CASE WHEN e.completed_at IS NOT NULL THEN e.completed_at <= e.received_at + interval '30 days'
                WHEN e.status IN ('held', 'failed') AND now() > e.received_at + interval '30 days'
                    THEN false END AS within_30_days,
           e.status IN ('held', 'failed') AND now() > c.due_at AS overdue,
           e.status = 'held' AS held_back,
           h.hold_reasons,
           x.reason AS extension_reason,
           r.reason AS refusal_ground,
           coalesce(a.places, 0) AS places,
           e.row_count,
           a.details,
           e.error
      FROM etl.erasure e
      LEFT JOIN etl.erasure_decision x ON x.erasure_id = e.erasure_id AND x.decision = 'extended'
      LEFT JOIN etl.erasure_decision r ON r.erasure_id = e.erasure_id AND r.decision = 'refused'
     CROSS JOIN LATERAL (SELECT e.received_at +
         CASE WHEN x.erasure_id IS NULL THEN interval '1 month' ELSE interval '3 months' END AS due_at) c
      LEFT JOIN LATERAL (
           SELECT array_agg(DISTINCT h.reason) AS hold_reasons FROM etl.hold h
            WHERE e.status = 'held' AND h.dataset = e.dataset AND h.released_at IS NULL
              AND (h.subject IS NULL OR h.subject = e.subject)) h ON true
      LEFT JOIN LATERAL (
           SELECT count(*) AS places, jsonb_object_agg(p.place, p.row_count) AS details
             FROM (SELECT a.place, sum(a.row_count) AS row_count FROM etl.audit a
                    WHERE a.erasure_id = e.erasure_id AND a.place NOT IN ('etl.erasure', 'etl.tombstone')
                        GROUP BY a.place) p) a ON true
    UNION ALL
    -- Requests that could not be read. Nobody is erased until a request is mended, and its time limit runs.
    SELECT NULL, d.erased_dataset, NULL, coalesce(f.path, 'quarantine'), 'quarantined', q.quarantined_at,
           c.due_at, NULL, NULL,
           CASE WHEN now() > q.quarantined_at + interval '30 days' THEN false END,
           now() > c.due_at,
           false, NULL, NULL, NULL, 0, 0,
           jsonb_build_object('quarantine_id', q.quarantine_id, 'code', q.code), NULL
      FROM etl_internal.definitions() d
      JOIN etl.quarantine q ON q.dataset = d.dataset
      LEFT JOIN etl.file f ON f.file_id = q.file_id
     CROSS JOIN LATERAL (SELECT q.quarantined_at + interval '1 month' AS due_at) c
     -- A request that repeats an earlier one has been answered: it has a row of etl.erasure.
     WHERE d.erased_dataset IS NOT NULL AND q.status = 'open' AND q.code <> 'duplicate';
COMMENT ON VIEW etl.erasure_report
    IS 'One row for each erasure request: when it came, when it was due and done, where, and why it was not. Requests '
    'that wait in quarantine have status quarantined and no erasure_id';
COMMENT ON COLUMN etl.erasure_report.due_at
    IS 'One month after it was received (GDPR article 12(3)); three where it was extended';
COMMENT ON COLUMN etl.erasure_report.within_30_days
    IS 'Was it done within 30 days? Null while there is time left, and for duplicates and refusals';
COMMENT ON COLUMN etl.erasure_report.overdue IS 'It waits, on hold or in quarantine, or failed, and its time is over';
COMMENT ON COLUMN etl.erasure_report.error IS 'Why a request that failed could not be carried out';
COMMENT ON COLUMN etl.erasure_report.held_back IS 'It waits for a hold to be released';
COMMENT ON COLUMN etl.erasure_report.hold_reasons IS 'The reasons of the holds it waits for';
COMMENT ON COLUMN etl.erasure_report.extension_reason IS 'Why its time was extended';
COMMENT ON COLUMN etl.erasure_report.refusal_ground IS 'Why it was refused';
COMMENT ON COLUMN etl.erasure_report.places IS 'In how many places something was treated';
COMMENT ON COLUMN etl.erasure_report.details
    IS 'The places and how much was treated in each; of a quarantined request its quarantine_id and code';

CREATE VIEW etl.erasure_overdue AS SELECT * FROM etl.erasure_report WHERE overdue;
COMMENT ON VIEW etl.erasure_overdue IS 'Requests whose time is over';

CREATE VIEW etl.erasure_held AS
    SELECT erasure_id, dataset, subject, received_at, due_at, overdue, hold_reasons, extension_reason
      FROM etl.erasure_report WHERE held_back;
COMMENT ON VIEW etl.erasure_held IS 'Requests that are held back, and why';
COMMENT ON COLUMN etl.erasure_report.erasure_id IS 'Identifies the request';
COMMENT ON COLUMN etl.erasure_report.dataset IS 'The dataset whose subject asked';
COMMENT ON COLUMN etl.erasure_report.subject IS 'Keyed pseudonym of the subject''s key';
COMMENT ON COLUMN etl.erasure_report.source
    IS 'The file it came in, or sql; journal: it was applied again after a restore';
COMMENT ON COLUMN etl.erasure_report.status
    IS 'As in etl.erasure; quarantined: the request could not be read, see etl.quarantine';
COMMENT ON COLUMN etl.erasure_report.received_at IS 'When the request was read';
COMMENT ON COLUMN etl.erasure_report.completed_at IS 'When the data were treated';
COMMENT ON COLUMN etl.erasure_report.purged_at IS 'When the old row versions were physically gone';
COMMENT ON COLUMN etl.erasure_report.row_count IS 'Table rows and quarantined records that were treated';

-- The columns of the narrower views have the comments of the report's columns.
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT a.attrelid::regclass AS view, a.attname, col_description(r.attrelid, r.attnum) AS meaning
               FROM pg_catalog.pg_attribute a
               JOIN pg_catalog.pg_attribute r ON r.attrelid = 'etl.erasure_report'::regclass AND r.attname = a.attname
              WHERE a.attrelid IN ('etl.erasure_overdue'::regclass, 'etl.erasure_held'::regclass) LOOP
        EXECUTE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', c.view, c.attname, c.meaning);
    END LOOP;
END $$;
