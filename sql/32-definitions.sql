-- What definitions say, as rows with defaults applied: no SQL of ours walks a definition's JSON.

CREATE FUNCTION etl.definitions(OUT dataset text, OUT is_valid boolean, OUT subject_dataset text, OUT on_erasure text,
                                OUT erased_dataset text, OUT people_dataset text) RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'etl_definitions';
COMMENT ON FUNCTION etl.definitions()
    IS 'One row for each dataset: the dataset whose key names the person that a record is about and what an erasure '
    'does (treat, delete), the dataset whose people its requests erase, and whose legal holds count';

CREATE FUNCTION etl.target_tables(dataset text, OUT table_schema text, OUT table_name text, OUT column_names jsonb)
    RETURNS SETOF record
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'etl_target_tables';
COMMENT ON FUNCTION etl.target_tables(text)
    IS 'The tables that a dataset is loaded into, whether they exist or not, and the columns that its definition names';

CREATE FUNCTION etl.personal_fields(OUT dataset text, OUT field text, OUT treatment text) RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'etl_personal_fields';
COMMENT ON FUNCTION etl.personal_fields() IS 'The fields that definitions call personal, and what becomes of them';

CREATE FUNCTION etl.retention_periods(OUT dataset text, OUT place text, OUT kept text) RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'etl_retention_periods';
COMMENT ON FUNCTION etl.retention_periods()
    IS 'How long archived and processed files, quarantine and history of each dataset are kept';
