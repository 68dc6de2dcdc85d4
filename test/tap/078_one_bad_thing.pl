# One thing that is broken, a stored definition or an exported file, stops nothing but what needs it: the
# other datasets are run, everybody is erased everywhere else, and nothing is called completed.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use File::Path ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
my $root = $node->{etl_root};
my $hour = 0;
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub customer { my ($id, $name) = @_; return sprintf qq({"id": "%d", "first_name": "%s", "last_name": "Bee", "email": "c%d\@example.com"}\n), $id, $name, $id }
sub stage_next { my ($name, $content) = @_; stage($node, sprintf('date=2020-01-01/hour=%d/%s', $hour++, $name), $content); return }

sql(q{SELECT etl_define('{"type": "object", "properties": {"id": {"type": "string"}, "note": {"type": "string"}},
  "x-etl": {"dataset": "notes", "files": ["notes.json"], "key": "/id", "subject": {"field": "/id", "dataset": "customers"}, "personal": [{"field": "/note", "treatment": "redact"}],
  "tables": [{"schema": "data", "name": "notes", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "note", "from": "/note"}]}]}}')});
stage_next('customers.json', join '', map { customer($_, "Ann$_") } 1 .. 20);
stage_next('notes.json', join '', map { qq({"id": "$_", "note": "note $_"}\n) } 1 .. 20);
is(sql(q{SELECT count(*) FROM etl_run() WHERE status = 'succeeded'}), '5', 'all is well');

# ---- a definition that cannot be read any more
my $definition = sql(q{SELECT definition FROM etl.dataset WHERE name = 'notes'});
sql(q{UPDATE etl.dataset SET definition = jsonb_set(definition, '{x-etl,personal,0,treatment}', '"of a former version"') WHERE name = 'notes'});
stage_next('customers.json', customer(21, 'Ann21'));
stage_next('notes.json', qq({"id": "21", "note": "note 21"}\n));
stage_next('erasure-requests.json', qq({"customer-id": "2"}\n));
my ($rc, $out, $err) = $node->psql('postgres', q{SELECT dataset, status, coalesce(sqlstate, '-') FROM etl_run() ORDER BY 1});
is($out, "customers|succeeded|-\nerasure_requests|succeeded|-\nnotes|failed|55000\nproducts|succeeded|-\ntransactions|succeeded|-", 'the others are run, and it has a row that says that it was not');
like(sql(q{SELECT error FROM etl.run WHERE dataset = 'notes' AND status = 'failed'}), qr/definition that is not valid.*treatment/s, 'and why');
ok((grep { /notes/ } files_below("$root/raw")) == 1, 'its file stays staged');
like($err, qr/WARNING.*could not be run/, 'a warning names it');
is(sql(q{SELECT status, untreated, completed_at IS NULL, error LIKE '%dataset notes%' FROM etl.erasure}), 'failed|{"dataset notes"}|t|t', 'a request is not completed');
is(sql('SELECT first_name FROM data.customers WHERE id = 2'), '[erased]', 'though all else is treated');
($rc, $out, $err) = $node->psql('postgres', q{SELECT status, row_count FROM etl_erase('customers', '3')});
is($out, 'failed|1', 'nor by SQL');
like($err, qr/WARNING:.*cannot be completed yet.*"dataset notes" could not be looked into.*etl_erase_failed/s, 'which a warning says');
is(sql(q{SELECT status, plan -> 'unreached' -> 0 ->> 'place' FROM etl_erase('customers', '4', dry_run => true)}), 'failed|dataset notes', 'the plan as well');
like(sql(q{SELECT etl_certificate(erasure_id) FROM etl.erasure ORDER BY 1 DESC LIMIT 1}), qr/dataset notes/, 'and the certificate');
($rc, $out, $err) = $node->psql('postgres', 'CALL etl_load()');
like($err, qr/ERROR:\s+could not load "notes"/, 'etl_load() goes on to its end');
($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT etl_run('notes')");
like($err, qr/55000: dataset "notes" has a definition that is not valid/, 'who names it is told');
is(sql('SELECT count(*) > 0 FROM etl.health, etl.unclaimed, etl.personal_column'), 't', 'views go on');
is(sql(q{SELECT dataset, is_valid FROM etl_internal.definitions() WHERE dataset IN ('customers', 'notes') ORDER BY 1}), "customers|t\nnotes|f", 'what definitions say, as rows');
($rc, $out, $err) = $node->psql('postgres', 'SELECT dataset FROM etl_retention() WHERE dataset = $$notes$$');
is("$rc|$out", '0|', 'what is kept for how long is not guessed');
like($err, qr/WARNING:  nothing of dataset "notes" was removed: dataset "notes" has a definition that is not valid/, 'and the others go on');
is(sql(q{SELECT count(*) > 3 FROM etl_grant('pg_monitor', 'operator')}), 't', 'so does etl_grant');
is(sql(q{SELECT status FROM etl_erase_failed() ORDER BY erasure_id}), "failed\nfailed", 'asked again before it is mended, nothing is completed');
sql("SELECT etl_define(\$d\$$definition\$d\$)");
is(sql(q{SELECT status, untreated IS NULL, row_count FROM etl_erase_failed() ORDER BY erasure_id}), "completed|t|2\ncompleted|t|2", 'defined again, the requests are completed');
is(sql(q{SELECT count(*) FROM data.notes WHERE note LIKE 'note%' AND id IN (2, 3)}), '0', 'there too');
is(sql(q{SELECT status, loaded FROM etl_run('notes')}), 'succeeded|1', 'and what was staged is loaded');

# ---- one whose parent cannot be read cannot look up its keys
sql(q{UPDATE etl.dataset SET definition = jsonb_set(definition, '{x-etl,key}', '5') WHERE name = 'products'});
is(sql(q{SELECT string_agg(dataset || ' ' || status, ',' ORDER BY dataset) FROM etl_run()}), 'customers succeeded,erasure_requests succeeded,notes succeeded,products failed,transactions failed', 'a dataset that refers to it waits with it');
sql(q{SELECT etl_drop('products')});

# ---- exported files that are damaged, or cannot be read
my @exports = ('one.jsonl.gz', 'two.csv.gz', 'three.jsonl', 'good.jsonl', 'good.csv');
sql("SELECT etl_export('customers', '$_', '" . (/csv/ ? 'csv' : 'jsonl') . "')") for @exports;
truncate "$root/processed/one.jsonl.gz", 60 or die;
truncate "$root/processed/two.csv.gz", 60 or die;
unlink "$root/processed/three.jsonl" or die;
mkdir "$root/processed/three.jsonl" or die;
($rc, $out, $err) = $node->psql('postgres', q{SELECT status, row_count, file_count, (SELECT array_agg(u ORDER BY u) FROM unnest(untreated) u) FROM etl_erase('customers', '5')});
is($out, 'failed|2|6|{exported/one.jsonl.gz,exported/three.jsonl,exported/two.csv.gz}', 'a person is erased everywhere but there');
like($err, qr/NOTICE:\s+"exported\/$_" stays as it is/, "a NOTICE names $_") for @exports[0 .. 2];
unlike(slurp_file("$root/processed/$_"), qr/Ann5"?\b/, "$_ is treated") for 'good.jsonl', 'good.csv';
like(sql(q{SELECT etl_certificate(erasure_id) FROM etl.erasure ORDER BY 1 DESC LIMIT 1}), qr/exported\/one\.jsonl\.gz/, 'the certificate names them');
like(sql(q{SELECT plan FROM etl_erase('customers', '6', dry_run => true)}), qr/exported\/two\.csv\.gz/, 'the plan of another as well');
stage_next('erasure-requests.json', qq({"customer-id": "7"}\n));
is(sql(q{SELECT status, loaded FROM etl_run('erasure_requests')}), 'succeeded|1', 'a request in a file is answered');
is(sql(q{SELECT status FROM etl.erasure ORDER BY erasure_id DESC LIMIT 1}), 'failed', 'in the same way');
is(sql('SELECT string_agg(first_name, $$,$$ ORDER BY id) FROM data.customers WHERE id BETWEEN 4 AND 8'), 'Ann4,[erased],Ann6,[erased],Ann8', 'both are erased');
is(scalar(grep { /pg_etl|\.part/ } split /\n/, all_files("$root/processed")), 0, 'no part of a file is left behind');
is(sql(q{SELECT count(*) FROM etl_run() WHERE status = 'succeeded'}), '4', 'runs go on');
is(sql(q{SELECT status FROM etl.erasure ORDER BY erasure_id DESC LIMIT 1}), 'failed', 'and complete nothing');

# put right in three ways: exported again, taken away, restored
sql(q{SELECT etl_export('customers', 'one.jsonl.gz')});
unlink "$root/processed/two.csv.gz" or die;
rmdir "$root/processed/three.jsonl" or die;
stage($node, '../processed/three.jsonl', qq({"id": 5, "first_name": "Ann5", "last_name": "Bee", "email": "c5\@example.com"}\n));
is(sql(q{SELECT status, untreated IS NULL FROM etl_erase_failed() ORDER BY erasure_id}), "completed|t\ncompleted|t", 'then the requests are completed');
unlike(slurp_file("$root/processed/three.jsonl"), qr/Ann5/, 'and the restored file is treated');
is(sql('SELECT count(*) FROM etl_audit_verify()'), '0', 'the trail is whole');

$node->stop;
done_testing();
