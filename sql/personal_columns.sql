-- Which columns are personal, and labels that tell neighbours so.

CREATE FUNCTION etl_internal.personal_columns(dataset text, OUT dataset text, OUT table_schema text,
    OUT table_name text, OUT column_name text, OUT type text, OUT field text, OUT treatment text, OUT options jsonb,
    OUT subject_dataset text, OUT subject_column text) RETURNS SETOF record
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'etl_personal_columns';
COMMENT ON FUNCTION etl_internal.personal_columns(text)
    IS 'The columns of a dataset''s target tables that hold what its definition declares personal; a json column has a '
    'row for each field inside it, whose options have a path, and a column that is generated from personal ones a row '
    'for each of their fields, with the treatment null';

CREATE VIEW etl.personal_column AS
SELECT p.dataset, p.table_schema, p.table_name, p.column_name, p.type, p.field, p.treatment, p.options,
    p.subject_dataset
  FROM etl.dataset d, LATERAL etl_internal.personal_columns(d.name) p;
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

CREATE FUNCTION etl.subject_token(dataset text, subject text) RETURNS text
LANGUAGE c STRICT STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'etl_subject_token';
COMMENT ON FUNCTION etl.subject_token(text, text)
    IS 'The token that stands for a person''s email after an erasure: <32 hex digits>@erased.invalid, HMAC-SHA-256 '
    'under etl.key_file over the dataset and the person''s key';

-- Masks of PostgreSQL Anonymizer call functions that it trusts, and no others inside them.
CREATE FUNCTION etl.mask(options text, type text, value anyelement) RETURNS text
LANGUAGE sql VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE jsonb_typeof(options::jsonb) WHEN 'array'
    THEN etl.treat_document(options::jsonb, to_jsonb(value)::text, NULL)
                                               ELSE etl.treat(options::jsonb, type, to_jsonb(value), NULL) END $$;
COMMENT ON FUNCTION etl.mask(text, text, anyelement)
    IS 'etl.treat, or etl.treat_document where options is an array, for the masking rules that etl_label_columns '
    'publishes';

CREATE FUNCTION etl_internal.mask_label(treatment text, options jsonb, type text, column_name text,
    subject_dataset text, subject_column text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE treatment
        WHEN 'keep' THEN 'NOT MASKED'
        WHEN 'null' THEN 'MASKED WITH VALUE NULL'
        WHEN 'redact' THEN format('MASKED WITH VALUE %L', coalesce(options ->> 'value', '[erased]'))
        WHEN 'token' THEN CASE WHEN subject_column IS NULL THEN 'MASKED WITH VALUE NULL'
             ELSE format('MASKED WITH FUNCTION etl.subject_token(%L, %I::text)', subject_dataset, subject_column) END
        ELSE format('MASKED WITH FUNCTION etl.mask(%L, %L, %I)', options::text, type, column_name) END
$$;
COMMENT ON FUNCTION etl_internal.mask_label(text, jsonb, text, text, text, text)
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
    PERFORM etl_internal.require_writable('etl_label_columns');
    PERFORM etl_internal.require_dataset(etl_label_columns.dataset);
    -- Only a label shows whether the provider is loaded: PostgreSQL says 22023 if it is not.
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
            -- PostgreSQL Anonymizer 1 trusts schemas, not functions.
            SECURITY LABEL FOR anon ON SCHEMA etl IS 'TRUSTED';
    END;
    -- Columns that are no longer personal.
    FOR c IN
        SELECT a.attrelid::regclass AS relation, a.attname,
            nullif(regexp_replace(d.description, marker, ''), '') AS rest
          FROM pg_description d
          JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
         WHERE d.classoid = 'pg_class'::regclass
           AND d.description ~ format('\[pg_etl: [^]]*dataset %s[],]', etl_label_columns.dataset)
           AND NOT EXISTS (SELECT FROM etl_internal.personal_columns(etl_label_columns.dataset) p
                            WHERE to_regclass(format('%I.%I', p.table_schema, p.table_name)) = a.attrelid
                              AND p.column_name = a.attname) LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', c.relation, c.attname, c.rest);
        IF anon THEN
            EXECUTE format('SECURITY LABEL FOR anon ON COLUMN %s.%I IS NULL', c.relation, c.attname);
        END IF;
    END LOOP;
    -- A json column with several personal fields has one label.
    FOR c IN SELECT p.dataset, p.table_schema, p.table_name, p.column_name, p.type, p.subject_dataset,
        p.subject_column,
                    string_agg(DISTINCT p.treatment, ' and ' ORDER BY p.treatment) AS treatment,
                    bool_or(p.options ? 'path') AS inside,
                    CASE WHEN bool_or(p.options ? 'path') THEN jsonb_agg(p.options ORDER BY p.field)
                        ELSE (array_agg(p.options))[1] END AS options
               FROM etl_internal.personal_columns(etl_label_columns.dataset) p
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
                                ' of ' || c.subject_dataset, c.treatment, c.dataset))
          INTO comment
          FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = c.column_name;
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', relation, c.column_name, comment);
        label := NULL;
        IF anon THEN
            label := etl_internal.mask_label(CASE WHEN c.inside THEN 'inside' ELSE c.treatment END, c.options, c.type,
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
