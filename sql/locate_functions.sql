-- Where an identifier stands.

CREATE FUNCTION @extschema@.etl_locate(identifier text, OUT place text, OUT kind text, OUT occurrences bigint)
    RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_locate';
COMMENT ON FUNCTION @extschema@.etl_locate(text)
    IS 'Every place that holds a literal identifier, in any case, JSON-escaped or compressed: tables, quarantine, '
    'catalog, planner statistics, pg_stat_statements, files; for a superuser also the server''s files on disk (kind '
    'dead: no live row explains it). What could not be searched comes as a NOTICE. Errors: 22023 for null or less than '
    '3 characters';
