-- Erasing people, and what is held about them.

CREATE FUNCTION etl.fold_email(email text) RETURNS text
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_fold_email';
COMMENT ON FUNCTION etl.fold_email(text)
    IS 'How emails are compared: trimmed and case folded (Unicode), whatever the collation. An index on '
    'etl.fold_email(email) makes erasure requests by email fast';

CREATE FUNCTION etl.person_key(type text, value text) RETURNS text
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_person_key';
COMMENT ON FUNCTION etl.person_key(text, text)
    IS 'Whose key a text is, as keys of the type are written: etl.person_key(''bigint'', ''+067318'') is 67318; null '
    'for nobody''s. How a column that names a person is compared where its type is not the key''s. An index on '
    'etl.person_key(''bigint'', customer_id) makes erasures fast on a large table';

CREATE FUNCTION etl.removal_statements(dataset text) RETURNS SETOF text
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'etl_removal_statements';
COMMENT ON FUNCTION etl.removal_statements(text)
    IS 'The statements by which an erasure takes people''s rows out of the dataset''s tables, where its definition '
    'says "on_erasure": "delete"; $1 are the people''s keys (text[])';

CREATE FUNCTION @extschema@.etl_erase(dataset text, subject text DEFAULT NULL, email text DEFAULT NULL,
                          dry_run boolean DEFAULT false, plan text DEFAULT NULL) RETURNS etl.erasure
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_erase';
COMMENT ON FUNCTION @extschema@.etl_erase(text, text, text, boolean, text)
    IS 'Erases a person, known by key, email or both, from tables, quarantine, processed, archived and staged files; '
    'files change when the transaction commits. Waits for sessions that run a dataset. Called again it changes nothing '
    'and says so. dry_run: nothing is changed, the row''s plan says what would be; plan: carried out only if the plan '
    'with that hash is still right. Errors: 22004 neither subject nor email, 22P02 subject is not a key of the '
    'dataset, 22023 the dataset has no people, 55000 the plan no longer fits';

CREATE FUNCTION @extschema@.etl_erase_failed(dataset text DEFAULT NULL) RETURNS SETOF etl.erasure
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_erase_failed';
COMMENT ON FUNCTION @extschema@.etl_erase_failed(text)
    IS 'Carries out again the requests that failed (null: of every dataset), once what refused them was mended, and '
    'returns them. Errors: 42704 no such dataset, 22023 the dataset has no people';

CREATE FUNCTION @extschema@.etl_reinstate(dataset text, subject text DEFAULT NULL, reason text DEFAULT NULL,
    email text DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_reinstate';
COMMENT ON FUNCTION @extschema@.etl_reinstate(text, text, text, text)
    IS 'A person who was erased comes back of their own will: records about them are loaded as they come from now on. '
    'What was erased stays erased. The reason must be given and is kept. Returns the number of tombstones that were '
    'lifted, 0 when there was none';

CREATE FUNCTION @extschema@.etl_subject(dataset text, subject text, OUT place text, OUT record jsonb)
    RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_subject';
COMMENT ON FUNCTION @extschema@.etl_subject(text, text)
    IS 'All that is held about a person: rows of every table, quarantined records, and the records in processed, '
    'archived and staged files (GDPR articles 15 and 20)';

CREATE FUNCTION @extschema@.etl_catalog_archive(dataset text DEFAULT NULL, OUT dataset text,
    OUT files bigint, OUT subjects bigint) RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_catalog_archive';
COMMENT ON FUNCTION @extschema@.etl_catalog_archive(text)
    IS 'Reads the processed and archived files of a dataset (null: of all) and notes whom they hold, so that erasures '
    'find files that are older than the catalog, or that somebody has put there. Returns files read and pairs of '
    'person and file';
