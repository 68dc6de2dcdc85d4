-- The audit trail: append-only, each row hashed with the hash of the row before it.

CREATE TABLE etl.audit (
    audit_id      bigint PRIMARY KEY,
    erasure_id    bigint,
    at            timestamptz NOT NULL,
    actor         text NOT NULL,
    action        text NOT NULL,
    place         text NOT NULL,
    columns       text[],
    row_count     bigint NOT NULL,
    previous_hash bytea NOT NULL,
    hash          bytea NOT NULL
);
CREATE INDEX audit_erasure_idx ON etl.audit (erasure_id) WHERE erasure_id IS NOT NULL;
COMMENT ON TABLE etl.audit
    IS 'Who did what to whose data: append-only, and each row hashed with the one before it. hash is SHA-256 over '
    'previous_hash, audit_id, erasure_id, at, actor, action, place, columns, row_count in this order, each field as '
    'its length in bytes (4 bytes big-endian; -1 for null) and its bytes: bigint as 8 bytes big-endian, at as '
    'microseconds since 2000-01-01 UTC in 8 bytes, texts as UTF-8, columns as their number in 4 bytes and each one '
    'with its length. etl_audit_verify() checks it (docs/explanation/audit.md)';
COMMENT ON COLUMN etl.audit.audit_id IS 'Number of the row, from 1 and without gaps';
COMMENT ON COLUMN etl.audit.erasure_id IS 'The request it belongs to';
COMMENT ON COLUMN etl.audit.at IS 'When it was done';
COMMENT ON COLUMN etl.audit.actor IS 'session_user: who was logged in, whatever role they took';
COMMENT ON COLUMN etl.audit.action IS 'What was done: erase, hold, release, refuse, extend, retention, reapply …';
COMMENT ON COLUMN etl.audit.place IS 'Where: a table, or a file''s path below its directory';
COMMENT ON COLUMN etl.audit.columns IS 'The columns or fields that were treated';
COMMENT ON COLUMN etl.audit.row_count IS 'Rows, records or files that were treated';
COMMENT ON COLUMN etl.audit.previous_hash IS 'hash of the row before it; 32 zero bytes in the first';
COMMENT ON COLUMN etl.audit.hash IS 'SHA-256 over the other columns (see the table''s comment)';
-- CREATE EXTENSION inserts no row into the head, because a restore copies its own row in.
SELECT pg_catalog.pg_extension_config_dump('etl.audit', '');

CREATE TABLE etl.audit_head (
    audit_id  bigint NOT NULL,
    entries   bigint NOT NULL,
    hash      bytea NOT NULL,
    at        timestamptz NOT NULL,
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton)
);
COMMENT ON TABLE etl.audit_head
    IS 'The end of the audit trail, one row. Store a copy of hash elsewhere: etl_audit_verify(hash) then proves that '
    'nothing up to it has changed since';
COMMENT ON COLUMN etl.audit_head.audit_id IS 'The last row';
COMMENT ON COLUMN etl.audit_head.entries IS 'How many rows there are';
COMMENT ON COLUMN etl.audit_head.hash IS 'hash of the last row';
COMMENT ON COLUMN etl.audit_head.at IS 'When it was appended';
COMMENT ON COLUMN etl.audit_head.singleton IS 'Always true: there is one row';
SELECT pg_catalog.pg_extension_config_dump('etl.audit_head', '');

CREATE FUNCTION etl_internal.refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'insufficient_privilege',
        MESSAGE = format('%I.%I is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME),
        DETAIL = format('%s is refused to everybody, its owner and superusers included.', TG_OP),
        HINT = 'Record a correction as a new entry.';
END $$;
COMMENT ON FUNCTION etl_internal.refuse_audit_change() IS 'Guards etl.audit: raises 42501';

-- A statement trigger also refuses a statement that touches no row. Row triggers are needed as well, because a
-- statement on a parent table fires no statement trigger of its children.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON etl.audit
    FOR EACH STATEMENT EXECUTE FUNCTION etl_internal.refuse_audit_change();
CREATE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON etl.audit
    FOR EACH ROW EXECUTE FUNCTION etl_internal.refuse_audit_change();
-- With ENABLE ALWAYS session_replication_role = replica does not switch the triggers off.
ALTER TABLE etl.audit ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE etl.audit ENABLE ALWAYS TRIGGER append_only_row;

CREATE FUNCTION etl_internal.guard_audit_head() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.audit_id > OLD.audit_id AND NEW.entries > OLD.entries
           AND EXISTS (SELECT FROM etl.audit a WHERE a.audit_id = NEW.audit_id AND a.hash = NEW.hash) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'insufficient_privilege',
        MESSAGE = 'etl.audit_head only moves on to the last row of etl.audit',
        DETAIL = format('%s is refused to everybody, its owner and superusers included.', TG_OP);
END $$;
COMMENT ON FUNCTION etl_internal.guard_audit_head() IS 'Guards etl.audit_head: raises 42501 unless it moves on';
CREATE TRIGGER only_forward BEFORE UPDATE OR DELETE ON etl.audit_head
    FOR EACH ROW EXECUTE FUNCTION etl_internal.guard_audit_head();
CREATE TRIGGER only_forward_truncate BEFORE TRUNCATE ON etl.audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION etl_internal.guard_audit_head();
ALTER TABLE etl.audit_head ENABLE ALWAYS TRIGGER only_forward;
ALTER TABLE etl.audit_head ENABLE ALWAYS TRIGGER only_forward_truncate;

CREATE FUNCTION etl_internal.append_audit(erasure_id bigint, action text, place text, columns text[], row_count bigint)
    RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_append_audit';
COMMENT ON FUNCTION etl_internal.append_audit(bigint, text, text, text[], bigint)
    IS 'Appends one entry to the audit trail: the only way that keeps the chain whole. No identifier of a person '
    'belongs in it';

CREATE FUNCTION @extschema@.etl_audit_verify(head bytea DEFAULT NULL, OUT audit_id bigint, OUT problem text)
    RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_audit_verify';
COMMENT ON FUNCTION @extschema@.etl_audit_verify(bytea)
    IS 'Every row of the audit trail that was altered, removed, moved or inserted, and an end that is cut off; no row '
    'when the chain is whole. head: a hash of etl.audit_head that was stored elsewhere, which must still be in the '
    'chain';

CREATE FUNCTION etl_internal.audit_check(OUT check_name text, OUT status text, OUT message text, OUT hint text)
    RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- What a guard must be: a trigger that fires always (session_replication_role = replica included), for
    -- every row and column, and calls a function that says what it said when the extension was made.
    WITH guard(relation, name, events, function, body) AS (
        VALUES ('etl.audit'::regclass, 'append_only', 2 + 8 + 16 + 32,
                'etl_internal.refuse_audit_change()'::regprocedure,
                '302a1bf6cec76ba5d400451d4b04432a6befade0872f24b7544554b8e5a9bbd5'),
               ('etl.audit', 'append_only_row', 1 + 2 + 8 + 16, 'etl_internal.refuse_audit_change()',
                '302a1bf6cec76ba5d400451d4b04432a6befade0872f24b7544554b8e5a9bbd5'),
               ('etl.audit_head', 'only_forward', 1 + 2 + 8 + 16, 'etl_internal.guard_audit_head()',
                '4d2699c90a59b135270a922889a226542601479c5392dc30da66afca01fb2c75'),
               ('etl.audit_head', 'only_forward_truncate', 2 + 32, 'etl_internal.guard_audit_head()',
                '4d2699c90a59b135270a922889a226542601479c5392dc30da66afca01fb2c75'),
               ('etl.tombstone', 'stays_as_it_is', 1 + 2 + 16, 'etl_internal.guard_tombstone()',
                '5dc40695a28272161e46f9f4449a7c7db05a3921a1058f8d589564f76165dd35')
    ), found AS (
        SELECT format('trigger %s on %s', g.name, g.relation) AS guard,
               t.oid IS NOT NULL AND t.tgenabled = 'A' AND t.tgqual IS NULL AND cardinality(t.tgattr::int2[]) = 0
               AND t.tgtype = g.events AND t.tgfoid = g.function AS fires,
               format('function %s', g.function) AS function,
               encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex') = g.body AND l.lanname = 'plpgsql'
                   AND NOT p.prosecdef
               AND p.proconfig = ARRAY['search_path=pg_catalog, pg_temp'] AS guards
          FROM guard g
          LEFT JOIN pg_trigger t ON t.tgrelid = g.relation AND t.tgname = g.name
          LEFT JOIN pg_proc p ON p.oid = g.function
          LEFT JOIN pg_language l ON l.oid = p.prolang
    ), bad AS (
        SELECT f.guard AS what FROM found f WHERE NOT f.fires
        UNION SELECT f.function FROM found f WHERE f.guards IS NOT TRUE
        -- A rule would be applied before the triggers.
        UNION SELECT format('rule %s on %s', r.rulename, r.ev_class::regclass) FROM pg_rewrite r
               WHERE r.ev_class IN ('etl.audit'::regclass, 'etl.audit_head'::regclass, 'etl.tombstone'::regclass)
    )
    SELECT 'audit guard',
           CASE WHEN count(*) = 0 THEN 'ok' ELSE 'error' END,
           CASE WHEN count(*) = 0 THEN 'etl.audit is append-only, and tombstones stay as they are'
                ELSE format('%s of what keeps etl.audit append-only and tombstones as they are are missing, switched '
                    'off or not what they were: %s',
                            count(*), string_agg(b.what, ', ' ORDER BY b.what)) END,
           CASE WHEN count(*) > 0
               THEN 'Check the trail with SELECT * FROM etl_audit_verify(<stored head>), compare '
               'etl.tombstone with a backup, then make them again as the extension''s script does.' END
      FROM bad b
$$;
COMMENT ON FUNCTION etl_internal.audit_check() IS 'Are the guards of the audit trail and of tombstones in place?';
