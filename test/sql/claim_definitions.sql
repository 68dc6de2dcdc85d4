-- What etl_define refuses because it could never work, or would work on somebody else's files or rows.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
BEGIN;
SELECT plan(44);

CREATE FUNCTION reported(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text;
BEGIN
    EXECUTE sql;
    RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', state, message, detail);
END $$;

-- A definition with one table of one column.
CREATE FUNCTION define(dataset text, file text, tab text, schema jsonb DEFAULT '{}', source text DEFAULT '/v') RETURNS text LANGUAGE sql AS $$
    SELECT reported(format('SELECT etl_define(%L)', schema || jsonb_build_object('x-etl', jsonb_build_object('dataset', dataset, 'files', jsonb_build_array(file),
        'tables', jsonb_build_array(jsonb_build_object('name', tab, 'columns', jsonb_build_array(jsonb_build_object('name', 'v', 'from', source))))))))
$$;

-- ---- one file, one table: one dataset
SELECT is(define('a', 'x.json', 'ta'), 'nothing', 'a dataset that claims files of its own is defined');
SELECT is(define('b', 'x.json', 'tb'), '42710 | files called "x.json" are claimed by dataset "a" already | A staged file is loaded by one dataset.', 'a file name that another dataset claims is refused');
SELECT is(define('f', 'customers.json', 'tf'), '42710 | files called "customers.json" are claimed by dataset "customers" already | A staged file is loaded by one dataset.', 'also one of a standard dataset');
SELECT is(define('c', 'y.json', 'ta'), '42710 | table data.ta is written by dataset "a" already | The rows of two datasets in one table could not be told apart.', 'a table that another dataset writes is refused');
SELECT is(to_regclass('data.tb'), NULL, 'a refused definition makes no table');
SELECT is((SELECT count(*) FROM etl.dataset WHERE name IN ('b', 'c', 'f')), 0::bigint, 'and is not stored');
SELECT is(define('a', 'x.json', 'ta'), 'nothing', 'a dataset may claim again what it claims itself');
SELECT ok(etl_drop('a'), 'once the other definition is gone');
SELECT is(define('b', 'x.json', 'ta'), 'nothing', 'its file name and table may be claimed');
-- the same table under other names
CREATE VIEW data.seen AS SELECT v FROM data.ta;
CREATE VIEW data.seen_again AS SELECT v FROM data.seen;
CREATE TABLE data.child () INHERITS (data.ta);
CREATE TABLE data.grandchild () INHERITS (data.child);
SELECT is(define('c', 'y.json', t), '42710 | table data.' || t || ' is another name of what dataset "b" writes | It is, or has, a partition, child or view of table data.ta. The rows of two datasets in one table could not be told apart.',
          'refused under the name of ' || t)
  FROM unnest('{seen,seen_again,child,grandchild}'::text[]) t;
CREATE TABLE data.whole (v text) PARTITION BY LIST (v);
CREATE TABLE data.part PARTITION OF data.whole DEFAULT;
SELECT is(define('g', 'g.json', 'part'), 'nothing', 'a partition may be a target');
SELECT is(split_part(define('h', 'h.json', 'whole'), ' | ', 1), '42710', 'but not its parent as well');
CREATE TABLE data.sibling PARTITION OF data.whole FOR VALUES IN ('s');
SELECT is(define('h', 'h.json', 'sibling'), 'nothing', 'another partition may');
SELECT is(define('b', 'x.json', 'ta'), 'nothing', 'what a dataset writes itself it may define again');

-- ---- file names are no patterns
SELECT is(define('p', name, 'tp'), '22023 | invalid definition of a dataset | At "/x-etl/files/0": files are claimed by their whole names; a pattern (* ? [ {) means nothing here',
          format('"%s" is refused: it would match a file of that very name only', name))
  FROM unnest('{orders-*.json,orders-?.json,orders-[0-9].json,"orders.{json,jsonl}"}'::text[]) name;

-- ---- pointers that can match nothing
\set closed '''{"type": "object", "additionalProperties": false, "properties": {"v": {"type": "string"}, "o": {"type": "object", "additionalProperties": false, "properties": {"in": {}}}, "list": {"type": "array", "items": {"$ref": "#/definitions/item"}}, "loop": {"properties": {"x": {"$ref": "#/properties/loop"}}}}, "definitions": {"item": {"type": "object", "additionalProperties": false, "properties": {"n": {}}}}}'''
SELECT is(define('n', 'n.json', 'tn', :closed, '/w'), '22023 | invalid definition of a dataset | At "/x-etl/tables/0/columns/0/from": the schema allows no record that has /w', 'a property that the closed schema does not have is refused');
SELECT is(define('n', 'n.json', 'tn', :closed, '/o/out'), '22023 | invalid definition of a dataset | At "/x-etl/tables/0/columns/0/from": the schema allows no record that has /o/out', 'also inside an object');
SELECT is(define('n', 'n.json', 'tn', :closed, '/v/w'), '22023 | invalid definition of a dataset | At "/x-etl/tables/0/columns/0/from": the schema allows no record that has /v/w', 'and inside a text');
SELECT is(define('n', 'n.json', 'tn', :closed, '/list/0/m'), '22023 | invalid definition of a dataset | At "/x-etl/tables/0/columns/0/from": the schema allows no record that has /list/0/m', 'and behind a $ref');
SELECT is(define('n', 'n.json', 'tn', '{"anyOf": [{"additionalProperties": false}, {"properties": {"v": false}}]}'), '22023 | invalid definition of a dataset | At "/x-etl/tables/0/columns/0/from": the schema allows no record that has /v', 'and where every alternative forbids it');
SELECT is(define('n', 'n.json', 'tn', schema::jsonb, source), 'nothing', format('%s can be in a record of %s', source, why))
  FROM (VALUES (:closed, '/o/in', 'a closed object'), (:closed, '/list/7/n', 'an array of closed objects'), (:closed, '/loop/x/x', 'a schema that refers to itself'), ('{}', '/v', 'an open schema'),
               ('{"additionalProperties": false, "patternProperties": {"^x-": {}}}', '/x-1', 'a schema with patterns of names'),
               ('{"anyOf": [{"additionalProperties": false}, {}]}', '/v', 'one alternative')) cases(schema, source, why);
SELECT is(reported($$SELECT etl_define('{"properties": {"id": {}}, "additionalProperties": false, "x-etl": {"dataset": "n", "files": ["n.json"], "references": [{"field": "/product", "dataset": "products"}]}}')$$),
    '22023 | invalid definition of a dataset | At "/x-etl/references/0/field": the schema allows no record that has /product', 'a reference that would never be looked at is refused');
SELECT is(reported(format($$SELECT etl_define('{"properties": {"id": {}, "n": {}, "list": {"type": "array", "items": {"properties": {"a": {}}, "additionalProperties": false}}}, "additionalProperties": false,
    "x-etl": {"dataset": "n", "files": ["n.json"], %s}}')$$, part)), '22023 | invalid definition of a dataset | At "/x-etl' || place || ': the schema allows no record that has ' || missing, why)
  FROM (VALUES ('"checks": [{"name": "total", "sum_over": "/list/*", "sum_of": ["/a", "/b"], "equals": "/n"}]', '/checks/0/sum_of/1"', '/list/*/b', 'a factor that no element of a sum has is refused'),
               ('"normalize": [{"field": "/n", "to": "number"}, {"field": "/m", "to": "number"}]', '/normalize/1/field"', '/m', 'a number that no record has is refused'),
               ('"normalise": [{"field": "/list/*/b", "to": "number"}]', '/normalise/0/field"', '/list/*/b', 'also by the other spelling, in an element')) cases(part, place, missing, why);

-- ---- what is wrong is said in words
SELECT is(define('n', 'n.json', 'tn', '{}', 'v'), '22023 | invalid definition of a dataset | At "/x-etl/tables/0/columns/0/from": "from" is a JSON Pointer such as /id, ./field of an element, $line, $record_date, $record_hour or $run_time',
    'a mistake is explained in words, not by a regular expression');

-- ---- tables that Citus knows; as it has them, its catalog stands in pg_catalog
SELECT is(define('d', 'd.json', 'td'), 'nothing', 'a table is made');
CREATE TABLE data.parent (LIKE data.td) PARTITION BY LIST (v);
ALTER TABLE data.parent ATTACH PARTITION data.td DEFAULT;
SET LOCAL allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char");
SELECT is(define('d', 'd.json', 'td'), 'nothing', 'Citus does not matter where it does not manage the table');
INSERT INTO pg_dist_partition VALUES ('data.td', 'n');
SELECT is(define('d', 'd.json', 'td'),
    '0A000 | table data.td is managed by Citus | Citus keeps the rows of data.td in shards. What pg_etl writes into, reads from or erases from the table of this node would not be what queries see.',
    'a table that Citus knows, of whatever kind, is refused by a definition');
UPDATE pg_dist_partition SET logicalrelid = 'data.parent', partmethod = 'h';
SELECT is(split_part(define('d', 'd.json', 'td'), ' | ', 1), '0A000', 'and so is a partition of one');
CREATE TABLE data.far (v text);
CREATE VIEW data.through AS SELECT v FROM data.far;
UPDATE pg_dist_partition SET logicalrelid = 'data.far';
SELECT is(split_part(define('v', 'v.json', 'through'), ' | ', 1), '0A000', 'a view of one');
CREATE TABLE data.above (v text);
CREATE TABLE data.below () INHERITS (data.above);
SELECT is(define('i', 'i.json', 'above'), 'nothing', 'a table with a child is defined');
UPDATE pg_dist_partition SET logicalrelid = 'data.below';
SELECT is(split_part(define('i', 'i.json', 'above'), ' | ', 1), '0A000', 'and refused when Citus knows the child');

SELECT * FROM finish();
ROLLBACK;
