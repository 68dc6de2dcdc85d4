-- Treatments of personal values, each usable on its own; the key's rotation; labels for neighbours.
-- What stands in a definition's "personal" and these functions are one implementation in C++.

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

CREATE FUNCTION @extschema@.etl_rotate_key(destroy boolean DEFAULT false, OUT key_file text, OUT kept_as text,
    OUT destroyed bigint) RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_rotate_key';
COMMENT ON FUNCTION @extschema@.etl_rotate_key(boolean)
    IS 'Replaces the key of tokens and pseudonyms in etl.key_file, at once and for the whole cluster; audited. New '
    'ones no longer join with old ones; erasures stay recognisable. The old file is kept as key_file.old-N, or '
    'destroyed with all that were kept before; what a rotation that was killed left is removed. Noted in '
    'etl.key_fingerprint. Errors: 25001 inside a transaction block, 55000 key file that others can read, 55006 another '
    'session is rotating, 42501';

CREATE FUNCTION etl.personal_columns(dataset text, OUT dataset_name text, OUT table_schema text, OUT table_name text,
    OUT column_name text,
                                     OUT type text, OUT field text, OUT treatment text, OUT options jsonb,
                                     OUT subject_dataset text, OUT subject_column text) RETURNS SETOF record
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'etl_personal_columns';
COMMENT ON FUNCTION etl.personal_columns(text)
    IS 'The columns of a dataset''s target tables that hold what its definition declares personal; a json column has a '
    'row for each field inside it, whose options have a path, and a column that is generated from personal ones a row '
    'for each of their fields, with the treatment null';

CREATE VIEW etl.personal_column AS
SELECT p.dataset_name AS dataset, p.table_schema, p.table_name, p.column_name, p.type, p.field, p.treatment, p.options,
    p.subject_dataset
  FROM etl.dataset d, LATERAL etl.personal_columns(d.name) p;
COMMENT ON VIEW etl.personal_column
    IS 'Personal columns of all target tables, for a record of processing activities (GDPR article 30)';
COMMENT ON COLUMN etl.personal_column.dataset IS 'Name of the dataset';
COMMENT ON COLUMN etl.personal_column.table_schema IS 'Schema of the target table';
COMMENT ON COLUMN etl.personal_column.table_name IS 'The target table';
COMMENT ON COLUMN etl.personal_column.column_name IS 'The column';
COMMENT ON COLUMN etl.personal_column.type IS 'Its type';
COMMENT ON COLUMN etl.personal_column.field IS 'JSON Pointer of the field that it takes, or that it is generated from';
COMMENT ON COLUMN etl.personal_column.treatment
    IS 'What becomes of it: redact, null, token, pseudonymize, sha256, generalize, partial, random or keep';
COMMENT ON COLUMN etl.personal_column.options IS 'The treatment with its options, as the definition has it';
COMMENT ON COLUMN etl.personal_column.subject_dataset IS 'The dataset whose key names the person';

CREATE FUNCTION etl.removal_statements(dataset text) RETURNS SETOF text
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'etl_removal_statements';
COMMENT ON FUNCTION etl.removal_statements(text)
    IS 'The statements by which an erasure takes people''s rows out of the dataset''s tables, where its definition '
    'says "on_erasure": "delete"; $1 are the people''s keys (text[])';

-- Masks of PostgreSQL Anonymizer call functions that it trusts, and no others inside them.
CREATE FUNCTION etl.mask(options text, type text, value anyelement) RETURNS text
LANGUAGE sql VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE jsonb_typeof(options::jsonb) WHEN 'array'
    THEN etl.treat_document(options::jsonb, to_jsonb(value)::text, NULL)
                                               ELSE etl.treat(options::jsonb, type, to_jsonb(value), NULL) END $$;
COMMENT ON FUNCTION etl.mask(text, text, anyelement)
    IS 'etl.treat, or etl.treat_document where options is an array, for the masking rules that etl_label_columns '
    'publishes';

CREATE FUNCTION etl.mask_label(treatment text, options jsonb, type text, column_name text, subject_dataset text,
    subject_column text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE treatment
        WHEN 'keep' THEN 'NOT MASKED'
        WHEN 'null' THEN 'MASKED WITH VALUE NULL'
        WHEN 'redact' THEN format('MASKED WITH VALUE %L', coalesce(options ->> 'value', '[erased]'))
        WHEN 'token' THEN CASE WHEN subject_column IS NULL THEN 'MASKED WITH VALUE NULL'
             ELSE format('MASKED WITH FUNCTION etl.subject_token(%L, %I::text)', subject_dataset, subject_column) END
        ELSE format('MASKED WITH FUNCTION etl.mask(%L, %L, %I)', options::text, type, column_name) END
$$;
COMMENT ON FUNCTION etl.mask_label(text, jsonb, text, text, text, text)
    IS 'The masking rule of PostgreSQL Anonymizer that does what the treatment does';

CREATE FUNCTION @extschema@.etl_label_columns(dataset text, OUT column_name text, OUT treatment text, OUT comment text,
    OUT label text) RETURNS SETOF record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    marker CONSTANT text := '\s*\[pg_etl: [^]]*\]';
    c record;
    relation regclass;
    anon boolean := true;
    skipped int := 0;
BEGIN
    PERFORM etl.require_writable('etl_label_columns');
    PERFORM etl.require_dataset(etl_label_columns.dataset);
    -- a provider can only be asked by giving it a label; of one that is not loaded PostgreSQL says 22023
    BEGIN
        SECURITY LABEL FOR anon ON FUNCTION etl.mask(text, text, anyelement) IS 'TRUSTED';
        SECURITY LABEL FOR anon ON FUNCTION etl.subject_token(text, text) IS 'TRUSTED';
    EXCEPTION
        WHEN invalid_parameter_value THEN
            anon := false;
            RAISE NOTICE USING MESSAGE = 'security labels were skipped: provider "anon" is not loaded',
                DETAIL = 'Column comments were written.',
                HINT = 'Load PostgreSQL Anonymizer (session_preload_libraries = ''anon'') and call etl_label_columns '
                    'again.';
        WHEN OTHERS THEN
            -- PostgreSQL Anonymizer 1 trusts schemas only
            SECURITY LABEL FOR anon ON SCHEMA etl IS 'TRUSTED';
    END;
    -- columns that were personal and no longer are
    FOR c IN
        SELECT a.attrelid::regclass AS relation, a.attname,
            nullif(regexp_replace(d.description, marker, ''), '') AS rest
          FROM pg_description d
          JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
         WHERE d.classoid = 'pg_class'::regclass
           AND d.description ~ format('\[pg_etl: [^]]*dataset %s[],]', etl_label_columns.dataset)
           AND NOT EXISTS (SELECT FROM etl.personal_columns(etl_label_columns.dataset) p
                            WHERE to_regclass(format('%I.%I', p.table_schema, p.table_name)) = a.attrelid
                              AND p.column_name = a.attname) LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', c.relation, c.attname, c.rest);
        IF anon THEN
            EXECUTE format('SECURITY LABEL FOR anon ON COLUMN %s.%I IS NULL', c.relation, c.attname);
        END IF;
    END LOOP;
    -- a json column with several fields inside it has one label
    FOR c IN SELECT p.dataset_name, p.table_schema, p.table_name, p.column_name, p.type, p.subject_dataset,
        p.subject_column,
                    string_agg(DISTINCT p.treatment, ' and ' ORDER BY p.treatment) AS treatment,
                    bool_or(p.options ? 'path') AS inside,
                    CASE WHEN bool_or(p.options ? 'path') THEN jsonb_agg(p.options ORDER BY p.field)
                        ELSE (array_agg(p.options))[1] END AS options
               FROM etl.personal_columns(etl_label_columns.dataset) p
              GROUP BY 1, 2, 3, 4, 5, 6, 7 LOOP
        relation := to_regclass(format('%I.%I', c.table_schema, c.table_name));
        IF relation IS NULL THEN
            skipped := skipped + 1;
            CONTINUE;
        END IF;
        column_name := format('%s.%I', relation, c.column_name);
        treatment := c.treatment;
        SELECT concat_ws(' ', nullif(regexp_replace(coalesce(col_description(relation, a.attnum), ''), marker, ''), ''),
                         format('[pg_etl: personal data%s, treatment %s, dataset %s]',
                                ' of ' || c.subject_dataset, c.treatment, c.dataset_name))
          INTO comment
          FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = c.column_name;
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', relation, c.column_name, comment);
        label := NULL;
        IF anon THEN
            label := etl.mask_label(CASE WHEN c.inside THEN 'inside' ELSE c.treatment END, c.options, c.type,
                c.column_name, c.subject_dataset, c.subject_column);
            EXECUTE format('SECURITY LABEL FOR anon ON COLUMN %s.%I IS %L', relation, c.column_name, label);
        END IF;
        RETURN NEXT;
    END LOOP;
    IF skipped > 0 THEN
        RAISE NOTICE USING MESSAGE = format('%s personal columns were skipped: their tables do not exist yet', skipped),
            HINT = format('Call etl_label_columns(%L) again after the first run.', etl_label_columns.dataset);
    END IF;
END $$;
COMMENT ON FUNCTION @extschema@.etl_label_columns(text)
    IS 'Publishes the dataset''s personal columns: as column comments that a data catalogue can read (what a comment '
    'said before stays), and as masking rules (SECURITY LABEL FOR anon) where PostgreSQL Anonymizer is loaded, with a '
    'NOTICE where it is not';
