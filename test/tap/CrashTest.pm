# Crash tests: worlds (a database with its three folders and staged files) that go through the same
# steps, undisturbed or with the backend or the server killed on the way, and must end up the same.
package CrashTest;

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(sha256_hex);
use Exporter 'import';
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use File::Find ();
use List::Util qw(max);
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(crash_node new_world drop_world steps run_step wait_for_server wait_for_restart world_state
  diff_states trace_points undisturbed other_file_system crash_round random_kill_round);

# A server that comes back by itself after a backend was killed, with a template database.
# faults => 1: with the module that has fault points.
sub crash_node
{
	my (%options) = @_;
	my $node = PostgreSQL::Test::Cluster->new('crash');
	$node->init;
	$node->append_conf('postgresql.conf', <<'CONF' . ($options{conf} // ''));
restart_after_crash = on
autovacuum = off
etl.batch_memory = 16MB
CONF
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE etl_template');
	$node->safe_psql('etl_template', 'CREATE EXTENSION pg_etl');
	use_faults($node, 'etl_template') if $options{faults};
	$node->safe_psql('etl_template', 'SELECT etl_define(definition) FROM etl.dataset');
	return $node;
}

# A folder on another file system, or undef.
my $shm;

sub other_file_system
{
	return $shm if defined $shm;
	my $here = (stat '.')[0];
	return undef unless -d '/dev/shm' && -w '/dev/shm' && (stat '/dev/shm')[0] != $here;
	return $shm = tempdir('pg_etl_XXXXXX', DIR => '/dev/shm', CLEANUP => 1);
}

sub customer
{
	my ($id, $name, $pad) = @_;
	return qq({"id": "$id", "first_name": "$name", "last_name": "Bee", "email": "c$id\@example.com", "address": "$pad"});
}

sub product
{
	my ($sku, $price) = @_;
	return qq({"sku": $sku, "name": "n$sku", "price": "$price", "category": "c", "popularity": 1.5});
}

sub transaction
{
	my ($n, $customer, $sku) = @_;
	my $id = sprintf '00000000-0000-4000-8000-%012d', $n;
	return qq({"transaction_id": "$id", "transaction_time": "2020-01-01T10:00:00", "customer_id": "$customer", "delivery_address": )
	  . qq({"address": "1 Way", "postcode": "P", "city": "C", "country": "UK"}, "purchases": {"products": [)
	  . qq({"sku": $sku, "quanitity": 2, "price": "1.00", "total": "2.00"}], "total_cost": "2.00"}});
}

sub stage_first
{
	my ($world) = @_;
	my $hour = 'date=2020-01-01/hour';
	stage($world, "$hour=0/products.json.gz", join("\n", map { product($_, $_ == 7 ? '-1' : '1.00') } 1 .. 40) . "\n");
	stage($world, "$hour=1/products.json", join("\n", map { product($_, '2.00') } 30 .. 60) . "\n");
	stage($world, "$hour=$_/customers.json.gz",
		join("\n", map { customer($_, 'Ann', 'x') } 20 * $_ + 1 .. 20 * $_ + 30) . "\n{broken\n")
	  for 0 .. 3;
	for my $h (0 .. 3)
	{
		stage($world, "$hour=$h/transactions.json.gz",
			join("\n", (map { transaction(100 * $h + $_, 1 + $_ % 90, 1 + $_ % 62) } 1 .. 60), transaction(1, 1, 1)) . "\n");
	}
	stage($world, "$hour=5/products.json.gz", "\x1f\x8bno gzip");
	stage($world, "$hour=4/erasure-requests.json.gz", qq({"customer-id": "3"}\n{"customer-id": "70"}\n{}\n));
}

# The same bytes again, other bytes under an old name, and a backlog of several batches.
sub stage_more
{
	my ($world) = @_;
	my $hour = 'date=2020-01-01/hour';
	stage($world, "$hour=1/products.json", join("\n", map { product($_, '2.00') } 30 .. 60) . "\n");
	stage($world, "$hour=0/customers.json.gz", customer(3, 'Other', 'y') . "\n");
	stage($world, "date=2020-01-02/hour=$_/customers.json",
		join("\n", map { customer($_, 'Late', 'z' x 3000) } 60 .. 460) . "\n")
	  for 0 .. 2;
}

# What happens to a world. Each step can be done again when it was interrupted.
sub steps
{
	return (
		[ 'products', "SELECT etl_run('products')" ],
		[ 'customers', "SELECT etl_run('customers')" ],
		[ 'transactions', "SELECT etl_run('transactions')" ],
		[
			'replay',
			q{UPDATE etl.quarantine SET record = replace(record, '"-1"', '"1.00"') WHERE dataset = 'products' AND status = 'open'},
			"SELECT etl_replay('products')"
		],
		[ 'backlog', \&stage_more, 'CALL etl_load()' ],
		[ 'erasures', "SELECT etl_run('erasure_requests')" ]);
}

my $worlds = 0;

# remote: the archive on another file system.
sub new_world
{
	my ($node, %options) = @_;
	my $name = 'world' . ++$worlds;
	my $root = $node->basedir . "/$name";
	my $archive = $options{remote} ? other_file_system() . "/$name" : "$root/archive";
	make_path("$root/raw", "$root/processed", $archive);
	$node->safe_psql('postgres', <<"SQL");
CREATE DATABASE $name TEMPLATE etl_template STRATEGY file_copy;
ALTER DATABASE $name SET etl.raw_dir = '$root/raw';
ALTER DATABASE $name SET etl.processed_dir = '$root/processed';
ALTER DATABASE $name SET etl.archive_dir = '$archive';
SQL
	my $world = { node => $node, name => $name, root => $root, archive => $archive, etl_root => $root };
	if (my $input = $options{input}) { system_or_bail('cp', '-r', "$input/.", "$root/raw"); system_or_bail('chmod', '-R', 'u+w', "$root/raw") }
	else { stage_first($world) }
	return $world;
}

# ETL_CRASH_KEEP: a folder for copies of the worlds that turned out otherwise.
sub drop_world
{
	my ($world, $differs) = @_;
	if ($differs && defined(my $keep = $ENV{ETL_CRASH_KEEP}))
	{
		make_path("$keep/$world->{name}");
		system('cp', '-r', $world->{root}, $world->{archive}, "$keep/$world->{name}");
	}
	$world->{node}->safe_psql('postgres', "DROP DATABASE $world->{name}");
	remove_tree($world->{root}, $world->{archive});
}

sub wait_for_server
{
	my ($node) = @_;
	for (1 .. 600)
	{
		# dies of a broken pipe where psql could not connect and is gone before it is told what to ask
		my ($status) = eval { $node->psql('postgres', 'SELECT 1', timeout => 20) };
		return if defined $status && $status == 0;
		sleep 0.1;
	}
	BAIL_OUT('the server did not come back');
}

# A killed backend is gone a moment before the postmaster sees that and ends all other sessions: waits
# until it has, as its log says behind that place.
sub wait_for_restart
{
	my ($node, $place) = @_;
	for (1 .. 600)
	{
		last if slurp_file($node->logfile, $place) =~ /all server processes terminated; reinitializing/;
		sleep 0.1;
	}
	wait_for_server($node);
	return;
}

# Runs a step's SQL in one session. Returns whether it succeeded, and what it said. A killed backend
# is gone a moment before the postmaster sees that and restarts the server, so that a session which
# waited for the server may still meet the restart: one that could not connect, or was told of that
# crash and has no fault of its own, begins again.
sub run_step
{
	my ($world, $step, $fault) = @_;
	my (undef, @work) = @$step;
	if (ref $work[0])
	{
		my $stage = shift @work;
		$stage->($world) unless $world->{staged}{$stage}++;
	}
	local $ENV{PGOPTIONS} = $fault ? "-c etl_fault.point=$fault" : '';
	my ($status, $out, $err);
	for (1 .. 100)
	{
		($status, $out, $err) = eval { $world->{node}->psql($world->{name}, join(";\n", @work), on_error_stop => 1, timeout => 180) };
		if (!defined $status)
		{
			die $@ unless $@ =~ /Broken pipe/; # as in wait_for_server
			wait_for_server($world->{node});
			next;
		}
		last if $status == 0;
		last if $err !~ /^psql: error: connection to server (?:on|at) .* failed: /m && ($fault || $err !~ /because of crash of another server process/);
		wait_for_server($world->{node});
	}
	return ($status == 0, $err);
}

# What is promised of a file: its bytes where it is archived as it came; its lines where it was
# written by the extension (how they are compressed is not promised), and that the catalog knows its
# bytes.
sub content
{
	my ($path, $place, $hashes) = @_;
	my $text = join "\n", eval { slurp_lines($path) };
	if ($place eq 'processed')
	{
		# the time of the run is in it
		$text =~ s/("last_change"\s*:\s*)"[^"]*"/$1"-"/g;
		return 'lines ' . md5_hex($text);
	}
	my $bytes = slurp_file($path);
	my ($came, $rewritten) = @{ $hashes // [ '', '' ] };
	return 'lines ' . md5_hex($text) . ', known to the catalog' if $place eq 'archive' && $rewritten eq sha256_hex($bytes) && $rewritten ne $came;
	return 'bytes ' . md5_hex($bytes);
}

# Everything that is promised, as lines. Called when nothing is running.
sub world_state
{
	my ($world) = @_;
	my @state = split /\n/, $world->{node}->safe_psql($world->{name}, <<'SQL');
SELECT 'customers', md5(string_agg((to_jsonb(t) - 'processed_at' - 'last_change')::text, ',' ORDER BY id)), count(*) FROM data.customers t;
SELECT 'products', md5(string_agg((to_jsonb(t) - 'processed_at' - 'last_change')::text, ',' ORDER BY sku)), count(*) FROM data.products t;
SELECT 'transactions', md5(string_agg((to_jsonb(t) - 'processed_at')::text, ',' ORDER BY transaction_id)), count(*) FROM data.transactions t;
SELECT 'purchases', md5(string_agg(to_jsonb(t)::text, ',' ORDER BY transaction_id, line)), count(*) FROM data.purchases t;
SELECT 'quarantine', q.dataset, f.path, f.sha256, q.line, q.code, q.status, md5(concat(q.record, q.record_bytes)), md5(q.violations::text)
  FROM etl.quarantine q LEFT JOIN etl.file f USING (file_id) ORDER BY 2, 3, 4, 5, 6, 7, 8;
SELECT 'reference', r.dataset, r.key, count(*) FROM etl.quarantine_reference r GROUP BY 2, 3 ORDER BY 2, 3;
SELECT 'file', dataset, path, status, error, records, loaded, quarantined, processed_path, archived_path, size_bytes, sha256, last_line
  FROM etl.file ORDER BY 2, 3, 4, 9, 10;
SELECT 'run', dataset, sum(loaded) FROM etl.run GROUP BY 2 ORDER BY 2;
SELECT 'erasure', dataset, subject, email, status, count(*) FROM etl.erasure GROUP BY 2, 3, 4, 5 ORDER BY 2, 3, 4, 5;
SELECT 'file_action', count(*) FROM etl.file_action;
SQL
	my %hashes = map { my ($path, @two) = split /\|/, $_, -1; ($path => \@two) } split /\n/,
	  $world->{node}->safe_psql($world->{name}, q{SELECT archived_path, encode(sha256, 'hex'), encode(archived_sha256, 'hex') FROM etl.file WHERE archived_path IS NOT NULL});
	my %marks = map { my ($dataset, $mark) = split /\|/; ($dataset => "pg_etl archive mark 1\n$mark\n") } split /\n/,
	  $world->{node}->safe_psql($world->{name}, q{SELECT dataset, count || ' ' || nonce FROM etl.archive_mark});
	for my $place ([ raw => "$world->{root}/raw" ], [ processed => "$world->{root}/processed" ], [ archive => $world->{archive} ])
	{
		my ($folder, $root) = @$place;
		my @files;
		File::Find::find({ no_chdir => 1, wanted => sub { push @files, $_ if -f $_ } }, $root);
		# the marks of the archive (src/publish/archive_mark.h) are random: they must be those of the catalog
		my @marks = grep { $folder eq 'archive' && m{/\.pg_etl/[^/]+/\w+$} } @files;
		push @state, map { my ($dataset) = m{(\w+)$}; "mark of $dataset " . (slurp_file($_) eq ($marks{$dataset} // '') ? 'as in the catalog' : 'of another transaction') } sort @marks;
		my %is_mark = map { $_ => 1 } @marks;
		@files = grep { !$is_mark{$_} } @files;
		push @state, map { "$folder " . substr($_, length $root) . ' ' . content($_, $folder, $hashes{ substr $_, 1 + length $root }) } sort @files;
	}
	return \@state;
}

# What one has and the other has not.
sub diff_states
{
	my ($expected, $got) = @_;
	my (%count, @diff);
	$count{$_}++ for @$expected;
	for (@$got) { push @diff, "only after the crash: $_" if --$count{$_} < 0 }
	for (sort keys %count) { push @diff, "missing after the crash: $_" if $count{$_} > 0 }
	return @diff;
}

# The state of a world that nobody disturbed, and how long its steps took.
sub undisturbed
{
	my ($node, %options) = @_;
	my $world = new_world($node, %options);
	my %seconds;
	for my $step ($options{steps} ? @{ $options{steps} } : steps())
	{
		my $trace = $options{trace} ? "*:trace:$options{trace}.$step->[0]" : undef;
		my $begin = time;
		my ($good, $err) = run_step($world, $step, $trace);
		$seconds{ $step->[0] } = time - $begin;
		BAIL_OUT("undisturbed step $step->[0]: $err") unless $good;
	}
	finish($world);
	my $state = world_state($world);
	drop_world($world);
	return ($state, \%seconds);
}

# A last run sees that everything is done.
sub finish
{
	my ($world) = @_;
	$world->{node}->safe_psql($world->{name}, 'SELECT etl_run()') for 1 .. 2;
}

# For each step the points that it passes: [step, point, times].
sub trace_points
{
	my ($trace) = @_;
	my @points;
	for my $step (steps())
	{
		my (%times, @order);
		for (split /\n/, slurp_file("$trace.$step->[0]"))
		{
			push @order, $_ unless $times{$_}++;
		}
		push @points, map { [ $step->[0], $_, $times{$_} ] } @order;
	}
	return @points;
}

# One world; faults: step => "point:action:N". Returns the differences, the number of crashes and
# the faults that did not happen: after another crash a step may pass its points less often.
sub crash_round
{
	my ($node, $expected, $faults, %options) = @_;
	my $world = new_world($node, %options);
	my ($crashes, @diff, %missed) = (0);
	for my $step (steps())
	{
		my $fault = $faults->{ $step->[0] };
		my $place = -s $node->logfile;
		my ($good, $err) = run_step($world, $step, $fault);
		if ($fault && $good)
		{
			$missed{ $step->[0] } = $fault;
		}
		elsif (!$good)
		{
			++$crashes;
			if ($fault && $fault =~ /:immediate:/)
			{
				# the postmaster goes, too: pg_ctl sees to the end of it
				sleep 0.05 while -e $node->data_dir . '/postmaster.pid';
				$node->_update_pid(0);
				$node->start;
				wait_for_server($node);
			}
			else { wait_for_restart($node, $place) }
			($good, $err) = run_step($world, $step);
			push @diff, "step $step->[0] after " . ($fault // 'no fault') . ": $err" unless $good;
		}
	}
	finish($world);
	push @diff, diff_states($expected, world_state($world));
	drop_world($world, scalar @diff);
	return (\@diff, $crashes, \%missed);
}

# One world whose every step is killed at random moments, several times: the backend, or the server. Returns the differences and the number of kills that met a running step.
sub random_kill_round
{
	my ($node, $expected, $seconds, %options) = @_;
	my $world = new_world($node, %options);
	my ($kills, @diff) = (0);
	for my $step ($options{steps} ? @{ $options{steps} } : steps())
	{
		my (undef, @work) = @$step;
		if (ref $work[0]) { my $stage = shift @work; $stage->($world) }
		for my $attempt (1 .. ($options{attempts} // 6))
		{
			$kills += kill_while_running($world, \@work, $seconds->{ $step->[0] });
			last if rand() < 0.2;
		}
		my ($good, $err) = run_step($world, [ $step->[0], @work ]);
		push @diff, "step $step->[0] after a kill: $err" unless $good;
	}
	finish($world);
	push @diff, diff_states($expected, world_state($world));
	drop_world($world, scalar @diff);
	return (\@diff, $kills);
}

# Starts the work and kills at a random moment of its length. 1 when it was still running.
sub kill_while_running
{
	my ($world, $work, $seconds) = @_;
	my $node = $world->{node};
	my $out = "$world->{root}/session";
	my ($client, $backend);
	# as in run_step, the session may meet the restart for the crash before: it begins again
	for (1 .. 20)
	{
		unlink $out;
		$client = fork // die;
		if ($client == 0)
		{
			open STDERR, '>', '/dev/null';
			open STDOUT, '>', '/dev/null';
			exec 'psql', '-XAtq', '-h', $node->host, '-p', $node->port, '-d', $world->{name}, '-v', 'ON_ERROR_STOP=1',
			  '-o', $out, '-c', 'SELECT pg_backend_pid()', map { ('-c', $_) } @$work;
		}
		my ($said, $gone) = ('', 0);
		for (1 .. 2000)
		{
			sleep 0.005;
			$said = -s $out ? slurp_file($out) : '';
			last if $said =~ /^\d+\n/ || ($gone = waitpid($client, WNOHANG) == $client);
		}
		($backend) = $said =~ /^(\d+)\n/ and last;
		if (!$gone) { kill 'KILL', $client; waitpid $client, 0 }
		wait_for_server($node);
	}
	BAIL_OUT('no session') unless defined $backend;
	sleep rand() * $seconds;
	my $place = -s $node->logfile;
	my $immediate = rand() < 0.3;
	if ($immediate)
	{
		$node->stop('immediate');
		$node->start;
	}
	else
	{
		kill 'KILL', $backend;
	}
	waitpid $client, 0;
	my $met = $? != 0;
	$met && !$immediate ? wait_for_restart($node, $place) : wait_for_server($node);
	return $met ? 1 : 0;
}

1;
