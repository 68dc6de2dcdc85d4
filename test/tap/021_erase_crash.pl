# An erasure that is killed, at every fault point it passes (src/pg/fault.h), the backend or the whole
# server: asked again it leaves everything as if nothing had happened, in tables, quarantine, processed,
# archived and staged files, and the journal's line of a transaction that was rolled back is recognised.
#
#   ETL_FAULTS_MODULE   the module with fault points
#   ETL_CRASH_SECONDS   how long crashes go on, in random order (ETL_TEST_SEED); default 30, 0 for all of
#                       them (make soak)
#   ETL_CRASH_RUN       only this one: "point:kill:N" or "point:immediate:N", or two of them, the second
#                       while the first is recovered from: "action:kill:2+recover_synced:kill:1"
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CrashTest;
use EtlTest;
use File::Path qw(make_path);
use JSON::PP;
use List::Util qw(shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'ETL_FAULTS_MODULE names no module with fault points (make faults)'
  unless -f ($ENV{ETL_FAULTS_MODULE} // '');

my $seed = $ENV{ETL_TEST_SEED} // time;
note "seed $seed";
srand $seed;
my $node = crash_node(faults => 1);
my $base = new_world($node);
$node->safe_psql($base->{name}, "SELECT etl_run('$_')") for qw(products customers transactions);
# the record of what its folders wait for names them: nothing must wait when they are copied
$node->safe_psql($base->{name}, 'SELECT etl_run()') for 1 .. 2;
is($node->safe_psql($base->{name}, 'SELECT count(*) FROM etl.file_action'), '0', 'a world at rest');
stage($base, 'date=2020-01-03/hour=1/customers.json', qq({"id": "5", "first_name": "Staged", "last_name": "Bee", "email": "c5\@example.com"}\n));
stage($base, 'date=2020-01-03/hour=2/customers.json.gz', qq({"id": "5", "first_name": "Zipped", "last_name": "Bee", "email": "c5\@example.com"}\n{"id": "4", "first_name": "Zoe", "last_name": "Bee", "email": "c4\@example.com"}\n));
my $erase = q{SELECT status FROM etl_erase('customers', '5')};

# Where a run writes who is in which of its files many times (here: for twenty files at a time, more than
# sixteen times), no merge of what it has written loses the files that it has not recorded yet.
{
	my $world = new_world($node);
	for my $file (0 .. 339)
	{
		stage($world, sprintf('date=2021-01-%02d/hour=%d/customers.json', 1 + int($file / 24), $file % 24),
			join '', map { sprintf qq({"id": "%d", "first_name": "Many", "last_name": "Bee", "email": "many%d\@example.com"}\n), 1000 + 6 * $file + $_, 6 * $file + $_ } 0 .. 5);
	}
	$node->safe_psql($world->{name}, q{SELECT etl_run('customers')});
	is($node->safe_psql($world->{name}, q{
		SELECT count(*) FROM etl.subject_segment s
		JOIN etl.subject_page p USING (segment_id) CROSS JOIN generate_series(0, length(entries) / 16 - 1) n
		JOIN etl.file f ON f.file_id = ('x' || encode(substr(entries, n * 16 + 9, 8), 'hex'))::bit(64)::bigint
		WHERE s.dataset = 'customers' AND f.path LIKE 'date=2021%'}), '2040', 'all people of all files are found');
	cmp_ok($node->safe_psql($world->{name}, q{SELECT max(level) FROM etl.subject_segment WHERE dataset = 'customers'}), '>', 0, 'in merged segments');
	drop_world($world);
}

my $copies = 0;

sub copy_world
{
	my $name = 'erase' . ++$copies;
	my $root = $node->basedir . "/$name";
	system_or_bail('cp', '-a', $base->{root}, $root);
	make_path("$root/journal");
	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE $base->{name} STRATEGY file_copy");
	$node->safe_psql('postgres', "ALTER DATABASE $name SET etl.$_->[0] = '$root/$_->[1]'")
	  for [ raw_dir => 'raw' ], [ processed_dir => 'processed' ], [ archive_dir => 'archive' ], [ journal_dir => 'journal' ];
	return { node => $node, name => $name, root => $root, archive => "$root/archive", etl_root => $root };
}

# What is promised, without what differs by the time of day.
sub state_of
{
	my ($world) = @_;
	return [
		@{ world_state($world) },
		split /\n/,
		$node->safe_psql($world->{name}, q{SELECT 'tombstone', kind, pseudonym, hash FROM etl.tombstone ORDER BY 2; SELECT 'audit', action, place, row_count FROM etl.audit WHERE action = 'erase' ORDER BY 3; SELECT 'broken', * FROM etl_audit_verify(); SELECT 'pending', count(*) FROM etl.purge_pending})
	];
}

# Each erasure in the journal is known to the catalog or is said to be rolled back. Returns how many were.
sub journal_agrees
{
	my ($world) = @_;
	my ($file) = glob "$world->{root}/journal/*.jsonl";
	my @lines = map { decode_json($_) } split /\n/, slurp_file($file);
	my %gone;
	for my $line (grep { $_->{kind} eq 'rolled_back' } @lines)
	{
		$gone{$_} = 1 for $line->{first} .. $line->{last};
	}
	my ($known, $wrong) = (0, '');
	for my $line (grep { $_->{kind} eq 'erasure' && !$gone{ $_->{seq} } } @lines)
	{
		++$known;
		$wrong .= "line $line->{seq} is not in the catalog; "
		  unless $node->safe_psql($world->{name}, "SELECT count(*) FROM etl.erasure WHERE erasure_id = $line->{erasure_id} AND status = '$line->{status}'");
	}
	$wrong .= "$known lines" if $known != $node->safe_psql($world->{name}, 'SELECT count(*) FROM etl.erasure');
	return ($wrong, scalar(keys %gone));
}

# What lines differ, without what they say.
sub line_diff
{
	my @lines = map { -f $_ ? [ slurp_lines($_) ] : [] } @_;
	return "$_[1]: " . join ', ', map { ($lines[0][$_] // '') eq ($lines[1][$_] // '') ? () : 'line ' . ($_ + 1) . ": $lines[1][$_]" } 0 .. ($#{ $lines[0] } > $#{ $lines[1] } ? $#{ $lines[0] } : $#{ $lines[1] });
}

sub drop
{
	my ($world) = @_;
	$node->safe_psql('postgres', "DROP DATABASE $world->{name}");
	File::Path::remove_tree($world->{root});
}

# undisturbed, asked twice
my $trace = $node->basedir . '/trace';
my $quiet = copy_world();
my ($good, $err) = run_step($quiet, [ 'erase', $erase ], "*:trace:$trace");
BAIL_OUT("undisturbed: $err") unless $good;
is($node->safe_psql($quiet->{name}, $erase), 'duplicate', 'asked again');
my $expected = state_of($quiet);
is_deeply([ journal_agrees($quiet) ], [ '', 0 ], 'the journal is right');
my $everything = join "\n", map { join "\n", slurp_lines("$quiet->{root}/$_") } grep { !m{hour=5/products} } files_below($quiet->{root});
unlike($everything, qr/c5\@example\.com|Staged|Zipped/, 'the person is gone');
like($everything, qr/c4\@example\.com.*Zoe|Zoe.*c4\@example\.com/s, 'others are not');

my (%times, @points);
for (split /\n/, slurp_file($trace)) { push @points, $_ unless $times{$_}++ }
cmp_ok(scalar(@points), '>=', 4, 'fault points: ' . join(', ', map { "$_ ($times{$_})" } @points));
my ($rolled_back, $committed) = (0, 0);
# one from before the commit and one from after it, then the first time and the last of each, in any order
my @runs = ('planned:kill:1', 'action:kill:1');
push @runs, shuffle((map { "action:kill:2+$_" } qw(recover_action:immediate:1 recover_done:kill:1 recover_synced:immediate:1 recover_forgotten:kill:1)),
	grep { !/^(planned|action):kill:1$/ } map { ("$_:kill:1", "$_:kill:$times{$_}", "$_:immediate:$times{$_}") } @points);
@runs = ($ENV{ETL_CRASH_RUN}) if $ENV{ETL_CRASH_RUN};
my %seen;
my $deadline = time + ($ENV{ETL_CRASH_SECONDS} // 30);
for my $run (grep { !$seen{$_}++ } @runs)
{
	if (($ENV{ETL_CRASH_SECONDS} // 1) && $rolled_back && $committed && time > $deadline)
	{
		note 'the other crashes are left to make soak';
		last;
	}
	my $world = copy_world();
	# a second crash comes while the first one's remains are cleared away
	for my $crash (split /\+/, $run)
	{
		my $place = -s $node->logfile;
		my ($survived, $why) = run_step($world, [ 'erase', $erase ], $crash);
		BAIL_OUT("$run: $why") if $why =~ /ERROR/;
		ok(!$survived, "$run: $crash happens") or next;
		if ($crash =~ /:immediate:/)
		{
			select undef, undef, undef, 0.05 while -e $node->data_dir . '/postmaster.pid';
			$node->_update_pid(0);
			$node->start;
			wait_for_server($node);
		}
		else { wait_for_restart($node, $place) }
	}
	is($node->safe_psql($world->{name}, q{SELECT status FROM etl.health WHERE check_name = 'journal'}), 'ok', "$run: the journal is well")
	  or diag $node->safe_psql($world->{name}, q{SELECT message FROM etl.health WHERE check_name = 'journal'});
	my $had = $node->safe_psql($world->{name}, q{SELECT count(*) FROM etl.erasure WHERE source = 'sql'});
	$had ? ++$committed : ++$rolled_back;
	is($node->safe_psql($world->{name}, $erase), $had ? 'duplicate' : 'completed', "$run: asked again");
	$node->safe_psql($world->{name}, $erase) unless $had;
	my @diff = diff_states($expected, state_of($world));
	is(join("\n", @diff), '', "$run: everything is as if undisturbed") or diag join "\n", map { line_diff("$quiet->{root}/$_", "$world->{root}/$_") } map { m{^only after the crash: ((?:raw|processed|archive)) (/\S+)} ? "$1$2" : () } @diff;
	my ($wrong, $gone) = journal_agrees($world);
	is($wrong, '', "$run: the journal agrees with the catalog");
	is($node->safe_psql($world->{name}, 'SELECT count(*) FROM etl_reapply()'), '0', "$run: nothing is to be applied again");
	drop($world);
}
cmp_ok($rolled_back, '>', $ENV{ETL_CRASH_RUN} ? -1 : 0, "$rolled_back crashes before the commit");
cmp_ok($committed, '>', $ENV{ETL_CRASH_RUN} ? -1 : 0, "$committed after it");
$node->stop;
done_testing();
