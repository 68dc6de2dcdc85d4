-- What the archive holds and the database does not know, after a restore.

CREATE TABLE etl.archive (
    archive_id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton)
);
COMMENT ON TABLE etl.archive
    IS 'Which marks in etl.archive_dir are this database''s. One row, which goes with every backup and dump';
COMMENT ON COLUMN etl.archive.archive_id IS 'Names the directory of its marks: etl.archive_dir/.pg_etl/<archive_id>';
COMMENT ON COLUMN etl.archive.singleton IS 'Always true: there is one row';
INSERT INTO etl.archive DEFAULT VALUES;
SELECT pg_catalog.pg_extension_config_dump('etl.archive', '');

CREATE FUNCTION etl_internal.replace_new_archive() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A restored row replaces the row that CREATE EXTENSION has just inserted.
    DELETE FROM etl.archive;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION etl_internal.replace_new_archive() IS 'Lets a restored database keep its marks in the archive';
CREATE TRIGGER replace_new BEFORE INSERT ON etl.archive
    FOR EACH ROW EXECUTE FUNCTION etl_internal.replace_new_archive();

CREATE TABLE etl.archive_mark (
    dataset  text PRIMARY KEY,
    count    bigint NOT NULL,
    nonce    text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE etl.archive_mark
    IS 'How many transactions have taken raw files of a dataset away. The archive has the same count in a mark of its '
    'own: where it is further, the database was restored from before files that are archived, and etl_run refuses with '
    '55000 until etl_reload';
COMMENT ON COLUMN etl.archive_mark.dataset IS 'Name of the dataset';
COMMENT ON COLUMN etl.archive_mark.count IS 'Transactions that have taken files away';
COMMENT ON COLUMN etl.archive_mark.nonce
    IS 'Made by the last of them: two copies of the database that both went on do not take each other''s count for '
    'their own';
COMMENT ON COLUMN etl.archive_mark.noted_at IS 'When it began';
SELECT pg_catalog.pg_extension_config_dump('etl.archive_mark', '');

CREATE FUNCTION @extschema@.etl_reload(since timestamptz, dataset text DEFAULT NULL) RETURNS SETOF etl.run
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_reload';
COMMENT ON FUNCTION @extschema@.etl_reload(timestamptz, text)
    IS 'After a restore, or where a standby was promoted that was behind: loads files from the archive again that were '
    'put there since that time and that the catalog does not know, for every dataset that is behind its archive (or '
    'the one that is named, in any case); their processed files are replaced. ''-infinity'': all of them; '
    '''infinity'': none, and runs go on without them. Files of erasure requests are only noted. Call etl_reapply '
    'first. Errors: 55000 behind the erasure journal, 22004';

CREATE FUNCTION etl_internal.archive_check(OUT check_name text, OUT status text, OUT message text, OUT hint text)
    RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_archive_check';
COMMENT ON FUNCTION etl_internal.archive_check()
    IS 'Does the database know all files in its archive that were loaded into it?';
