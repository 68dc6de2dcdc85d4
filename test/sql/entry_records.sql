-- Records and definitions at the edges: names that no text holds, places of faults, numbers as they are written, keys that are empty, how much of a file may be refused.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
\set directories :test '/include/directories.psql'
\i :directories
\set hour :raw '/date=2020-01-01/hour='
-- a run removes directories that it leaves empty
\set command 'mkdir -p "' :hour '0" "' :hour '1" "' :hour '2" && touch "' :hour '0/keep.txt" "' :hour '1/keep.txt" "' :hour '2/keep.txt"'
COPY shell FROM PROGRAM :'command';

SELECT plan(31);

-- ---- members named by what no text of the server's holds, and by very much
SELECT etl_define('{"type": "object", "properties": {"id": {"type": "integer"}, "list": true}, "additionalProperties": false,
  "x-etl": {"dataset": "entry_names", "files": ["entry_names.jsonl"], "key": "/id",
            "tables": [{"name": "entry_names", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}') IS NOT NULL AS defined \gset
\set path :hour '0/entry_names.jsonl'
COPY (SELECT '{"id": 1}' UNION ALL SELECT '{"id": 2, "a\u0000/~b": 1}'
      UNION ALL SELECT '{"id": 3, ' || string_agg(format('"%s%s": 1', repeat('é', 40000), i), ', ') || '}' FROM generate_series(1, 100) i)
    TO :'path' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
SELECT results_eq($$SELECT line, code, pointer FROM etl_validate_file('entry_names', 'date=2020-01-01/hour=0/entry_names.jsonl') WHERE line = 2$$,
    $$VALUES (2::bigint, 'schema', U&'/a\FFFD~1~0b')$$, 'a dry run shows a NUL in a member''s name as the record does');
SELECT results_eq($$SELECT loaded, quarantined, error FROM etl_run('entry_names')$$, $$VALUES (1::bigint, 2::bigint, NULL::text)$$,
    'a record with a NUL in a member''s name costs no other');
SELECT is((SELECT violations -> 0 ->> 'pointer' FROM etl.quarantine WHERE dataset = 'entry_names' AND line = 2), U&'/a\FFFD~1~0b', 'and quarantine names its place');
SELECT is((SELECT jsonb_array_length(violations) FROM etl.quarantine WHERE dataset = 'entry_names' AND line = 3), 100, 'a hundred violations of names as long as a record fit a jsonb');
SELECT ok((SELECT bool_and(octet_length(v ->> 'pointer') <= 2051 AND v ->> 'pointer' LIKE '%…') FROM etl.quarantine, jsonb_array_elements(violations) v
           WHERE dataset = 'entry_names' AND line = 3), 'for their pointers are cut');

-- ---- where a malformed record is wrong
\set path :hour '1/entry_names.jsonl'
COPY (SELECT * FROM (VALUES ('{"id": 1, "list": [1, {"a": 1, "b": 2, "a": 3}]}'), ('{"id": 1, "list": [1, NaN]}'), ('{"id": 1 "list": 2}'),
      ('{"id": 1, "list": [1, 2}'), ('{"id": 1'), ('{"id": 01}'), ('{"id": "\ud800"}'), (U&'\FEFF{"id": 1}'), ('{"id": 1} x'), ('{"id": tru}'),
      ('{"id": 1, "list": [1, {"name": "abc')) v(x))
    TO :'path' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
SELECT quarantined AS q FROM etl_run('entry_names') \gset
SELECT is(:q, 11, 'eleven malformed records');
CREATE TEMP VIEW fault AS SELECT line, violations -> 0 ->> 'message' AS message, violations -> 0 ->> 'pointer' AS pointer
    FROM etl.quarantine WHERE dataset = 'entry_names' AND code = 'malformed';
SELECT is((SELECT pointer FROM fault WHERE line = 1), '/list/1/a', 'the pointer of a repeated member leads through what holds it');
SELECT is((SELECT message FROM fault WHERE line = 1), '(root): member name appears twice in one object, the second time before byte 45', 'and the message says at which byte');
SELECT results_eq($$SELECT line, message FROM fault WHERE line BETWEEN 2 AND 10 ORDER BY line$$,
    $$VALUES (2::bigint, '(root): expected a value at byte 23'), (3, '(root): expected '','' or ''}'' at byte 10'), (4, '(root): expected '','' or '']'' at byte 24'),
             (5, '(root): expected '','' or ''}'' at byte 9, the end'), (6, '(root): number begins with 0 at byte 9'),
             (7, '(root): invalid escape sequence in a string: half a surrogate pair at byte 9'),
             (8, '(root): byte-order mark, which may stand only at the beginning of a file at byte 1'),
             (9, '(root): something follows the JSON value at byte 11'), (10, '(root): expected a value at byte 8')$$, 'messages say where and what was expected');
SELECT is((SELECT pointer FROM fault WHERE line = 2), '/list/1', 'and the pointer leads there');
SELECT results_eq($$SELECT pointer, message FROM fault WHERE line = 11$$, $$VALUES ('/list/1/name', '(root): string is not closed at byte 32')$$, 'also where a record was cut off in the middle of a string');
\set path :hour '2/entry_names.jsonl'
\set command 'printf ''{}\\n\\377\\376{\\000\\042\\000\\n\\000{\\000}\\000\\n'' > "' :path '"'
COPY shell FROM PROGRAM :'command';
SELECT quarantined AS q FROM etl_run('entry_names') \gset
SELECT results_eq($$SELECT q.line, violations -> 0 ->> 'message' FROM etl.quarantine q JOIN etl.file f USING (file_id) WHERE f.record_hour = 2 AND q.line > 1 ORDER BY 1$$,
    $$VALUES (2::bigint, '(root): UTF-16 with a byte-order mark; records are UTF-8 at byte 1'), (3, '(root): looks like UTF-16 or UTF-32; records are UTF-8 at byte 1')$$, 'UTF-16 in some lines is named');

-- ---- numbers of the definition
CREATE FUNCTION pg_temp.violations_of(keyword text, record text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM etl_define(format('{%s, "x-etl": {"dataset": "entry_numbers", "files": ["entry_numbers.json"]}}', keyword)::jsonb);
  RETURN (SELECT count(*) FROM etl_validate('entry_numbers', record::jsonb));
END $$;
SELECT is(pg_temp.violations_of(k, r), n::bigint, k || ' of ' || left(r, 30)) FROM (VALUES
  ('"const": 12345678901234567890123', '12345678901234567890123', 0), ('"const": 12345678901234567890123', '12345678901234567890124', 1),
  ('"enum": ["x", 18446744073709551617]', '18446744073709551617', 0), ('"const": {"a": [0.10000000000000000001]}', '{"a": [0.1]}', 1),
  ('"maximum": 999999999999999999.99', '1000000000000000000', 1), ('"exclusiveMaximum": 0.30000000000000000001', '0.3', 0),
  ('"multipleOf": 1.00000000000000000001', '2', 1), ('"maximum": 1e400', '1', 0), ('"minimum": -1e400', '-1e401', 1), ('"maxLength": 1e400', '"a"', 0)) v(k, r, n);
SELECT throws_ok($$SELECT etl_define('{"maxLength": -1e400, "x-etl": {"dataset": "entry_numbers", "files": ["entry_numbers.json"]}}')$$, '22023', NULL, 'a count below 0 is refused whatever it takes');

-- ---- a key that is the empty text
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "entry_empty", "files": ["entry_empty.jsonl"], "key": "/k", "references": [{"field": "/of", "dataset": "entry_names"}],
  "tables": [{"name": "entry_empty", "primary_key": ["k"], "columns": [{"name": "k", "from": "/k"}]}]}}') IS NOT NULL AS defined \gset
\set path :hour '0/entry_empty.jsonl'
COPY (SELECT * FROM (VALUES ('{"k": "", "of": 77}'), ('{"k": ""}')) v(x)) TO :'path' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
SELECT quarantined AS q FROM etl_run('entry_empty') \gset
SELECT is((SELECT string_agg(code || ' ' || coalesce(quote_literal(key), 'no key'), ', ' ORDER BY line) FROM etl.quarantine WHERE dataset = 'entry_empty'),
    'reference '''', duplicate ''''', 'a key that is empty is a key, from the first record of a file on');
SELECT quarantined AS q FROM etl_replay('entry_empty') \gset
SELECT is((SELECT key FROM etl.quarantine WHERE dataset = 'entry_empty' AND code = 'reference'), '', 'and is one still after a replay');

-- ---- an array with gaps, and how much may be refused
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "entry_gaps", "files": ["entry_gaps.json"], "max_rejected": {"records": 3}}}') IS NOT NULL AS defined \gset
\set path :hour '0/entry_gaps.json'
COPY (SELECT '[{"a":1},,,,,{"a":2},,,{"a":3}' || repeat(',', 1000) || ']') TO :'path' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
SELECT results_eq($$SELECT records, loaded, quarantined FROM etl_run('entry_gaps')$$, $$VALUES (6::bigint, 3::bigint, 3::bigint)$$, 'elements that are missing in a row are one malformed record');
SELECT is((SELECT string_agg(line::text, ' ' ORDER BY line) FROM etl.quarantine WHERE dataset = 'entry_gaps'), '2 7 10', 'at the place of the first of them');
\set path :hour '1/entry_gaps.json'
COPY (SELECT '[{"a":1},1,2,3,4]') TO :'path' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
SELECT results_eq($$SELECT status, loaded, quarantined FROM etl_run('entry_gaps')$$, $$VALUES ('failed', 0::bigint, 0::bigint)$$, 'a file with more than max_rejected fails');
SELECT ok((SELECT error LIKE '%"max_rejected" allows: 3 of them' FROM etl.file WHERE dataset = 'entry_gaps' AND status = 'failed'), 'and says why');
SELECT throws_ok($$SELECT etl_validate_file('entry_gaps', 'date=2020-01-01/hour=1/entry_gaps.json')$$, '54000', NULL, 'as a dry run does');
SELECT throws_ok($$SELECT etl_define('{"x-etl": {"dataset": "entry_gaps", "files": ["entry_gaps.json"], "max_rejected": {}}}')$$, '22023', NULL, 'max_rejected without a limit is refused');

SELECT * FROM finish();
\set command 'rm -rf "' :root '"'
COPY shell FROM PROGRAM :'command';
DROP VIEW fault;
DROP EXTENSION pg_etl;
DROP TABLE data.entry_names, data.entry_empty;
