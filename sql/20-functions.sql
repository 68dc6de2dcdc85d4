-- The functions that C++ implements.

CREATE FUNCTION @extschema@.etl_define(definition jsonb) RETURNS etl.dataset
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_define';
COMMENT ON FUNCTION @extschema@.etl_define(jsonb)
    IS 'Checks a dataset''s definition (JSON Schema draft-07 with an x-etl object), stores it, and checks its target '
    'tables where they exist. Errors: 22023 with the place in the definition, 42804 where a table has other columns';

CREATE FUNCTION @extschema@.etl_drop(dataset text) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_drop';
COMMENT ON FUNCTION @extschema@.etl_drop(text)
    IS 'Forgets a dataset''s definition, never its data. False when there is none';

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

CREATE FUNCTION etl.run_batch(dataset text, after_run bigint, first boolean) RETURNS etl.run
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'etl_run_batch';
COMMENT ON FUNCTION etl.run_batch(text, bigint, boolean)
    IS 'Internal: etl_run over the first staged files, as many as fill etl.batch_memory, without those that have '
    'failed in runs with a higher number. One that is not the first and finds none leaves no row in etl.run. A dataset '
    'that cannot be run gets a row with status failed';

CREATE FUNCTION etl.raise_batch_error() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_raise_batch_error';
COMMENT ON FUNCTION etl.raise_batch_error()
    IS 'Internal: raises what kept etl.run_batch from running the dataset the last time';

CREATE FUNCTION etl.run_order() RETURNS SETOF text
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_run_order';
COMMENT ON FUNCTION etl.run_order() IS 'The enabled datasets in the order in which etl_run() takes them';

CREATE PROCEDURE @extschema@.etl_load(dataset text DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    -- A procedure that commits cannot have a search_path of its own: types are named with their schema as well.
    -- Files that fail are tried once: by the runs' numbers, because clocks are put back.
    last_run constant pg_catalog.int8 := (SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END
        FROM etl.run_run_id_seq s);
    next_dataset pg_catalog.text;
    batch etl.run;
    batches pg_catalog.int4;
    failed pg_catalog.text[];
    reasons pg_catalog.text[];
    first_state pg_catalog.text;
BEGIN
    PERFORM etl.require_writable('etl_load');
    -- what other sessions have loaded must be seen, whatever the default is
    IF pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read committed' THEN
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    END IF;
    FOR next_dataset IN
        SELECT pg_catalog.unnest(CASE WHEN etl_load.dataset IS NULL THEN ARRAY(SELECT etl.run_order())
                                      ELSE ARRAY[etl_load.dataset] END)
    LOOP
        batches := 0;
        LOOP
            batch := etl.run_batch(next_dataset, last_run, batches OPERATOR(pg_catalog.=) 0);
            COMMIT;
            SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
            -- its row stays, and the others have their turn
            IF batch.sqlstate IS NOT NULL THEN
                first_state := coalesce(first_state, batch.sqlstate);
                failed := pg_catalog.array_append(failed, pg_catalog.format('"%s"', next_dataset));
                reasons := pg_catalog.array_append(reasons,
                    pg_catalog.format('%s: %s (SQLSTATE %s)', next_dataset, batch.error, batch.sqlstate));
                EXIT;
            END IF;
            -- nothing left, or another session is running the dataset: then the rest is its work
            EXIT WHEN batch.files OPERATOR(pg_catalog.=) 0;
            batches := batches OPERATOR(pg_catalog.+) 1;
        END LOOP;
    END LOOP;
    IF failed IS NOT NULL AND etl_load.dataset IS NOT NULL THEN
        PERFORM etl.raise_batch_error();
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

CREATE FUNCTION etl.require_dataset(dataset text) RETURNS void
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'etl_require_dataset';
COMMENT ON FUNCTION etl.require_dataset(text)
    IS 'Raises 42704 where the dataset is not defined, 22004 where it is null';

CREATE FUNCTION etl.refuse_citus_table(relation oid) RETURNS void
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME', 'etl_refuse_citus_table';
COMMENT ON FUNCTION etl.refuse_citus_table(oid)
    IS 'Raises 0A000 for a table that Citus knows, of whatever kind, or that is a partition, child or parent of one';

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

CREATE FUNCTION @extschema@.etl_anonymize(dataset text, record jsonb) RETURNS SETOF jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_anonymize';
COMMENT ON FUNCTION @extschema@.etl_anonymize(text, jsonb)
    IS 'The record with its personal fields treated as the definition says';

CREATE FUNCTION @extschema@.etl_anonymized(rows anyelement, dataset text) RETURNS SETOF anyelement
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_anonymized';
COMMENT ON FUNCTION @extschema@.etl_anonymized(anyelement, text)
    IS 'Rows of a target table with their personal columns treated: all of the table where it is named by a null, '
    'SELECT * FROM etl_anonymized(NULL::data.customers, ''customers''), or the one row that is given, SELECT a.* FROM '
    'data.customers c, etl_anonymized(c, ''customers'') a WHERE c.id = 7. Of a row that is null, as outer joins have '
    'it, none. Errors: 22023 not a row of the dataset''s tables, 42704 no such dataset';

CREATE FUNCTION @extschema@.etl_export(dataset text, path text, format text DEFAULT 'jsonl',
    anonymized boolean DEFAULT false) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_export';
COMMENT ON FUNCTION @extschema@.etl_export(text, text, text, boolean)
    IS 'Writes the dataset''s first table by COPY TO, as jsonl or csv (with a header), gzipped where the path ends in '
    '.gz; only under etl.processed_dir unless the caller may write server files. Returns the number of rows. Errors: '
    '22023 a path whose ending names another format, 0A000 another compression than gzip, 42P01 no table yet';

CREATE FUNCTION etl.subject_token(dataset text, subject text) RETURNS text
LANGUAGE c STRICT STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_subject_token';
COMMENT ON FUNCTION etl.subject_token(text, text)
    IS 'The token that stands for a person''s email after an erasure: <32 hex digits>@erased.invalid, HMAC-SHA-256 '
    'under etl.key_file over the dataset and the person''s key';

CREATE FUNCTION etl.exported_records() RETURNS SETOF bytea
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_exported_records';
COMMENT ON FUNCTION etl.exported_records() IS 'Internal: the accepted records that etl_run is exporting, for COPY TO';

-- A value of it is a call: answered if it knows the token of the statement that is being run.
CREATE TYPE etl.lent;
CREATE FUNCTION etl.lent_in(cstring) RETURNS etl.lent
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'etl_lent_in';
COMMENT ON FUNCTION etl.lent_in(cstring)
    IS 'Internal: a function of pg_etl in a statement that runs as the owner of a target table';
CREATE FUNCTION etl.lent_out(etl.lent) RETURNS cstring
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'etl_lent_out';
COMMENT ON FUNCTION etl.lent_out(etl.lent) IS 'Internal: what the function returned';
CREATE TYPE etl.lent (INPUT = etl.lent_in, OUTPUT = etl.lent_out, LIKE = pg_catalog.text);
COMMENT ON TYPE etl.lent
    IS 'Internal: how a statement that runs as the owner of a target table calls functions of pg_etl that the owner '
    'may not';

CREATE FUNCTION etl.unclaimed_files(OUT path text, OUT size_bytes bigint, OUT modified_at timestamptz, OUT nearest text,
    OUT error text) RETURNS SETOF record
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_unclaimed_files';
COMMENT ON FUNCTION etl.unclaimed_files() IS 'Staged files that no dataset claims';

CREATE VIEW etl.unclaimed AS SELECT * FROM etl.unclaimed_files();
COMMENT ON VIEW etl.unclaimed
    IS 'Staged files that no dataset claims: never moved, never lost; and directories that cannot be read';
COMMENT ON COLUMN etl.unclaimed.path IS 'Path relative to etl.raw_dir';
COMMENT ON COLUMN etl.unclaimed.size_bytes IS 'Size on disk';
COMMENT ON COLUMN etl.unclaimed.modified_at IS 'When the file was written last';
COMMENT ON COLUMN etl.unclaimed.nearest IS 'The dataset whose file names come nearest';
COMMENT ON COLUMN etl.unclaimed.error IS 'Of a directory that cannot be read, why: nobody knows what is in it';

CREATE FUNCTION etl.waiting_files(OUT dataset text, OUT path text, OUT size_bytes bigint, OUT modified_at timestamptz,
    OUT reason text) RETURNS SETOF record
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_waiting_files';
COMMENT ON FUNCTION etl.waiting_files()
    IS 'Staged files that a run leaves where they are, because they may not be complete';

CREATE VIEW etl.waiting AS SELECT * FROM etl.waiting_files();
COMMENT ON VIEW etl.waiting
    IS 'Staged files that a run would leave where they are now, because their producer may not be done with them';
COMMENT ON COLUMN etl.waiting.dataset IS 'The dataset that they are of';
COMMENT ON COLUMN etl.waiting.path IS 'Path relative to etl.raw_dir';
COMMENT ON COLUMN etl.waiting.size_bytes IS 'Size on disk so far';
COMMENT ON COLUMN etl.waiting.modified_at IS 'When the file was written last';
COMMENT ON COLUMN etl.waiting.reason
    IS 'open for writing: some process has it open; younger than etl.settle_time: it was written less than that time '
    'ago';
