-- The erasure journal, which survives a restore of the database.

CREATE TABLE etl.journal (
    journal_id uuid NOT NULL DEFAULT gen_random_uuid(),
    directory  text,
    seq        bigint NOT NULL DEFAULT 0,
    position   bigint NOT NULL DEFAULT 0,
    hash       text,
    singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton)
);
COMMENT ON TABLE etl.journal
    IS 'Which erasure journal is this database''s, and up to where the database knows it. One row, which goes with '
    'every backup: behind the journal''s end, the database was restored from before an erasure';
COMMENT ON COLUMN etl.journal.journal_id IS 'Names the journal: etl.journal_dir/pg_etl-<journal_id>.jsonl';
COMMENT ON COLUMN etl.journal.directory IS 'etl.journal_dir when the last erasure was appended';
COMMENT ON COLUMN etl.journal.seq IS 'The last line that this database knows; 0: none';
COMMENT ON COLUMN etl.journal.position IS 'Where that line ends, in bytes';
COMMENT ON COLUMN etl.journal.hash IS 'Hash of that line';
COMMENT ON COLUMN etl.journal.singleton IS 'Always true: there is one row';
INSERT INTO etl.journal DEFAULT VALUES;
SELECT pg_catalog.pg_extension_config_dump('etl.journal', '');

CREATE FUNCTION etl_internal.replace_new_journal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A restored row replaces the row that CREATE EXTENSION has just inserted.
    DELETE FROM etl.journal WHERE seq = 0;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION etl_internal.replace_new_journal() IS 'Lets a restored database keep its journal';
CREATE TRIGGER replace_new BEFORE INSERT ON etl.journal
    FOR EACH ROW EXECUTE FUNCTION etl_internal.replace_new_journal();

CREATE FUNCTION etl_internal.journal_erasure(erasure_id bigint) RETURNS boolean
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'etl_journal_erasure';
COMMENT ON FUNCTION etl_internal.journal_erasure(bigint)
    IS 'Appends the present state of a row of etl.erasure to the journal; false without etl.journal_dir';

CREATE FUNCTION etl_internal.journal_decision(action text, dataset text, subject text, email text, erasure_id bigint,
    file_hash bigint, reason text, at timestamptz) RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_journal_decision';
COMMENT ON FUNCTION etl_internal.journal_decision(text, text, text, text, bigint, bigint, text, timestamptz)
    IS 'Appends a hold, refusal or extension to the journal, so that a restored database learns of it; false without '
    'etl.journal_dir';

CREATE FUNCTION etl_internal.require_journal() RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_require_journal';
COMMENT ON FUNCTION etl_internal.require_journal()
    IS 'Raises 55000 where the database is behind its erasure journal, or the journal cannot be trusted';

CREATE FUNCTION @extschema@.etl_reapply() RETURNS SETOF etl.erasure
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_reapply';
COMMENT ON FUNCTION @extschema@.etl_reapply()
    IS 'After a restore: applies again every erasure, hold, release, refusal, extension and reinstatement of the '
    'journal that the restored database does not know, and returns the erasures. Until then etl_run refuses with 55000';

CREATE FUNCTION @extschema@.etl_journal_renew(reason text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fresh uuid := pg_catalog.gen_random_uuid();
BEGIN
    PERFORM etl_internal.require_writable('etl_journal_renew');
    PERFORM etl_internal.require_reason(reason);
    UPDATE etl.journal SET journal_id = fresh, seq = 0, position = 0, hash = NULL, directory = NULL;
    IF NOT FOUND THEN
        INSERT INTO etl.journal (journal_id) VALUES (fresh);
    END IF;
    PERFORM etl_internal.append_audit(NULL, 'renew journal', pg_catalog.concat('journal ', fresh, ': ', reason),
        NULL, 0);
    RETURN fresh;
END $$;
COMMENT ON FUNCTION @extschema@.etl_journal_renew(text)
    IS 'Gives the database a journal of its own, which begins with all erasures that the database knows: for a copy (a '
    'test system) that must not share the original''s, and where the journal is lost. The old file stays where it is. '
    'Audited with its reason';

CREATE FUNCTION etl_internal.journal_check(OUT check_name text, OUT status text, OUT message text, OUT hint text)
    RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_journal_check';
COMMENT ON FUNCTION etl_internal.journal_check() IS 'Reads the whole journal and compares it with the catalog';
