-- The settings and where they come from, also for a session that has not loaded the library yet: SHOW knows none of
-- them there.

CREATE FUNCTION etl_internal.settings(OUT name text, OUT value text, OUT unit text, OUT default_value text,
    OUT source text, OUT meaning text) RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'etl_settings';
COMMENT ON FUNCTION etl_internal.settings() IS 'Behind etl.setting: being a function of the library it loads it';

CREATE VIEW etl.setting AS
    SELECT s.name, s.value, s.unit, s.default_value, s.source, s.meaning FROM etl_internal.settings() s;
COMMENT ON VIEW etl.setting
    IS 'The settings as this session has them, whether SHOW knows them yet or not: reading it loads the library';
COMMENT ON COLUMN etl.setting.name IS 'Name of the setting';
COMMENT ON COLUMN etl.setting.value IS 'Its value, in the unit';
COMMENT ON COLUMN etl.setting.unit IS 'Unit of value and default: B, kB or MB';
COMMENT ON COLUMN etl.setting.default_value IS 'What it is where nobody sets it';
COMMENT ON COLUMN etl.setting.source
    IS 'Where the value came from: default, configuration file, command line, environment variable, database, role, '
    'role in database, connection (its options) or session; refused: a connection asked for a value that it may not '
    'set, which hides the configured one, and calls that need the setting fail (55000)';
COMMENT ON COLUMN etl.setting.meaning IS 'What it does';
