# Kills at random moments: the backend that works, or the server. Whatever was going on, the next run
# finishes it, and everything is as in a world that nobody disturbed.
#
#   ETL_SOAK_KILLS   go on until that many kills have met a running step; else for 20 s, and fewer in each round
#   ETL_REAL_DATA    real input: its first days are used; without it ETL_GENERATE makes some
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CrashTest;
use EtlTest;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{ETL_TEST_SEED} // time;
note "seed $seed";
srand $seed;
my $node = crash_node();

# input that one round takes about two seconds for
my $input = $node->basedir . '/input';
make_path($input);
if (defined(my $real = real_data()))
{
	my @days = (sort glob "$real/date=*")[ 0 .. 1 ];
	system_or_bail('cp', '-rL', @days, $input);
	system_or_bail('chmod', '-R', 'u+w', $input);
}
elsif (-x ($ENV{ETL_GENERATE} // ''))
{
	system_or_bail($ENV{ETL_GENERATE}, '--transactions', 1000, '--files', 48, '--defects', '0.05', $input);
}
else
{
	plan skip_all => 'neither ETL_REAL_DATA nor ETL_GENERATE gives any input';
}

my @steps = (
	(map { [ $_, "SELECT etl_run('$_')" ] } qw(products customers transactions)),
	[ 'replay', q{UPDATE etl.quarantine SET record = replace(replace(record, '"price": "-', '"price": "'), '"price": "0.00"', '"price": "1.00"') WHERE dataset = 'products' AND status = 'open'}, "SELECT etl_replay('products')" ],
	[ 'backlog', 'CALL etl_load()' ]);
my @kinds = (0);
push @kinds, 1 if defined other_file_system();
my (%expected, $seconds);
($expected{$_}, $seconds) = undisturbed($node, remote => $_, input => $input, steps => \@steps) for @kinds;
note sprintf 'undisturbed: %s', join ', ', map { sprintf '%s %.2f s', $_->[0], $seconds->{ $_->[0] } } @steps;

my $wanted = $ENV{ETL_SOAK_KILLS};
my ($kills, $rounds, $differences, $begin) = (0, 0, 0, time);
while ($wanted ? $kills < $wanted : time < $begin + 20)
{
	my $remote = $kinds[ $rounds++ % @kinds ];
	my ($diff, $n) = random_kill_round($node, $expected{$remote}, $seconds, remote => $remote, input => $input, steps => \@steps, attempts => $wanted ? 6 : 2);
	$kills += $n;
	$differences += @$diff;
	is(join("\n", @$diff), '', "round $rounds: $n kills" . ($remote ? ', archive on another file system' : ''));
}
note sprintf '%d kills in %d rounds, %d differences, %d s', $kills, $rounds, $differences, time - $begin;
cmp_ok($kills, '>', 0, "$kills kills have met a running step");
$node->stop;
done_testing();
