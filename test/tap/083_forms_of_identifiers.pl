# What an erasure finds in records that do not name the person where they should, in quarantine and in
# files, what it leaves alone, and what comes later with nothing but the email of somebody who was
# erased by key. Requests for erasure that could not be read are told.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use JSON::PP ();
use Test::More;

my $node = etl_node();
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
sub customer
{
	my ($id, %more) = @_;
	return JSON::PP->new->canonical->encode({ id => "$id", first_name => "First$id", last_name => "Last$id", email => "c$id\@example.com", address => 'Road 1', city => 'Town', country => 'DK', postcode => '1000', last_change => '2020-01-01', segment => undef, phone_number => undef, date_of_birth => undef, %more }) . "\n";
}

# ---- refused records, each with a mark by which it is told
my %found = (
	misnamed   => '{"ID": "55501", "first_name": "M-misnamed"}',
	snake      => '{"customer_id": "55501", "first_name": "M-snake"}',
	fraction   => '{"id": "55501.0", "first_name": "M-fraction"}',
	exponent   => '{"id": "5.5501e4", "first_name": "M-exponent"}',
	array      => '{"id": ["55501"], "first_name": "M-array"}',
	object     => '{"id": {"value": 55501}, "first_name": "M-object"}',
	in_text    => '{"id": "customer 55501", "first_name": "M-in_text"}',
	null       => '{"id": null, "note": "was 55501", "first_name": "M-null"}',
	json       => '{"payload": "{\"id\": 55501}", "first_name": "M-json"}',
	script     => '{"id": "\u0665\u0665\u0665\u0660\u0661", "first_name": "M-script"}',
	blank      => '{"id": "55501\u00a0", "first_name": "M-blank"}',
	malformed  => '{"id": "55501.0", "first_name": "M-malformed"',
	its_email  => '{"id": null, "contact": "mailto:C55501@Example.com", "first_name": "M-its_email"}',
	old_email  => '{"id": null, "contact": "First <old@example.com>", "first_name": "M-old_email"}');
my %left = (
	longer    => '{"ID": "155501", "first_name": "S-longer"}',
	decimal   => '{"ID": "55501.5", "first_name": "S-decimal"}',
	negative  => '{"ID": -55501, "first_name": "S-negative"}',
	word      => '{"ID": "C55501", "first_name": "S-word"}',
	joined    => '{"ID": "55501-2", "first_name": "S-joined"}',
	other     => '{"id": "55502", "first_name": "S-other", "note": "55501"}',
	postcode  => '{"ID": "55502", "postcode": "55501", "first_name": "S-postcode"}',
	malformed => '{"id": "155501", "first_name": "S-malformed"');
stage($node, 'date=2020-01-01/hour=01/customers.json.gz', customer(55501) . customer(55502) . customer(55503) . join('', map { "$_\n" } @found{ sort keys %found }, @left{ sort keys %left }));
# an address that the person had before, in a record that was refused
stage($node, 'date=2020-01-01/hour=02/customers.json.gz', '{"id": "55501", "email": "old@example.com"}' . "\n");
$sql->("SELECT etl_run('customers')");
is($sql->('SELECT count(*) FROM data.customers'), '3', 'customers are loaded');
is($sql->(q{SELECT count(*) FROM etl.quarantine WHERE record LIKE '%M-%' OR record LIKE '%S-%'}), scalar(keys %found) + scalar(keys %left), 'the others are in quarantine');

is($sql->(q{SELECT count(*) FROM etl_subject('customers', '55501') WHERE place = 'etl.quarantine' AND record::text LIKE '%M-%'}), scalar(keys %found), 'the person is shown what is held in them');
is($sql->(q{SELECT status FROM etl_erase('customers', '55501')}), 'completed', 'erased by key');
is(places_with($node, "M-$_"), '', "found in quarantine and archive: $_") for sort keys %found;
isnt(places_with($node, "S-$_"), '', "not taken for the person: $_") for sort keys %left;
is($sql->(q{SELECT count(*) FROM etl.quarantine WHERE record LIKE '%S-%' AND status = 'open'}), scalar(keys %left), 'those wait as before');
like($sql->(q{SELECT (etl_erase('customers', '55502', dry_run => true)).plan ->> 'not_searched'}), qr/C55501.*base64/s, 'the plan says what is not searched for');

# ---- what comes later
stage($node, 'date=2020-01-02/hour=01/customers.json.gz',
	join('', map { $found{$_} =~ s/M-/L-/r . "\n" } sort keys %found)
	  . customer(55501, first_name => 'L-key')
	  . qq({"first_name": "L-email", "email": "c55501\@example.com"}\n{"contact": "c55501\@example.com", "first_name": "L-torn\n)
	  . customer(55504, first_name => 'N-new', email => 'c55501@example.com')
	  . qq({"ID": "155501", "first_name": "N-stranger"}\n));
# of a dataset that is about nobody what is refused is looked through
stage($node, 'date=2020-01-02/hour=01/products.json', qq({"sku": "x", "name": "L-product of c55501\@example.com"}\n));
$sql->('SELECT etl_run()');
is(places_with($node, "L-$_"), '', "did not come in later: $_") for (sort keys %found), qw(key email torn product);
isnt(places_with($node, "N-$_"), '', "came in: $_") for qw(new stranger);
is($sql->(q{SELECT first_name FROM data.customers WHERE id = 55504}), 'N-new', 'who signs up with the same email has a key of their own');

# ---- reinstated: neither key nor email are treated any more
is($sql->(q{SELECT etl_reinstate('customers', '55501', 'came back')}), '1', 'reinstated');
stage($node, 'date=2020-01-03/hour=01/customers.json.gz', qq({"first_name": "B-email", "email": "c55501\@example.com"}\n{"ID": "55501", "first_name": "B-key"}\n));
$sql->(q{SELECT etl_run('customers')});
isnt(places_with($node, "B-$_"), '', "came back: $_") for qw(email key);

# ---- requests that could not be read
is($sql->(q{SELECT status FROM etl.health WHERE check_name = 'erasure requests'}), 'ok', 'no request waits');
stage($node, 'date=2020-01-03/hour=02/erasure-requests.json', qq({"customer_id": "55503"}\n{"customer-id": "55502"}\n{"customer-id": "055502"}\n));
$sql->(q{SELECT etl_run('erasure_requests')});
is($sql->(q{SELECT dataset, status, source, overdue, due_at - received_at = interval '1 month' OR due_at > received_at, erasure_id IS NULL, details ->> 'code' FROM etl.erasure_report WHERE status = 'quarantined'}),
	'customers|quarantined|date=2020-01-03/hour=02/erasure-requests.json|f|t|t|schema', 'one that was refused is in the report, one that asks again is not');
is($sql->(q{SELECT status FROM etl.health WHERE check_name = 'erasure requests'}), 'warning', 'and a warning');
$sql->(q{UPDATE etl.quarantine SET quarantined_at = now() - interval '40 days' WHERE dataset = 'erasure_requests' AND code = 'schema'});
is($sql->(q{SELECT status FROM etl.health WHERE check_name = 'erasure requests'}), 'error', 'an error when its time is over');
is($sql->(q{SELECT count(*) FROM etl.erasure_overdue WHERE within_30_days = false}), '1', 'overdue');
is($sql->(q{SELECT status FROM etl_erase('customers', '55503')}), 'completed', 'asked for by hand');
is($sql->(q{SELECT record, status FROM etl.quarantine WHERE dataset = 'erasure_requests' AND code = 'schema'}), '"[erased]"|erased', 'the request goes with the person');
is($sql->(q{SELECT status FROM etl.health WHERE check_name = 'erasure requests'}), 'ok', 'and nothing waits');
$node->stop;
done_testing();
