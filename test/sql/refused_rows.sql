-- A row that its table refuses is quarantined with its place: the field, where the rule is about one
-- column, the rule's name and its SQLSTATE; inserted or updated, in plain, partitioned and child
-- tables. What code on a table chooses to say is told only where the catalog or the code has it.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
\set directories :test '/include/directories.psql'
\i :directories
\set command 'touch "' :hour '/.keeps the directory"'
COPY shell FROM PROGRAM :'command';
SELECT plan(48);

CREATE FUNCTION stage(file text, VARIADIC records text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($f$COPY (SELECT unnest(%L::text[])) TO %L WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')$f$,
        records, current_setting('etl.raw_dir') || '/date=2020-01-01/hour=3/' || file);
END $$;
-- A definition of a table with a key and columns that are fields of their own names, below /in.
CREATE FUNCTION define(dataset text, VARIADIC columns text[]) RETURNS text LANGUAGE sql AS $$
    SELECT (etl_define(jsonb_build_object('x-etl', jsonb_build_object('dataset', dataset, 'files', jsonb_build_array(dataset || '.json'), 'key', '/id', 'on_repeat', 'update',
        'tables', jsonb_build_array(jsonb_build_object('name', dataset, 'columns', jsonb_build_array('{"name": "id", "type": "bigint", "from": "/id"}'::jsonb)
            || (SELECT jsonb_agg(jsonb_build_object('name', split_part(c, ' ', 1), 'type', split_part(c, ' ', 2), 'from', '/in/' || split_part(c, ' ', 1)) ORDER BY n) FROM unnest(columns) WITH ORDINALITY u(c, n)))))))).name
$$;
CREATE FUNCTION told(dataset text, VARIADIC records text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM stage(dataset || '.json', VARIADIC records);
    PERFORM etl_run(dataset);
    RETURN QUERY SELECT concat_ws(' | ', v ->> 'keyword', v ->> 'pointer', v ->> 'sqlstate', v ->> 'message')
      FROM etl.quarantine q, jsonb_array_elements(q.violations) v WHERE q.dataset = told.dataset AND q.code = 'constraint' AND v ->> 'code' = 'constraint' ORDER BY q.quarantine_id;
    DELETE FROM etl.quarantine q WHERE q.dataset = told.dataset;
END $$;

-- ---- each kind of constraint
CREATE SCHEMA IF NOT EXISTS data;
CREATE TABLE data.shelf (place text PRIMARY KEY, hall text, UNIQUE (hall, place));
INSERT INTO data.shelf VALUES ('A', '1');
CREATE DOMAIN data.colour AS text CONSTRAINT is_colour CHECK (VALUE ~ '^#');
CREATE DOMAIN data.name AS text NOT NULL;
CREATE TABLE data.goods (id bigint PRIMARY KEY, v int CONSTRAINT v_positive CHECK (v > 0), low int, high int, CONSTRAINT low_high CHECK (low < high),
    code text CONSTRAINT code_once UNIQUE, must text NOT NULL, own text NOT NULL DEFAULT 'x', shelf text CONSTRAINT on_shelf REFERENCES data.shelf, hall text,
    CONSTRAINT in_hall FOREIGN KEY (hall, shelf) REFERENCES data.shelf (hall, place), hue text, tint data.colour GENERATED ALWAYS AS (hue) STORED,
    period int4range, CONSTRAINT no_overlap EXCLUDE USING gist (period WITH &&), later int GENERATED ALWAYS AS (low * 2) STORED CONSTRAINT later_small CHECK (low * 2 < 1000),
    CONSTRAINT never CHECK (true));
CREATE UNIQUE INDEX mail_once ON data.goods (lower(hall));
SELECT define('goods', 'v integer', 'low integer', 'high integer', 'code text', 'must text', 'shelf text', 'hall text', 'hue text') AS d \gset
-- one statement each: files move when a transaction ends
CREATE TEMP SEQUENCE id START 1000;
SELECT format('SELECT is((SELECT told(%L, %L)), %L, %L)', 'goods', format('{"id": %s, "in": %s}', nextval('id'), value), expected, what) FROM (VALUES
    ('{"must": "m", "v": -1}', 'v_positive | /in/v | 23514 | /in/v: refused by table "goods", constraint "v_positive"', 'CHECK of one column'),
    ('{"must": "m", "low": 5, "high": 1}', 'low_high |  | 23514 | (root): refused by table "goods", constraint "low_high" of columns "low" and "high"', 'CHECK of two columns'),
    ('{"must": "m", "code": "once"}', NULL, 'nothing is wrong'),
    ('{"must": "m", "code": "once"}', 'code_once | /in/code | 23505 | /in/code: refused by table "goods", constraint "code_once"', 'UNIQUE'),
    ('{}', ' | /in/must | 23502 | /in/must: refused by table "goods", column "must" takes no null', 'NOT NULL'),
    ('{"must": "m", "shelf": "Z"}', 'on_shelf | /in/shelf | 23503 | /in/shelf: refused by table "goods", constraint "on_shelf"', 'a foreign key'),
    ('{"must": "m", "shelf": "A", "hall": "9"}', 'in_hall |  | 23503 | (root): refused by table "goods", constraint "in_hall" of columns "shelf" and "hall"', 'a foreign key of two columns'),
    ('{"must": "m", "hall": "1", "shelf": "A"}', NULL, 'nothing is wrong either'),
    ('{"must": "m", "hall": "1"}', 'mail_once | /in/hall | 23505 | /in/hall: refused by table "goods", constraint "mail_once"', 'a unique index on an expression'),
    ('{"must": "m", "low": 600, "high": 700}', 'later_small | /in/low | 23514 | /in/low: refused by table "goods", constraint "later_small"', 'CHECK that stands with another column'),
    ('{"must": "m", "hue": "Secret red"}', 'is_colour |  | 23514 | (root): refused by domain "colour", constraint "is_colour" of column "tint"', 'CHECK of a domain'))
  t(value, expected, what) \gexec

-- ---- a row that is updated
SELECT is((SELECT told('goods', '{"id": 1, "in": {"must": "m", "v": 1}}')), NULL, 'a row is inserted');
SELECT is((SELECT told('goods', '{"id": 1, "in": {"must": "m", "v": -1}}')), 'v_positive | /in/v | 23514 | /in/v: refused by table "goods", constraint "v_positive"', 'updated: CHECK');
SELECT is((SELECT told('goods', '{"id": 1, "in": {}}')), ' | /in/must | 23502 | /in/must: refused by table "goods", column "must" takes no null', 'updated: NOT NULL');
SELECT is((SELECT told('goods', '{"id": 1, "in": {"must": "m", "hue": "red"}}')), 'is_colour |  | 23514 | (root): refused by domain "colour", constraint "is_colour" of column "tint"', 'updated: a domain');
SELECT is((SELECT count(*) FROM told('goods', '{"id": 2, "in": {"must": "m", "v": -1}}', '{"id": 3, "in": {"must": "m", "v": -1}}', '{"id": 4, "in": {}}', '{"id": 5, "in": {"must": "m"}}')), 3::bigint, 'of several rows each');

-- ---- where the column is not known for certain, none is named
CREATE TABLE data.two (id bigint PRIMARY KEY, a text, b text, c text, aa data.colour GENERATED ALWAYS AS (a) STORED, bb data.colour GENERATED ALWAYS AS (b) STORED, cc data.name GENERATED ALWAYS AS (c) STORED);
SELECT define('two', 'a text', 'b text', 'c text') AS d \gset
SELECT is((SELECT told('two', '{"id": 1, "in": {"a": "red", "c": "c"}}')), 'is_colour |  | 23514 | (root): refused by domain "colour", constraint "is_colour"', 'two columns have the domain');
SELECT is((SELECT told('two', '{"id": 1, "in": {"a": "#f00"}}')), ' |  | 23502 | (root): refused by domain "name", column "cc" takes no null', 'a domain that takes no null');

-- ---- partitions
CREATE TABLE data.days (id bigint, day date, v int, CONSTRAINT days_v CHECK (v > 0), UNIQUE (id, day)) PARTITION BY RANGE (day);
CREATE TABLE data.day_1 PARTITION OF data.days FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
ALTER TABLE data.day_1 ADD CONSTRAINT small CHECK (v < 100);
SELECT define('days', 'day date', 'v integer') AS d \gset
SELECT is((SELECT told('days', '{"id": 1, "in": {"day": "2024-05-05", "v": 1}}')), ' | /in/day | 23514 | /in/day: refused by table "days", no partition takes it', 'no partition takes the row');
SELECT is((SELECT told('days', '{"id": 1, "in": {"day": "2024-01-05", "v": 0}}')), 'days_v | /in/v | 23514 | /in/v: refused by table "day_1", constraint "days_v"', 'a constraint of the partitioned table');
SELECT is((SELECT told('days', '{"id": 1, "in": {"day": "2024-01-05", "v": 100}}')), 'small | /in/v | 23514 | /in/v: refused by table "day_1", constraint "small"', 'and of a partition');

-- ---- child tables: the array
CREATE TABLE data.basket (id bigint PRIMARY KEY);
CREATE TABLE data.basket_line (basket bigint, line int, n int CONSTRAINT n_positive CHECK (n > 0), PRIMARY KEY (basket, line), CONSTRAINT few CHECK (line < 3));
SELECT (etl_define('{"x-etl": {"dataset": "basket", "files": ["basket.json"], "key": "/id", "on_repeat": "update", "tables": [{"name": "basket", "columns": [{"name": "id", "type": "bigint", "from": "/id"}]},
    {"name": "basket_line", "each": "/goods/lines", "columns": [{"name": "basket", "type": "bigint", "from": "/id"}, {"name": "line", "type": "integer", "from": "$line"}, {"name": "n", "type": "integer", "from": "./n"}]}]}}')).name AS d \gset
SELECT is((SELECT told('basket', '{"id": 1, "goods": {"lines": [{"n": 1}, {"n": 0}]}}')), 'n_positive | /goods/lines | 23514 | /goods/lines: refused by table "basket_line", constraint "n_positive"', 'a field of an element');
SELECT is((SELECT told('basket', '{"id": 1, "goods": {"lines": [{"n": 1}, {"n": 1}, {"n": 1}]}}')), 'few |  | 23514 | (root): refused by table "basket_line", constraint "few" of column "line"', 'a column that is no field');

-- ---- rows of others that refer to one that would go
CREATE TABLE data.note (basket bigint, line int, CONSTRAINT of_line FOREIGN KEY (basket, line) REFERENCES data.basket_line);
SELECT is((SELECT told('basket', '{"id": 2, "goods": {"lines": [{"n": 1}, {"n": 2}]}}')), NULL, 'lines are loaded');
INSERT INTO data.note VALUES (2, 2);
SELECT is((SELECT told('basket', '{"id": 2, "goods": {"lines": [{"n": 1}]}}')), 'of_line |  | 23503 | (root): refused by table "note", constraint "of_line" of columns "basket" and "line"', 'a row that others refer to');

-- ---- what is no array where child rows come from
SELECT is((SELECT told('basket', '{"id": 3, "goods": {"lines": [{"n": 1}, {"n": 2}]}}')), NULL, 'lines are loaded');
SELECT stage('basket.json', '{"id": 3, "goods": {"lines": {"n": 1}}}'), etl_run('basket') \g /dev/null
SELECT results_eq($$SELECT code, violations -> 0 ->> 'pointer', violations -> 0 ->> 'message', (SELECT count(*) FROM data.basket_line WHERE basket = 3) FROM etl.quarantine WHERE dataset = 'basket' ORDER BY quarantine_id DESC LIMIT 1$$,
    $$VALUES ('type', '/goods/lines', '/goods/lines: expected an array', 2::bigint)$$, 'an object in their place is refused, and deletes no row');
-- nor what has none of the fields that child rows take, or stands where the array should be looked for
CREATE FUNCTION refused(dataset text, record text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s %s', code, pointer, split_part(message, ': ', 2)), ', ' ORDER BY pointer) FROM etl_validate(dataset, record::jsonb) $$;
SELECT is(refused('basket', '{"id": 3, "goods": {"lines": [{"n": 1}, 1, "x", null, [], [2]]}}'),
    'type /goods/lines/1 expected an object, type /goods/lines/2 expected an object, type /goods/lines/3 expected an object, type /goods/lines/4 expected an object, type /goods/lines/5 expected an object', 'elements that are no objects');
SELECT is(refused('basket', '{"id": 3, "goods": "x"}'), 'type /goods expected an object', 'a text on the way to the array');
SELECT is(refused('basket', '{"id": 3, "goods": [{"lines": []}]}'), 'type /goods expected an object', 'an array on the way to it');
SELECT is(refused('basket', '{"id": 3, "goods": null}'), NULL, 'null on the way to it');
SELECT is(refused('basket', '{"id": 3, "goods": {}}'), NULL, 'no array');
SELECT stage('basket.json', '{"id": 3, "goods": {"lines": [1]}}', '{"id": 3, "goods": 1}'), etl_run('basket') \g /dev/null
SELECT is((SELECT count(*) FROM data.basket_line WHERE basket = 3), 2::bigint, 'none of them deletes or makes a row');
SELECT etl_replay('basket') \g /dev/null
SELECT is((SELECT count(*) FROM data.basket_line WHERE basket = 3), 2::bigint, 'nor does their replay');
SELECT (etl_define('{"x-etl": {"dataset": "tray", "files": ["tray.json"], "key": "/id", "tables": [{"name": "tray", "columns": [{"name": "id", "type": "bigint", "from": "/id"}]},
    {"name": "tray_word", "each": "/words", "columns": [{"name": "tray", "type": "bigint", "from": "/id"}, {"name": "line", "type": "integer", "from": "$line"}]},
    {"name": "tray_pair", "each": "/rows/*/pairs", "columns": [{"name": "tray", "type": "bigint", "from": "/id"}, {"name": "line", "type": "integer", "from": "$line"}, {"name": "a", "from": "./0"}, {"name": "b", "from": "./1"}]}]}}')).name AS d \gset
SELECT is(refused('tray', '{"id": 1, "words": ["a", 1, null], "rows": [{"pairs": [["a", "b"], ["c"], {"0": "d"}]}, null, {}]}'), NULL, 'elements of which no field is a column, and those that are arrays');
SELECT is(refused('tray', '{"id": 1, "words": [], "rows": [1, {"pairs": ["ab", {"0": "d"}]}, {"pairs": 1}]}'),
    'type /rows/0 expected an object, type /rows/1/pairs/0 expected an object, type /rows/2/pairs expected an array', 'the place of each is told');
SELECT is(refused('tray', '{"id": 1, "rows": "ab"}'), 'type /rows expected an array', 'and what stands for the outer array');
SELECT stage('tray.json', '{"id": 1, "words": ["a", 1, null], "rows": [{"pairs": [["a", "b"], ["c"]]}]}'), etl_run('tray') \g /dev/null
SELECT is((SELECT count(*) FROM data.tray_word), 3::bigint, 'they are rows');
SELECT results_eq('SELECT line, a, b FROM data.tray_pair ORDER BY 1', $$VALUES (1, 'a', 'b'), (2, 'c', NULL)$$, 'and so are arrays');
-- where the schema has told of a place it is told once
SELECT (etl_define('{"properties": {"id": true, "lines": {"items": {"type": "object"}}}, "x-etl": {"dataset": "box", "files": ["box.json"], "key": "/id", "tables": [{"name": "box", "columns": [{"name": "id", "type": "bigint", "from": "/id"}]},
    {"name": "box_line", "each": "/lines", "columns": [{"name": "box", "type": "bigint", "from": "/id"}, {"name": "line", "type": "integer", "from": "$line"}, {"name": "n", "type": "integer", "from": "./n"}]}]}}')).name AS d \gset
SELECT is(refused('box', '{"id": 1, "lines": [1]}'), 'schema /lines/0 expected object, got number', 'what the schema refuses');

-- ---- triggers
CREATE TABLE data.raised (id bigint PRIMARY KEY, c text, d text);
CREATE TABLE data.log (id bigint, c text NOT NULL);
CREATE FUNCTION data.raise_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE NEW.c
    WHEN 'plain' THEN RAISE EXCEPTION 'no %', NEW.d;
    WHEN 'names' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'P0001', COLUMN = 'd', CONSTRAINT = 'd_prefix';
    WHEN 'values' THEN RAISE EXCEPTION 'no' USING ERRCODE = '23514', COLUMN = NEW.d, CONSTRAINT = NEW.d;
    WHEN 'table' THEN RAISE EXCEPTION 'no' USING ERRCODE = '23505', SCHEMA = 'data', TABLE = 'raised', COLUMN = NEW.d, CONSTRAINT = NEW.d;
    WHEN 'no table' THEN RAISE EXCEPTION 'no' USING ERRCODE = '23505', SCHEMA = NEW.d, TABLE = NEW.d, DATATYPE = NEW.d;
    WHEN 'type' THEN RAISE EXCEPTION 'no' USING ERRCODE = '23514', SCHEMA = NEW.d, DATATYPE = NEW.d, CONSTRAINT = NEW.d;
    WHEN 'class' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'SH001';
    WHEN 'other' THEN INSERT INTO data.log VALUES (NEW.id, NULL);
    ELSE NULL;
    END CASE;
    RETURN NEW;
END $$;
CREATE TRIGGER raises BEFORE INSERT OR UPDATE ON data.raised FOR EACH ROW EXECUTE FUNCTION data.raise_it();
SELECT define('raised', 'c text', 'd text') AS d \gset
SELECT format('SELECT is((SELECT told(%L, %L)), %L, %L)', 'raised', format('{"id": 1, "in": {"c": %s, "d": "Secret"}}', to_json(c)), expected, format('a trigger raises, %s', c)) FROM (VALUES
    ('plain', 'raises |  | P0001 | (root): refused by trigger "raises" of table "raised", SQLSTATE P0001'),
    ('names', 'd_prefix | /in/d | P0001 | /in/d: refused by trigger "raises" of table "raised", constraint "d_prefix"'),
    ('values', 'raises |  | 23514 | (root): refused by trigger "raises" of table "raised", SQLSTATE 23514'),
    ('table', ' |  | 23505 | (root): refused by table "raised", SQLSTATE 23505'),
    ('no table', 'raises |  | 23505 | (root): refused by trigger "raises" of table "raised", SQLSTATE 23505'),
    ('type', 'raises |  | 23514 | (root): refused by trigger "raises" of table "raised", SQLSTATE 23514'),
    -- a class of SQLSTATEs that is none of the server's
    ('class', 'raises |  | SH001 | (root): refused by trigger "raises" of table "raised", SQLSTATE SH001'),
    -- that table's column is not the record's
    ('other', ' |  | 23502 | (root): refused by table "log", column "c" takes no null')) t(c, expected) \gexec

SELECT * FROM finish();
DROP FUNCTION stage, define, told;
DROP EXTENSION pg_etl;
DROP TABLE data.goods, data.shelf, data.two, data.days, data.note, data.basket_line, data.basket, data.raised, data.log;
DROP FUNCTION data.raise_it;
DROP DOMAIN data.colour, data.name;
\set command 'rm -rf "' :root '"'
COPY shell FROM PROGRAM :'command';
