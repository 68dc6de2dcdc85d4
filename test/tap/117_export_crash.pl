# A session that exports is killed, at every point between its first byte and its commit, or rolled back: what
# is left on the disk is in etl.export, or removed by the next call; an erasure after it leaves nothing.
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

plan skip_all => 'ETL_FAULTS_MODULE names no module with fault points (make faults)'
  unless -f ($ENV{ETL_FAULTS_MODULE} // '');

my $node = etl_node(conf => "restart_after_crash = on\nautovacuum = off\n");
my $root = $node->{etl_root};
my $outside = $node->basedir . '/outside';
make_path($outside);
use_faults($node);
sub sql { return $node->safe_psql('postgres', $_[0]) }

# What is left of an export, by name.
sub left
{
	my @left = grep { !m{^date=} && !m{\.pg_etl/\d+/\w+/\d+\.spill} } split /\n/, all_files("$root/processed");
	return join ' ', sort map { m{^\.pg_etl/\d+/\w+/0\.export\.} ? 'note' : m{^\.pg_etl\..*\.part$} ? 'part' : $_ } @left, split /\n/, all_files($outside);
}

sub killed
{
	my ($fault, $sql) = @_;
	local $ENV{PGOPTIONS} = "-c etl_fault.point=$fault";
	my $place = -s $node->logfile;
	my ($rc, $out, $err) = eval { $node->psql('postgres', $sql) };
	wait_for_restart($node, $place);
	return;
}

my $person = 0;
sub somebody
{
	++$person;
	stage($node, sprintf('date=2024-01-%02d/hour=%d/customers.json', 1 + int($person / 24), $person % 24), qq({"id": "$person", "first_name": "Ann$person", "last_name": "Bee", "email": "ann$person\@example.org"}\n));
	sql(q{SELECT etl_run('customers')});
	return "Ann$person";
}
sub holds { my ($name) = @_; return scalar grep { -f $_ && slurp_file($_) =~ /\b$name\b/ } glob("$root/processed/all.jsonl $root/processed/.pg_etl.* $outside/* $outside/.pg_etl.*") }

somebody();
# known: whether the catalog has the file when the session is killed
for my $path ('all.jsonl', "$outside/all.jsonl")
{
	my $where = $path =~ m{^/} ? 'outside' : 'below etl.processed_dir';
	for ([ export_noted => 'note', 0 ], [ export_written => 'note part', 0 ], [ export_completed => 'note part', 0 ], [ export_published => 'all.jsonl note', 0 ], [ export_committed => 'all.jsonl note', 1 ])
	{
		my ($point, $leaves, $known) = @$_;
		for my $next ("SELECT etl_erase('customers', '%s')", 'SELECT etl_run()', q{SELECT etl_export('customers', 'other.jsonl')})
		{
			my $name = somebody();
			killed("$point:kill", "SELECT etl_export('customers', '$path')");
			is(left(), $leaves, "$where, $point: what a crash leaves");
			sql(sprintf $next, $person);
			my $call = $next =~ s/.*(etl_\w+).*/$1/r;
			is(left(), join(' ', $known ? 'all.jsonl' : (), $call eq 'etl_export' ? 'other.jsonl' : ()), "$where, $point: what $call leaves of it");
			is(sql(q{SELECT count(*) FROM etl.export WHERE path LIKE '%all.jsonl'}), $known, "$where, $point: and the catalog says so");
			is(holds($name), 1, "$where, $point: where the catalog says so, it is") if $known && $next !~ /erase/;
			my $held = sql(qq{SELECT count(*) FROM etl_erase('customers', '$person')});
			is(holds($name), $known && $where eq 'outside' ? 1 : 0, "$where, $point: nobody is left in it after an erasure" . ($known && $where eq 'outside' ? ' but where the catalog names it' : ''));
			unlink "$root/processed/all.jsonl", "$outside/all.jsonl", "$root/processed/other.jsonl";
			sql('DELETE FROM etl.export');
		}
	}
}

# the whole server, at the moment that counts
my $name = somebody();
{
	local $ENV{PGOPTIONS} = '-c etl_fault.point=export_published:immediate';
	$node->psql('postgres', q{SELECT etl_export('customers', 'all.jsonl')});
}
sleep 1 while -e $node->data_dir . '/postmaster.pid';
$node->_update_pid(0);
$node->start;
is(left(), 'all.jsonl note', 'a crash of the server leaves the file');
sql("SELECT etl_erase('customers', '$person')");
is(left(), '', 'and an erasure removes it');

# a file of the same name that was known before, and one that somebody else has put there since
sql(q{SELECT etl_export('customers', 'all.jsonl')});
is(left(), 'all.jsonl', 'an export leaves no note');
killed('export_published:kill', q{SELECT etl_export('customers', 'all.jsonl')});
unlink "$root/processed/all.jsonl";
append_to_file("$root/processed/all.jsonl", "mine\n");
sql(q{SELECT etl_run('customers')});
is(left() . ' ' . slurp_file("$root/processed/all.jsonl"), "all.jsonl mine\n", 'a file that came in its place stays');
unlink "$root/processed/all.jsonl";

# a transaction that goes on
sql(q{BEGIN; SELECT etl_export('customers', 'all.jsonl'); SELECT etl_run('customers'); SELECT etl_export('customers', 'other.jsonl'); COMMIT});
is(left(), 'all.jsonl other.jsonl', 'what the transaction itself has exported stays');
sql(q{BEGIN; SAVEPOINT a; SELECT etl_export('customers', 'third.jsonl'); ROLLBACK TO a; SELECT etl_export('customers', 'fourth.jsonl'); ROLLBACK});
is(left(), 'all.jsonl other.jsonl', 'a rollback leaves nothing');
unlink "$root/processed/$_" for 'all.jsonl', 'other.jsonl';

# another session's export that is going on stays
my ($run, $out, $err);
{
	local $ENV{PGOPTIONS} = "-c etl_fault.point=export_written:wait:$root/go";
	($run, $out, $err) = start_sql($node, q{SELECT etl_export('customers', 'all.jsonl')});
}
for (1 .. 1000) { last if -e "$root/go.waiting"; select undef, undef, undef, 0.02 }
sql(q{SELECT etl_run('customers')});
sql(q{SELECT etl_export('customers', 'other.jsonl')});
is(left(), 'note other.jsonl part', 'nobody takes away what is being written');
append_to_file("$root/go", '');
$run->finish;
is(left(), 'all.jsonl other.jsonl', 'and it is finished');

$node->stop;
done_testing();
