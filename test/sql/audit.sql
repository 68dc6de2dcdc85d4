-- The audit trail: append-only even for a superuser, hashed as docs/explanation/audit.md says, and every kind of
-- tampering is found once the guard is dropped.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
BEGIN;
SELECT plan(33);

CREATE FUNCTION pg_temp.problems() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(audit_id || ': ' || problem, ' | ' ORDER BY audit_id, problem) FROM etl_audit_verify() $$;

-- what docs/explanation/audit.md says, in SQL
CREATE FUNCTION pg_temp.field(v bytea) RETURNS bytea LANGUAGE sql AS
$$ SELECT CASE WHEN v IS NULL THEN int4send(-1) ELSE int4send(length(v)) || v END $$;
CREATE FUNCTION pg_temp.columns_bytes(v text[]) RETURNS bytea LANGUAGE sql AS
$$ SELECT CASE WHEN v IS NOT NULL THEN int4send(cardinality(v)) ||
          (SELECT string_agg(pg_temp.field(convert_to(c, 'UTF8')), '' ORDER BY n) FROM unnest(v) WITH ORDINALITY u(c, n)) END $$;
CREATE FUNCTION pg_temp.documented_hash(a etl.audit) RETURNS bytea LANGUAGE sql AS $$
    SELECT sha256(pg_temp.field(a.previous_hash) || pg_temp.field(int8send(a.audit_id)) || pg_temp.field(int8send(a.erasure_id))
               || pg_temp.field(timestamptz_send(a.at)) || pg_temp.field(convert_to(a.actor, 'UTF8')) || pg_temp.field(convert_to(a.action, 'UTF8'))
               || pg_temp.field(convert_to(a.place, 'UTF8')) || pg_temp.field(pg_temp.columns_bytes(a.columns)) || pg_temp.field(int8send(a.row_count)))
$$;

-- appending
SELECT is((SELECT count(*) FROM etl.audit), 0::bigint, 'the trail is empty at first');
SELECT is(pg_temp.problems(), NULL, 'an empty trail is whole');
SELECT lives_ok($$ SELECT etl_internal.append_audit(n, 'erase', 'data.customers', ARRAY['first_name', 'naïve "column"'], n * 10) FROM generate_series(1, 5) n $$, 'five entries');
SELECT lives_ok($$ SELECT etl_internal.append_audit(NULL, 'hold', 'customers', NULL, 0) $$, 'one of no request and no columns');
SELECT is((SELECT string_agg(audit_id::text, ',' ORDER BY audit_id) FROM etl.audit), '1,2,3,4,5,6', 'numbered without gaps');
SELECT is((SELECT previous_hash FROM etl.audit WHERE audit_id = 1), decode(repeat('00', 32), 'hex'), 'the first row follows nothing');
SELECT is((SELECT count(*) FROM etl.audit a WHERE a.hash = pg_temp.documented_hash(a)), 6::bigint, 'hashes are as documented');
SELECT is((SELECT (h.audit_id, h.entries, h.hash) FROM etl.audit_head h), (SELECT (a.audit_id, 6::bigint, a.hash) FROM etl.audit a WHERE audit_id = 6), 'the head is the last row');
SELECT is((SELECT DISTINCT actor FROM etl.audit), session_user::text, 'the actor is who logged in');
SELECT is(pg_temp.problems(), NULL, 'the trail is whole');
SELECT throws_ok($$ SELECT etl_internal.append_audit(1, NULL, 'x', NULL, 0) $$, '22004', NULL, 'an entry needs an action');

-- the guard
SELECT throws_ok('UPDATE etl.audit SET row_count = 0', '42501', 'etl.audit is append-only', 'UPDATE is refused to a superuser');
SELECT throws_ok('DELETE FROM etl.audit', '42501', NULL, 'so is DELETE');
SELECT throws_ok('DELETE FROM etl.audit WHERE false', '42501', NULL, 'even one of no row');
SELECT throws_ok('TRUNCATE etl.audit', '42501', NULL, 'and TRUNCATE');
SELECT throws_ok('INSERT INTO etl.audit SELECT * FROM etl.audit ON CONFLICT (audit_id) DO UPDATE SET row_count = 0', '42501', NULL, 'an upsert is an UPDATE');
SET LOCAL session_replication_role = replica;
SELECT throws_ok('DELETE FROM etl.audit', '42501', NULL, 'session_replication_role does not open it');
SET LOCAL session_replication_role = origin;
CREATE TABLE parent (LIKE etl.audit);
ALTER TABLE etl.audit INHERIT parent;
SELECT throws_ok('DELETE FROM parent', '42501', NULL, 'nor does a parent table');
ALTER TABLE etl.audit NO INHERIT parent;
SELECT throws_ok('UPDATE etl.audit_head SET audit_id = 1, entries = 1', '42501', NULL, 'the head does not go back');
SELECT throws_ok('UPDATE etl.audit_head SET audit_id = 7, entries = 7', '42501', NULL, 'nor to a row that is not there');
SELECT throws_ok('DELETE FROM etl.audit_head', '42501', NULL, 'nor away');
SELECT throws_ok('TRUNCATE etl.audit_head', '42501', NULL, 'nor all at once');
SELECT is((SELECT status FROM etl.health WHERE check_name = 'audit guard'), 'ok', 'health: the guard is in place');

-- with the guard dropped, tampering shows
ALTER TABLE etl.audit DISABLE TRIGGER USER;
SELECT is((SELECT status FROM etl.health WHERE check_name = 'audit guard'), 'error', 'health: the guard is gone');
SAVEPOINT tamper;
UPDATE etl.audit SET row_count = 99 WHERE audit_id = 3;
SELECT is(pg_temp.problems(), '3: altered or moved: its contents do not give its hash', 'an altered row');
UPDATE etl.audit a SET hash = pg_temp.documented_hash(a) WHERE audit_id = 3;
SELECT is(pg_temp.problems(), '4: altered, moved or inserted: it does not follow the row before it (its previous hash is not that row''s hash)', 'an altered row with a new hash');
ROLLBACK TO tamper;
DELETE FROM etl.audit WHERE audit_id IN (2, 3);
SELECT matches(pg_temp.problems(), '^4: removed: rows 2 to 3 before it', 'removed rows');
ROLLBACK TO tamper;
UPDATE etl.audit SET audit_id = CASE audit_id WHEN 2 THEN -3 ELSE -2 END WHERE audit_id IN (2, 3);
UPDATE etl.audit SET audit_id = -audit_id WHERE audit_id < 0;
SELECT matches(pg_temp.problems(), '^2: altered or moved.*3: altered or moved', 'two rows that changed places');
ROLLBACK TO tamper;
INSERT INTO etl.audit SELECT 7, erasure_id, at, actor, action, place, columns, row_count, hash, hash FROM etl.audit WHERE audit_id = 6;
UPDATE etl.audit a SET hash = pg_temp.documented_hash(a) WHERE audit_id = 7;
SELECT is(pg_temp.problems(), '7: inserted: the head says that the last row is 6', 'a row that was added with a good hash');
ROLLBACK TO tamper;
DELETE FROM etl.audit WHERE audit_id = 6;
SELECT is(pg_temp.problems(), '6: removed: the end is cut off, the head says that the last row is 6', 'an end that is cut off');
ROLLBACK TO tamper;
-- the whole chain forged, head included: only a head that was stored elsewhere tells
CREATE TEMP TABLE stored AS SELECT hash FROM etl.audit_head;
SELECT is((SELECT count(*) FROM etl_audit_verify((SELECT hash FROM stored))), 0::bigint, 'a stored head is in the chain');
ALTER TABLE etl.audit_head DISABLE TRIGGER USER;
UPDATE etl.audit SET row_count = 99 WHERE audit_id = 6;
UPDATE etl.audit a SET hash = pg_temp.documented_hash(a) WHERE audit_id = 6;
UPDATE etl.audit_head SET hash = (SELECT hash FROM etl.audit WHERE audit_id = 6);
SELECT is(pg_temp.problems(), NULL, 'a chain forged with its head looks whole');
SELECT is((SELECT count(*) FROM etl_audit_verify((SELECT hash FROM stored))), 1::bigint, 'but not to who has stored a head');
SELECT * FROM finish();
ROLLBACK;
