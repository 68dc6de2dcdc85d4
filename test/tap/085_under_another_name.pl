# A file about people that came under the name of a dataset that is about nobody: its records are refused there,
# and an erasure finds the person by key in quarantine, in the archive and in what comes later; not what is a product.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
my $sql = sub { $node->safe_psql('postgres', $_[0]) };
my $hours = 0;
my $load = sub { my ($dataset, $content) = @_; stage($node, sprintf('date=2020-01-01/hour=%02d/%s.json.gz', $hours++, $dataset), $content); $sql->("SELECT etl_run('" . ($dataset =~ tr/-/_/r) . "')") };
sub customer { my ($id, $word) = @_; return qq({"id": "$id", "first_name": "$word$id", "last_name": "Last$id", "email": "c$id\@example.org"}\n) }

# forms in which the key stands in records that products refuses
my @found = (
	q({"id": "55501", "first_name": "FOUND"}), q({"customer_id": 55501, "x": "FOUND"}), q({"ID": ["55501"], "x": "FOUND"}), q({"note": "customer 55501 rang", "x": "FOUND"}),
	q({"x": {"id": 7, "y": "FOUND7"}}), q({"55501": "FOUND"}), q({"id": "0055501", "x": "FOUND"}), q({"sku": 1, "name": "n", "price": "1.00", "category": "c", "popularity": 1, "id": "55501", "x": "FOUND"}),
	q(broken {"id": 55501, "x": "FOUND"));
# and what is no customer's
my @kept = (
	q({"sku": 55501, "name": "KEPT", "price": "no"}), q({"sku": "x", "name": "KEPT 55501 g", "price": "1.00", "category": "c", "popularity": 1}), q({"id": "155501", "x": "KEPT"}),
	q({"id": "55502", "x": "KEPT"}), q({"sku": 3, "name": "KEPT", "price": 55501, "category": 55501, "popularity": 1, "amount": 7}), q({"sku": 4, "name": "KEPT", "price": "55501.5", "category": "c", "popularity": 0}));

$load->('products', qq({"sku": 1, "name": "n", "price": "1.00", "category": "c", "popularity": 1}\n));
$load->('customers', customer(55501, 'Known') . customer(7, 'Known')); # keys of nobody are no words (082)
for my $order ('data first', 'request first')
{
	my @steps = (sub { $load->('products', join '', map { "$_\n" } @found, @kept, q({"sku": 555, "name": "Good 55501", "price": "1.00", "category": "KEPT", "popularity": 1})) }, sub { $load->('erasure-requests', qq({"customer-id": "55501"}\n{"customer-id": "7"}\n)) });
	$sql->(q{SELECT etl_reinstate('customers', k, 'again') FROM unnest('{55501,7}'::text[]) k; DELETE FROM etl.quarantine; DELETE FROM data.products; DELETE FROM etl.erasure});
	unlink map { "$node->{etl_root}/archive/$_" } grep { /products/ } files_below("$node->{etl_root}/archive");
	$_->() for $order eq 'data first' ? @steps : reverse @steps;
	is(unread_places_with($node, 'FOUND'), '', "$order: what has the key is gone from quarantine and files");
	is($sql->(q{SELECT count(*) FROM etl.quarantine WHERE record LIKE '%KEPT%'}), scalar(@kept), "$order: what is a product, or somebody else's, stays");
	is($sql->('SELECT name FROM data.products WHERE sku = 555'), 'Good 55501', "$order: what is accepted is what it says");
	is(scalar(grep { /KEPT/ } map { slurp_lines("$node->{etl_root}/archive/$_") } grep { /products/ } files_below("$node->{etl_root}/archive")), @kept + 1, "$order: in the archive, too");
}
is($sql->(q{SELECT status FROM etl.erasure WHERE subject = etl.subject_pseudonym('customers', '55501')}), 'completed', 'whatever comes first');

# seen before: the plan, and subject access
$load->('products', customer(55600, 'Ann'));
is($sql->(q{SELECT (etl_erase('customers', '55600', dry_run => true)).plan ->> 'rows'}), '1', 'the plan counts the record');
is($sql->(q{SELECT count(*) FROM etl_subject('customers', '55600')}), '2', 'subject access shows it, in quarantine and in the archive');
is($sql->(q{SELECT status, row_count, file_count FROM etl_erase('customers', '55600')}), 'completed|1|1', 'the erasure treats it');
is(unread_places_with($node, 'Ann55600'), '', 'and nothing is left');
is($sql->(q{SELECT count(*) FROM etl.quarantine WHERE dataset = 'products' AND record = '"[erased]"' AND status = 'erased'}) > 0, 1, 'as a whole');

$node->stop;
done_testing();
