# The month of real input in random orders of datasets and hours, with an etl_run() after each: the same
# tables, quarantine and processed files, whatever came first, and no replay is called. Three orders in make
# check, with some deliveries before each run; fifty in make soak, of which each fifth has a run after every
# delivery. ETL_TEST_SEED repeats them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use List::Util qw(shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $real = real_data();
plan skip_all => 'ETL_REAL_DATA names no directory with real input' unless defined $real;

my $seed = $ENV{ETL_TEST_SEED} // time;
diag("seed $seed") if $ENV{ETL_SOAK} || $ENV{ETL_TEST_SEED};
my %content = map { $_ => slurp_file("$real/$_") } files_below($real);
my $node = etl_node();
# What one dataset gets in one hour comes together: of two files that claim one key the first has it.
my %delivery;
for my $path (sort keys %content)
{
	my ($partition, $dataset) = $path =~ m{^(.*)/([\w-]+)\.json(?:\.gz)?$} or die $path;
	push @{ $delivery{"$partition $dataset"} }, $path;
}

sub deliver { stage($node, $_, $content{$_}) for @_ }

# All at once: etl_run() takes the datasets in their order.
my $root = fresh_database($node, 'in_order');
deliver(sort keys %content);
$node->safe_psql('in_order', 'SELECT etl_run()');
my $expected = end_state($node, 'in_order', "$root/processed");
my $sales = 'SELECT count(*), sum(total_cost) FROM data.transactions';
is($node->safe_psql('in_order', $sales), '9610|1118405.67', 'all sales of the month');
cmp_ok(scalar(() = $expected =~ /^waits /mg), '>', 0, 'some wait for ever');

for my $n (1 .. ($ENV{ETL_SOAK} ? 50 : 3))
{
	srand $seed + $n; # each order can be repeated without those before it
	$root = fresh_database($node, "order_$n");
	my @left = shuffle(sort keys %delivery);
	my $at_once = $n % 5 == 0 ? 1 : 30;
	my $runs = 0;
	my $error = '';
	while (@left && $error eq '')
	{
		deliver(map { @{ $delivery{$_} } } splice @left, 0, rand() < 0.3 ? 1 : 1 + int rand $at_once);
		my ($rc, $out, $err) = $node->psql("order_$n", 'SELECT etl_run()');
		++$runs;
		$error = $err if $rc != 0 || $err =~ /WARNING|ERROR/;
	}
	is($error, '', "order $n: $runs runs without a warning (seed $seed)");
	is($node->safe_psql("order_$n", $sales), '9610|1118405.67', "order $n: all sales");
	my $state = end_state($node, "order_$n", "$root/processed");
	if (!is($state eq $expected ? 'the same' : 'different', 'the same', "order $n: the same end"))
	{
		my @differences = differences($state, $expected);
		diag(scalar(@differences) . ' lines differ');
		diag($_) for splice @differences, 0, 20;
		last;
	}
	$node->safe_psql('postgres', "DROP DATABASE order_$n");
	system_or_bail('rm', '-rf', $root);
}

$node->stop;
done_testing();
