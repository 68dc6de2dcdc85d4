-- Running datasets, and reading and validating without a run.

CREATE FUNCTION @extschema@.etl_run(dataset text, wait boolean DEFAULT false) RETURNS etl.run
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_run_one';
COMMENT ON FUNCTION @extschema@.etl_run(text, boolean)
    IS 'Loads a dataset''s staged files: validates every record, loads the good ones, quarantines the others, writes '
    'processed files and archives the raw ones when the transaction commits. While another session runs the dataset it '
    'waits where asked to, and else is skipped. Errors only for a broken environment: 55000 directory unset, 42704 no '
    'such dataset, 42501 no privilege';

CREATE FUNCTION @extschema@.etl_run() RETURNS SETOF etl.run
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_run_all';
COMMENT ON FUNCTION @extschema@.etl_run()
    IS 'Runs every enabled dataset: those that others refer to first, erasure requests last. One that cannot be run '
    'gets a row with status failed, error and SQLSTATE, and a WARNING names it; the others go on. Errors only for what '
    'keeps all from being run: 55000 directory unset';

CREATE FUNCTION etl_internal.run_batch(dataset text, after_run bigint, first boolean) RETURNS etl.run
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'etl_run_batch';
COMMENT ON FUNCTION etl_internal.run_batch(text, bigint, boolean)
    IS 'Internal: etl_run over the first staged files, as many as fill etl.batch_memory, without those that have '
    'failed in runs with a higher number. One that is not the first and finds none leaves no row in etl.run. A dataset '
    'that cannot be run gets a row with status failed';

CREATE FUNCTION etl_internal.raise_batch_error() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_raise_batch_error';
COMMENT ON FUNCTION etl_internal.raise_batch_error()
    IS 'Internal: raises what kept etl_internal.run_batch from running the dataset the last time';

CREATE FUNCTION etl_internal.run_order() RETURNS SETOF text
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_run_order';
COMMENT ON FUNCTION etl_internal.run_order() IS 'The enabled datasets in the order in which etl_run() takes them';

CREATE PROCEDURE @extschema@.etl_load(dataset text DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    -- A procedure that commits cannot have a search_path of its own: types are named with their schema as well.
    -- A file that fails is tried once. Runs are told apart by number, because a clock can be put back.
    last_run constant pg_catalog.int8 := (SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END
        FROM etl.run_run_id_seq s);
    next_dataset pg_catalog.text;
    batch etl.run;
    batches pg_catalog.int4;
    failed pg_catalog.text[];
    reasons pg_catalog.text[];
    first_state pg_catalog.text;
BEGIN
    PERFORM etl_internal.require_writable('etl_load');
    -- Whatever the default isolation level is, this must see the rows that other sessions have loaded.
    IF pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read committed' THEN
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    END IF;
    FOR next_dataset IN
        SELECT pg_catalog.unnest(CASE WHEN etl_load.dataset IS NULL THEN ARRAY(SELECT etl_internal.run_order())
                                      ELSE ARRAY[etl_load.dataset] END)
    LOOP
        batches := 0;
        LOOP
            batch := etl_internal.run_batch(next_dataset, last_run, batches OPERATOR(pg_catalog.=) 0);
            COMMIT;
            SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
            -- The run's row stays, and the other datasets are loaded.
            IF batch.sqlstate IS NOT NULL THEN
                first_state := coalesce(first_state, batch.sqlstate);
                failed := pg_catalog.array_append(failed, pg_catalog.format('"%s"', next_dataset));
                reasons := pg_catalog.array_append(reasons,
                    pg_catalog.format('%s: %s (SQLSTATE %s)', next_dataset, batch.error, batch.sqlstate));
                EXIT;
            END IF;
            -- No file is left, or another session is running the dataset and will load the rest.
            EXIT WHEN batch.files OPERATOR(pg_catalog.=) 0;
            batches := batches OPERATOR(pg_catalog.+) 1;
        END LOOP;
    END LOOP;
    IF failed IS NOT NULL AND etl_load.dataset IS NOT NULL THEN
        PERFORM etl_internal.raise_batch_error();
    ELSIF failed IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = first_state,
            MESSAGE = pg_catalog.format('could not load %s', pg_catalog.array_to_string(failed, ', ')),
            DETAIL = pg_catalog.array_to_string(reasons, E'\n'),
            HINT = 'All other datasets are loaded. SELECT * FROM etl.run ORDER BY run_id DESC shows what was run.';
    END IF;
END $$;
COMMENT ON PROCEDURE @extschema@.etl_load(text)
    IS 'The work of etl_run, committed batch by batch: for backlogs, and what etl_schedule schedules. What was '
    'committed stays when it is cancelled. Each batch has a row in etl.run, and so has a dataset that cannot be '
    'loaded: the others go on, and at the end an error names those that failed';

CREATE FUNCTION @extschema@.etl_replay(dataset text) RETURNS etl.run
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_replay';
COMMENT ON FUNCTION @extschema@.etl_replay(text)
    IS 'Takes the dataset''s open quarantined records through the pipeline again, and with each one that is loaded the '
    'records of other datasets that waited for it';

CREATE FUNCTION @extschema@.etl_discard(quarantine_id bigint, reason text) RETURNS etl.quarantine
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_discard';
COMMENT ON FUNCTION @extschema@.etl_discard(bigint, text)
    IS 'Gives up a quarantined record that will never be mended, for a reason that is kept, and returns it. Waits for '
    'a session that runs the dataset. A request for erasure can be discarded by those who may call etl_refuse. Errors: '
    '42704 no such record, 55000 not open, 42501 a request, 22004 no number or reason';

CREATE FUNCTION @extschema@.etl_read(path text, OUT line bigint, OUT record text) RETURNS SETOF record
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_read';
COMMENT ON FUNCTION @extschema@.etl_read(text)
    IS 'The records of a staged file (path relative to etl.raw_dir, or absolute), decompressed. Bytes that are not '
    'UTF-8 show as replacement characters';

CREATE FUNCTION @extschema@.etl_validate(dataset text, record jsonb, OUT code text, OUT keyword text, OUT pointer text,
                             OUT schema_pointer text, OUT sqlstate text, OUT message text) RETURNS SETOF record
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_validate';
COMMENT ON FUNCTION @extschema@.etl_validate(text, jsonb)
    IS 'Every violation of one record: schema, types, references, checks, and a key that is loaded already where that '
    'makes a duplicate. No row when it is valid';

CREATE FUNCTION @extschema@.etl_validate_file(dataset text, path text, OUT line bigint, OUT record text, OUT code text,
                                  OUT keyword text, OUT pointer text, OUT message text) RETURNS SETOF record
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_validate_file';
COMMENT ON FUNCTION @extschema@.etl_validate_file(text, text)
    IS 'A dry run over a staged file: every violation of every record, and nothing written';
