-- How a statement that runs as the owner of a target table calls functions of ours.

-- A value of the type is a call of a function. The call is carried out if it has the token of the running statement.
CREATE TYPE etl_internal.lent;
CREATE FUNCTION etl_internal.lent_in(cstring) RETURNS etl_internal.lent
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'etl_lent_in';
COMMENT ON FUNCTION etl_internal.lent_in(cstring)
    IS 'Internal: a function of pg_etl in a statement that runs as the owner of a target table';
CREATE FUNCTION etl_internal.lent_out(etl_internal.lent) RETURNS cstring
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'etl_lent_out';
COMMENT ON FUNCTION etl_internal.lent_out(etl_internal.lent) IS 'Internal: what the function returned';
CREATE TYPE etl_internal.lent (INPUT = etl_internal.lent_in, OUTPUT = etl_internal.lent_out, LIKE = pg_catalog.text);
COMMENT ON TYPE etl_internal.lent
    IS 'Internal: how a statement that runs as the owner of a target table calls functions of pg_etl that the owner '
    'may not';
