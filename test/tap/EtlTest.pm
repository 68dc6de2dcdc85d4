# What the TAP tests share: a node with pg_etl and its three folders, and staged files.
package EtlTest;

use strict;
use warnings;

use Exporter 'import';
use File::Path qw(make_path remove_tree);
use IO::Compress::Gzip qw(gzip $GzipError);
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use File::Find ();
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(etl_node stage slurp_lines files_below real_data is_sql run_counts all_files use_faults
  start_sql session ask begin_sql answer until_blocked);

# A running node with the extension in database postgres. Options: conf => text for
# postgresql.conf, name, init => options of initdb.
sub etl_node
{
	my (%options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($options{name} // 'main');
	$node->init(extra => $options{init} // []);
	$node->append_conf('postgresql.conf', "fsync = on\nlog_min_messages = debug1\n" . ($options{conf} // ''));
	$node->start;
	my $root = $node->basedir . '/etl';
	make_path("$root/raw", "$root/processed", "$root/archive");
	$node->{etl_root} = $root;
	$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION pg_etl;
ALTER DATABASE postgres SET etl.raw_dir = '$root/raw';
ALTER DATABASE postgres SET etl.processed_dir = '$root/processed';
ALTER DATABASE postgres SET etl.archive_dir = '$root/archive';
SQL
	return $node;
}

# Writes a staged file, gzipped where its name ends in .gz (unless raw is true). The name is relative to the raw folder.
sub stage
{
	my ($node, $path, $content, $raw) = @_;
	my $full = "$node->{etl_root}/raw/$path";
	my ($folder) = $full =~ m{^(.*)/};
	utf8::encode($content) if utf8::is_utf8($content);
	if (!$raw && $path =~ /\.gz$/ && substr($content, 0, 2) ne "\x1f\x8b")
	{
		my $zipped;
		gzip(\$content => \$zipped, Minimal => 1) or die $GzipError;
		$content = $zipped;
	}
	# a run that empties the folder at this moment removes it
	my $fh;
	for my $attempt (1 .. 100)
	{
		make_path($folder, { error => \my $errors });
		last if open $fh, '>:raw', $full;
		die "$full: $!" if $attempt == 100 || !$!{ENOENT};
	}
	print $fh $content;
	close $fh or die;
	return $full;
}

# The lines of a file, gunzipped.
sub slurp_lines
{
	my ($path) = @_;
	my $content;
	if ($path =~ /\.gz$/)
	{
		gunzip($path => \$content, MultiStream => 1) or die "$path: $GunzipError";
	}
	else
	{
		$content = PostgreSQL::Test::Utils::slurp_file($path);
	}
	return split /\n/, $content;
}

# Paths of the files below a folder, relative to it, sorted; hidden folders left out.
sub files_below
{
	my ($root) = @_;
	my @files;
	File::Find::find(
		{
			no_chdir => 1,
			wanted   => sub {
				if (-d $_ && m{/\.[^/]+$}) { $File::Find::prune = 1; return; }
				push @files, substr($_, length($root) + 1) if -f $_;
			}
		},
		$root);
	@files = sort @files; # "sort" has no value in scalar context
	return @files;
}

# The folder with real input, or undef.
sub real_data
{
	my $folder = $ENV{ETL_REAL_DATA};
	return defined $folder && -d $folder ? $folder : undef;
}

# The result of a query is as expected.
sub is_sql
{
	my ($node, $sql, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($node->safe_psql('postgres', $sql), $expected, $name);
}

# Every file below a folder, hidden ones as well, but for the marks in an archive (src/run/archive_mark.h).
sub all_files
{
	my ($root) = @_;
	my @files;
	File::Find::find({ no_chdir => 1, wanted => sub { push @files, substr($_, length($root) + 1) if -f $_ && !m{/\.pg_etl/[0-9a-f]{8}-[0-9a-f-]{27}/\w+$} } }, $root);
	return join "\n", sort @files;
}

# Lets a database use the module with fault points (src/run/fault.h); false where there is none.
sub use_faults
{
	my ($node, $database) = @_;
	my $module = $ENV{ETL_FAULTS_MODULE} // '';
	return 0 unless -f $module;
	$node->safe_psql($database // 'postgres', "UPDATE pg_proc SET probin = '$module' WHERE probin = '\$libdir/pg_etl'");
	return 1;
}

# Starts SQL in a session of its own and waits until the server works on it. Returns the process,
# references to what it says, and its application_name.
my $sessions = 0;

sub start_sql
{
	my ($node, $sql, @before) = @_;
	my $name = "etl_test_$$" . '_' . ++$sessions;
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') . " application_name=$name", map { ('-c', $_) } @before, $sql ],
		'<', \'', '>', \$out, '2>', \$err, IPC::Run::timeout(300));
	for (1 .. 1000)
	{
		last if !$run->pumpable || $node->safe_psql('postgres',
			"SELECT count(*) FROM pg_stat_activity WHERE application_name = '$name' AND state = 'active' AND query LIKE '%etl\\_%'");
		$run->pump_nb;
		select undef, undef, undef, 0.02;
	}
	return ($run, \$out, \$err, $name);
}

# A session that stays open.
sub session
{
	my ($node) = @_;
	my %s = (in => '', out => '', err => '');
	$s{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$s{in}, '>', \$s{out}, '2>', \$s{err}, IPC::Run::timeout(180));
	return \%s;
}

# Runs SQL in it and returns what it says; or begins to, and waits for that.
sub ask
{
	my ($s, $sql) = @_;
	begin_sql($s, $sql);
	return answer($s);
}

sub begin_sql
{
	my ($s, $sql) = @_;
	($s->{out}, $s->{err}) = ('', '');
	$s->{in} .= "$sql;\n\\echo done\n";
	$s->{run}->pump_nb;
	return;
}

sub answer
{
	my ($s) = @_;
	$s->{run}->pump until $s->{out} =~ /^done$/m;
	return ($s->{out} =~ s/^done\n//mr) . $s->{err};
}

# Waits until some run waits for a lock.
sub until_blocked
{
	my ($node, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%etl\_run%')}), $what);
	return;
}

# status|files|records|loaded|quarantined of a run.
sub run_counts
{
	my ($node, $call) = @_;
	return $node->safe_psql('postgres',
		"SELECT status, files, records, loaded, quarantined FROM $call");
}

1;
