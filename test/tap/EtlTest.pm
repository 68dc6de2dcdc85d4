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
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(etl_node fresh_database stage slurp_lines files_below real_data generated_data places_with unread_places_with is_sql run_counts all_files end_state differences use_faults
  start_sql session ask begin_sql answer until_blocked);

# A running node with the extension in database postgres. Options: conf => text for
# postgresql.conf, name, init => options of initdb.
#
#   ETL_MODULE           the module to use, for the installed one (scripts/sanitize-server)
#   ETL_SERVER_PRELOAD   LD_PRELOAD of the server
sub etl_node
{
	my (%options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($options{name} // 'main');
	$node->init(extra => $options{init} // []);
	$node->append_conf('postgresql.conf', "fsync = on\nlog_min_messages = debug1\n" . ($options{conf} // ''));
	{
		local $ENV{LD_PRELOAD} = $ENV{ETL_SERVER_PRELOAD} // $ENV{LD_PRELOAD} // '';
		$node->start;
	}
	my $root = $node->basedir . '/etl';
	make_path("$root/raw", "$root/processed", "$root/archive");
	$node->{etl_root} = $root;
	$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION pg_etl;
@{[ $ENV{ETL_MODULE} ? "UPDATE pg_proc SET probin = '$ENV{ETL_MODULE}' WHERE probin = '\$libdir/pg_etl';" : '' ]}
ALTER DATABASE postgres SET etl.raw_dir = '$root/raw';
ALTER DATABASE postgres SET etl.processed_dir = '$root/processed';
ALTER DATABASE postgres SET etl.archive_dir = '$root/archive';
SQL
	return $node;
}

# A database of its own with its three directories, which stage() writes to from now on; its directory.
sub fresh_database
{
	my ($node, $name) = @_;
	my $root = $node->basedir . "/etl/$name";
	make_path(map { "$root/$_" } qw(raw processed archive));
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql('postgres', "ALTER DATABASE $name SET etl.${_}_dir = '$root/$_'") for qw(raw processed archive);
	$node->safe_psql($name, 'CREATE EXTENSION pg_etl');
	$node->{etl_root} = $root;
	return $root;
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

# Sample data of the standard datasets in a new directory, made by the program that ETL_GENERATE names (make
# bench/generate; --help tells its options), and what loading it has to report; nothing where there is none.
sub generated_data
{
	my (@options) = @_;
	return unless -x ($ENV{ETL_GENERATE} // '');
	my $folder = PostgreSQL::Test::Utils::tempdir();
	PostgreSQL::Test::Utils::system_or_bail($ENV{ETL_GENERATE}, @options, '--expected', "$folder/expected.json", "$folder/raw");
	return ("$folder/raw", JSON::PP->new->decode(PostgreSQL::Test::Utils::slurp_file("$folder/expected.json")));
}

# Every file below the node's directories, by path, and every table whose rows hold a text, in whatever case.
sub places_with
{
	my ($node, $text) = @_;
	my @places = grep { grep { /\Q$text\E/i } slurp_lines("$node->{etl_root}/$_") } files_below($node->{etl_root});
	push @places, split /\n/, $node->safe_psql('postgres', <<"SQL");
SELECT name
  FROM (SELECT oid::regclass::text AS name,
               (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s t WHERE strpos(lower(t::text), lower(%L)) > 0', oid::regclass, '$text'), false, true, '')))[1]::text::int AS n
          FROM pg_class WHERE relkind = 'r' AND relnamespace IN ('etl'::regnamespace, 'data'::regnamespace, 'public'::regnamespace)) t
 WHERE n > 0 ORDER BY 1
SQL
	return join ' ', @places;
}

# Where a text stands of what no table has taken: "quarantine", then the directory of each file that holds it.
sub unread_places_with
{
	my ($node, $text) = @_;
	my @places = split /\n/, $node->safe_psql('postgres', "SELECT DISTINCT 'quarantine' FROM etl.quarantine WHERE strpos(record, '$text') > 0");
	for my $folder (qw(raw processed archive))
	{
		push @places, map { $folder } grep { grep { index($_, $text) >= 0 } slurp_lines("$node->{etl_root}/$folder/$_") } files_below("$node->{etl_root}/$folder");
	}
	return join ' ', @places;
}

# The result of a query is as expected.
sub is_sql
{
	my ($node, $sql, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($node->safe_psql('postgres', $sql), $expected, $name);
}

# What a database with the standard datasets, and the processed files below a folder, hold in the end, but for
# ids and times; a line for each row and record.
sub end_state
{
	my ($node, $database, $processed) = @_;
	my $sql = join ' UNION ALL ', map { "SELECT '$_->[0] ' || (to_jsonb(t) - 'processed_at' - 'last_change')::text FROM $_->[1] t" }
	  [ customer => 'data.customers' ], [ product => 'data.products' ], [ sale => 'data.transactions' ], [ line => 'data.purchases' ],
	  [ quarantine => '(SELECT q.dataset, f.path, q.line, q.record, q.code, q.violations, q.status, q.key, q.subject FROM etl.quarantine q JOIN etl.file f USING (file_id) WHERE q.status <> \'released\')' ],
	  [ waits => '(SELECT f.path, q.line, r.dataset, r.key FROM etl.quarantine_reference r JOIN etl.quarantine q USING (quarantine_id) JOIN etl.file f USING (file_id))' ],
	  [ file => '(SELECT path, records, loaded, quarantined, status, processed_path, archived_path FROM etl.file)' ];
	my @state = split /\n/, $node->safe_psql($database, "SET DateStyle = ISO; SELECT * FROM ($sql) s(x) ORDER BY x COLLATE \"C\"");
	for my $path (files_below($processed))
	{
		push @state, map { "$path $_" } map { s/"last_change": *"[^"]*"/"last_change": "T"/r } slurp_lines("$processed/$path");
	}
	return join "\n", @state, '';
}

# What one state has and another has not.
sub differences
{
	my ($state, $expected) = @_;
	my %in = map { $_ => 1 } split /\n/, $expected;
	my %out = map { $_ => 1 } split /\n/, $state;
	return ((map { "missing: $_" } grep { !$out{$_} } sort keys %in), map { "extra: $_" } grep { !$in{$_} } sort keys %out);
}

# Every file below a folder, hidden ones as well, but for the marks in an archive (src/publish/archive_mark.h).
sub all_files
{
	my ($root) = @_;
	my @files;
	File::Find::find({ no_chdir => 1, wanted => sub { push @files, substr($_, length($root) + 1) if -f $_ && !m{/\.pg_etl/[0-9a-f]{8}-[0-9a-f-]{27}/\w+$} } }, $root);
	return join "\n", sort @files;
}

# Lets a database use the module with fault points (src/pg/fault.h); false where there is none.
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
	my ($node, $database) = @_;
	my %s = (in => '', out => '', err => '');
	$s{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($database // 'postgres') ], '<', \$s{in}, '>', \$s{out}, '2>', \$s{err}, IPC::Run::timeout(180));
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
