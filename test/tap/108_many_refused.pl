# A file that goes beyond max_rejected loads nothing, and leaves next to nothing of what it would have put in
# quarantine: dead rows are bounded, and no run adds to them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $limit = 100_000;
my $node = etl_node(conf => "autovacuum = off\n");
my $sql = sub { $node->safe_psql('postgres', $_[0]) };
my $define = sub {
	my ($dataset, $limit) = @_;
	$sql->(qq{SELECT etl_define('{"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"], "x-etl": {"dataset": "$dataset", "files": ["$dataset.json"], "key": "/id", "max_rejected": {"records": $limit},
	  "tables": [{"name": "$dataset", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}')});
};
my $size = sub { $sql->(q{SELECT pg_total_relation_size('etl.quarantine')}) };
my $error = "records that are malformed or break schema or types are more than \"max_rejected\" allows: $limit of them";

my $good = join '', map { sprintf qq({"id": %d, "padding": "%s"}\n), $_, 'x' x 80 } 1 .. 120_000;
my %contents = (
	# a piece of such lines is cut before it ends: they take many times as much when they are taken apart
	tiny => "{\n" x 300_000,
	# read twice, and bad from its beginning, or behind so much that is good
	large => qq({"id": "no number"}\n) x 600_000,
	late => $good . qq({"id": "no number"}\n) x 200_000,
);
for my $name (sort keys %contents)
{
	$define->($name, $limit);
	stage($node, "date=2020-01-01/hour=0/$name.json.gz", $contents{$name});
	my $before = $size->();
	my @sizes;
	for my $time (1 .. 3)
	{
		is(run_counts($node, "etl_run('$name')"), 'failed|1|0|0|0', "$name: the file fails, time $time");
		push @sizes, $size->() - $before;
	}
	is($sql->("SELECT error FROM etl.file WHERE dataset = '$name'"), $error, "$name: and says why");
	is($sql->("SELECT count(*) FROM etl.quarantine WHERE dataset = '$name'"), '0', "$name: nothing is in quarantine");
	cmp_ok($sizes[0], '<=', $name eq 'late' ? 12 << 20 : 1 << 20, "$name: dead rows take no more than what was handed out before it was known");
	is($sizes[2], $sizes[0], "$name: and no other run adds to them");
	# what is no more than allowed is loaded, also of a file that has failed before
	$define->($name, 600_000);
	my ($good_ones, $bad_ones) = $name eq 'late' ? (120_000, 200_000) : (0, $name eq 'tiny' ? 300_000 : 600_000);
	is(run_counts($node, "etl_run('$name')"), join('|', 'succeeded', 1, $good_ones + $bad_ones, $good_ones, $bad_ones), "$name: with another limit all of it is read");
}
# a few among many good ones are not counted in advance
$define->('few', $limit);
stage($node, 'date=2020-01-01/hour=0/few.json', $good . qq({"id": "no number"}\n) x 900);
is(run_counts($node, q{etl_run('few')}), 'succeeded|1|120900|120000|900', 'a few bad ones');

$node->stop;
done_testing();
