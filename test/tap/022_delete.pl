# Datasets of a site's own whose records go when the person is erased ("on_erasure": "delete"): the row,
# its child rows, the lines of processed, archived and staged files, quarantined records; where others
# refer to the row, all but the key goes. And people whose keys are too long for any index.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $outside = PostgreSQL::Test::Utils::tempdir;
mkdir "$outside/journal";
my $node = etl_node(conf => "etl.key_file = '$outside/key'\netl.journal_dir = '$outside/journal'\n");
my $root = $node->{etl_root};
sub sql { return $node->safe_psql('postgres', $_[0]) }


# members; their visits, which go as well; and invoices, which stay and refer to them
sql($_) for
  q<SELECT etl_define('{"type": "object", "required": ["id", "name"], "properties": {"name": {"type": "string"}},
     "x-etl": {"dataset": "members", "files": ["members.jsonl"], "key": "/id", "on_repeat": "update",
      "subject": {"field": "/id", "email": "/email", "on_erasure": "delete"},
      "tables": [{"name": "members", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"},
        {"name": "name", "from": "/name", "not_null": true}, {"name": "email", "from": "/email"}, {"name": "day", "type": "date", "from": "$record_date"}]},
       {"name": "phones", "each": "/phones", "columns": [{"name": "member", "type": "bigint", "from": "/id"}, {"name": "number", "from": "./n"}]}]}}')>,
  q<SELECT etl_define('{"type": "object", "required": ["member", "door"],
     "x-etl": {"dataset": "visits", "files": ["visits.jsonl"], "subject": {"dataset": "members", "field": "/member", "on_erasure": "delete"},
      "references": [{"field": "/member", "dataset": "members"}],
      "tables": [{"name": "visits", "columns": [{"name": "member", "type": "bigint", "from": "/member"}, {"name": "door", "from": "/door"}]}]}}')>,
  q<SELECT etl_define('{"type": "object", "required": ["no", "member"],
     "x-etl": {"dataset": "invoices", "files": ["invoices.jsonl"], "key": "/no", "subject": {"dataset": "members", "field": "/member"},
      "references": [{"field": "/member", "dataset": "members"}], "personal": [{"field": "/to", "treatment": "redact"}],
      "tables": [{"name": "invoices", "primary_key": ["no"], "columns": [{"name": "no", "type": "bigint", "from": "/no"},
        {"name": "member", "type": "bigint", "from": "/member"}, {"name": "recipient", "from": "/to"}]}]}}')>;

my @members = map { qq({"id": "$_", "name": "Name$_", "email": "member$_\@example.org", "phones": [{"n": "555-$_-1"}, {"n": "555-$_-2"}]}) } 101 .. 104;
stage($node, 'date=2026-01-01/hour=1/members.jsonl.gz', join "\n", @members, qq({"id": "101", "name": null, "note": "Unnamed101"}), qq({"id": "101", "name": "Torn101), '');
stage($node, 'date=2026-01-01/hour=1/visits.jsonl', join "\n", map({ qq({"member": "$_", "door": "Door$_"}) } 101 .. 104), qq({"member": "101", "doors": "Wrongdoor101"}), '');
stage($node, 'date=2026-01-01/hour=1/invoices.jsonl', qq({"no": "1", "member": "102", "to": "Recipient102"}\n{"no": "2", "member": "104", "to": "Recipient104"}\n));
is(run_counts($node, "etl_run('members')"), 'succeeded|1|6|4|2', 'members');
is(run_counts($node, "etl_run('visits')"), 'succeeded|1|5|4|1', 'visits');
is(run_counts($node, "etl_run('invoices')"), 'succeeded|1|2|2|0', 'invoices');
stage($node, 'date=2026-01-02/hour=1/visits.jsonl.gz', qq({"member": "101", "door": "Later101"}\n{"member": "103", "door": "Later103"}\n));

# nobody refers to 101 but visits, which go as well
is(sql(q{SELECT status FROM etl_erase('members', '101')}), 'completed', 'erased');
is(places_with($node, $_), '', "'$_' is nowhere") for qw(Name101 member101@ 555-101 Unnamed101 Torn101 Door101 Wrongdoor101 Later101);
isnt(places_with($node, $_), '', "'$_' is still there") for qw(Name103 member103@ 555-103-2 Door103 Later103);
is(sql('SELECT string_agg(id::text, $$ $$ ORDER BY id) FROM data.members'), '102 103 104', 'the row is gone');
is(sql('SELECT count(*) FROM data.phones'), '6', 'with the rows of its child table');
is(sql('SELECT string_agg(member::text, $$ $$ ORDER BY member) FROM data.visits'), '102 103 104', 'and those of the other dataset');
is(sql(q{SELECT string_agg(DISTINCT record, ' ') FROM etl.quarantine}), '"[erased]"', 'quarantined records went as a whole');
my @processed = slurp_lines("$root/processed/date=2026-01-01/hour=1/members.jsonl.gz");
is_deeply([ grep { /./ } @processed ], [ @members[ 1 .. 3 ] ], 'a processed file has the other lines, as they were');
my @archived = slurp_lines("$root/archive/date=2026-01-01/hour=1/members.jsonl.gz");
is_deeply([ @archived[ 0 .. 3 ] ], [ '', @members[ 1 .. 3 ] ], 'an archived one too, each where it was');
like(sql(q{SELECT string_agg(place || ' ' || row_count, ', ' ORDER BY place) FROM etl.audit WHERE action = 'erase' AND place LIKE 'data.%'}), qr/data\.members 1.*data\.visits 1/, 'audited');

# 102 has an invoice: the key stays, and nothing else
is(sql(q{SELECT status FROM etl_erase('members', email => 'MEMBER102@example.org')}), 'completed', 'by email');
is(sql('SELECT * FROM data.members WHERE id = 102'), '102|[erased]||2026-01-01', 'all but the key and the partition is gone');
is(sql('SELECT * FROM data.invoices ORDER BY no'), "1|102|[erased]\n2|104|Recipient104", 'the invoice is treated as its own definition says');
is(sql('SELECT count(*) FROM data.phones WHERE member = 102') . sql('SELECT count(*) FROM data.visits WHERE member = 102'), '00', 'what nobody refers to goes');
is(places_with($node, $_), '', "'$_' is nowhere") for qw(Name102 member102@ 555-102 Door102 Recipient102);
isnt(places_with($node, $_), '', "'$_' is still there") for qw(Name104 Recipient104 Door104);

# what arrives later
stage($node, 'date=2026-01-03/hour=1/members.jsonl', qq({"id": "101", "name": "Again101"}\n{"id": "0103", "name": "New103"}\n{"id": "101", "name": null, "x": "Refused101"}\n));
is(run_counts($node, "etl_run('visits')"), 'succeeded|1|1|1|0', 'the line of a staged file is gone before it is loaded');
sql("SELECT etl_run('members')");
is(places_with($node, $_), '', "'$_' did not come in") for qw(Again101 Refused101);
is(sql(q{SELECT name FROM data.members WHERE id = 103}), 'New103', 'others did');
is(sql(q{SELECT count(*) FROM data.members WHERE id = 101 AND name <> '[erased]'}), '0', 'no row of them says anything');
is(sql('SELECT count(*) FROM etl_audit_verify()'), '0', 'the audit trail is whole');

# ---- keys that no index takes: found in quarantine all the same
sql(q<SELECT etl_define('{"type": "object", "required": ["name", "kind"],
     "x-etl": {"dataset": "notes", "files": ["notes.jsonl"], "key": "/name", "subject": {"field": "/name", "email": "/email"},
      "personal": [{"field": "/body", "treatment": "redact"}, {"field": "/email", "treatment": "null"}],
      "tables": [{"name": "notes", "primary_key": ["name"], "columns": [{"name": "name", "from": "/name"}, {"name": "kind", "from": "/kind"}, {"name": "email", "from": "/email"}, {"name": "body", "from": "/body"}]}]}}')>);
my %long = map { $_ => $_ x 1500 } qw(p q r s);
stage($node, 'date=2026-01-01/hour=2/notes.jsonl', join '', map { qq({"name": "$long{$_}", "email": "$_.long\@example.org", "body": "Body-$_"}\n) } sort keys %long);
is(run_counts($node, "etl_run('notes')"), 'succeeded|1|4|0|4', 'records with very long keys are quarantined');
is(sql(q{SELECT count(*) FROM etl.quarantine WHERE dataset = 'notes' AND subject IS NULL AND key IS NULL}), '4', 'which stand in no index');
is(sql(qq{SELECT status, row_count > 0 FROM etl_erase('notes', '$long{p}')}), 'completed|t', 'by key it is found');
is(places_with($node, $_), '', "'$_' is nowhere") for qw(Body-p p.long@);
is(sql(q{SELECT status, subject IS NOT NULL FROM etl_erase('notes', email => 'Q.Long@example.org')}), 'completed|t', 'by email too, and the key with it');
is(places_with($node, $_), '', "'$_' is nowhere") for qw(Body-q q.long@);
is(sql(qq{SELECT status FROM etl_erase('notes', '$long{q}')}), 'duplicate', 'asked again by key');
sql(qq{SELECT etl_hold('notes', '$long{r}', 'docket'); SELECT etl_erase('notes', '$long{r}')});
is(sql(qq{SELECT status FROM etl_release_hold('notes', '$long{r}')}), 'completed', 'by its pseudonym, when a hold is released');
is(places_with($node, $_), '', "'$_' is nowhere") for qw(Body-r r.long@);
isnt(places_with($node, $_), '', "'$_' is still there") for qw(Body-s s.long@);
# whoever was deleted and comes again is not loaded, whatever the table is like
my $shape = sub {
	my ($name, $primary_key, $more) = @_;
	return qq<SELECT etl_define('{"type": "object", "x-etl": {"dataset": "$name", "files": ["$name.jsonl"], "key": "/id", "on_repeat": "update", "subject": {"field": "/id", "on_erasure": "delete"},
	  "tables": [{"name": "$name", $primary_key "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "name", "from": "/name"}]}$more]}}')>;
};
for my $case ([ 'plain', '' ], [ 'keyed', '"primary_key": ["id"],' ], [ 'parts', '"primary_key": ["id"],', ', {"name": "lines", "each": "/lines", "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "line", "type": "integer", "from": "$line"}]}' ])
{
	my ($name, $primary_key, $more) = @$case;
	sql($shape->($name, $primary_key, $more // ''));
	stage($node, "date=2026-02-01/hour=1/$name.jsonl", qq({"id": 7, "name": "Gone7", "lines": [1]}\n{"id": 8, "name": "Name8"}\n));
	sql("SELECT etl_run('$name')");
	is(sql("SELECT status FROM etl_erase('$name', '7')"), 'completed', "$name: deleted");
	stage($node, "date=2026-02-01/hour=2/$name.jsonl", qq({"id": 7, "name": "Again7", "lines": [1, 2]}\n{"id": 9, "name": "Name9"}\n));
	is(run_counts($node, "etl_run('$name')"), 'succeeded|1|2|1|1', "$name: comes again, and is not loaded");
	is(sql("SELECT string_agg(coalesce(id::text, 'null'), ',' ORDER BY id) FROM data.$name"), '8,9', "$name: nothing of them is in the table");
	is(sql("SELECT status, record, key IS NULL, subject IS NULL FROM etl.quarantine WHERE dataset = '$name'"), 'erased|"[erased]"|t|t', "$name: nor in quarantine");
	is_deeply([ slurp_lines("$root/archive/date=2026-02-01/hour=2/$name.jsonl") ], [ '', '{"id": 9, "name": "Name9"}' ], "$name: the archived file has a blank line");
	is_deeply([ slurp_lines("$root/processed/date=2026-02-01/hour=2/$name.jsonl") ], [ '{"id": 9, "name": "Name9"}' ], "$name: the processed one none");
	is(sql("SELECT status, loaded FROM etl_replay('$name')"), 'succeeded|0', "$name: there is nothing to replay");
	is(places_with($node, 'Again7'), '', "$name: and they are nowhere");
}

# a record that waits for something else keeps the key of its person, in either order
sql(q<SELECT etl_define('{"type": "object", "x-etl": {"dataset": "goods", "files": ["goods.jsonl"], "key": "/id", "tables": [{"name": "goods", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}')>);
sql(q<SELECT etl_define('{"type": "object", "x-etl": {"dataset": "orders", "files": ["orders.jsonl"], "key": "/no", "subject": {"dataset": "members", "field": "/member"},
  "references": [{"field": "/member", "dataset": "members"}, {"field": "/good", "dataset": "goods"}], "personal": [{"field": "/to", "treatment": "redact"}],
  "tables": [{"name": "orders", "primary_key": ["no"], "columns": [{"name": "no", "type": "bigint", "from": "/no"}, {"name": "member", "type": "bigint", "from": "/member"}, {"name": "recipient", "from": "/to"}]}]}}')>);
stage($node, 'date=2026-03-01/hour=1/members.jsonl', join '', map { qq({"id": "$_", "name": "Name$_"}\n) } 301 .. 303);
stage($node, 'date=2026-03-01/hour=1/orders.jsonl', join '', map { qq({"no": $_, "member": $_, "good": $_, "to": "Recipient$_"}\n) } 301 .. 302);
stage($node, 'date=2026-03-01/hour=1/goods.jsonl', qq({"id": 301}\n));
is(sql(q{SELECT string_agg(dataset || ' ' || loaded || ' ' || quarantined, ', ' ORDER BY dataset) FROM etl_run() WHERE dataset IN ('goods', 'members', 'orders')}), 'goods 1 0, members 3 0, orders 1 1', 'one order is loaded, one waits for its good');
is(sql(q{SELECT string_agg(s, ',') FROM (SELECT status AS s FROM etl_erase('members', '301') UNION ALL SELECT status FROM etl_erase('members', '302') UNION ALL SELECT status FROM etl_erase('members', '303')) x}), 'completed,completed,completed', 'all are erased');
is(sql(q{SELECT string_agg(id || ' ' || name, ', ' ORDER BY id) FROM data.members WHERE id > 300}), '301 [erased], 302 [erased]', 'whom an order refers to, loaded or waiting, keeps the key');
stage($node, 'date=2026-03-01/hour=2/goods.jsonl', qq({"id": 302}\n));
sql('SELECT etl_run()');
is(sql(q{SELECT string_agg(no || ' ' || member || ' ' || recipient, ', ' ORDER BY no) FROM data.orders}), '301 301 [erased], 302 302 [erased]', 'what waited is loaded, treated');

$node->stop;
done_testing();
