# Whatever is killed at whatever moment, the next run finishes the work, and everything is as if
# nothing had happened: tables, quarantine, catalog, processed and archived files. At every fault
# point (src/pg/fault.h) of every step once the backend is killed and once the whole server.
#
#   ETL_FAULTS_MODULE   the module with fault points
#   ETL_CRASH_POINTS    all: the pairs of step and point all of them; else each point in one step,
#                       which one being random (ETL_TEST_SEED)
#   ETL_CRASH_SECONDS   how long crashes go on in each kind of world, in random order; default 40, 0 for
#                       all of them (make soak)
#   ETL_CRASH_KEEP      a folder that worlds with a difference are copied to
#   ETL_CRASH_ROUND     one round only, as a failure shows it: "backlog at raw_set_aside:immediate:1, products at …"
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CrashTest;
use List::Util qw(shuffle uniq);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'ETL_FAULTS_MODULE names no module with fault points (make faults)'
  unless -f ($ENV{ETL_FAULTS_MODULE} // '');

my $seed = $ENV{ETL_TEST_SEED} // time;
note "seed $seed";
srand $seed;
my $node = crash_node(faults => 1);

my @worlds = ([ 'one file system', 0 ]);
push @worlds, [ 'archive on another file system', 1 ] if defined other_file_system();
my %seen;
my $crashes = 0;
my $seconds = $ENV{ETL_CRASH_SECONDS} // ($ENV{ETL_CRASH_POINTS} ? 0 : 40);
for my $kind (@worlds)
{
	my ($name, $remote) = @$kind;
	my $trace = $node->basedir . "/trace$remote";
	my ($expected) = undisturbed($node, remote => $remote, trace => $trace);
	cmp_ok(scalar(@$expected), '>', 60, "$name: an undisturbed world");
	is(scalar(grep { /^(raw \/.*(customers|transactions)|file_action \|[1-9])/ } @$expected), 0, "$name: nothing is left to do in it");

	if (defined(my $round = $ENV{ETL_CRASH_ROUND}))
	{
		my ($diff, $n, $missed) = crash_round($node, $expected, { $round =~ /(\w+) at (\S+?)(?:,|$)/g }, remote => $remote);
		is(join("\n", @$diff), '', "$name: $round");
		is(join(', ', %$missed), '', "$name: every fault happened");
		$crashes += $n;
		next;
	}

	# what passes there and did not on the first kind of world
	my %by_point;
	for my $p (grep { !$seen{ $_->[1] } || $ENV{ETL_CRASH_POINTS} } trace_points($trace))
	{
		push @{ $by_point{ $p->[1] } }, $p;
	}
	my @points = map { ($ENV{ETL_CRASH_POINTS} // '') eq 'all' ? @{ $by_point{$_} } : (shuffle @{ $by_point{$_} })[0] } sort keys %by_point;
	@points = grep { !$seen{"$_->[0] $_->[1]"}++ } @points;
	$seen{$_}++ for keys %by_point;
	cmp_ok(scalar(keys %by_point), '>=', $remote ? 3 : 25, "$name: " . scalar(keys %by_point) . ' fault points');

	# each round takes one point of each step
	my %queue;
	for my $action (qw(kill immediate))
	{
		push @{ $queue{ $_->[0] } }, "$_->[1]:$action:" . (1 + int rand $_->[2]) for shuffle @points;
	}
	my (@alone, %retried);
	my $deadline = $seconds ? time + $seconds : undef;
	while ((my @steps = grep { @{ $queue{$_} } } keys %queue) || @alone)
	{
		if (defined $deadline && time > $deadline)
		{
			my $left = 0;
			$left += @{ $queue{$_} } for keys %queue;
			note "$name: $left crashes left to make soak";
			last;
		}
		my %faults = @steps ? map { $_ => shift @{ $queue{$_} } } @steps : %{ shift @alone };
		my ($diff, $n, $missed) = crash_round($node, $expected, \%faults, remote => $remote);
		$crashes += $n;
		for my $step (keys %$missed)
		{
			# alone in its round next, and the first time
			my ($point, $action, $times) = split /:/, $missed->{$step};
			if ($retried{"$step $point $action"}++) { fail("$name: fault $point happens in step $step") }
			else { push @alone, { $step => "$point:$action:1" } }
		}
		is(join("\n", @$diff), '', "$name: " . join(', ', map { "$_ at $faults{$_}" } sort keys %faults));
	}
}
cmp_ok($crashes, '>', 0, "$crashes crashes");
$node->stop;
done_testing();
