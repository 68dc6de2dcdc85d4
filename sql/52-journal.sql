-- The erasure journal, which survives a restore of the database, and etl.health.

CREATE TABLE etl.journal (
    journal_id uuid NOT NULL DEFAULT gen_random_uuid(),
    folder     text,
    seq        bigint NOT NULL DEFAULT 0,
    position   bigint NOT NULL DEFAULT 0,
    hash       text,
    singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton)
);
COMMENT ON TABLE etl.journal
    IS 'Which erasure journal is this database''s, and up to where the database knows it. One row, which goes with '
    'every backup: behind the journal''s end, the database was restored from before an erasure';
COMMENT ON COLUMN etl.journal.journal_id IS 'Names the journal: etl.journal_dir/pg_etl-<journal_id>.jsonl';
COMMENT ON COLUMN etl.journal.folder IS 'etl.journal_dir when the last erasure was appended';
COMMENT ON COLUMN etl.journal.seq IS 'The last line that this database knows; 0: none';
COMMENT ON COLUMN etl.journal.position IS 'Where that line ends, in bytes';
COMMENT ON COLUMN etl.journal.hash IS 'Hash of that line';
COMMENT ON COLUMN etl.journal.singleton IS 'Always true: there is one row';
INSERT INTO etl.journal DEFAULT VALUES;

CREATE FUNCTION etl.replace_new_journal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- a restored row takes the place of the one that CREATE EXTENSION has just put there
    DELETE FROM etl.journal WHERE seq = 0;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION etl.replace_new_journal() IS 'Lets a restored database keep its journal';
CREATE TRIGGER replace_new BEFORE INSERT ON etl.journal
    FOR EACH ROW EXECUTE FUNCTION etl.replace_new_journal();
SELECT pg_catalog.pg_extension_config_dump('etl.journal', '');

CREATE FUNCTION @extschema@.etl_reapply() RETURNS SETOF etl.erasure
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_reapply';
COMMENT ON FUNCTION @extschema@.etl_reapply()
    IS 'After a restore: applies again every erasure, hold, release, refusal, extension and reinstatement of the '
    'journal that the restored database does not know, and returns the erasures. Until then etl_run refuses with 55000';

CREATE FUNCTION @extschema@.etl_journal_renew(reason text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fresh uuid := pg_catalog.gen_random_uuid();
BEGIN
    PERFORM etl.require_writable('etl_journal_renew');
    PERFORM etl.require_reason(reason);
    UPDATE etl.journal SET journal_id = fresh, seq = 0, position = 0, hash = NULL, folder = NULL;
    IF NOT FOUND THEN
        INSERT INTO etl.journal (journal_id) VALUES (fresh);
    END IF;
    PERFORM etl.append_audit(NULL, 'renew journal', pg_catalog.concat('journal ', fresh, ': ', reason), NULL, 0);
    RETURN fresh;
END $$;
COMMENT ON FUNCTION @extschema@.etl_journal_renew(text)
    IS 'Gives the database a journal of its own, which begins with all erasures that the database knows: for a copy (a '
    'test system) that must not share the original''s, and where the journal is lost. The old file stays where it is. '
    'Audited with its reason';

CREATE FUNCTION etl.journal_check(OUT check_name text, OUT status text, OUT message text, OUT hint text)
    RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_journal_check';
COMMENT ON FUNCTION etl.journal_check() IS 'Reads the whole journal and compares it with the catalog';

CREATE FUNCTION etl.audit_check(OUT check_name text, OUT status text, OUT message text, OUT hint text)
    RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- What a guard must be: a trigger that fires always (session_replication_role = replica included), for
    -- every row and column, and calls a function that says what it said when the extension was made.
    WITH guard(relation, name, events, function, body) AS (
        VALUES ('etl.audit'::regclass, 'append_only', 2 + 8 + 16 + 32, 'etl.refuse_audit_change()'::regprocedure,
                '302a1bf6cec76ba5d400451d4b04432a6befade0872f24b7544554b8e5a9bbd5'),
               ('etl.audit', 'append_only_row', 1 + 2 + 8 + 16, 'etl.refuse_audit_change()',
                '302a1bf6cec76ba5d400451d4b04432a6befade0872f24b7544554b8e5a9bbd5'),
               ('etl.audit_head', 'only_forward', 1 + 2 + 8 + 16, 'etl.guard_audit_head()',
                '4d2699c90a59b135270a922889a226542601479c5392dc30da66afca01fb2c75'),
               ('etl.audit_head', 'only_forward_truncate', 2 + 32, 'etl.guard_audit_head()',
                '4d2699c90a59b135270a922889a226542601479c5392dc30da66afca01fb2c75'),
               ('etl.tombstone', 'stays_as_it_is', 1 + 2 + 16, 'etl.guard_tombstone()',
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
        -- a rule stands before the triggers
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
COMMENT ON FUNCTION etl.audit_check() IS 'Are the guards of the audit trail and of tombstones in place?';

-- a view: who may read etl.health may not read pseudonyms
CREATE VIEW etl.changed_tombstone AS
    SELECT t.tombstone_id, t.erasure_id
      FROM etl.tombstone t JOIN etl.erasure e USING (erasure_id)
     WHERE t.dataset <> e.dataset
        OR CASE t.kind
            WHEN 'subject' THEN t.pseudonym IS DISTINCT FROM e.subject
            WHEN 'email' THEN t.pseudonym IS DISTINCT FROM e.email
            ELSE t.pseudonym IS DISTINCT FROM e.subject || ':' || lpad(to_hex(t.hash), 16, '0') END;
COMMENT ON VIEW etl.changed_tombstone
    IS 'Tombstones whose dataset, kind or pseudonym is not that of their request, or whose pseudonym has another hash';
COMMENT ON COLUMN etl.changed_tombstone.tombstone_id IS 'The tombstone';
COMMENT ON COLUMN etl.changed_tombstone.erasure_id IS 'The request';

CREATE FUNCTION etl.tombstone_check(OUT check_name text, OUT status text, OUT message text, OUT hint text)
    RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- nothing ever removes a tombstone: one that was lifted says so and stays
    WITH known AS (
        SELECT a.erasure_id, sum(a.row_count) AS tombstones FROM etl.audit a WHERE a.place = 'etl.tombstone'
            AND a.action = 'tombstone' GROUP BY 1
    ), there AS (
        SELECT t.erasure_id, count(*) AS tombstones FROM etl.tombstone t GROUP BY 1
    ), missing AS (
        SELECT k.erasure_id, k.tombstones - coalesce(t.tombstones, 0) AS tombstones
          FROM known k LEFT JOIN there t USING (erasure_id) WHERE k.tombstones > coalesce(t.tombstones, 0)
    ), lifted AS (
        SELECT (SELECT count(*) FROM etl.tombstone t WHERE t.reinstated_at IS NOT NULL)
               - (SELECT coalesce(sum(a.row_count), 0) FROM etl.audit a WHERE a.action = 'reinstate') AS tombstones
    ), problem AS (
        SELECT (SELECT coalesce(sum(m.tombstones), 0) FROM missing m) AS missing,
               (SELECT count(*) FROM etl.changed_tombstone) AS changed,
               (SELECT string_agg(c.erasure_id::text, ', ' ORDER BY c.erasure_id)
                   FROM (SELECT DISTINCT o.erasure_id FROM etl.changed_tombstone o ORDER BY 1 LIMIT 10) c)
                   AS of_requests,
               (SELECT string_agg(m.erasure_id::text, ', ' ORDER BY m.erasure_id)
                   FROM (SELECT * FROM missing ORDER BY erasure_id LIMIT 10) m) AS requests,
               (SELECT greatest(l.tombstones, 0) FROM lifted l) AS lifted
    )
    SELECT 'tombstones',
           CASE WHEN p.missing > 0 OR p.changed > 0 OR p.lifted > 0 THEN 'error' ELSE 'ok' END,
           CASE WHEN p.missing > 0 OR p.changed > 0 OR p.lifted > 0
               THEN concat_ws('; ',
                   CASE WHEN p.missing > 0
                       THEN format('%s tombstones that etl.audit knows are gone, of erasure requests %s: records about '
                       'these people come in as they are', p.missing, p.requests) END,
                   CASE WHEN p.changed > 0
                       THEN format('%s tombstones are not about whom their erasure requests are, of erasure requests '
                       '%s: records about these people come in as they are', p.changed, p.of_requests) END,
                   CASE WHEN p.lifted > 0
                       THEN format('%s tombstones were lifted by no call of etl_reinstate', p.lifted) END)
               ELSE 'every tombstone that etl.audit knows is there' END,
           CASE WHEN p.missing > 0 OR p.changed > 0 OR p.lifted > 0
               THEN 'Restore the rows of etl.tombstone from a backup, or erase the people again by key and email, and '
               'find out who changed the table.' END
      FROM problem p
$$;
COMMENT ON FUNCTION etl.tombstone_check()
    IS 'Is every tombstone still there that the audit trail knows, and about whom it was?';

CREATE FUNCTION etl.journal_erasure(erasure_id bigint) RETURNS boolean
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'etl_journal_erasure';
COMMENT ON FUNCTION etl.journal_erasure(bigint)
    IS 'Appends the present state of a row of etl.erasure to the journal; false without etl.journal_dir';

CREATE FUNCTION etl.require_journal() RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'etl_require_journal';
COMMENT ON FUNCTION etl.require_journal()
    IS 'Raises 55000 where the database is behind its erasure journal, or the journal cannot be trusted';
