-- What the roles of etl_grant can't do: write what proves things. What runs and erasures write there they
-- write as the extension's owner. etl.health tells of what somebody with more rights has done to it.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
\set directories :test '/include/directories.psql'
\i :directories
\set command 'touch "' :hour '/keeps the directory"'
COPY shell FROM PROGRAM :'command';
\set roles :test '/include/roles.psql'
\i :roles
CREATE FUNCTION health(name text) RETURNS text LANGUAGE sql AS $$SELECT h::text FROM (SELECT status FROM etl.health WHERE check_name = name) h$$;

SELECT * FROM no_plan();

-- ---- an operator erases by a file, and may not touch what says so
SELECT ok(count(*) > 20, 'granted') FROM etl_grant('etl_regress_operator', 'operator');
SELECT ok(count(*) > 5, 'granted') FROM etl_grant('etl_regress_auditor', 'auditor');
SELECT stage('customers.json', '{"id": "7", "first_name": "Ann", "last_name": "Bee", "email": "ann@example.com"}', '{"id": "8", "first_name": "Cy", "last_name": "Dee", "email": "cy@example.com"}');
SELECT stage('products.json', '{"sku": 1, "name": null}');
SELECT stage('erasure-requests.json', '{"customer-id": "7"}');
SELECT is(outcome('etl_regress_operator', $$DO 'BEGIN PERFORM 1 / (count(*) = 4 AND bool_and(status = ''succeeded''))::int FROM etl_run(); END'$$), 'ok', 'an operator runs everything');
SELECT is((SELECT string_agg(first_name, ',' ORDER BY id) FROM data.customers), '[erased],Cy', 'a request in a file is carried out');
SELECT results_eq($$SELECT status FROM etl.erasure$$, $$VALUES ('completed')$$, 'recorded');
SELECT is((SELECT string_agg(kind, ',' ORDER BY kind) FROM etl.tombstone), 'known_email,subject', 'with a tombstone');
SELECT is((SELECT DISTINCT actor FROM etl.audit), session_user::text, 'and audited as who was logged in, not as the owner of the catalog');
SELECT is_empty('SELECT * FROM etl_audit_verify()', 'the trail is whole');
SELECT is(outcome('etl_regress_operator', $$CALL etl_load('products')$$), '2D000', 'etl_load is an operator''s call too (it commits, which this test can''t)');
-- every way to write every table of the catalog
SELECT set_eq($$SELECT c.relname || ' ' || p.privilege FROM pg_class c, unnest('{INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) p(privilege)
     WHERE c.relnamespace = 'etl'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege('etl_regress_operator', c.oid, p.privilege)$$,
    $$SELECT '' WHERE false$$,
    'an operator writes no table of schema etl');
SELECT is((SELECT string_agg(c.relname || ' ' || a.attname, ', ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'etl'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND has_column_privilege('etl_regress_operator', c.oid, a.attnum, 'INSERT, UPDATE')),
    'quarantine record', 'but mends the text of quarantined records');
SELECT is_empty($$SELECT r, c.relname FROM pg_class c, unnest('{etl_regress_auditor,etl_regress_analyst}'::text[]) r
     WHERE c.relnamespace = 'etl'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND (has_table_privilege(r, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege(r, c.oid, 'INSERT, UPDATE'))$$,
    'an auditor and an analyst write nothing');
SELECT is_empty($$SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'etl'::regnamespace AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege('etl_regress_operator', c.oid, 'UPDATE') END$$, 'nobody puts a sequence back');
SELECT is(outcome('etl_regress_operator', s), '42501', 'an operator may not: ' || s) FROM unnest(ARRAY[
    $$INSERT INTO etl.audit SELECT audit_id + 1, erasure_id, at, 'somebody', action, place, columns, row_count, hash, hash FROM etl.audit ORDER BY 1 DESC LIMIT 1$$,
    'UPDATE etl.audit_head SET audit_id = audit_id + 1', 'DELETE FROM etl.tombstone', 'UPDATE etl.tombstone SET reinstated_at = now()', 'DELETE FROM etl.erasure',
    $$INSERT INTO etl.erasure (dataset, source, status) VALUES ('customers', 'sql', 'completed')$$, 'UPDATE etl.journal SET seq = 0', 'DELETE FROM etl.file_action',
    'DELETE FROM etl.subject_page', 'DELETE FROM etl.subject_segment', 'DELETE FROM etl.purge_pending', 'UPDATE etl.file SET archived_path = NULL', 'UPDATE etl.dataset SET enabled = false',
    $$SELECT etl_internal.append_audit(NULL, 'erase', 'x', NULL, 1)$$, 'SELECT etl_internal.journal_erasure(1)', $$SELECT etl_internal.journal_decision('release', 'customers', 'x', NULL, 1, 1, 'r', now())$$, $$SELECT etl_internal.sign('x')$$]) s;

-- ---- what is granted to auditors works
SELECT is(outcome('etl_regress_auditor', s), 'ok', 'an auditor: ' || s) FROM unnest(ARRAY['SELECT * FROM etl.health', 'SELECT etl_certificate(1)', 'SELECT * FROM etl_audit_verify()', 'SELECT etl_signing_key()',
    'SELECT * FROM etl.erasure_report', 'SELECT dataset, kind, erasure_id, erased_at FROM etl.tombstone']) s;
SELECT is(outcome('etl_regress_auditor', s), '42501', 'but not: ' || s) FROM unnest(ARRAY[$$SELECT etl_internal.sign('anything')$$, 'SELECT pseudonym FROM etl.tombstone', $$SELECT etl_internal.append_audit(NULL, 'erase', 'x', NULL, 1)$$]) s;
SELECT is(outcome('etl_regress_operator', 'SELECT * FROM etl.health'), 'ok', 'an operator sees etl.health');

-- ---- etl.health tells what was done to the guards and to tombstones
SELECT is(health('audit guard'), '(ok)', 'the guards are in place');
SELECT is(health('tombstones'), '(ok)', 'every tombstone is there');
CREATE FUNCTION after(damage text, name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    BEGIN
        EXECUTE damage;
        found := (SELECT h.status || ': ' || h.message FROM etl.health h WHERE h.check_name = name);
        RAISE EXCEPTION 'undo' USING ERRCODE = 'UE000';
    EXCEPTION WHEN SQLSTATE 'UE000' THEN
        RETURN found;
    END;
END $$;
SELECT matches(after(d, 'audit guard'), '^error: 1 of .*' || what, 'told: ' || d) FROM (VALUES
    ('ALTER TABLE etl.audit DISABLE TRIGGER append_only', 'trigger append_only on etl.audit'),
    ('ALTER TABLE etl.audit_head ENABLE TRIGGER only_forward', 'trigger only_forward on'),
    ('ALTER TABLE etl.audit_head ENABLE REPLICA TRIGGER only_forward', 'trigger only_forward on'),
    ('DROP TRIGGER append_only_row ON etl.audit', 'append_only_row'),
    ('DROP TRIGGER append_only_row ON etl.audit; CREATE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON etl.audit FOR EACH ROW WHEN (false) EXECUTE FUNCTION etl_internal.refuse_audit_change(); ALTER TABLE etl.audit ENABLE ALWAYS TRIGGER append_only_row', 'append_only_row'),
    ('DROP TRIGGER append_only_row ON etl.audit; CREATE TRIGGER append_only_row BEFORE UPDATE OF place OR DELETE ON etl.audit FOR EACH ROW EXECUTE FUNCTION etl_internal.refuse_audit_change(); ALTER TABLE etl.audit ENABLE ALWAYS TRIGGER append_only_row', 'append_only_row'),
    ('DROP TRIGGER append_only_row ON etl.audit; CREATE TRIGGER append_only_row AFTER UPDATE OR DELETE ON etl.audit FOR EACH ROW EXECUTE FUNCTION etl_internal.refuse_audit_change(); ALTER TABLE etl.audit ENABLE ALWAYS TRIGGER append_only_row', 'append_only_row'),
    ('DROP TRIGGER only_forward_truncate ON etl.audit_head; CREATE TRIGGER only_forward_truncate BEFORE TRUNCATE ON etl.audit_head FOR EACH STATEMENT EXECUTE FUNCTION etl_internal.note_mended(); ALTER TABLE etl.audit_head ENABLE ALWAYS TRIGGER only_forward_truncate', 'only_forward_truncate'),
    ('CREATE OR REPLACE FUNCTION etl_internal.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS ''BEGIN RETURN OLD; END''', 'function etl_internal.refuse_audit_change'),
    ('CREATE OR REPLACE FUNCTION etl_internal.guard_audit_head() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS ''BEGIN RETURN NEW; END''', 'function etl_internal.guard_audit_head'),
    ('ALTER FUNCTION etl_internal.guard_audit_head() RESET ALL', 'function etl_internal.guard_audit_head'),
    ('CREATE RULE quiet AS ON INSERT TO etl.audit DO INSTEAD NOTHING', 'rule quiet on etl.audit'),
    ('ALTER TABLE etl.tombstone DISABLE TRIGGER stays_as_it_is', 'trigger stays_as_it_is on etl.tombstone'),
    ('ALTER TABLE etl.tombstone ENABLE TRIGGER stays_as_it_is', 'trigger stays_as_it_is on etl.tombstone'),
    ('CREATE OR REPLACE FUNCTION etl_internal.guard_tombstone() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS ''BEGIN RETURN NEW; END''', 'function etl_internal.guard_tombstone'),
    ('CREATE RULE quiet AS ON INSERT TO etl.tombstone DO INSTEAD NOTHING', 'rule quiet on etl.tombstone')) x(d, what);
SELECT matches(after('DELETE FROM etl.tombstone', 'tombstones'), '^error: 2 tombstones that etl.audit knows are gone, of erasure requests 1:', 'told: a tombstone that is gone');
SELECT matches(after('UPDATE etl.tombstone SET reinstated_at = now()', 'tombstones'), '^error: 2 tombstones were lifted by no call', 'told: one that was lifted by hand');
-- one that is about somebody else is as good as gone
SELECT throws_ok('UPDATE etl.tombstone SET ' || c, '42501', 'whom a tombstone is about does not change', 'refused to a superuser: ' || c)
  FROM unnest('{"dataset = ''products''", "pseudonym = ''x''", "hash = 1", "kind = ''email''", "erasure_id = 2", "tombstone_id = tombstone_id + 10", "erased_at = now() - interval ''1 day''", "weak = true"}'::text[]) c;
SELECT matches(after(format('ALTER TABLE etl.tombstone DISABLE TRIGGER stays_as_it_is; UPDATE etl.tombstone SET %s; ALTER TABLE etl.tombstone ENABLE ALWAYS TRIGGER stays_as_it_is', c), 'tombstones'),
    '^error: ' || n || ' tombstones are not about whom their erasure requests are, of erasure requests 1:', 'told, with the guard in place again: ' || c)
  FROM (VALUES ('dataset = ''products''', 2), ('pseudonym = kind', 2), ('kind = ''email'' WHERE kind = ''subject''', 1), ('hash = 1 WHERE kind = ''known_email''', 1)) x(c, n);
SELECT matches(after('UPDATE etl.tombstone SET reinstated_at = now(); ALTER TABLE etl.tombstone DISABLE TRIGGER stays_as_it_is; UPDATE etl.tombstone SET dataset = ''products''', 'tombstones'),
    '^error: 2 tombstones are not about .*; 2 tombstones were lifted by no call', 'told: both');
SELECT ok(etl_reinstate('customers', '7', 'came back') = 1, 'one that is lifted by etl_reinstate');
SELECT is(health('tombstones'), '(ok)', 'is in order');
SELECT is((SELECT status FROM etl_erase('customers', '7')), 'completed', 'erased again');
SELECT is(health('tombstones'), '(ok)', 'and in order');

-- ---- columns that became personal, tables that were renamed, datasets that were dropped
SELECT lives_ok(format($f$SELECT etl_define('{"type": "object", "properties": {"id": {"type": "integer"}, "note": {"type": "string"}},
    "x-etl": {"dataset": "role_notes", "files": ["role_notes.json"], "key": "/id", "subject": {"field": "/id"}, "tables": [{"name": "role_notes", "primary_key": ["id"], "columns": [
        {"name": "id", "type": "bigint", "from": "/id"}, {"name": "note", "from": "/note"}]}]%s}}')$f$, p), 'defined, with the default schema: ' || p) FROM (VALUES ('')) x(p);
SELECT ok(count(*) > 0, 'granted') FROM etl_grant('etl_regress_analyst', 'analyst');
SELECT ok(count(*) > 0, 'granted again') FROM etl_grant('etl_regress_operator', 'operator');
SELECT is(outcome('etl_regress_analyst', 'SELECT id, note FROM data.role_notes'), 'ok', 'an analyst reads what is not personal');
SELECT lives_ok($$SELECT etl_define('{"type": "object", "properties": {"id": {"type": "integer"}, "note": {"type": "string"}},
    "x-etl": {"dataset": "role_notes", "files": ["role_notes.json"], "key": "/id", "subject": {"field": "/id"}, "personal": [{"field": "/note", "treatment": "redact"}], "tables": [{"name": "role_notes", "primary_key": ["id"], "columns": [
        {"name": "id", "type": "bigint", "from": "/id"}, {"name": "note", "from": "/note"}]}]}}')$$, 'a column becomes personal');
SELECT ok(bool_or(g LIKE 'REVOKE SELECT ON TABLE data.role_notes FROM %'), 'etl_grant again says what it takes back') FROM etl_grant('etl_regress_analyst', 'analyst') g;
SELECT is(outcome('etl_regress_analyst', 'SELECT note FROM data.role_notes'), '42501', 'it is read no longer');
SELECT is(outcome('etl_regress_analyst', 'SELECT id FROM data.role_notes'), 'ok', 'the others are');
-- columns that the definition does not name, generated ones among them
ALTER TABLE data.role_notes ADD shout text GENERATED ALWAYS AS (upper(note)) STORED, ADD twice bigint GENERATED ALWAYS AS (id * 2) STORED, ADD extra text;
SELECT is((SELECT string_agg(g, '; ') FROM etl_grant('etl_regress_analyst', 'analyst') g WHERE g LIKE '%role_notes%'), 'GRANT SELECT (id) ON TABLE data.role_notes TO etl_regress_analyst', 'what is granted are columns that the definition names');
SELECT is(outcome('etl_regress_analyst', format('SELECT %I FROM data.role_notes', c)), '42501', 'not read: ' || c) FROM unnest('{shout,twice,extra}'::text[]) c;
GRANT SELECT (shout, extra) ON data.role_notes TO etl_regress_analyst;
SELECT ok(bool_or(g LIKE 'REVOKE SELECT ON TABLE data.role_notes FROM %'), 'etl_grant takes back what an earlier one has granted of them') FROM etl_grant('etl_regress_analyst', 'analyst') g;
SELECT is(outcome('etl_regress_analyst', format('SELECT %I FROM data.role_notes', c)), '42501', 'read no longer: ' || c) FROM unnest('{shout,extra}'::text[]) c;
SELECT is(outcome('etl_regress_operator', 'SELECT note FROM data.role_notes'), 'ok', 'the operator keeps it');
SELECT ok(etl_drop('role_notes'), 'the dataset is dropped');
CREATE SCHEMA etl_regress_moved;
ALTER TABLE data.role_notes SET SCHEMA etl_regress_moved;
ALTER TABLE etl_regress_moved.role_notes RENAME TO old_notes;
SELECT etl_revoke(r::regrole) FROM unnest('{etl_regress_analyst,etl_regress_operator,etl_regress_auditor}'::text[]) r;
SELECT is_empty($$SELECT d.classid::regclass, pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_shdepend d JOIN pg_database b ON b.oid = d.dbid AND b.datname = current_database()
     WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid IN ('etl_regress_analyst'::regrole, 'etl_regress_auditor'::regrole) AND d.deptype = 'a'$$, 'etl_revoke leaves nothing, wherever the table is now');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c WHERE has_any_column_privilege('etl_regress_operator', c.oid, 'SELECT, INSERT, UPDATE') AND c.relnamespace::regnamespace::text IN ('data', 'etl', 'etl_regress_moved')
     AND c.relkind IN ('r', 'v', 'p')$$, 'nor to an operator');
SELECT is_empty('SELECT * FROM etl.role_grant', 'and no memory of it');

-- a schema that has another name and no target table any more
CREATE SCHEMA etl_regress_shop;
SELECT lives_ok($$SELECT etl_define('{"type": "object", "x-etl": {"dataset": "role_shop", "files": ["role_shop.json"], "key": "/id",
    "tables": [{"schema": "etl_regress_shop", "name": "goods", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}')$$, 'tables in another schema');
SELECT ok(count(*) > 0, 'granted') FROM etl_grant('etl_regress_operator', 'operator');
SELECT ok(has_schema_privilege('etl_regress_operator', 'etl_regress_shop', 'CREATE'), 'where tables will be made');
SELECT ok(etl_drop('role_shop'), 'the dataset is dropped');
DROP TABLE etl_regress_shop.goods;
ALTER SCHEMA etl_regress_shop RENAME TO etl_regress_store;
SELECT etl_revoke('etl_regress_operator');
SELECT ok(NOT has_schema_privilege('etl_regress_operator', 'etl_regress_store', p), 'taken back under its new name: ' || p) FROM unnest('{USAGE,CREATE}'::text[]) p;
DROP SCHEMA etl_regress_store;

SELECT * FROM finish();
SET client_min_messages = error;
DROP TABLE IF EXISTS data.customers, data.products, data.transactions, data.purchases, etl_regress_moved.old_notes;
DROP SCHEMA etl_regress_moved;
DROP EXTENSION pg_etl;
DROP FUNCTION outcome, stage, health, after;
DROP OWNED BY etl_regress_operator, etl_regress_auditor, etl_regress_analyst;
DROP ROLE etl_regress_operator, etl_regress_auditor, etl_regress_analyst;
\set command 'rm -rf "' :root '"'
COPY shell FROM PROGRAM :'command';
