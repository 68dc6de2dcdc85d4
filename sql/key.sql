-- Which key made the pseudonyms and tokens.

CREATE TABLE etl.key_fingerprint (
    erasures   text NOT NULL,
    treatments text NOT NULL,
    noted_at   timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE etl.key_fingerprint
    IS 'By what this database recognises its key: without the right one nobody who was erased would be recognised. '
    'Noted when the key is first used for something that stays. No row: not yet. Goes with dumps, backups and '
    'replicas; every use of etl.key_file must fit every row (55000 otherwise)';
COMMENT ON COLUMN etl.key_fingerprint.erasures
    IS 'Keyed hash of a constant under the key of pseudonyms and tombstones, which stays the same for good';
COMMENT ON COLUMN etl.key_fingerprint.treatments IS 'The same under the key of tokens, which etl_rotate_key replaces';
COMMENT ON COLUMN etl.key_fingerprint.noted_at IS 'When it was noted';
SELECT pg_catalog.pg_extension_config_dump('etl.key_fingerprint', '');

CREATE FUNCTION etl_internal.key_check(OUT check_name text, OUT status text, OUT message text, OUT hint text)
    RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_key_check';
COMMENT ON FUNCTION etl_internal.key_check()
    IS 'Is etl.key_file there, and the key of this database, and has a rotation that was killed left a key behind? '
    'Creates nothing';

CREATE FUNCTION @extschema@.etl_rotate_key(destroy boolean DEFAULT false, OUT key_file text, OUT kept_as text,
    OUT destroyed bigint) RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_rotate_key';
COMMENT ON FUNCTION @extschema@.etl_rotate_key(boolean)
    IS 'Replaces the key of tokens and pseudonyms in etl.key_file, at once and for the whole cluster; audited. New '
    'ones no longer join with old ones; erasures stay recognisable. The old file is kept as key_file.old-N, or '
    'destroyed with all that were kept before; what a rotation that was killed left is removed. Noted in '
    'etl.key_fingerprint. Errors: 25001 inside a transaction block, 55000 key file that others can read, 55006 another '
    'session is rotating, 42501';
