# Emails that a later record has replaced: they are in no table any more, and still somebody's. An erasure finds
# by them, and finds them, whatever comes first.
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
my $sql = sub { $node->safe_psql('postgres', $_[0]) };
my $hours = 0;
my $load = sub {
	my ($dataset, $content) = @_;
	my $hour = $hours++;
	stage($node, sprintf('date=2020-01-%02d/hour=%02d/%s.json', 1 + int($hour / 24), $hour % 24, $dataset), $content);
	$sql->("SELECT etl_run('" . ($dataset =~ tr/-/_/r) . "')");
};
sub customer { my ($id, $email) = @_; return qq({"id": "$id", "first_name": "First$id", "last_name": "Last$id", "email": "$email", "address": "Secret$id Street"}\n) }
# a refused record that holds nothing but an email
sub stray { my ($id, $email) = @_; return qq({"ident": null, "mail": "$email", "note": "Stray$id"}\n) }

sub left
{
	my (@needles) = @_;
	my @found;
	for my $needle (@needles)
	{
		for my $folder (qw(raw processed archive))
		{
			push @found, map { "$needle $folder/$_" } grep { my $path = $_; grep { /\Q$needle\E/i } slurp_lines("$node->{etl_root}/$folder/$path") } files_below("$node->{etl_root}/$folder");
		}
		push @found, split /\n/, $sql->(join ' UNION ALL ', map { "SELECT '$needle $_' WHERE EXISTS (SELECT FROM $_ t WHERE strpos(lower(t::text), lower('$needle')) > 0)" } qw(data.customers etl.quarantine etl.tombstone etl.erasure etl.subject_segment etl.audit));
	}
	return join ', ', @found;
}

my $id = 100;
my %steps = (
	a => sub { my ($n) = @_; $load->('customers', customer($n, "old$n\@example.org")) },
	b => sub { my ($n) = @_; $load->('customers', customer($n, "New$n\@example.org")) },
	# both in one file, so that the table never sees the first
	2 => sub { my ($n) = @_; $load->('customers', customer($n, "old$n\@example.org") . customer($n, "New$n\@example.org")) },
	s => sub { my ($n) = @_; $load->('customers', stray($n, "Old$n\@example.org") . customer($n + 5000, "other$n\@example.org")) },
	k => sub { my ($n) = @_; $load->('erasure-requests', qq({"customer-id": "$n"}\n)) },
	e => sub { my ($n) = @_; $load->('erasure-requests', qq({"email": "OLD$n\@example.org"}\n)) },
	p => sub { my ($n) = @_; $load->('erasure-requests', qq({"customer-id": "$n", "email": "OLD$n\@example.org"}\n)) },
	r => sub { $sql->('SELECT etl_catalog_archive()') },
);
for my $order (qw(absk abks asbk 2sk 2ks abse absrk absp ab2sk), qw(abe 2e abes eabs aebs abep))
{
	$id += 1;
	$steps{$_}->($id) for split //, $order;
	is(left("Secret$id", "old$id\@", "new$id\@", "Stray$id"), '', "$order: nothing of the person is left, not even what has the old email only");
	is($sql->("SELECT first_name FROM data.customers WHERE id = $id"), '[erased]', "$order: the person is erased");
	is($sql->("SELECT first_name FROM data.customers WHERE id = $id + 5000"), 'First' . ($id + 5000), "$order: another person in the same file is not") if $order =~ /s/;
}
is($sql->(q{SELECT count(*) FROM etl.erasure WHERE status NOT IN ('completed', 'duplicate') AND source NOT LIKE '%' || 'x'}), $sql->(q{SELECT count(*) FROM etl.erasure WHERE status = 'not_found'}), 'none failed');

# from SQL: found, and shown before
$steps{$_}->(300) for qw(a b s);
is($sql->(q{SELECT (etl_erase('customers', email => 'old300@example.org', dry_run => true)).plan ->> 'rows'}), '2', 'the plan finds the person by the old email');
is($sql->(q{SELECT status, row_count FROM etl_erase('customers', email => 'old300@example.org')}), 'completed|2', 'so does the erasure');
is($sql->(q{SELECT status FROM etl_erase('customers', '300')}), 'duplicate', 'it is an erasure of the person');
is(left('Secret300', 'old300@', 'new300@', 'Stray300'), '', 'nothing is left');

# one's key and an email that was another's: the same end before and after the data
for my $order ('data first', 'request first')
{
	my ($one, $other) = $order eq 'data first' ? (310, 311) : (320, 321);
	my @order = (sub { $steps{$_}->($other) for qw(a b); $load->('customers', customer($one, "one$one\@example.org")) }, sub { $load->('erasure-requests', qq({"customer-id": "$one", "email": "old$other\@example.org"}\n)) });
	$_->() for $order eq 'data first' ? @order : reverse @order;
	is($sql->("SELECT string_agg(first_name, ' ' ORDER BY id) FROM data.customers WHERE id IN ($one, $other)"), "[erased] First$other", "$order: whose the email was stays");
}

# a person who only came by a replay, and one whose row is gone
$load->('customers', qq({"id": 330, "first_name": "F", "last_name": "L", "mail": "old330\@example.org"}\n));
$sql->(q{UPDATE etl.quarantine SET record = '{"id": "330", "first_name": "First330", "last_name": "L", "email": "old330@example.org"}' WHERE record LIKE '%old330@%'; SELECT etl_replay('customers')});
$steps{b}->(330);
is($sql->(q{SELECT status FROM etl_erase('customers', email => 'old330@example.org')}), 'completed', 'replayed, then updated');
$steps{$_}->(331) for qw(a b);
$sql->('DELETE FROM data.customers WHERE id = 331');
is($sql->(q{SELECT status FROM etl_erase('customers', email => 'old331@example.org')}), 'completed', 'somebody whose row is gone stands in files');
is(left('Secret331', 'old331@', 'new331@'), '', 'which are treated');

# the index does not grow by what it knows
my $pairs = q{SELECT sum(pairs) FROM etl.subject_segment WHERE dataset = 'customers' AND kind = 'email'};
my $before = $sql->($pairs);
$load->('customers', customer(340, 'same@example.org')) for 1 .. 18;
cmp_ok($sql->($pairs), '<=', $before + 2 * 33, 'the same email again and again adds no more than until the next merge');
is($sql->(q{SELECT count(*) FROM etl.subject_segment s JOIN etl.subject_page p USING (segment_id) WHERE s.pairs > 0 AND length(p.entries) % 16 <> 0}), '0', 'pages are whole');

$node->stop;
done_testing();
