-- Treatments of personal values: on their own, in tables and files alike, in definitions; removal of
-- rows; the key's rotation; labels for neighbours.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
\set directories :test '/include/directories.psql'
\i :directories
\set key :root '/key'
SET etl.key_file = :'key';
SET DateStyle = 'German, DMY';
SET TimeZone = 'Asia/Kathmandu';

SELECT plan(106);

CREATE FUNCTION reported(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; detail text;
BEGIN
    EXECUTE sql;
    RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', state, detail);
END $$;

-- ---- on their own
SELECT is(etl_redact('x'), '[erased]', 'redact gives a constant');
SELECT is(etl_redact('x', '-'), '-', 'of one''s own');
SELECT is(etl_partial('jane@example.com'), 'j•••@e•••.com', 'partial of an email');
SELECT is(etl_partial('+44 20 7946 0021'), '•••21', 'of a phone number');
SELECT is(etl_partial('Élodie'), 'É•••', 'of a name');
SELECT is(etl_sha256('abc'), encode(sha256('abc'), 'hex'), 'sha256 is PostgreSQL''s own');
SELECT is(etl_sha256('é'), encode(sha256(convert_to('é', 'UTF8')), 'hex'), 'over UTF-8');
SELECT matches(etl_pseudonymize('abc'), '^[0-9a-f]{64}$', 'pseudonymize gives 64 digits');
SELECT is(etl_pseudonymize('abc'), etl_pseudonymize('abc'), 'the same for the same value');
SELECT isnt(etl_pseudonymize('abc'), etl_pseudonymize('abd'), 'another for another');
SELECT isnt(etl_pseudonymize('abc'), etl_sha256('abc'), 'and nobody without the key can compute it');
SELECT is((SELECT count(DISTINCT etl_random()) FROM generate_series(1, 100)), 100::bigint, 'random never repeats');
SELECT matches(etl_token('customers', '067318'), '^[0-9a-f]{32}@erased\.invalid$', 'token looks like an email that never works');
SELECT is(etl_token('customers', '067318'), etl_token('customers', '67318'), 'and is over the key as its column has it');
SELECT isnt(etl.subject_token('customers', '1'), etl.subject_token('nobody', '1'), 'and over the dataset');
SELECT is(ARRAY[etl_redact(NULL), etl_partial(NULL), etl_sha256(NULL), etl_pseudonymize(NULL), etl_token('customers', NULL), etl_generalize(NULL, 'year')],
    array_fill(NULL::text, ARRAY[6]), 'null stays null');
SELECT is(etl_generalize('1985-06-17'::date, 'year'), '1985-01-01'::date, 'a date''s year, whatever the DateStyle');
SELECT is((SELECT count(*) FROM (SELECT '0100-01-01 BC'::date + i * 37 AS d FROM generate_series(0, 30000) i) x, (VALUES ('month'), ('year'), ('decade')) v(unit)
    WHERE etl_generalize(d, unit) IS DISTINCT FROM date_trunc(unit, d::timestamp)::date), 0::bigint, 'months, years and decades are those of date_trunc');
SELECT is(etl_generalize('infinity'::date, 'year'), 'infinity'::date, 'infinity has no year');
SELECT is(etl_generalize('5874897-12-31'::date, 'decade'), '5874890-01-01'::date, 'the last date has a decade');
SELECT is(etl_generalize('1985-06-17 12:00'::timestamp, 'month'), '1985-06-01 00:00'::timestamp, 'a timestamp''s month');
SELECT is(etl_generalize('2000-01-01 00:30+01'::timestamptz, 'year'), '1999-01-01 00:00+00'::timestamptz, 'a year in UTC, whatever the TimeZone');
SELECT is(etl_generalize('0044-03-15 12:00+00 BC'::timestamptz, 'year'), '0044-01-01 00:00+00 BC'::timestamptz, 'also before our era');
SELECT is(etl_generalize('1985-06-17', 'decade'), '1980s', 'text with a date');
SELECT is(etl_generalize(37, 10), '[30,40)'::numrange, 'a number''s range');
SELECT is((SELECT count(*) FROM (SELECT (i * 0.37)::numeric AS n FROM generate_series(-1000, 1000) i) x, (VALUES (10), (0.25), (7)) s(step)
    WHERE NOT n <@ etl_generalize(n, step) OR upper(etl_generalize(n, step)) - lower(etl_generalize(n, step)) <> step
       OR lower(etl_generalize(n, step)) % step <> 0), 0::bigint, 'which holds it, between two multiples');
SELECT is(etl_generalize('NaN'::numeric, 10), NULL, 'and which NaN has not');
SELECT is(etl_generalize('sw1a 1aa', 'outward'), 'SW1A', 'a postcode''s outward part');
SELECT is(etl_generalize('2001:db8::1', 'network'), '2001:db8::/48', 'an address''s network as text');
SELECT is((SELECT count(*) FROM (VALUES ('192.0.2.17'::inet), ('10.0.0.1/8'), ('255.255.255.255'), ('2001:db8:1:2::3'), ('::1')) v(ip)
    WHERE etl_generalize(ip) <> network(set_masklen(ip, least(masklen(ip), CASE family(ip) WHEN 4 THEN 24 ELSE 48 END)))), 0::bigint, 'and as cidr');
SELECT is(etl_generalize('192.0.2.17'::inet, 16, 32), '192.0.0.0/16'::cidr, 'of a length of one''s own');
SELECT is(etl_generalize('neither', 'outward'), NULL, 'what is no postcode gives nothing');
SELECT throws_ok($$SELECT etl_generalize('x', 'fortnight')$$, '22023', 'unknown generalization', 'unknown generalizations are refused');
SELECT throws_ok($$SELECT etl_generalize(1, 0)$$, '22023', NULL, 'as are ranges of nothing');
SELECT throws_ok($$SELECT etl_generalize('192.0.2.1'::inet, 33)$$, '22023', NULL, 'and networks longer than an address');
SELECT throws_ok($$SELECT etl.treat('{"treatment": "melt"}', 'text', '"x"', NULL)$$, '22023', NULL, 'unknown treatments');
SELECT throws_ok($$SELECT etl.treat('[]', 'text', '"x"', NULL)$$, '22023', NULL, 'what is no treatment');
SELECT throws_ok($$SELECT etl.treat('{"treatment": "token"}', 'text', '"x"', NULL)$$, '22004', NULL, 'and a token of nobody');

-- ---- one value, one treatment: tables, processed and archived files, single records
\set people '{"type": "object", "properties": {"id": {}}, "x-etl": {"dataset": "people", "files": ["people.jsonl"], "key": "/id", "subject": {"field": "/id"}, "tables": [{"name": "people", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "name", "from": "/name"}, {"name": "mail", "from": "/mail"}, {"name": "login", "from": "/login"}, {"name": "born", "type": "date", "from": "/born"}, {"name": "born_text", "from": "/born_text"}, {"name": "seen", "type": "timestamptz", "from": "/seen"}, {"name": "age", "type": "int", "from": "/age"}, {"name": "salary", "type": "numeric(10,2)", "from": "/salary"}, {"name": "postcode", "from": "/postcode"}, {"name": "ip", "from": "/ip"}, {"name": "device", "type": "uuid", "from": "/device"}, {"name": "account", "type": "bigint", "from": "/account"}, {"name": "code", "type": "char(80)", "from": "/code"}, {"name": "nonce", "from": "/nonce"}, {"name": "note", "type": "jsonb", "from": "/note"}]}], "personal": [{"field": "/name", "treatment": "partial"}, {"field": "/mail", "treatment": "token"}, {"field": "/login", "treatment": "pseudonymize"}, {"field": "/born", "treatment": "generalize", "to": "decade"}, {"field": "/born_text", "treatment": "generalize", "to": "year"}, {"field": "/seen", "treatment": "generalize", "to": "month"}, {"field": "/age", "treatment": "generalize", "to": {"range": 10}}, {"field": "/salary", "treatment": "generalize", "to": {"range": 2500}}, {"field": "/postcode", "treatment": "generalize", "to": "outward"}, {"field": "/ip", "treatment": "generalize", "to": {"network": {"ipv4": 16}}}, {"field": "/device", "treatment": "pseudonymize"}, {"field": "/account", "treatment": "pseudonymize"}, {"field": "/code", "treatment": "sha256"}, {"field": "/nonce", "treatment": "random"}, {"field": "/note", "treatment": "redact", "value": "gone"}]}}'
SELECT is((SELECT name FROM etl_define(:'people')), 'people', 'a definition with every treatment');
\set path :hour '/people.jsonl'
COPY (SELECT * FROM (VALUES
    ('{"id": 1, "name": "Zoë Weiß", "mail": "zoe@example.com", "login": "zoe", "born": "1985-06-17", "born_text": "1985-06-17", "seen": "2000-01-01T00:30:00+01:00", "age": 37, "salary": "31250.5", "postcode": "SW1A 1AA", "ip": "192.0.2.1", "device": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "account": "0042", "code": "c", "nonce": "n", "note": {"a": 1}}'),
    ('{"id": "02", "name": "李小龙", "mail": "li@example.com", "login": "li", "born": "1979-12-31T00:00:00Z", "born_text": "new year", "seen": "1999-12-31T23:30:00", "age": "-3", "salary": 31250.50, "postcode": "nowhere", "ip": "::ffff:192.0.3.1", "device": "a0eebc999c0b4ef8bb6d6bb9bd380a11", "account": 42, "code": "c   ", "nonce": "n", "note": [1]}'),
    ('{"id": 3, "name": null}')) v(x)) TO :'path' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
CREATE TEMP TABLE source AS SELECT line, record::jsonb AS record FROM etl_read('date=2020-01-01/hour=3/people.jsonl');
SELECT results_eq($$SELECT status, loaded, quarantined FROM etl_run('people')$$, $$VALUES ('succeeded', 3::bigint, 0::bigint)$$, 'its records are loaded');
CREATE TEMP VIEW shown AS SELECT * FROM etl_anonymized(NULL::data.people, 'people');
SELECT results_eq($$SELECT name, born, born_text, seen, age, salary, postcode, ip FROM shown ORDER BY id$$,
    $$VALUES ('Z•••', '1980-01-01'::date, '1985', '1999-12-01 00:00+00'::timestamptz, 30, 30000.00::numeric(10,2), 'SW1A', '192.0.0.0/16'),
             ('•••', '1970-01-01', '[erased]', '1999-12-01 00:00+00', -10, 30000.00, '[erased]', '192.0.0.0/16'),
             (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)$$, 'a table''s rows are treated');
SELECT is((SELECT count(*) FROM shown WHERE id < 3 AND login <> etl_pseudonymize(CASE id WHEN 1 THEN 'zoe' ELSE 'li' END)), 0::bigint, 'as etl_pseudonymize does it');
SELECT is((SELECT count(*) FROM shown WHERE id < 3 AND mail <> etl_token('people', id::text)), 0::bigint, 'and etl_token');
SELECT is((SELECT count(*) FROM shown WHERE id < 3 AND rtrim(code) <> etl_sha256('c')), 0::bigint, 'and etl_sha256, without char(n)''s blanks');
SELECT is((SELECT count(DISTINCT device) || ' ' || count(DISTINCT account) || ' ' || count(DISTINCT nonce) FROM shown), '1 1 2', 'one pseudonym for a value in two spellings, two random ones');
SELECT is((SELECT count(*) FROM shown s JOIN data.people p USING (id) WHERE s.device = p.device OR s.account = p.account OR s.nonce = p.nonce), 0::bigint, 'other than the values');
SELECT is((SELECT string_agg(note #>> '{}', ',') FROM shown), 'gone,gone', 'a JSON column takes a constant');
-- the treated file record, read as its column, is the treated row
CREATE TEMP TABLE from_records AS SELECT r.* FROM source s, etl_anonymize('people', s.record) t, jsonb_populate_record(NULL::data.people, t) r;
SELECT results_eq($$SELECT name, mail, login, born, born_text, seen, age, salary, postcode, ip, device, account, rtrim(code), note FROM from_records ORDER BY id$$,
    $$SELECT name, mail, login, born, born_text, seen, age, salary, postcode, ip, device, account, rtrim(code), note FROM shown ORDER BY id$$, 'records are treated as rows are');
SELECT is(etl_export('people', 'people.jsonl', anonymized => true), 3::bigint, 'an anonymised export');
\set path :processed '/people.jsonl'
CREATE TEMP TABLE exported (record jsonb);
COPY exported FROM :'path' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
SELECT results_eq($$SELECT (r).name, (r).mail, (r).login, (r).born, (r).seen, (r).salary, (r).ip, (r).device, (r).account FROM (SELECT jsonb_populate_record(NULL::data.people, record) r FROM exported) x ORDER BY (r).id$$,
    $$SELECT name, mail, login, born, seen, salary, ip, device, account FROM shown ORDER BY id$$, 'holds the same');

-- ---- definitions that can't be
CREATE FUNCTION with_personal(column_type text, personal text, extra text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT reported(format($f$SELECT etl_define(%L)$f$, format('{"type": "object", "x-etl": {"dataset": "d", "files": ["d.jsonl"], "key": "/id", "tables": [{"name": "d", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "c", "type": "%s", "from": "/c"%s}]}], "subject": {"field": "/id"}, "personal": [%s]}}', column_type, extra, personal)))
$$;
SELECT is(with_personal('date', '{"field": "/c", "treatment": "sha256"}'), '22023 | At "/x-etl/personal/0/treatment": column "c" is date and cannot take text of 64 characters', 'a treatment that the column''s type can''t take is named with its place');
SELECT matches(with_personal(t, p), '^22023 \| At "/x-etl/personal/0', t || ' can''t be treated with ' || p) FROM (VALUES
    ('integer', '{"field": "/c", "treatment": "redact"}'),
    ('date', '{"field": "/c", "treatment": "redact", "value": "31.02.2000"}'),
    ('varchar(40)', '{"field": "/c", "treatment": "token"}'),
    ('varchar(63)', '{"field": "/c", "treatment": "pseudonymize"}'),
    ('integer', '{"field": "/c", "treatment": "pseudonymize"}'),
    ('numeric', '{"field": "/c", "treatment": "random"}'),
    ('date', '{"field": "/c", "treatment": "partial"}'),
    ('bigint', '{"field": "/c", "treatment": "generalize", "to": "year"}'),
    ('date', '{"field": "/c", "treatment": "generalize", "to": {"range": 5}}'),
    ('bigint', '{"field": "/c", "treatment": "generalize", "to": "outward"}'),
    ('varchar(15)', '{"field": "/c", "treatment": "generalize", "to": "network"}'),
    ('text', '{"field": "/c", "treatment": "generalize"}'),
    ('text', '{"field": "/c", "treatment": "generalize", "to": "century"}'),
    ('text', '{"field": "/c", "treatment": "generalize", "to": {"range": 0}}'),
    ('text', '{"field": "/c", "treatment": "generalize", "to": {"network": {"ipv4": 33}}}'),
    ('text', '{"field": "/c", "treatment": "redact", "to": "year"}'),
    ('text', '{"field": "/c", "treatment": "delete"}'),
    ('text', '{"field": "/id", "treatment": "redact"}')) v(t, p);
SELECT matches(with_personal('text', '{"field": "/c", "treatment": "redact"}, {"field": "/c/d", "treatment": "null"}'), '^22023 \| At "/x-etl/personal/1/field"', 'nor twice');
SELECT matches(with_personal('text', '{"field": "/c", "treatment": "null"}', ', "not_null": true'), '^22023 \| At "/x-etl/personal/0/treatment": column "c" does not take null', 'nor be null where it must not');
SELECT is(with_personal('date', '{"field": "/c", "treatment": "redact", "value": "1900-01-01"}, {"field": "/id", "treatment": "keep"}'), 'nothing', 'a constant of the column''s type is one, and a key may be kept');

-- ---- rows that go
SELECT is((SELECT count(*) FROM etl.removal_statements('people')), 0::bigint, 'nothing is removed unless the definition says so');
SELECT name FROM etl_define('{"type": "object", "x-etl": {"dataset": "members", "files": ["members.jsonl"], "key": "/id", "subject": {"field": "/id", "on_erasure": "delete"}, "tables": [{"name": "members", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "name", "from": "/name", "not_null": true}, {"name": "born", "type": "date", "from": "/born"}, {"name": "day", "type": "date", "from": "$record_date"}]}, {"name": "phones", "each": "/phones", "columns": [{"name": "member", "type": "bigint", "from": "/id"}, {"name": "number", "from": "./n"}]}]}}') \gset
SELECT name FROM etl_define('{"type": "object", "x-etl": {"dataset": "loans", "files": ["loans.jsonl"], "key": "/id", "references": [{"field": "/member", "dataset": "members"}], "tables": [{"name": "loans", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "member", "from": "/member"}]}]}}') \gset
ALTER TABLE data.members ADD status text DEFAULT 'active', ADD nick text;
CREATE TABLE data.cards (card int PRIMARY KEY, member bigint REFERENCES data.members);
INSERT INTO data.members VALUES (1, 'Ann', '1990-01-01', '2020-01-01', 'gold', 'A'), (2, 'Bee', '1990-01-01', '2020-01-01', 'gold', 'B'), (3, 'Cec', '1990-01-01', '2020-01-01', 'gold', 'C'), (4, 'Dee', '1990-01-01', '2020-01-01', 'gold', 'D');
INSERT INTO data.phones VALUES (1, '1'), (2, '2'), (4, '4');
INSERT INTO data.loans VALUES (1, '2');
INSERT INTO data.cards VALUES (1, 3);
CREATE TEMP TABLE touched (subject text);
DO $$
DECLARE
    statement text;
    subject text;
BEGIN
    FOR statement IN SELECT etl.removal_statements('members') LOOP
        FOR subject IN EXECUTE statement USING ARRAY['1', '2', '3', '99'], ARRAY[]::text[] LOOP
            INSERT INTO touched VALUES (subject);
        END LOOP;
    END LOOP;
END $$;
SELECT results_eq('SELECT * FROM data.members ORDER BY id',
    $$VALUES (2::bigint, '[erased]', NULL::date, '2020-01-01'::date, 'active', NULL::text), (3, '[erased]', NULL, '2020-01-01', 'active', NULL), (4, 'Dee', '1990-01-01', '2020-01-01', 'gold', 'D')$$,
    'a row goes; one that a definition or a foreign key refers to keeps its key; others stay as they are');
SELECT results_eq('SELECT * FROM data.phones', $$VALUES (4::bigint, '4')$$, 'a record''s elements go with it');
SELECT results_eq('SELECT subject, count(*) FROM touched GROUP BY 1 ORDER BY 1', $$VALUES ('1', 2::bigint), ('2', 2), ('3', 1)$$, 'and every row is told');

-- ---- the key
SELECT results_eq('SELECT status FROM etl_run(''erasure_requests'')', $$VALUES ('succeeded')$$, 'no request yet');
\set command 'mkdir -p "' :hour '"'
COPY shell FROM PROGRAM :'command';
\set path :hour '/erasure-requests.json'
COPY (SELECT '{"customer-id": "7", "email": "seven@example.com"}') TO :'path';
SELECT results_eq('SELECT loaded, quarantined FROM etl_run(''erasure_requests'')', 'VALUES (1::bigint, 0::bigint)', 'a request');
CREATE TEMP TABLE before AS SELECT etl_token('customers', '7') AS token, etl_pseudonymize('x') AS pseudonym;
SELECT is((SELECT count(*) FROM etl_rotate_key() WHERE kept_as = key_file || '.old-1' AND destroyed = 0), 1::bigint, 'etl_rotate_key keeps the old key');
SELECT is((SELECT string_agg(action || ' ' || place, ', ') FROM etl.audit WHERE action LIKE '% key'), 'rotate key etl.key_file', 'audited');
SELECT throws_ok('SELECT etl_rotate_key()', '25001', NULL, 'not inside a transaction block or subtransaction, which could roll back what the audit trail says');
SELECT is((SELECT count(*) FROM before WHERE token = etl_token('customers', '7') OR pseudonym = etl_pseudonymize('x')), 0::bigint, 'tokens and pseudonyms are others now');
SELECT is(etl_token('customers', '7'), etl_token('customers', '7'), 'and stay so');
\set command 'mkdir -p "' :hour '"'
COPY shell FROM PROGRAM :'command';
\set path :hour '/erasure-requests.json'
COPY (SELECT '{"customer-id": "007", "email": "seven@example.org"}') TO :'path';
SELECT results_eq('SELECT loaded, quarantined FROM etl_run(''erasure_requests'')', 'VALUES (0::bigint, 1::bigint)', 'the person who asked is still known');
SELECT results_eq('SELECT status FROM etl.erasure ORDER BY erasure_id', $$VALUES ('not_found'), ('duplicate')$$, 'as one who asked before');
SELECT is((SELECT (pg_stat_file(:'key')).size > 0 AND (SELECT count(*) FROM pg_ls_dir(:'root') f WHERE f LIKE 'key%') = 2), true, 'nothing else is left beside the key');
SELECT is((SELECT kept_as IS NULL AND destroyed = 2 FROM etl_rotate_key(destroy => true)), true, 'destroyed are the old key and those kept before');
SELECT is((SELECT count(*) FROM pg_ls_dir(:'root') f WHERE f LIKE 'key%'), 1::bigint, 'and only the new one is left');
\set command 'stat -c %a "' :key '" && chmod 640 "' :key '"'
COPY shell FROM PROGRAM :'command';
SELECT is((SELECT string_agg(line, ',') FROM shell), '600', 'which only the server can read');
SELECT throws_ok('SELECT etl_rotate_key()', '55000', NULL, 'a key that others can read is refused');
SELECT throws_ok('SELECT etl_pseudonymize(''x'')', '55000', NULL, 'whatever it is for');
\set command 'chmod 600 "' :key '"'
COPY shell FROM PROGRAM :'command';
SELECT current_setting('data_directory') || '/key' AS inside \gset
SET etl.key_file = :'inside';
SELECT throws_ok('SELECT etl_rotate_key()', '55000', NULL, 'as is one in the data directory');
SET etl.key_file = :'key';

-- ---- neighbours
SELECT results_eq($$SELECT table_name, column_name, treatment FROM etl.personal_column WHERE dataset = 'people' AND column_name < 'c' ORDER BY 2$$,
    $$VALUES ('people', 'account', 'pseudonymize'), ('people', 'age', 'generalize'), ('people', 'born', 'generalize'), ('people', 'born_text', 'generalize')$$, 'personal columns can be queried');
COMMENT ON COLUMN data.people.mail IS 'where bills go';
SELECT results_eq($$SELECT count(*), count(label) FROM etl_label_columns('people')$$, 'VALUES (15::bigint, 0::bigint)', 'without PostgreSQL Anonymizer only comments are written');
SELECT is(col_description('data.people'::regclass, 3), 'where bills go [pg_etl: personal data of people, treatment token, dataset people]', 'a comment keeps what it said');
\getenv libdir PG_LIBDIR
\set module :libdir '/anon_provider'
LOAD :'module';
SELECT results_eq($$SELECT label FROM etl_label_columns('people') WHERE column_name IN ('data.people.mail', 'data.people.name', 'data.people.note') ORDER BY column_name$$,
    $$VALUES ('MASKED WITH FUNCTION etl.subject_token(''people'', id::text)'), ('MASKED WITH FUNCTION etl.mask(''{"treatment": "partial"}'', ''text'', name)'), ('MASKED WITH VALUE ''gone''')$$, 'with it, masking rules');
SELECT is((SELECT count(*) FROM pg_seclabels WHERE provider = 'anon' AND objtype = 'column'), 15::bigint, 'which are set');
SELECT is(col_description('data.people'::regclass, 3), 'where bills go [pg_etl: personal data of people, treatment token, dataset people]', 'and comments do not grow');
-- what the rules do is what the treatments do
SELECT results_eq($$SELECT etl.mask('{"treatment":"partial"}', 'text', name), etl.mask('{"treatment":"generalize","to":"decade"}', 'date', born)::date, etl.subject_token('people', id::text) FROM data.people ORDER BY id LIMIT 2$$,
    'SELECT name, born, mail FROM shown ORDER BY id LIMIT 2', 'and do what the treatments do');
SELECT is((SELECT count(*) FROM etl_define(jsonb_set(:'people', '{x-etl,personal}', '[{"field": "/name", "treatment": "partial"}]'))), 1::bigint, 'a column that is personal no longer');
SET anon_test.trusts_functions = off;
SELECT is((SELECT count(*) FROM etl_label_columns('people')), 1::bigint, 'is not labelled (version 1 trusts schemas only)');
SELECT results_eq($$SELECT label COLLATE "default" FROM pg_seclabels WHERE provider = 'anon' AND objtype IN ('column', 'schema') ORDER BY objtype$$,
    $$VALUES ('MASKED WITH FUNCTION etl.mask(''{"treatment": "partial"}'', ''text'', name)'), ('TRUSTED')$$, 'any more');
SELECT is(col_description('data.people'::regclass, 3), 'where bills go', 'and its comment is the owner''s again');
-- what the table computes from them is personal as well (the view has the row type, which is to get columns)
DROP VIEW shown CASCADE;
ALTER TABLE data.people ADD shout varchar(80) GENERATED ALWAYS AS (upper(name)) STORED, ADD twice bigint GENERATED ALWAYS AS (id * 2) STORED;
SELECT results_eq($$SELECT column_name, type, field, treatment, options FROM etl.personal_column WHERE dataset = 'people' ORDER BY 1$$,
    $$VALUES ('name', 'text', '/name', 'partial', '{"treatment": "partial"}'::jsonb), ('shout', 'character varying(80)', '/name', 'null', '{"treatment": "null"}')$$, 'a column generated from a personal one is listed');
SELECT results_eq($$SELECT column_name, treatment, label FROM etl_label_columns('people') ORDER BY 1$$,
    $$VALUES ('data.people.name', 'partial', 'MASKED WITH FUNCTION etl.mask(''{"treatment": "partial"}'', ''text'', name)'), ('data.people.shout', 'null', 'MASKED WITH VALUE NULL')$$, 'and labelled');
SELECT matches(col_description('data.people'::regclass, (SELECT attnum FROM pg_attribute WHERE attrelid = 'data.people'::regclass AND attname = 'shout')), 'personal data of people, treatment null', 'and has a comment');

SELECT * FROM finish();
DROP TABLE from_records;
DROP EXTENSION pg_etl;
DROP FUNCTION with_personal, reported;
DROP TABLE data.people, data.phones, data.loans, data.cards, data.members, data.d;
\set command 'rm -rf "' :root '"'
COPY shell FROM PROGRAM :'command';
