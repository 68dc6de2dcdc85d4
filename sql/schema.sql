-- Whoever owns the database may have put functions, operators, aggregates, casts and types of his own
-- into schema public, which fit our calls better than the server's (CVE-2018-1058, CVE-2022-2625).
-- Nothing in this script is looked for there: our own objects are qualified, everything else is the
-- server's. Upgrade scripts begin in the same way. Nothing is CREATEd OR REPLACEd or IF NOT EXISTS: an
-- object that is there already is somebody else's, and the script ends with an error.
SET LOCAL search_path = pg_catalog, pg_temp;

-- The schemas, and what every function begins with.

CREATE SCHEMA etl;
COMMENT ON SCHEMA etl IS 'pg_etl: catalog of datasets, runs, files, quarantine, erasures and audit';

-- What only the extension's own C++, functions and views call. Schema etl has the functions that users' indexes and
-- masking rules name, that hints and docs tell a DBA to call, and what these call in turn.
CREATE SCHEMA etl_internal;
COMMENT ON SCHEMA etl_internal IS 'pg_etl: functions that the extension itself calls';

CREATE FUNCTION etl_internal.require_writable(name text) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_require_writable';
COMMENT ON FUNCTION etl_internal.require_writable(text)
    IS 'Raises 25006 in a read-only transaction and on a standby, where the function of that name could write nothing';
