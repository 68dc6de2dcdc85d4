-- Legal holds, refusals and extensions: what bad calls get, and how the report shows it. That a
-- released hold carries the request out is tested by test/tap/020_restore.pl.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
BEGIN;
SELECT plan(31);

CREATE FUNCTION pg_temp.request(id bigint, person text, status text, received timestamptz DEFAULT now()) RETURNS void LANGUAGE sql AS
$$ INSERT INTO etl.erasure (erasure_id, dataset, received_at, source, subject, status)
   VALUES (id, 'customers', received, 'sql', etl.subject_pseudonym('customers', person), status) $$;

SELECT throws_ok($$ SELECT etl_hold('nobody', '1', 'x') $$, '42704', NULL, 'a hold needs a dataset');
SELECT throws_ok($$ SELECT etl_hold('customers', 'abc', 'x') $$, '22P02', NULL, 'and a key of it');
SELECT throws_ok($$ SELECT etl_hold('customers', '1') $$, '22004', NULL, 'and a reason');
SELECT throws_ok($$ SELECT etl_hold('customers', '1', '  ') $$, '22004', NULL, 'that is not blank');
SELECT lives_ok($$ SELECT etl_hold('customers', '067318', 'docket 12/2026') $$, 'a hold');
SELECT lives_ok($$ SELECT etl_hold('customers', '67318', 'again') $$, 'twice is once');
SELECT is((SELECT string_agg(reason, ',') FROM etl.hold WHERE released_at IS NULL), 'docket 12/2026', 'the first reason stays');
SELECT is((SELECT count(*) FROM etl.hold WHERE hold::text LIKE '%67318%'), 0::bigint, 'nobody is named');
SELECT throws_ok($$ SELECT * FROM etl_release_hold('customers', '1') $$, '42704', NULL, 'no hold, no release');
SELECT throws_ok($$ SELECT * FROM etl_release_hold('customers') $$, '42704', NULL, 'the dataset is not on hold');

-- a request that waits
SELECT pg_temp.request(1001, '67318', 'held');
SELECT is((SELECT hold_reasons FROM etl.erasure_held WHERE erasure_id = 1001), ARRAY['docket 12/2026'], 'the report says why it waits');
SELECT is((SELECT due_at - received_at FROM etl.erasure_report WHERE erasure_id = 1001), (now() + interval '1 month') - now(), 'due in a month');
SELECT is((SELECT within_30_days FROM etl.erasure_report WHERE erasure_id = 1001), NULL, 'there is time');
SELECT throws_ok($$ SELECT etl_extend(1001, '') $$, '22004', NULL, 'an extension needs a reason');
SELECT is(etl_extend(1001, 'complex'), now() + interval '3 months', 'two further months');
SELECT throws_ok($$ SELECT etl_extend(1001, 'complex') $$, '55000', NULL, 'once');
SELECT is((SELECT extension_reason FROM etl.erasure_report WHERE erasure_id = 1001), 'complex', 'with its reason');
SELECT throws_ok($$ SELECT etl_extend(-1, 'x') $$, '42704', NULL, 'no such request');
-- one that waits too long
SELECT pg_temp.request(1002, '67318', 'held', now() - interval '40 days');
SELECT is((SELECT string_agg(erasure_id::text, ',') FROM etl.erasure_overdue), '1002', 'overdue');
SELECT is((SELECT within_30_days FROM etl.erasure_report WHERE erasure_id = 1002), false, 'and not within 30 days');
SELECT is((SELECT status FROM etl.health WHERE check_name = 'erasure requests'), 'error', 'health says so');
SELECT throws_ok($$ SELECT etl_extend(1002, 'x') $$, '55000', NULL, 'too late for an extension');
-- refusal
SELECT throws_ok($$ SELECT etl_refuse(1002, NULL) $$, '22004', NULL, 'a refusal needs its ground');
SELECT is((etl_refuse(1002, 'Art. 17(3)(e) GDPR')).status, 'refused', 'refused');
SELECT is((SELECT refusal_ground FROM etl.erasure_report WHERE erasure_id = 1002), 'Art. 17(3)(e) GDPR', 'on its ground');
SELECT is((SELECT count(*) FROM etl.erasure_overdue), 0::bigint, 'no longer overdue');
SELECT throws_ok($$ SELECT etl_refuse(1002, 'again') $$, '55000', NULL, 'once');
SELECT is((SELECT count(*) FROM etl_refuse('customers', '067318', 'Art. 17(3)(b) GDPR')), 1::bigint, 'by person');
SELECT throws_ok($$ SELECT etl_refuse('customers', '067318', 'x') $$, '42704', NULL, 'nothing is left to refuse');
SELECT is((SELECT string_agg(action, ',' ORDER BY audit_id) FROM etl.audit), 'hold,extend,refuse,refuse', 'all of it is in the audit trail');
SELECT is((SELECT count(*) FROM etl_audit_verify()), 0::bigint, 'which is whole');
SELECT * FROM finish();
ROLLBACK;
