-- How a statement that runs as the owner of a target table calls functions of ours.

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
