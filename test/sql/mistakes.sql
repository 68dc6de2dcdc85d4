-- One mistake has one SQLSTATE and one message, whatever function it is made in. A table of mistakes
-- and calls; what is null where it must be given is refused, never answered with nothing.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
\set directories :test '/include/directories.psql'
\i :directories
\set command 'mkdir "' :processed '/directory" && touch "' :hour '/keeps the directory"'
COPY shell FROM PROGRAM :'command';
CREATE ROLE etl_regress_nobody;
SELECT count(*) > 0 AS made FROM etl_run() \gset
SELECT name AS defined FROM etl_define('{"x-etl": {"dataset": "notes", "files": ["notes.json"], "tables": [{"name": "notes", "columns": [{"name": "v", "from": "/v"}]}]}}') \gset
CREATE FUNCTION said(statement text, OUT code text, OUT message text, OUT whole text) LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    code := 'none';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    whole := concat_ws(' | ', message, detail, hint);
END $$;

SELECT * FROM no_plan();

-- ---- every function that people call, as the catalog has them
CREATE TEMP TABLE call AS
SELECT p.oid, p.proname AS name, p.proisstrict AS strict, p.pronargs - p.pronargdefaults AS required, p.pronargs AS args, p.prokind AS kind, p.proargnames AS names, a.values, a.nulls
  FROM pg_depend d
  JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_etl'
  JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
 CROSS JOIN LATERAL (
    SELECT array_agg(CASE WHEN t.type = 'anyelement'::regtype THEN 'NULL::etl.run'
                          WHEN p.proargnames[t.i] = 'role' THEN quote_literal(current_user) || '::regrole'
                          ELSE quote_literal(CASE WHEN p.proargnames[t.i] = 'dataset' THEN 'customers'
                                                  WHEN p.proargnames[t.i] = 'subject' THEN '7'
                                                  WHEN p.proargnames[t.i] = 'path' THEN 'nosuch.jsonl'
                                                  WHEN p.proargnames[t.i] = 'format' THEN 'jsonl'
                                                  WHEN t.type = 'jsonb'::regtype THEN '{}'
                                                  WHEN t.type = 'boolean'::regtype THEN 'false'
                                                  WHEN t.type = 'timestamptz'::regtype THEN '-infinity'
                                                  WHEN t.type IN ('bigint'::regtype, 'int'::regtype, 'numeric'::regtype) THEN '-1'
                                                  WHEN t.type IN ('date'::regtype, 'timestamp'::regtype) THEN '2020-01-01'
                                                  WHEN t.type = 'inet'::regtype THEN '192.0.2.1'
                                                  ELSE 'nosuch' END) || '::' || format_type(t.type, NULL) END ORDER BY t.i) AS values,
           array_agg('NULL::' || CASE WHEN t.type = 'anyelement'::regtype THEN 'etl.run' ELSE format_type(t.type, NULL) END ORDER BY t.i) AS nulls
      FROM (SELECT z.type, z.i::int FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY z(type, i)) t) a
 WHERE p.proname LIKE 'etl\_%';
CREATE FUNCTION statement(c call, n int, value text) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s %s(%s)', CASE c.kind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, c.oid::regproc,
        (SELECT string_agg(CASE WHEN u.i = n THEN value ELSE u.v END, ', ' ORDER BY u.i) FROM unnest(c.values) WITH ORDINALITY u(v, i)))
$$;
SELECT ok(count(*) > 40, 'functions are found') FROM call;
-- without pg_cron its functions say so; to forget what is not there is what was wanted; a procedure commits
CREATE TEMP VIEW of_dataset AS
SELECT c.* FROM call c WHERE 'dataset' = ANY (c.names[1:c.args]) AND c.name NOT IN ('etl_schedule', 'etl_unschedule', 'etl_drop', 'etl_load');
SELECT ok(count(*) > 15, 'and those that take a dataset') FROM of_dataset;
SELECT is_empty($$
    SELECT c.name, s.code, s.whole FROM of_dataset v JOIN call c USING (oid), said(statement(c, array_position(c.names, 'dataset'), '''nosuch''::text')) s
     WHERE (s.code, s.whole) IS DISTINCT FROM ('42704', 'dataset "nosuch" is not defined | Defined are: customers, erasure_requests, notes, products, transactions. | Define it with SELECT etl_define(''…'').')$$,
    'a dataset that is not defined: all of them have one answer');
SELECT is(etl_drop('nosuch'), false, 'but etl_drop, which has nothing to do');
SELECT set_eq($$SELECT DISTINCT name::text FROM call WHERE strict$$,
    '{etl_redact,etl_token,etl_pseudonymize,etl_sha256,etl_partial,etl_generalize,etl_signing_key}'::text[],
    'functions of a value give null for null; the others');
SELECT is_empty($$
    SELECT statement(c, n, c.nulls[n]), s.code, s.message
      FROM call c, generate_series(1, c.required) n, said(statement(c, n, c.nulls[n])) s
     WHERE NOT c.strict
       -- a table is named by a null, and so are all datasets; of no record there is nothing to say
       AND (c.name, c.names[n]) NOT IN (('etl_pause', 'dataset'), ('etl_anonymized', 'rows'), ('etl_validate', 'record'), ('etl_anonymize', 'record'))
       AND (s.code <> '22004' OR s.message NOT IN (c.names[n] || ' must not be null', 'the reason must be given'))$$,
    'refuse a null where something must be given');
SELECT is_empty($$SELECT * FROM etl_validate('customers', NULL)$$, 'of no record nothing is said');
SELECT is_empty($$SELECT * FROM etl_anonymize('customers', NULL)$$, 'and nothing treated');

-- ---- mistakes, and the calls that they can be made in
CREATE TEMP TABLE mistake (what text, code text, message text, calls text[]);
INSERT INTO mistake
SELECT format('a dataset without people of its own (%s)', d), '22023', format('dataset "%s" has no people of its own', d),
       ARRAY(SELECT format(c, d) FROM unnest('{"etl_erase(''%s'', ''1'')","etl_erase(''%s'', email => ''a@b.example'')","etl_reinstate(''%s'', ''1'', ''r'')","etl_subject(''%s'', ''1'')","etl_hold(''%s'', ''1'', ''r'')","etl_release_hold(''%s'', ''1'')","etl_refuse(''%s'', ''1'', ''r'')","etl_token(''%s'', ''1'')","etl_erase_failed(''%s'')"}'::text[]) c)
  FROM unnest('{products,transactions,erasure_requests,notes}'::text[]) d;
INSERT INTO mistake
SELECT format('no key of the dataset (%s)', k), code, 'subject is not a key of dataset "customers"',
       ARRAY(SELECT format(c, k) FROM unnest('{"etl_erase(''customers'', ''%s'')","etl_reinstate(''customers'', ''%s'', ''r'')","etl_subject(''customers'', ''%s'')","etl_hold(''customers'', ''%s'', ''r'')","etl_release_hold(''customers'', ''%s'')","etl_refuse(''customers'', ''%s'', ''r'')","etl_token(''customers'', ''%s'')"}'::text[]) c)
  FROM (VALUES ('abc', '22P02'), ('1.5', '22P02'), ('1\u0000', '22P02'), (' ', '22P02'), ('99999999999999999999', '22003'), ('-99999999999999999999', '22003')) v(k, code);
INSERT INTO mistake VALUES
 ('nobody', '22004', 'neither subject nor email is given', '{"etl_erase(''customers'')","etl_erase(''customers'', '''', '' '')"}'),
 ('nobody to reinstate', '22004', 'neither subject nor email is given', '{"etl_reinstate(''customers'', reason => ''r'')","etl_reinstate(''customers'', '''', ''r'')"}'),
 ('an empty key', '22004', 'subject is empty', '{"etl_subject(''customers'', '''')","etl_hold(''customers'', '''', ''r'')","etl_release_hold(''customers'', '''')","etl_refuse(''customers'', '''', ''r'')","etl_token(''customers'', '''')"}'),
 ('a hold on what is about others', '22023', 'dataset "transactions" has no people of its own', '{"etl_hold(''transactions'', reason => ''r'')"}'),
 ('no such request', '42704', 'there is no erasure request -1', '{"etl_refuse(-1, ''r'')","etl_extend(-1, ''r'')","etl_certificate(-1)"}'),
 ('a flag that is null', '22004', 'dry_run must not be null', '{"etl_erase(''customers'', ''7'', dry_run => NULL)"}'),
 ('another flag', '22004', 'wait must not be null', '{"etl_run(''customers'', NULL)"}'),
 ('no such file', '58P01', 'could not open file "nosuch.json": No such file or directory', '{"etl_read(''nosuch.json'')","etl_validate_file(''customers'', ''nosuch.json'')"}'),
 ('below a file', '42809', 'could not open file "/etc/passwd/x": Not a directory', '{"etl_read(''/etc/passwd/x'')","etl_validate_file(''customers'', ''/etc/passwd/x'')"}'),
 ('a directory', '42809', 'could not read staged file: not a regular file, but a directory', '{"etl_read(''date=2020-01-01'')","etl_validate_file(''customers'', ''date=2020-01-01'')"}'),
 ('a directory to write', '42809', '"directory" is not a regular file', '{"etl_export(''customers'', ''directory'')"}'),
 ('no file to read', '22023', 'path "" names no file', '{"etl_read('''')","etl_validate_file(''customers'', '''')"}'),
 ('no file to write', '22023', 'path "" names no file', '{"etl_export(''customers'', '''')"}'),
 ('no such directory', '58P01', 'could not open the directory of "no/x.jsonl": No such file or directory', '{"etl_export(''customers'', ''no/x.jsonl'')"}');
INSERT INTO mistake
SELECT format('a reason that is %s', k), code, message,
       ARRAY(SELECT format(c, v) FROM unnest('{"etl_reinstate(''customers'', ''1'', %s)","etl_hold(''customers'', ''1'', %s)","etl_refuse(''customers'', ''1'', %s)","etl_refuse(-1, %s)","etl_extend(-1, %s)","etl_journal_renew(%s)"}'::text[]) c)
  FROM (VALUES ('missing', 'NULL', '22004', 'the reason must be given'), ('empty', '''''', '22004', 'the reason must be given'),
               ('blank', 'U&''\00A0\2003 ''', '22004', 'the reason must be given'), ('too long', 'repeat(''x'', 4001)', '22001', 'the reason is too long')) r(k, v, code, message);
SELECT results_eq(
    format('SELECT s.code, s.message, count(*), count(DISTINCT s.whole) FROM unnest(%L::text[]) c, said(''SELECT '' || c) s GROUP BY 1, 2', calls),
    format('VALUES (%L, %L, %s::bigint, 1::bigint)', code, message, cardinality(calls)), what || ': one answer of ' || cardinality(calls) || ' calls') FROM mistake ORDER BY what COLLATE "C";
SELECT lives_ok($$SELECT etl_hold('notes', reason => 'r')$$, 'records about nobody can be kept by a hold');
SELECT lives_ok($$SELECT etl_release_hold('notes')$$, 'until it is released');

-- ---- directories that are not set, not there, no directories: the same answer of all that need them
CREATE TEMP TABLE need (c text);
INSERT INTO need VALUES ('etl_run(''customers'')'), ('etl_run()'), ('etl_replay(''customers'')'), ('etl_reload(''-infinity'')'), ('etl_erase(''customers'', ''7'')'),
    ('etl_erase(''customers'', ''7'', dry_run => true)'), ('etl_erase_failed()'), ('etl_subject(''customers'', ''7'')'), ('etl_catalog_archive()');
SET etl.raw_dir = '/nosuch/directory';
SELECT results_eq('SELECT DISTINCT s.code, s.message FROM need, said(''SELECT '' || c) s', $$VALUES ('58P01', 'cannot use etl.raw_dir "/nosuch/directory": No such file or directory')$$, 'a directory that is not there');
SET etl.raw_dir = '/etc/passwd';
SELECT results_eq('SELECT DISTINCT s.code, s.message FROM need, said(''SELECT '' || c) s', $$VALUES ('42809', 'etl.raw_dir "/etc/passwd" is not a directory')$$, 'what is none');
SET etl.raw_dir = '';
INSERT INTO need VALUES ('etl_read(''x'')'), ('etl_validate_file(''customers'', ''x'')');
SELECT results_eq('SELECT DISTINCT s.code, s.message FROM need, said(''SELECT '' || c) s', $$VALUES ('55000', 'setting "etl.raw_dir" is not set')$$, 'a setting that is not set');
SET etl.raw_dir = :'raw';

-- ---- somebody without any privilege
GRANT SELECT ON call TO PUBLIC;
SET ROLE etl_regress_nobody;
SELECT set_eq($$SELECT DISTINCT s.code FROM call c, said(statement(c, 0, NULL)) s$$, '{42501}'::text[], 'who has no privilege hears so from every function');
RESET ROLE;

SELECT * FROM finish();
DROP FUNCTION statement, said;
DROP TABLE call, mistake, need CASCADE;
DROP ROLE etl_regress_nobody;
DROP EXTENSION pg_etl;
DROP TABLE data.notes;
\set command 'rm -rf "' :root '"'
COPY shell FROM PROGRAM :'command';
