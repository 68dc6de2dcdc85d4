# A record that is mended by hand belongs to whom it then names; what it was made of lies in the archived file
# as it came, and need not name them there. An erasure knows the line.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub fails { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err }
sub person { my ($id, $name) = @_; return qq({"id": "$id", "first_name": "$name", "last_name": "L$name", "email": "$name\@example.org"}) }
my $hour = 0;
# A file of a person, a record that should be theirs, and somebody else's that is refused as well; the person's number.
sub staged
{
	my ($name, %as) = @_;
	my $id = 55_000 + ++$hour;
	my $wrong = $as{named} // "${id}l";
	my @records = (person($id, "P$id"), qq({"id": "$wrong", "first_name": "Wrong$id", "last_name": "Smith", "email": 3}), qq({"id": "x", "first_name": "Other$id"}));
	stage($node, sprintf('date=2026-03-%02d/hour=%02d/%s', 1 + $hour / 24, $hour % 24, $as{file} // 'customers.json'), $as{array} ? '[' . join(',', @records) . ']' : join '', map { "$_\n" } @records);
	like(sql(q{SELECT status, quarantined FROM etl_run('customers')}), qr/succeeded\|2/, "$name: a record is refused");
	return $id;
}
sub mend { my ($id) = @_; return sql("UPDATE etl.quarantine SET record = '{\"id\": \"$id\", \"first_name\": \"Wrong$id\", \"last_name\": \"Smith\", \"email\": \"w$id\@example.org\"}' WHERE strpos(record, 'Wrong$id') > 0") }
sub gone
{
	my ($id, $name) = @_;
	is(places_with($node, "Wrong$id"), '', "$name: it is in no place any more");
	like(places_with($node, "Other$id"), qr/archive\S+ .*etl\.quarantine/, "$name: what is nobody's stays in the archive and in quarantine");
	is(sql("SELECT count(*) FROM etl.quarantine WHERE strpos(record, 'Other$id') > 0"), '1', "$name: as it came");
	return;
}
sub erase { my ($id) = @_; return sql("SELECT status FROM etl_erase('customers', '$id')") }

for my $case ([ 'mended' ], [ 'mended in an array', array => 1 ], [ 'mended in gzip', file => 'customers.json.gz' ], [ 'mended and replayed', replay => 1 ])
{
	my ($name, %as) = @$case;
	my $id = staged($name, %as);
	mend($id);
	sql(q{SELECT etl_replay('customers')}) if $as{replay};
	is(sql("SELECT count(*) FROM etl_subject('customers', '$id') s WHERE s.place ~ '^archived' AND s.record::text ~ 'Wrong$id'"), '1', "$name: what it was made of belongs to what is known about the person");
	like(sql("SELECT (etl_erase('customers', '$id', dry_run => true)).plan -> 'places'"), qr/"kind": "archived"[^}]*"rows": 2|"rows": 2[^}]*"kind": "archived"/, "$name: the plan counts it");
	is(erase($id), 'completed', "$name: the person is erased");
	gone($id, $name);
}

# ---- mended after the erasure: with the replay
{
	my $id = staged('erased before');
	is(erase($id), 'completed', 'a person is erased before a record is mended to be theirs');
	mend($id);
	sql(q{SELECT etl_replay('customers')});
	gone($id, 'mended after the erasure');
	is(sql(q{SELECT status, row_count, file_count FROM etl.erasure ORDER BY erasure_id DESC LIMIT 1}), 'completed|0|1', 'the request has a row that says so');
}

# ---- mended from somebody else's key: both find it
{
	my $id = staged('named another', named => '77001');
	mend($id);
	is(sql("SELECT named_nobody FROM etl.quarantine WHERE subject = '$id' AND mended_at IS NOT NULL"), 't', 'a record that named another is looked for in its file whoever is erased');
	stage($node, 'date=2026-04-01/hour=00/customers.json', person(77001, 'P77001') . "\n");
	sql(q{SELECT etl_run('customers')});
	is(erase(77001), 'completed', 'the one whom it named is erased');
	is(places_with($node, '77001') =~ /archive/, 1, 'their key stays, as everywhere');
	is(sql(q{SELECT count(*) FROM etl.quarantine WHERE record LIKE '%77001%'}), '0', 'quarantine does not know of them any more');
	unlike(places_with($node, "Wrong$id"), qr/archive/, 'and the archived file is treated');
	is(erase($id), 'completed', 'the one whom it names is erased');
	gone($id, 'mended from a key of another');
}

# ---- what no replay would read
{
	my $id = staged('too long');
	like(fails("UPDATE etl.quarantine SET record = repeat('x', 20000000) WHERE strpos(record, 'Wrong$id') > 0"), qr/ERROR:  quarantined record \d+ cannot be mended by a record that long\nDETAIL:  It would have 20000000 bytes; etl\.max_record_size is 16777216 bytes/,
		'a record is not mended by one that is longer than etl.max_record_size');
	is(sql("SELECT count(*) FROM etl.quarantine WHERE strpos(record, 'Wrong$id') > 0"), '1', 'it stays');
}

$node->stop;
done_testing();
