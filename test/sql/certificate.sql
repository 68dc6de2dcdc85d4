-- Certificates: what they say and that they are signed. That openssl accepts the signature on
-- another machine is tested by test/tap/020_restore.pl.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
BEGIN;
SELECT plan(15);

INSERT INTO etl.erasure (erasure_id, dataset, received_at, source, subject, status, completed_at, row_count)
VALUES (4711, 'customers', '2026-01-01 12:00+00', 'sql', etl.subject_pseudonym('customers', '067318'), 'completed', '2026-01-02 12:00+00', 3);
SELECT etl_internal.append_audit(4711, 'erase', 'data.customers', ARRAY['first_name', 'email'], 1);
CREATE TEMP TABLE issued AS SELECT etl_certificate(4711) AS c;

SELECT is((SELECT c #>> '{request,status}' FROM issued), 'completed', 'the request');
SELECT is((SELECT c #>> '{request,within_30_days}' FROM issued), 'true', 'in time');
SELECT is((SELECT c #>> '{request,subject_pseudonym}' FROM issued), etl.subject_pseudonym('customers', '67318'), 'a person is a pseudonym, whatever zeros lead their key');
SELECT is((SELECT c #>> '{searched,0,place}' FROM issued), 'data.customers', 'the places');
SELECT is((SELECT c #>> '{searched,0,count}' FROM issued), '1', 'with counts');
SELECT ok((SELECT c -> 'not_searched' @> '[{"place": "server logs"}]' FROM issued), 'and where nobody looked');
SELECT ok((SELECT c -> 'treatments' @> '[{"dataset": "customers", "fields": [{"field": "/email", "columns": ["data.customers.email"]}]}]' FROM issued), 'treatments by column');
SELECT ok((SELECT c -> 'treatments' @> '[{"dataset": "transactions"}]' FROM issued), 'of the other datasets that name the person too');
SELECT ok((SELECT bool_and(t ->> 'definition_sha256' = encode(sha256(convert_to(d.definition::text, 'UTF8')), 'hex'))
             FROM issued, jsonb_array_elements(c -> 'treatments') t JOIN etl.dataset d ON d.name = t ->> 'dataset'), 'and the version of the definition');
SELECT is((SELECT c #>> '{audit_head,hash}' FROM issued), (SELECT encode(hash, 'hex') FROM etl.audit_head), 'the head of the audit trail');
SELECT is((SELECT (c ->> 'signed')::jsonb || '{}' FROM issued), (SELECT c - 'signed' - 'signature' - 'algorithm' - 'public_key' FROM issued), 'what is signed is what it says');
SELECT is((SELECT length(decode(c ->> 'signature', 'base64')) FROM issued), 64, 'a signature');
SELECT is((SELECT c ->> 'signature' FROM issued), (SELECT replace(encode(etl_internal.sign(c ->> 'signed'), 'base64'), E'\n', '') FROM issued), 'Ed25519 signs the same the same way');
SELECT matches((SELECT c ->> 'public_key' FROM issued), '^-----BEGIN PUBLIC KEY-----', 'and its key');
SELECT throws_ok('SELECT etl_certificate(-1)', '42704', NULL, 'no certificate of a request that never was');
SELECT * FROM finish();
ROLLBACK;
