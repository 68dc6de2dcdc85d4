# I/O errors: a disk that can't read or write, a limit on the size of files. Each ends in a clear
# error before anything is touched or in etl.file.error, and heals by itself once the fault is gone.
#
#   ETL_IO_FAULT_LIBRARY   test/io_fault/io_fault.c, preloaded into the server (make faults)
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use File::Path qw(make_path remove_tree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $library = $ENV{ETL_IO_FAULT_LIBRARY} // '';
my $control = PostgreSQL::Test::Utils::tempdir() . '/io_fault';
if (-f $library) { $ENV{LD_PRELOAD} = $library; $ENV{ETL_IO_FAULT} = $control }
# small segments of WAL, which a limit of file sizes would hit, too
my $node = etl_node(conf => "etl.batch_memory = 16MB\n", init => ['--wal-segsize=1']);
delete @ENV{qw(LD_PRELOAD ETL_IO_FAULT)};
my $root = $node->{etl_root};
my ($sku, $hour) = (0, 0);

sub product { my ($n, $name) = @_; $name //= 'n'; return qq({"sku": $n, "name": "$name", "price": "1.00", "category": "c", "popularity": 1.5}\n) }
sub stage_products
{
	my ($count, $name) = @_;
	my $path = sprintf 'date=2020-%02d-01/hour=%d/%s', 1 + int($hour / 24), $hour++ % 24, $name // 'products.json';
	stage($node, $path, join '', map { product(++$sku) } 1 .. $count);
	return $path;
}
sub run { return run_counts($node, "etl_run('products')") }
sub file_row { my ($path) = @_; return $node->safe_psql('postgres', "SELECT status, loaded, error FROM etl.file WHERE path = '$path' ORDER BY file_id") }
sub total { return $node->safe_psql('postgres', 'SELECT count(*) FROM data.products') }
sub pending { return $node->safe_psql('postgres', 'SELECT count(*) FROM etl.file_action') }
sub parts { return join "\n", grep { /\.part$/ } split /\n/, all_files($root) }

# Every call on paths with the text fails with EIO, in each session after so many.
sub fault
{
	my ($call, $text, $skip) = @_;
	open my $fh, '>', $control or die;
	printf $fh "%s 5 %d %s\n", $call, $skip // 0, $text;
	close $fh;
	return;
}
sub mended { unlink $control; return }

stage_products(1);
is(run(), 'succeeded|1|1|1|0', 'a first run');
is(run(), 'succeeded|0|0|0|0', 'and its recovery');

SKIP:
{
	skip 'ETL_IO_FAULT_LIBRARY names no library (make faults)', 1 unless -f $library;
	my $eio = 'Input/output error';

	# ---- a raw file that can't be read: from its beginning, after some pieces
	for my $case ([ 5, 0, 'products.json' ], [ 5, 0, 'products.json.gz' ], [ 200_000, 4, 'products.json' ])
	{
		my ($count, $skip, $name) = @$case;
		my $what = "a raw file with an I/O error ($name, after $skip reads)";
		my $good = stage_products(2);
		my $bad = stage_products($count, $name);
		my $had = total();
		fault('read', "/raw/$bad", $skip);
		is(run(), 'partial|2|2|2|0', "$what fails alone");
		like(file_row($bad), qr/^failed\|0\|could not read file at byte \d+: $eio$/, "$what: etl.file says why");
		is(file_row($good), 'archived|2|', "$what: the other is loaded");
		is(total(), $had + 2, "$what: nothing of it is loaded");
		ok(-f "$root/raw/$bad", "$what: it stays");
		mended();
		is(run(), "succeeded|1|$count|$count|0", "$what is loaded by the next run");
		ok(-f "$root/archive/$bad" && !-e "$root/raw/$bad", "$what: and archived");
	}

	# ---- processed files that can't be written or synced, or whose folder can't be
	for my $case ([ 'write', 0 ], [ 'fsync', 0 ], [ 'fsync', 1 ])
	{
		my ($call, $skip) = @$case;
		my $what = "a processed folder whose $call fails" . ($skip ? ' for the folder' : '');
		my $path = stage_products(3);
		my ($had, $before) = (total(), all_files("$root/raw"));
		fault($call, "/processed/.pg_etl/", $skip);
		my (undef, undef, $err) = $node->psql('postgres', "SELECT etl_run('products')");
		like($err, qr/ERROR:.*$eio/, "$what: the run is refused");
		is(all_files("$root/raw"), $before, "$what: no raw file is touched");
		is(parts(), '', "$what: no half file stays");
		is(total(), $had, "$what: nothing is loaded");
		mended();
		is(run(), 'succeeded|1|3|3|0', "$what: the next run loads the file");
		is(file_row($path), 'archived|3|', "$what: once");
	}

	# ---- renames that fail after the commit
	for my $case ([ 'publish', '.part', 'archived|3|processed file could not be published: ' ], [ 'archive', 'products.json', 'loaded|3|raw file could not be archived: ' ])
	{
		my ($what, $text, $row) = @$case;
		my $path = stage_products(3);
		fault('rename', $text);
		is(run(), 'succeeded|1|3|3|0', "$what: the records are loaded");
		is(run(), 'succeeded|0|0|0|0', "$what: and not again");
		is(file_row($path), "$row$eio", "$what: etl.file says why");
		mended();
		is(run(), 'succeeded|0|0|0|0', "$what: the next run");
		is(file_row($path), 'archived|3|', "$what: heals it");
		ok(-f "$root/processed/$path" && -f "$root/archive/$path" && !-e "$root/raw/$path", "$what: every file has its place");
	}

	# ---- the plan is forgotten only when its renames are known to be on the disk
	stage_products(1);
	run();
	my $planned = pending();
	cmp_ok($planned, '>', 0, 'a run leaves its plan to its recovery');
	fault('syncfs', '/archive');
	is(run(), 'succeeded|0|0|0|0', 'a folder that can\'t be synced');
	is(pending(), $planned, 'keeps the plan');
	mended();
	run();
	is(pending(), 0, 'until it can');

	# ---- an archive on another file system
  SKIP:
	{
		skip 'no other file system at /dev/shm', 1
		  unless -d '/dev/shm' && -w '/dev/shm' && (stat '/dev/shm')[0] != (stat $root)[0];
		my $other = "/dev/shm/pg_etl_io_$$";
		make_path($other);
		$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.archive_dir = '$other'");
		for my $case ([ 'read', '/products.json' ], [ 'write', $other ], [ 'fsync', "$other/" ], [ 'unlink', '.pg_etl.' ])
		{
			my ($call, $text) = @$case;
			my $what = "a copy to the archive whose $call fails";
			my $path = stage_products(3);
			# the run reads the file first: then only recovery meets the fault
			my $late = $call eq 'read';
			if ($late)
			{
				chmod 0500, "$root/raw/" . $path =~ s{/[^/]+$}{}r;
				is(run(), 'succeeded|1|3|3|0', "$what: loaded");
				chmod 0700, "$root/raw/" . $path =~ s{/[^/]+$}{}r;
			}
			fault($call, $text);
			is(run(), $late ? 'succeeded|0|0|0|0' : 'succeeded|1|3|3|0', "$what: the records are loaded");
			is(run(), 'succeeded|0|0|0|0', "$what: and not again");
			is(file_row($path), "loaded|3|raw file could not be archived: $eio", "$what: etl.file says why");
			is(scalar(grep { m{hour} } split /\n/, all_files("$root/raw")), 1, "$what: the raw file is there");
			mended();
			is(run(), 'succeeded|0|0|0|0', "$what: the next run");
			is(file_row($path), 'archived|3|', "$what: heals it");
			is(all_files("$root/raw"), '', "$what: nothing is left of the raw file");
			is(scalar(grep { m{/\.} } split /\n/, all_files($other)), 0, "$what: nor of a copy");
			ok(-f "$other/$path", "$what: it is in the archive");
		}
		$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.archive_dir = '$root/archive'");
		remove_tree($other);
	}
}

# ---- a limit on the size of files (RLIMIT_FSIZE): EFBIG, for the server ignores SIGXFSZ
SKIP:
{
	skip 'no prlimit', 1 if system('prlimit --version >/dev/null 2>&1') != 0;
	$node->safe_psql('postgres', 'CREATE TABLE limited (line text)');
	# what the session's program does to the session
	my $limit = q{DO $$BEGIN EXECUTE format('COPY limited FROM PROGRAM %L', 'prlimit --fsize=3000000 --pid ' || pg_backend_pid()); END$$};
	my $name = 'x' x 4000;
	# 8 MB of output that takes little of the table
	for my $file ('products.json')
	{
		my $path = sprintf 'date=2021-01-01/hour=%d/%s', $hour++ % 24, $file;
		stage($node, $path, join '', map { product(++$sku, $name) } 1 .. 2000);
		my ($had, $pid) = (total(), $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'));
		my (undef, undef, $err) = $node->psql('postgres', "$limit; SELECT etl_run('products')");
		like($err, qr/ERROR:.*File too large/, 'a file that may not become as large: the run is refused');
		is(total(), $had, 'nothing is loaded');
		is(parts(), '', 'no half file stays');
		ok(-f "$root/raw/$path", 'the raw file is where it was');
		is(run(), 'succeeded|1|2000|2000|0', 'a session without the limit loads it');
		is(file_row($path), 'archived|2000|', 'once');
		is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $pid, 'no signal has ended the server');
	}
  SKIP:
	{
		skip 'no other file system at /dev/shm', 1
		  unless -d '/dev/shm' && -w '/dev/shm' && (stat '/dev/shm')[0] != (stat $root)[0];
		my $other = "/dev/shm/pg_etl_io_$$";
		make_path($other);
		my $path = sprintf 'date=2021-01-02/hour=%d/products.json', $hour++ % 24;
		stage($node, $path, product(++$sku) . "\n" x 5_000_000);
		$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.archive_dir = '$other'");
		$node->safe_psql('postgres', "$limit; SELECT etl_run('products'); SELECT etl_run('products')");
		is(file_row($path), 'loaded|1|raw file could not be archived: File too large', 'a copy that may not become as large');
		ok(-f "$root/raw/$path", 'the raw file stays');
		is(run(), 'succeeded|0|0|0|0', 'a session without the limit');
		is(file_row($path), 'archived|1|', 'archives it');
		is(-s "$other/$path", 5_000_000 + length product($sku), 'whole');
		$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.archive_dir = '$root/archive'");
		remove_tree($other);
	}
}

# ---- records of a file with blank lines whose archived copy is gone are released nevertheless
{
	my $path = 'date=2022-01-01/hour=0/products.json';
	my @skus = map { ++$sku } 1 .. 4;
	stage($node, $path, "\n" . product($skus[0]) . "\n\n" . product($skus[1], 'wrong') =~ s/"1.00"/"-1"/r . "\n" . product($skus[2]) . product($skus[3], 'wrong') =~ s/"1.00"/"-1"/r);
	is(run(), 'succeeded|1|4|2|2', 'a file with blank lines');
	run();
	unlink "$root/archive/$path" or die;
	my (undef, $out, $err) = $node->psql('postgres',
		q{UPDATE etl.quarantine SET record = replace(record, '"-1"', '"1"') WHERE status = 'open' AND dataset = 'products'; SELECT status, records, loaded FROM etl_replay('products')});
	is($out, 'succeeded|2|2', 'its records are replayed though its archived copy is gone');
	like($err, qr/WARNING:  an archived file is gone/, 'which is told');
	my @lines = slurp_lines("$root/processed/$path");
	is(join(' ', sort { $a <=> $b } map { /"sku": ?(\d+)/ ? $1 : () } @lines), join(' ', @skus), 'all of them are in the processed file, once');
}

$node->stop;
done_testing();
