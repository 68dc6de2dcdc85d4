-- Personal fields inside json and jsonb columns, and columns that take a part of a personal field: in
-- tables, anonymised reads and labels; emails inside documents; what etl_define refuses. Files are tested
-- in test/tap.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
\set directories :test '/include/directories.psql'
\i :directories
\set key :root '/key'
SET etl.key_file = :'key';
BEGIN;
SELECT plan(24);

SELECT lives_ok($$SELECT etl_define('{"x-etl": {"dataset": "erase_documents", "files": ["erase_documents.json"], "key": "/id",
    "tables": [{"schema": "data", "name": "erase_documents", "columns": [
        {"name": "id", "type": "bigint", "from": "/id"},
        {"name": "profile", "type": "json", "from": "/profile"}, {"name": "list", "type": "jsonb", "from": "/list"},
        {"name": "first", "type": "jsonb", "from": "/list/0"}, {"name": "street", "from": "/address/street"}]}],
    "subject": {"field": "/id", "email": "/profile/email"},
    "personal": [{"field": "/profile/email", "treatment": "token"}, {"field": "/profile/born", "treatment": "generalize", "to": "year"},
        {"field": "/list/*/phone", "treatment": "redact"}, {"field": "/list/*/pin", "treatment": "null"}, {"field": "/address", "treatment": "redact"}]}}')$$,
    'fields inside documents are accepted');
\set one '{"id": 1, "profile": {"email": "Ann@Example.org", "plan": "pro", "born": "1990-05-17"}, "list": [{"phone": "0123456789", "pin": 4711, "k": 1.50}, {"phone": "0987654321"}], "address": {"street": "1 Elm Road"}}'
\set two '{"id": 2, "profile": {"email": "bob@example.org"}, "list": [], "address": {}}'
INSERT INTO data.erase_documents
SELECT (r ->> 'id')::bigint, r -> 'profile', r -> 'list', r -> 'list' -> 0, r #>> '{address,street}'
  FROM (VALUES (:'one'::jsonb), (:'two'::jsonb), ('{"id": 3}')) v(r);
CREATE TEMP VIEW holding AS SELECT id, t::text AS row FROM data.erase_documents t;

-- what is personal
SELECT is((SELECT string_agg(DISTINCT column_name, ' ' ORDER BY column_name) FROM etl.personal_column WHERE table_name = 'erase_documents'), 'first list profile street',
    'every column that holds a personal field is personal, and no other');
SELECT is((SELECT string_agg(field || ' ' || treatment || ' ' || (options ->> 'path'), ', ' ORDER BY field) FROM etl.personal_column WHERE table_name = 'erase_documents' AND column_name = 'list'),
    '/list/*/phone redact ["*", "phone"], /list/*/pin null ["*", "pin"]', 'with the place inside the document');
SELECT is((SELECT jsonb_path_query_array(etl_internal.treated_columns('erase_documents'), '$[*].fields[*] ? (@.field == "/profile/email").columns[*]')),
    '["data.erase_documents.profile"]', 'a certificate names the documents');

-- read
SELECT is((SELECT count(*) FROM etl_anonymized(NULL::data.erase_documents, 'erase_documents') a WHERE a::text ~* 'ann@|bob@|0123|0987|4711|Elm|05-17'), 0::bigint, 'anonymised rows show nothing of it');
SELECT is((SELECT a.profile ->> 'plan' || ' ' || (a.list -> 0 ->> 'k') FROM etl_anonymized(NULL::data.erase_documents, 'erase_documents') a WHERE a.id = 1), 'pro 1.50', 'other members stay as they are');
SELECT is((SELECT count(*) FROM etl_anonymized(NULL::data.erase_documents, 'erase_documents') a WHERE a.id = 3 AND a.profile IS NULL AND a.list IS NULL), 1::bigint, 'null stays null');
SELECT is((SELECT count(*) FROM etl_anonymized(NULL::data.erase_documents, 'erase_documents') a WHERE a.first IS DISTINCT FROM a.list -> 0), 0::bigint, 'copies agree');
SELECT is((SELECT jsonb_build_array(a.profile, a.list) FROM etl_anonymized(NULL::data.erase_documents, 'erase_documents') a WHERE a.id = 1),
    (SELECT jsonb_build_array(r -> 'profile', r -> 'list') FROM etl_anonymize('erase_documents', :'one') r), 'and with the record that is treated');
SELECT is(etl_export('erase_documents', 'documents.jsonl', anonymized => true), 3::bigint, 'so does an export');
SELECT is((pg_read_file(:'processed' || '/documents.jsonl') ~* 'ann@|bob@|0123|0987|4711|Elm|05-17'), false, 'which shows nothing');

-- found
SELECT is((SELECT count(*) FROM etl_subject('erase_documents', '1') WHERE record ->> 'street' = '1 Elm Road'), 1::bigint, 'subject access shows the row');
SELECT is((SELECT status || ' ' || row_count FROM etl_erase('erase_documents', email => 'BOB@example.ORG')), 'completed 1', 'an email inside a document finds the person');
SELECT is((SELECT count(*) FROM holding WHERE row LIKE '%bob@%'), 0::bigint, 'and it is gone');
SELECT is((SELECT count(*) FROM holding WHERE row ~ 'Ann@.*0123'), 1::bigint, 'others are not touched');
SELECT is((SELECT conflict FROM etl_erase('erase_documents', '3', 'ann@example.org')), true, 'one''s key and another''s email, inside a document, are seen to be different people');
SELECT is((SELECT status || ' ' || row_count FROM etl_erase('erase_documents', '1')), 'completed 1', 'erased by key');
SELECT is((SELECT count(*) FROM holding WHERE row ~* 'ann@|0123|0987|4711|Elm|05-17'), 0::bigint, 'nothing of it is left in any document');
SELECT is((SELECT jsonb_build_array(list, first, profile ->> 'plan', street, profile ->> 'born') FROM data.erase_documents WHERE id = 1),
    '[[{"k": 1.50, "pin": null, "phone": "[erased]"}, {"phone": "[erased]"}], {"k": 1.50, "pin": null, "phone": "[erased]"}, "pro", "[erased]", "1990"]'::jsonb, 'what is not personal stays');

-- on its own
SELECT is(etl.treat_document('[{"path": ["a"], "treatment": "redact"}]', 'no json', NULL), '"[erased]"', 'what cannot be read is not shown');
SELECT is(etl.treat_document('[{"path": ["*", "a"], "treatment": "token"}]', '{"x": {"a": 1}, "y": [2]}', NULL), '{"x": {"a": null}, "y": []}', 'without a token there is none');
SELECT throws_ok($$SELECT etl.treat_document('[{"treatment": "redact"}]', '{}', NULL)$$, '22023', NULL, 'a treatment needs a place in the document');
SELECT throws_ok($$SELECT etl_define('{"x-etl": {"dataset": "erase_part", "files": ["erase_part.json"], "key": "/id", "tables": [{"schema": "data", "name": "erase_part", "columns": [
    {"name": "id", "type": "bigint", "from": "/id"}, {"name": "number", "type": "int", "from": "/address/number"}]}], "subject": {"field": "/id"}, "personal": [{"field": "/address", "treatment": "redact"}]}}')$$,
    '22023', NULL, 'a column that takes a part of a personal field must take the treatment');
SELECT is((SELECT count(*) FROM etl_label_columns('erase_documents')), 4::bigint, 'each column has one label, however many fields are inside it');

SELECT * FROM finish();
ROLLBACK;
\set command 'rm -rf "' :root '"'
COPY shell FROM PROGRAM :'command';
