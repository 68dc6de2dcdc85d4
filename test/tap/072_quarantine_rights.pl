# What an operator may do to quarantined records: mend one and give one up, and nothing else. Nobody is
# hidden from an erasure thereby, and nobody is erased by a request that an operator has written.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
my $root = $node->{etl_root};
$node->safe_psql('postgres', q{CREATE ROLE clerk LOGIN; SELECT etl_grant('clerk', 'operator')});

sub as_clerk { my ($sql) = @_; return $node->safe_psql('postgres', $sql, extra_params => [ '-U', 'clerk' ]) }
sub refused
{
	my ($sql, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my (undef, undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", extra_params => [ '-U', 'clerk' ]);
	return like($error, $expected, $name);
}
sub customer { my ($id, $name, $more) = @_; return sprintf qq({"id": "%s", "first_name": "%s", "last_name": "Bee", "email": "%s\@example.com"%s}\n), $id, $name, lc $name, $more // '' }

stage($node, 'date=2020-01-01/hour=1/customers.json', customer(1001, 'Ann', ', "city": 5') . customer(2002, 'Cy', ', "city": 5') . customer(3003, 'Eve') . customer(4004, 'Flo', ', "city": 5') . qq({"ID": "6006", "name": "Gus"}\n));
stage($node, 'date=2020-01-01/hour=2/erasure-requests.json', qq({"customer-id": 3003}\n{"customer-id": 8008}\n{"customer-id": 9009}\n));
is(as_clerk(q{SELECT count(*) FROM etl_run() WHERE status = 'succeeded'}), '4', 'an operator runs, with records that are refused');
is_sql($node, q{SELECT dataset, count(*) FROM etl.quarantine GROUP BY 1 ORDER BY 1}, "customers|4\nerasure_requests|3", 'which are written as the owner of the catalog');
my %id = map { my ($key, $id) = split /\|/; $key => $id } split /\n/, $node->safe_psql('postgres', q{SELECT coalesce(subject, record), quarantine_id FROM etl.quarantine WHERE dataset = 'customers'});

# ---- what is not for operators
refused($_, qr/42501/, "refused: $_") for
  q{INSERT INTO etl.quarantine (run_id, dataset, record, code, violations) VALUES (1, 'erasure_requests', '{"customer-id": "3003"}', 'schema', '[]')},
  q{UPDATE etl.quarantine SET subject = '77'}, q{UPDATE etl.quarantine SET dataset = 'products'}, q{UPDATE etl.quarantine SET status = 'discarded'},
  q{UPDATE etl.quarantine SET key = NULL}, q{UPDATE etl.quarantine SET mended_by = 'somebody'}, q{DELETE FROM etl.quarantine}, 'TRUNCATE etl.quarantine CASCADE',
  q{DELETE FROM etl.quarantine_reference}, q{INSERT INTO etl.quarantine_reference VALUES (1, 'customers', '1')}, q{UPDATE etl.quarantine_reference SET key = '1'},
  q{SELECT nextval('etl.quarantine_quarantine_id_seq')}, q{SELECT nextval('etl.run_run_id_seq')}, q{SELECT nextval('etl.file_file_id_seq')};

# ---- who is in a mended record is known at once
as_clerk(qq{UPDATE etl.quarantine SET record = replace(record, '1001', '7007') WHERE quarantine_id = $id{1001}});
is_sql($node, "SELECT key, subject, mended_by, mended_at IS NOT NULL FROM etl.quarantine WHERE quarantine_id = $id{1001}", '7007|7007|clerk|t', 'key and subject follow the record, and who mended it is noted');
as_clerk(qq{UPDATE etl.quarantine SET record = 'not JSON, about 2002' WHERE quarantine_id = $id{2002}});
is_sql($node, "SELECT key, subject FROM etl.quarantine WHERE quarantine_id = $id{2002}", '|', 'one that cannot be read any more names nobody');
is_sql($node, q{SELECT status, row_count FROM etl_erase('customers', '7007')}, 'completed|1', 'the person of a mended record is erased');
is_sql($node, "SELECT status, record LIKE '%Ann%' FROM etl.quarantine WHERE quarantine_id = $id{1001}", 'erased|f', 'in the record');
is_sql($node, q{SELECT status, row_count FROM etl_erase('customers', '2002')}, 'completed|1', 'and one who is only a word in it');
is_sql($node, "SELECT record FROM etl.quarantine WHERE quarantine_id = $id{2002}", '"[erased]"', 'goes with it');

# the archived file still has what was mended: who was named nowhere but in the record is found there
my $archived = "$root/archive/date=2020-01-01/hour=1/customers.json";
my ($unnamed) = map { $id{$_} } grep { /6006/ } keys %id;
as_clerk(qq{UPDATE etl.quarantine SET record = '{"id": "5005", "first_name": "Hal", "last_name": "I", "email": "h\@example.com"}' WHERE quarantine_id = $unnamed});
like(slurp_file($archived), qr/Gus/, 'an archived file holds what came');
$node->safe_psql('postgres', q{SELECT etl_erase('customers', '6006')});
unlike(slurp_file($archived), qr/Gus/, 'which an erasure finds although the record was mended into somebody else');
is(as_clerk(q{SELECT status, loaded FROM etl_replay('customers')}), 'succeeded|1', 'a mended record is loaded');
is_sql($node, 'SELECT first_name FROM data.customers WHERE id = 5005', 'Hal', 'as it stands now');

# what is closed stays as it is
refused("UPDATE etl.quarantine SET record = '{}' WHERE quarantine_id = $_", qr/55000.*quarantined record $_ is not open/, "not mended any more: $_") for $id{1001}, $unnamed;

# ---- given up by a call, with a reason
refused("SELECT etl_discard($id{4004}, ' ')", qr/22004/, 'a reason must be given');
refused("SELECT etl_discard(-5, 'x')", qr/42704/, 'there must be such a record');
refused("SELECT etl_discard(NULL, 'x')", qr/22004/, 'and a number');
is(as_clerk("SELECT status, reason FROM etl_discard($id{4004}, 'a test of theirs')"), 'discarded|a test of theirs', 'an operator discards a record');
is_sql($node, q{SELECT actor, place, row_count FROM etl.audit WHERE action = 'discard'}, 'clerk|etl.quarantine|1', 'which is audited');
refused("SELECT etl_discard($id{4004}, 'again')", qr/55000/, 'once');
is_sql($node, q{SELECT status, row_count FROM etl_erase('customers', '4004')}, 'completed|1', 'it is erased all the same');

# ---- requests
my @requests = split /\n/, $node->safe_psql('postgres', q{SELECT quarantine_id FROM etl.quarantine WHERE dataset = 'erasure_requests' ORDER BY line});
refused("SELECT etl_discard($requests[0], 'no')", qr/42501/, 'an operator does not make a request for erasure go away');
as_clerk(qq{UPDATE etl.quarantine SET record = '{"customer-id": "3003"}' WHERE quarantine_id = $requests[0]});
is(as_clerk(q{SELECT status, loaded, quarantined FROM etl_replay('erasure_requests')}), 'succeeded|0|2', 'nor does a request that he has written erase anybody');
is_sql($node, 'SELECT first_name FROM data.customers WHERE id = 3003', 'Eve', 'the person is there');
is_sql($node, qq{SELECT status FROM etl.quarantine WHERE quarantine_id = $requests[0]}, 'open', 'the request stays open');
is_sql($node, q{SELECT status, loaded, quarantined FROM etl_replay('erasure_requests')}, 'succeeded|1|2', 'until somebody replays it who may erase');
is_sql($node, 'SELECT first_name FROM data.customers WHERE id = 3003', '[erased]', 'then it is carried out');
is_sql($node, q{SELECT actor = session_user, row_count FROM etl.audit WHERE action = 'mended requests'}, 't|1', 'and the audit trail says that it was mended');
is_sql($node, "SELECT status FROM etl_discard($requests[1], 'asked by mistake')", 'discarded', 'who may refuse requests discards one');

# one that waits for a reference: the run that releases it, whoever's it is, does not carry out what was written by hand
$node->safe_psql('postgres', q{SELECT etl_define('{"type": "object", "x-etl": {"dataset": "wishes", "files": ["wishes.json"], "key": "/who", "references": [{"field": "/product", "dataset": "products"}],
  "erases": {"dataset": "customers", "subject": "/who"}}}')});
stage($node, 'date=2031-01-01/hour=1/wishes.json', qq({"who": "9109", "product": 4711}\n{"who": "8108", "product": 4711}\n));
stage($node, 'date=2031-01-01/hour=2/customers.json', join '', map { qq({"id": "$_", "first_name": "Ida", "last_name": "Mae", "email": "ida$_\@example.org"}\n) } 7107, 8108);
is_sql($node, q{SELECT string_agg(quarantined::text, ',' ORDER BY dataset) FROM etl_run() WHERE dataset IN ('customers', 'wishes')}, '0,2', 'requests that wait for a product');
as_clerk(q{UPDATE etl.quarantine SET record = '{"who": "7107", "product": 4711}' WHERE dataset = 'wishes' AND key = '9109'});
stage($node, 'date=2031-01-01/hour=3/products.json', qq({"sku": 4711, "name": "Tea", "price": "1.00", "category": "c", "popularity": 1.5}\n));
is_sql($node, q{SELECT count(*) FROM etl_run() WHERE status <> 'succeeded'}, '0', 'the product comes with a run of somebody who may erase');
is_sql($node, q{SELECT string_agg(first_name, ',' ORDER BY id) FROM data.customers WHERE id IN (7107, 8108)}, 'Ida,[erased]', 'the request that came is carried out, the one that was written by hand is not');
is_sql($node, q{SELECT status, loaded FROM etl_replay('wishes')}, 'succeeded|1', 'until it is replayed');
is_sql($node, q{SELECT first_name FROM data.customers WHERE id = 7107}, '[erased]', 'by somebody who may erase');

# ---- grants of former versions are taken back
$node->safe_psql('postgres', q{GRANT INSERT, UPDATE, DELETE ON etl.quarantine, etl.quarantine_reference TO clerk; GRANT USAGE ON SEQUENCE etl.quarantine_quarantine_id_seq TO clerk; SELECT etl_grant('clerk', 'operator')});
is_sql($node, q{SELECT has_table_privilege('clerk', 'etl.quarantine', 'INSERT, UPDATE, DELETE'), has_table_privilege('clerk', 'etl.quarantine_reference', 'INSERT, UPDATE, DELETE'),
	has_sequence_privilege('clerk', 'etl.quarantine_quarantine_id_seq', 'USAGE'), has_column_privilege('clerk', 'etl.quarantine', 'record', 'UPDATE')}, 'f|f|f|t', 'etl_grant again takes back what former versions granted');
$node->safe_psql('postgres', q{SELECT etl_revoke('clerk')});
is_sql($node, q{SELECT has_any_column_privilege('clerk', 'etl.quarantine', 'SELECT, UPDATE')}, 'f', 'etl_revoke takes the rest');
is_sql($node, 'SELECT count(*) FROM etl_audit_verify()', '0', 'the trail is whole');

$node->stop;
done_testing();
