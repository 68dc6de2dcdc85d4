-- Erasure in SQL: arguments, errors, folding of emails, what a mended record is about. Files are
-- tested in test/tap/020_erasure.pl.
\set ECHO none
\getenv test PG_ABS_SRCDIR
\set head :test '/include/pgtap.psql'
\i :head
BEGIN;
SELECT plan(24);

-- emails compare whatever case, blanks and collation
SELECT is(etl.fold_email('  Ann@Example.COM '), 'ann@example.com', 'trimmed and folded');
SELECT is(etl.fold_email('STRASSE@X.DE'), etl.fold_email(U&'stra\00DFe@x.de'), 'sharp s is ss');
SELECT is(etl.fold_email(U&'\00C9MILE@X.FR'), U&'\00E9mile@x.fr', 'Latin-1');
SELECT is(etl.fold_email(U&'\0391\03A3@X.GR'), etl.fold_email(U&'\03B1\03C2@x.gr'), 'the two small sigmas are one');
SELECT is(etl.fold_email(U&'\0418\0412\0410\041D@X.RU'), U&'\0438\0432\0430\043D@x.ru', 'Cyrillic');
SELECT is(etl.fold_email(U&'\00A0\FEFFa@b.c\3000'), 'a@b.c', 'blanks of other scripts');
SELECT is(etl.fold_email(''), '', 'nothing stays nothing');
SELECT is(etl.fold_email(U&'\+010400@x'), U&'\+010428@x', 'beyond the basic plane');

-- bad calls
SELECT throws_ok($$SELECT etl_erase(NULL)$$, '22004', 'dataset must not be null', 'no dataset');
SELECT throws_ok($$SELECT etl_erase('customers')$$, '22004', 'neither subject nor email is given', 'neither identifier');
SELECT throws_ok($$SELECT etl_erase('customers', '', '   ')$$, '22004', 'neither subject nor email is given', 'blank identifiers');
SELECT throws_ok($$SELECT etl_erase('nowhere', '1')$$, '42704', 'dataset "nowhere" is not defined', 'no such dataset');
SELECT throws_ok($$SELECT etl_erase('transactions', '1')$$, '22023', 'dataset "transactions" has no people of its own', 'a dataset about others'' people');
SELECT throws_ok($$SELECT etl_erase('products', '1')$$, '22023', 'dataset "products" has no people of its own', 'a dataset about nobody');
SELECT throws_ok($$SELECT etl_erase('customers', 'abc')$$, '22P02', 'subject is not a key of dataset "customers"', 'a subject of the wrong type');
SELECT throws_ok($$SELECT etl_erase('customers', '99999999999999999999')$$, '22003', 'subject is not a key of dataset "customers"', 'a subject that overflows');
SELECT throws_ok($$SELECT etl_erase('customers', '1')$$, '55000', 'setting "etl.raw_dir" is not set', 'no folders');
SELECT throws_ok($$SELECT etl_subject('customers', 'abc')$$, '22P02', 'subject is not a key of dataset "customers"', 'access for a subject of the wrong type');
SELECT throws_ok($$SELECT etl_reinstate('customers', '1')$$, '22004', 'the reason must be given', 'reinstated without a reason');
SELECT throws_ok($$SELECT etl_reinstate('customers', NULL, 'because')$$, '22004', 'neither subject nor email is given', 'nobody reinstated');

-- a record that is mended by hand may be about somebody else
INSERT INTO etl.quarantine (quarantine_id, run_id, dataset, record, code, violations, key, subject)
VALUES (-1, -1, 'customers', '{"id": "1"}', 'schema', '[]', '1', '1');
UPDATE etl.quarantine SET record = '{"id": "2"}' WHERE quarantine_id = -1;
SELECT is((SELECT subject FROM etl.quarantine WHERE quarantine_id = -1), '2', 'its subject is looked for again');
UPDATE etl.quarantine SET status = 'discarded' WHERE quarantine_id = -1;
SELECT is((SELECT subject FROM etl.quarantine WHERE quarantine_id = -1), '2', 'an update of something else keeps it');

-- nobody but the owner
SELECT is(has_function_privilege('public', 'etl_erase(text, text, text, boolean, text)', 'execute'), false, 'not everybody may erase');
SELECT is(has_function_privilege('public', 'etl_subject(text, text)', 'execute'), false, 'nor ask for what is held');

SELECT * FROM finish();
ROLLBACK;
