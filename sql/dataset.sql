-- Datasets: their definitions, those that were replaced, and what definitions say, as rows with defaults
-- applied: no SQL of ours walks a definition's JSON.

CREATE TABLE etl.dataset (
    name       text PRIMARY KEY,
    definition jsonb NOT NULL,
    enabled    boolean NOT NULL DEFAULT true,
    schedule   text,
    defined_at timestamptz NOT NULL DEFAULT now(),
    standard   boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE etl.dataset IS 'Datasets: each a JSON Schema with an x-etl object (docs/reference/definition.md)';
COMMENT ON COLUMN etl.dataset.name IS 'Name by which etl_run and the other functions know the dataset';
COMMENT ON COLUMN etl.dataset.definition IS 'The definition, as given to etl_define';
COMMENT ON COLUMN etl.dataset.enabled IS 'etl_run() without argument and etl_schedule() take enabled datasets only';
COMMENT ON COLUMN etl.dataset.schedule IS 'cron expression that etl_schedule uses; null: none';
COMMENT ON COLUMN etl.dataset.defined_at IS 'When it was defined last';
COMMENT ON COLUMN etl.dataset.standard IS 'Came with the extension and was not changed: not dumped';
SELECT pg_catalog.pg_extension_config_dump('etl.dataset', 'WHERE NOT standard');

CREATE TABLE etl.former_definition (
    dataset     text NOT NULL,
    defined_at  timestamptz NOT NULL,
    definition  jsonb NOT NULL,
    replaced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (dataset, defined_at)
);
COMMENT ON TABLE etl.former_definition
    IS 'Definitions that etl_define has replaced or etl_drop has forgotten: quarantine, files and exports still hold '
    'records as they said, and an erasure reads these by them';
COMMENT ON COLUMN etl.former_definition.dataset IS 'Name of the dataset';
COMMENT ON COLUMN etl.former_definition.defined_at IS 'When it was defined; etl.run.defined_at refers to it';
COMMENT ON COLUMN etl.former_definition.definition IS 'The definition, as it was given to etl_define';
COMMENT ON COLUMN etl.former_definition.replaced_at IS 'When it was replaced or forgotten';
SELECT pg_catalog.pg_extension_config_dump('etl.former_definition', '');

CREATE FUNCTION etl_internal.replace_standard_dataset() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A restored definition replaces the standard one that CREATE EXTENSION has just inserted.
    DELETE FROM etl.dataset WHERE name = NEW.name AND standard;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION etl_internal.replace_standard_dataset() IS 'Lets a restored definition replace the standard one';
CREATE TRIGGER replace_standard BEFORE INSERT ON etl.dataset
    FOR EACH ROW WHEN (NOT NEW.standard) EXECUTE FUNCTION etl_internal.replace_standard_dataset();

CREATE FUNCTION etl_internal.definitions(OUT dataset text, OUT is_valid boolean, OUT subject_dataset text,
    OUT on_erasure text, OUT erased_dataset text, OUT people_dataset text) RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'etl_definitions';
COMMENT ON FUNCTION etl_internal.definitions()
    IS 'One row for each dataset: the dataset whose key names the person that a record is about and what an erasure '
    'does (treat, delete), the dataset whose people its requests erase, and whose legal holds count';

CREATE FUNCTION etl_internal.target_tables(dataset text, OUT table_schema text, OUT table_name text,
    OUT column_names jsonb) RETURNS SETOF record
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'etl_target_tables';
COMMENT ON FUNCTION etl_internal.target_tables(text)
    IS 'The tables that a dataset is loaded into, whether they exist or not, and the columns that its definition names';

CREATE FUNCTION etl_internal.personal_fields(OUT dataset text, OUT field text, OUT treatment text) RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'etl_personal_fields';
COMMENT ON FUNCTION etl_internal.personal_fields()
    IS 'The fields that definitions call personal, and what becomes of them';

CREATE FUNCTION etl_internal.retention_periods(OUT dataset text, OUT place text, OUT kept text) RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'etl_retention_periods';
COMMENT ON FUNCTION etl_internal.retention_periods()
    IS 'How long archived and processed files, quarantine and history of each dataset are kept';

CREATE FUNCTION etl_internal.require_dataset(dataset text) RETURNS void
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'etl_require_dataset';
COMMENT ON FUNCTION etl_internal.require_dataset(text)
    IS 'Raises 42704 where the dataset is not defined, 22004 where it is null';

CREATE FUNCTION etl_internal.refuse_citus_table(relation oid) RETURNS void
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME', 'etl_refuse_citus_table';
COMMENT ON FUNCTION etl_internal.refuse_citus_table(oid)
    IS 'Raises 0A000 for a table that Citus knows, of whatever kind, or that is a partition, child or parent of one';

CREATE FUNCTION @extschema@.etl_define(definition jsonb) RETURNS etl.dataset
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_define';
COMMENT ON FUNCTION @extschema@.etl_define(jsonb)
    IS 'Checks a dataset''s definition (JSON Schema draft-07 with an x-etl object), stores it, and checks its target '
    'tables where they exist. Errors: 22023 with the pointer into the definition, 42804 where a table has other '
    'columns';

CREATE FUNCTION @extschema@.etl_drop(dataset text) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_drop';
COMMENT ON FUNCTION @extschema@.etl_drop(text)
    IS 'Forgets a dataset''s definition, never its data. False when there is none';
