-- Certificates of erasure: what was done about a request, signed.

CREATE FUNCTION etl_internal.sign(message text) RETURNS bytea
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'etl_sign';
COMMENT ON FUNCTION etl_internal.sign(text)
    IS 'Ed25519 signature (RFC 8032) of a text''s UTF-8 bytes with the key in etl.signing_key_file';

CREATE FUNCTION @extschema@.etl_signing_key() RETURNS text
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'etl_signing_key';
COMMENT ON FUNCTION @extschema@.etl_signing_key()
    IS 'The public key, as PEM, that verifies certificates: give it to those who verify, by another way than the '
    'certificates';

CREATE FUNCTION etl_internal.treated_columns(dataset text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The datasets whose records are about the people of this dataset.
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'dataset', d.dataset,
               'definition_sha256', encode(sha256(convert_to(t.definition::text, 'UTF8')), 'hex'),
               'defined_at', t.defined_at,
               'on_erasure', d.on_erasure,
               'fields', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                     'field', p.field, 'treatment', p.treatment, 'columns', c.columns)), '[]')
                            FROM etl_internal.personal_fields() p
                           CROSS JOIN LATERAL (
                               SELECT coalesce(jsonb_agg(format('%I.%I.%I', c.table_schema, c.table_name,
                                          c.column_name)), '[]') AS columns
                                 FROM etl_internal.personal_columns(d.dataset) c WHERE c.field = p.field) c
                           WHERE p.dataset = d.dataset)) ORDER BY d.dataset), '[]')
      FROM etl_internal.definitions() d
      JOIN etl.dataset t ON t.name = d.dataset
     WHERE d.subject_dataset = treated_columns.dataset
$$;
COMMENT ON FUNCTION etl_internal.treated_columns(text)
    IS 'How the definitions treat the personal fields of a dataset''s people';

CREATE FUNCTION etl_internal.certificate_body(erasure_id bigint) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r etl.erasure_report;
BEGIN
    SELECT e.* INTO r FROM etl.erasure_report e WHERE e.erasure_id = certificate_body.erasure_id;
    IF r.erasure_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('there is no erasure request %s', certificate_body.erasure_id),
            HINT = 'SELECT * FROM etl.erasure_report; lists the requests.';
    END IF;
    RETURN jsonb_build_object(
        'certificate', 'pg_etl erasure certificate, version 1',
        'issued_at', clock_timestamp(),
        'issued_by', session_user,
        'database', jsonb_build_object('name', current_database(),
                                       'system_identifier', (SELECT system_identifier::text FROM pg_control_system())),
        'request', jsonb_build_object(
            'erasure_id', r.erasure_id, 'dataset', r.dataset, 'subject_pseudonym', r.subject,
            'status', r.status, 'received_at', r.received_at, 'due_at', r.due_at,
            'completed_at', r.completed_at, 'purged_at', r.purged_at, 'within_30_days', r.within_30_days,
            'extension_reason', r.extension_reason, 'refusal_ground', r.refusal_ground),
        'treatments', etl_internal.treated_columns(r.dataset),
        'searched', (SELECT coalesce(jsonb_agg(jsonb_build_object('place', a.place, 'action', a.action, 'columns',
            a.columns, 'count', a.row_count, 'at', a.at) ORDER BY a.audit_id), '[]')
                       FROM etl.audit a WHERE a.erasure_id = r.erasure_id),
        'not_searched', jsonb_build_array(
            jsonb_build_object('place', 'base backups, dumps and archived WAL', 'because',
                CASE WHEN current_setting('etl.journal_dir', true) <> ''
                     THEN 'out of the database''s reach; the erasure journal makes a restored database apply the '
                         'erasure again'
                     ELSE 'out of the database''s reach, and no erasure journal is kept' END),
            jsonb_build_object('place', 'replicas', 'because',
                'physical ones follow by replication, logical ones and foreign copies do not',
                'connected', (SELECT count(*) FROM pg_stat_replication), 'slots',
                    (SELECT count(*) FROM pg_replication_slots)),
            jsonb_build_object('place', 'server logs', 'because', 'out of the database''s reach'),
            jsonb_build_object('place', 'records that name somebody else, and accepted records that name nobody',
                'because', 'they are not about the person, as their definition says'),
            jsonb_build_object('place',
                'keys that are part of a longer word or number, of less than four characters or nobody''s under '
                'another member, in another base or in words', 'because', 'they would be taken for other people''s'),
            jsonb_build_object('place',
                'records longer than etl.max_record_size whose first 1,024 bytes do not name the person', 'because',
                'no more of them is read'),
            jsonb_build_object('place', 'identifiers that are encoded, encrypted, hashed, cut or misspelt', 'because',
                'they cannot be recognised'),
            jsonb_build_object('place', 'exports and downstream copies', 'because', 'out of the database''s reach'),
            jsonb_build_object('place',
                'file system snapshots and backups of the staged, processed and archived directories', 'because',
                'out of the database''s reach'))
            || coalesce((SELECT jsonb_agg(jsonb_build_object('place', m ->> 'place', 'because', m ->> 'remark'))
                           FROM etl.erasure e, jsonb_array_elements(e.remarks) m WHERE e.erasure_id = r.erasure_id),
                               '[]'),
        'audit_head', (SELECT jsonb_build_object('audit_id', h.audit_id, 'entries', h.entries, 'hash',
            encode(h.hash, 'hex')) FROM etl.audit_head h));
END $$;
COMMENT ON FUNCTION etl_internal.certificate_body(bigint) IS 'What etl_certificate signs';

CREATE FUNCTION @extschema@.etl_certificate(erasure_id bigint) RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_certificate';
COMMENT ON FUNCTION @extschema@.etl_certificate(bigint)
    IS 'What was done about an erasure request, as JSON without any identifier of the person. What is signed is the '
    'text in member signed, which holds all the others; docs/explanation/audit.md shows how openssl verifies it';
