-- Treatments of personal values, each usable on its own. What stands in a definition's "personal" and these
-- functions are one implementation in C++.

CREATE FUNCTION etl.treat(personal jsonb, type text, value jsonb, token text) RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_treat';
COMMENT ON FUNCTION etl.treat(jsonb, text, jsonb, text)
    IS 'The value treated as an element of a definition''s "personal" says, for a column of that SQL type: what '
    'etl_anonymized, etl_export and erasures do to tables';

CREATE FUNCTION etl.treat_random(personal jsonb, type text, value jsonb, token text) RETURNS text
LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_treat';
COMMENT ON FUNCTION etl.treat_random(jsonb, text, jsonb, text)
    IS 'etl.treat for the treatment "random", another value at every call';

CREATE FUNCTION etl.treat_document(fields jsonb, document text, token text) RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_treat_document';
COMMENT ON FUNCTION etl.treat_document(jsonb, text, text)
    IS 'A JSON document with the fields inside it treated; fields: elements of "personal", each with its path inside '
    'the document. What cannot be read becomes "[erased]" as a whole; without a token the treatment "token" gives null';

CREATE FUNCTION etl.treat_document_random(fields jsonb, document text, token text) RETURNS text
LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_treat_document';
COMMENT ON FUNCTION etl.treat_document_random(jsonb, text, text)
    IS 'etl.treat_document where a treatment is "random", another value at every call';

CREATE FUNCTION etl.generalize(value jsonb, type text, coarseness jsonb) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_generalize_value';
COMMENT ON FUNCTION etl.generalize(jsonb, text, jsonb)
    IS 'The value made coarser as to of the treatment "generalize" says; null where it is none of that kind. Error: '
    '22023 unknown generalization';

CREATE FUNCTION @extschema@.etl_redact(value text, constant text DEFAULT '[erased]') RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT constant';
COMMENT ON FUNCTION @extschema@.etl_redact(text, text) IS 'A constant in place of the value; null stays null';

CREATE FUNCTION @extschema@.etl_token(dataset text, subject text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_token';
COMMENT ON FUNCTION @extschema@.etl_token(text, text)
    IS 'The token that stands for a person: <32 hex digits>@erased.invalid, HMAC-SHA-256 under etl.key_file over the '
    'dataset and the person''s key (read as the key column''s type), never over a value. The same until '
    'etl_rotate_key. Errors: 42704 no such dataset, 22023 a dataset without people of its own, 22P02 no key of it';

CREATE FUNCTION @extschema@.etl_pseudonymize(value text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_pseudonymize';
COMMENT ON FUNCTION @extschema@.etl_pseudonymize(text)
    IS '64 hex digits of HMAC-SHA-256 of the value under etl.key_file, equal for equal values until etl_rotate_key. '
    'Still personal data while the key exists (GDPR recital 26): for masking and joining, not for erasing';

CREATE FUNCTION @extschema@.etl_sha256(value text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_sha256';
COMMENT ON FUNCTION @extschema@.etl_sha256(text)
    IS '64 hex digits of SHA-256 of the value in UTF-8. Without a key: whoever can guess a value can confirm it; use '
    'it only to match what another system computed';

CREATE FUNCTION @extschema@.etl_partial(value text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_partial';
COMMENT ON FUNCTION @extschema@.etl_partial(text)
    IS 'j•••@e•••.com of an email, •••21 of a phone number, the first character of other text. For showing a value to '
    'somebody who knows it; still personal data';

CREATE FUNCTION @extschema@.etl_random() RETURNS text
LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_random';
COMMENT ON FUNCTION @extschema@.etl_random() IS '32 random hex digits, others at every call';

CREATE FUNCTION @extschema@.etl_generalize(value date, unit text) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT etl.generalize(to_jsonb($1), 'date', to_jsonb($2))::date $$;
COMMENT ON FUNCTION @extschema@.etl_generalize(date, text) IS 'First day of the date''s month, year or decade';

CREATE FUNCTION @extschema@.etl_generalize(value timestamp, unit text) RETURNS timestamp
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT etl.generalize(to_jsonb($1), 'timestamp', to_jsonb($2))::timestamp $$;
COMMENT ON FUNCTION @extschema@.etl_generalize(timestamp, text)
    IS 'Beginning of the timestamp''s month, year or decade';

CREATE FUNCTION @extschema@.etl_generalize(value timestamptz, unit text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT etl.generalize(to_jsonb($1), 'timestamptz', to_jsonb($2))::timestamptz $$;
COMMENT ON FUNCTION @extschema@.etl_generalize(timestamptz, text)
    IS 'Beginning of the timestamp''s month, year or decade in UTC';

CREATE FUNCTION @extschema@.etl_generalize(value numeric, step numeric) RETURNS numrange
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT etl.generalize(to_jsonb($1::text), 'text', jsonb_build_object('range', $2))::numrange $$;
COMMENT ON FUNCTION @extschema@.etl_generalize(numeric, numeric)
    IS 'The range between two multiples of step in which the number lies: 37 by 10 is [30,40)';

CREATE FUNCTION @extschema@.etl_generalize(value text, unit text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT etl.generalize(to_jsonb($1), 'text', to_jsonb($2)) $$;
COMMENT ON FUNCTION @extschema@.etl_generalize(text, text)
    IS 'Text made coarser: month, year or decade of an ISO date, outward part of a postcode, network of an IP address. '
    'Null where the text is none';

CREATE FUNCTION @extschema@.etl_generalize(value inet, ipv4_bits int DEFAULT 24, ipv6_bits int DEFAULT 48) RETURNS cidr
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT etl.generalize(to_jsonb($1), 'text',
    jsonb_build_object('network', jsonb_build_object('ipv4', $2, 'ipv6', $3)))::cidr $$;
COMMENT ON FUNCTION @extschema@.etl_generalize(inet, int, int)
    IS 'The address''s network: 192.0.2.0/24, 2001:db8:1::/48';

CREATE FUNCTION @extschema@.etl_anonymize(dataset text, record jsonb) RETURNS SETOF jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_anonymize';
COMMENT ON FUNCTION @extschema@.etl_anonymize(text, jsonb)
    IS 'The record with its personal fields treated as the definition says';

CREATE FUNCTION @extschema@.etl_anonymized(rows anyelement, dataset text) RETURNS SETOF anyelement
LANGUAGE c AS 'MODULE_PATHNAME', 'etl_anonymized';
COMMENT ON FUNCTION @extschema@.etl_anonymized(anyelement, text)
    IS 'Rows of a target table with their personal columns treated: all of the table where it is named by a null, '
    'SELECT * FROM etl_anonymized(NULL::data.customers, ''customers''), or the one row that is given, SELECT a.* FROM '
    'data.customers c, etl_anonymized(c, ''customers'') a WHERE c.id = 7. Of a row that is null, as outer joins have '
    'it, none. Errors: 22023 not a row of the dataset''s tables, 42704 no such dataset';
