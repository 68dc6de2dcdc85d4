-- Retention: how long files, quarantine and history are kept, as the definitions say.

CREATE FUNCTION etl_internal.remove_expired_files(dataset text, people text, kind text, before timestamptz,
                                         OUT files bigint, OUT bytes bigint, OUT held bigint) RETURNS SETOF record
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'etl_remove_expired_files';
COMMENT ON FUNCTION etl_internal.remove_expired_files(text, text, text, timestamptz)
    IS 'Removes, when the transaction commits, the archived or processed files of a dataset that were taken up before '
    'a time, without those that hold somebody on legal hold';

-- Beside etl_retention, because PL/pgSQL has one name for an argument and a column of the result.
CREATE FUNCTION etl_internal.apply_retention(wanted text)
RETURNS TABLE (dataset text, place text, kept interval, removed bigint, bytes bigint, held bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    d record;
    rule record;
    people text;
    before timestamptz;
    whole_dataset_held boolean;
    refused text[] := '{}';
    message text;
    hint text;
    code text;
BEGIN
    PERFORM etl_internal.require_writable('etl_retention');
    IF wanted IS NOT NULL THEN
        PERFORM etl_internal.require_dataset(wanted);
    END IF;
    -- A restored database may lack a hold.
    PERFORM etl_internal.require_journal();
    -- The dataset that was asked for is named where it cannot be done; of all, the others go on.
    FOR d IN SELECT t.dataset, t.is_valid FROM etl_internal.definitions() t
              WHERE (wanted IS NULL OR t.dataset = wanted)
                AND (NOT t.is_valid OR EXISTS (SELECT FROM etl_internal.retention_periods() r
                    WHERE r.dataset = t.dataset))
              ORDER BY t.dataset LOOP
        BEGIN
            IF NOT d.is_valid THEN
                RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                    MESSAGE = format('dataset "%s" has a definition that is not valid', d.dataset),
                    HINT = format('Define it again with etl_define, or forget it with SELECT etl_drop(%L);', d.dataset);
            END IF;
            PERFORM etl_internal.refuse_citus_table(to_regclass(format('%I.%I', t.table_schema, t.table_name)))
                FROM etl_internal.target_tables(d.dataset) t;
        EXCEPTION WHEN feature_not_supported OR object_not_in_prerequisite_state THEN
            IF wanted IS NOT NULL THEN
                RAISE;
            END IF;
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, code = RETURNED_SQLSTATE;
            RAISE WARNING 'nothing of dataset "%" was removed: %', d.dataset, message USING ERRCODE = code, HINT = hint;
            refused := refused || d.dataset;
        END;
    END LOOP;
    -- The history of files and records that still exist is kept. Files and records of all datasets are removed
    -- first, so that one call removes everything that is due.
    FOR d IN SELECT t.dataset, t.people_dataset, h AS histories FROM etl_internal.definitions() t CROSS
        JOIN unnest(ARRAY[false, true]) h
              WHERE (wanted IS NULL OR t.dataset = wanted) AND t.dataset <> ALL (refused)
                  ORDER BY h, t.dataset LOOP
        people := d.people_dataset;
        whole_dataset_held := EXISTS (SELECT FROM etl.hold h WHERE h.dataset = people AND h.subject IS NULL
            AND h.released_at IS NULL);
        FOR rule IN SELECT r.place, r.kept::interval AS kept FROM etl_internal.retention_periods() r
                     WHERE r.dataset = d.dataset AND (r.place NOT
                         IN ('archived', 'processed', 'quarantine')) = d.histories ORDER BY r.place LOOP
            dataset := d.dataset;
            place := rule.place;
            kept := rule.kept;
            removed := 0;
            bytes := NULL;
            held := 0;
            before := now() - rule.kept;
            IF rule.place IN ('archived', 'processed') THEN
                SELECT f.files, f.bytes, f.held INTO removed, bytes, held
                  FROM etl_internal.remove_expired_files(d.dataset, people, rule.place, before) f;
            ELSIF rule.place = 'quarantine' THEN
                WITH expired AS (
                    SELECT q.quarantine_id,
                           whole_dataset_held
                           OR (q.subject IS NOT NULL
                               AND EXISTS (SELECT FROM etl.hold h WHERE h.dataset = people AND h.released_at IS NULL)
                               AND etl.subject_pseudonym(people, q.subject) IN
                                   (SELECT h.subject FROM etl.hold h WHERE h.dataset = people AND h.subject IS NOT NULL
                                       AND h.released_at IS NULL))
                           -- Nobody can tell whose record this is.
                           OR (q.subject IS NULL AND EXISTS (SELECT FROM etl.hold h WHERE h.dataset = people
                               AND h.released_at IS NULL)) AS held
                      FROM etl.quarantine q
                     WHERE q.dataset = d.dataset AND q.quarantined_at < before),
                gone AS (
                    DELETE FROM etl.quarantine q USING expired e
                     WHERE q.quarantine_id = e.quarantine_id AND NOT e.held RETURNING 1)
                SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM expired e WHERE e.held) INTO removed, held;
            ELSE
                -- A file that is still on disk keeps its row, by which an erasure finds the file and a run
                -- recognises a second delivery.
                WITH gone AS (
                    DELETE FROM etl.file f
                     WHERE f.dataset = d.dataset AND f.finished_at < before AND f.archived_path IS NULL
                         AND f.processed_path IS NULL
                       AND NOT EXISTS (SELECT FROM etl.quarantine q WHERE q.file_id = f.file_id)
                       -- A pending removal of its files does not count: this call or the next recovery carries it out.
                       AND NOT EXISTS (SELECT FROM etl.file_action a WHERE a.file_id = f.file_id
                           AND (a.action <> 'remove' OR a.to_path <> ''))
                    RETURNING 1)
                SELECT count(*) INTO removed FROM gone;
                WITH gone AS (
                    DELETE FROM etl.run r
                     WHERE r.dataset = d.dataset AND r.finished_at < before
                       AND NOT EXISTS (SELECT FROM etl.file f WHERE f.run_id = r.run_id)
                       AND NOT EXISTS (SELECT FROM etl.quarantine q WHERE q.run_id = r.run_id)
                    RETURNING 1)
                SELECT removed + count(*) INTO removed FROM gone;
            END IF;
            IF removed > 0 THEN
                PERFORM etl_internal.append_audit(NULL, 'retention', format('%s: %s', d.dataset, rule.place), NULL,
                    removed);
            END IF;
            RETURN NEXT;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION etl_internal.apply_retention(text) IS 'What etl_retention does';

CREATE FUNCTION @extschema@.etl_retention(dataset text DEFAULT NULL)
RETURNS TABLE (dataset text, place text, kept interval, removed bigint, bytes bigint, held bigint)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$ SELECT * FROM etl_internal.apply_retention($1) $$;
COMMENT ON FUNCTION @extschema@.etl_retention(text)
    IS 'Removes what the definitions say is not kept any longer (x-etl.retention: archived, processed, quarantine, '
    'history), null: of all datasets. Legal holds keep what they cover. Audited. One row for each rule';
