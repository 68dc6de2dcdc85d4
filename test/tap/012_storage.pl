# Faults of storage: folders that are full, read-only, closed or missing, and raw files that change
# under the reader. Each ends in a clear error before anything is touched or in etl.file.error, and
# heals by itself once the fault is gone.
#
#   ETL_SMALL_FS      a file system of 1 MB, writable (scripts/check mounts one when it is root)
#   ETL_READONLY_FS   one that is mounted read-only
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use File::Path qw(make_path remove_tree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => "etl.batch_memory = 16MB\n");
my $root = $node->{etl_root};
my $has_faults = use_faults($node);
my $sku = 0;
my $hour = 0;

sub product { my ($n) = @_; return qq({"sku": $n, "name": "n", "price": "1.00", "category": "c", "popularity": 1.5}\n) }

# Stages a file with so many new products; returns its path.
sub stage_products
{
	my ($count, $path) = @_;
	$path //= sprintf 'date=2020-%02d-01/hour=%d/products.json', 1 + int($hour / 24), $hour++ % 24;
	stage($node, $path, join '', map { product(++$sku) } 1 .. $count);
	return $path;
}

sub run { my ($call) = @_; return run_counts($node, $call // "etl_run('products')") }

sub fails
{
	my ($pattern, $what, @set) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $before = all_files($root);
	my ($status, $out, $err) = $node->psql('postgres', join '; ', @set, "SELECT etl_run('products')");
	like($err, $pattern, $what);
	is(all_files($root), $before, "$what: no file is touched");
	return;
}

sub file_row
{
	my ($path) = @_;
	return $node->safe_psql('postgres', "SELECT status, loaded, error FROM etl.file WHERE path = '$path' ORDER BY file_id");
}

sub total { return $node->safe_psql('postgres', 'SELECT count(*) FROM data.products') }

# ---- missing and closed folders: refused before anything is touched
my $path = stage_products(10);
for my $folder (qw(raw processed archive))
{
	fails(qr{cannot use etl.${folder}_dir "/nowhere/at/all": No such file or directory}, "missing $folder folder", "SET etl.${folder}_dir = '/nowhere/at/all'");
	chmod 0500, "$root/$folder";
	fails(qr{cannot use etl.${folder}_dir .*: Permission denied}, "closed $folder folder");
	chmod 0700, "$root/$folder";
	fails(qr{etl.${folder}_dir "$root/file" is not a directory}, "a file as $folder folder", "SET etl.${folder}_dir = '$root/file'")
	  if open(my $fh, '>', "$root/file");
	unlink "$root/file";
}
is(run(), 'succeeded|1|10|10|0', 'the next run loads the file');
is(file_row($path), 'archived|10|', 'and archives it');

# ---- what is closed is only a part of a folder
sub heals_after_archive_fault
{
	my ($what, $error, $break, $mend) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $p = stage_products(5);
	my $had = total();
	$break->($p);
	is(run(), 'succeeded|1|5|5|0', "$what: the records are loaded");
	ok(-f "$root/raw/$p", "$what: the raw file stays");
	for (1 .. 2)
	{
		is(run(), 'succeeded|0|0|0|0', "$what: and is not taken up again");
		like(file_row($p), qr/^loaded\|5\|raw file could not be archived: $error$/, "$what: etl.file says why");
	}
	is(run("etl_replay('products')"), 'succeeded|0|0|0|0', "$what: a replay is not kept");
	$node->safe_psql('postgres', "CALL etl_load('products')");
	$mend->($p);
	is(run(), 'succeeded|0|0|0|0', "$what: mended");
	is(file_row($p), 'archived|5|', "$what: archived once the fault is gone");
	ok(!-e "$root/raw/$p", "$what: the raw file is gone");
	is(total(), $had + 5, "$what: nothing is loaded twice");
	return $p;
}

sub folder_of { my ($p) = @_; return $p =~ s{/[^/]+$}{}r }
heals_after_archive_fault('a closed folder in the archive', 'Permission denied',
	sub { my $f = "$root/archive/" . folder_of($_[0]); make_path($f); chmod 0500, $f },
	sub { chmod 0700, "$root/archive/" . folder_of($_[0]) });
heals_after_archive_fault('a closed folder of raw files', 'Permission denied',
	sub { chmod 0500, "$root/raw/" . folder_of($_[0]) },
	sub { chmod 0700, "$root/raw/" . folder_of($_[0]) });

# a processed file that can't get its name
$path = stage_products(5);
my $closed = "$root/processed/" . folder_of($path);
make_path($closed);
chmod 0500, $closed;
is(run(), 'succeeded|1|5|5|0', 'a closed folder of processed files: the records are loaded');
is(run(), 'succeeded|0|0|0|0', 'the next run tells');
is(file_row($path), 'archived|5|processed file could not be published: Permission denied', 'etl.file says why');
stage($node, $path, product(++$sku) . '{"sku": "bad"}');
is(run(), 'succeeded|1|2|1|1', 'another delivery of the name');
$node->safe_psql('postgres', qq{UPDATE etl.quarantine SET record = replace(record, '{"sku": "bad"}', '} . product(++$sku) =~ s/\n//r . q{')});
is(run("etl_replay('products')"), 'succeeded|1|1|1|0', 'a record is released into a file that is not published yet');
is(scalar(grep { m{^\Q$closed} } map { "$root/$_" } split /\n/, all_files($root)), 0, 'nothing is published yet');
chmod 0700, $closed;
is(run(), 'succeeded|0|0|0|0', 'once it is open');
is(file_row($path), "archived|5|\narchived|2|", 'both are published');
is(join(' ', map { scalar slurp_lines("$closed/$_") } qw(products.json products.2.json)), '5 2', 'complete, neither in the place of the other');
is_sql($node, 'SELECT count(*) FROM etl.file_action', '0', 'nothing is left to do');
is(scalar(grep { /\.part$/ } split /\n/, all_files($root)), 0, 'no unfinished file is left');

# ---- full file systems
SKIP:
{
	my $small = $ENV{ETL_SMALL_FS};
	skip 'ETL_SMALL_FS names no small file system', 1 unless defined $small && -d $small && -w $small;

	sub fill
	{
		my $fh;
		open $fh, '>', "$small/fill" or die;
		1 while syswrite $fh, 'x' x 4096;
		close $fh;
	}
	make_path("$small/archive", "$small/processed");
	my $set_archive = sub { $node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.archive_dir = '$_[0]'") };
	$set_archive->("$small/archive");
	heals_after_archive_fault('a full archive', 'No space left on device', sub { fill() }, sub { unlink "$small/fill" });
	is(scalar(files_below("$small/archive")), 1, 'the file is in the archive');
	$set_archive->("$root/archive");

	$path = stage_products(5);
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.processed_dir = '$small/processed'");
	make_path("$small/processed/.pg_etl");
	fill();
	fails(qr/No space left on device/, 'full processed folder');
	unlink "$small/fill";
	is(run(), 'succeeded|1|5|5|0', 'processed folder with room again');
	is(join("\n", split /\n/, all_files("$small/processed")), $path, 'the file is there, and no other');

	# full while the file is written, not when it is created
	$path = 'date=2021-01-01/hour=0/products.json.gz';
	stage($node, $path, join '', map { product(++$sku) =~ s/"n"/'"' . join('', map { chr 65 + int rand 26 } 1 .. 1000) . '"'/er } 1 .. 3000);
	fails(qr/could not write a processed file: .*No space left on device/, 'processed folder that fills up');
	is(join("\n", grep { /part/ } split /\n/, all_files("$small/processed")), '', 'processed folder that fills up: no half file stays');
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.processed_dir = '$root/processed'");
	is(run(), 'succeeded|1|3000|3000|0', 'loaded where there is room');
	remove_tree("$small/archive", "$small/processed");
}

SKIP:
{
	my $readonly = $ENV{ETL_READONLY_FS};
	skip 'ETL_READONLY_FS names no read-only file system', 1 unless defined $readonly && -d $readonly;
	stage_products(1);
	fails(qr/cannot use etl.${_}_dir .*: Read-only file system/, "read-only $_ folder", "SET etl.${_}_dir = '$readonly'") for qw(raw processed archive);
	is(run(), 'succeeded|1|1|1|0', 'loaded with the folders that can be written');
}

# ---- an archive on another file system
SKIP:
{
	skip 'no other file system at /dev/shm', 1
	  unless -d '/dev/shm' && -w '/dev/shm' && (stat '/dev/shm')[0] != (stat $root)[0];
	my $other = "/dev/shm/pg_etl_$$";
	make_path($other);
	$path = stage_products(5);
	my $content = slurp_file("$root/raw/$path");
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.archive_dir = '$other'");
	is(run(), 'succeeded|1|5|5|0', 'an archive on another file system');
	is(slurp_file("$other/$path"), $content, 'has the raw file');
	is(all_files($other), $path, 'and no other');
	ok(!-e "$root/raw/" . folder_of($path), 'which is gone, with its folder');
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.archive_dir = '$root/archive'");
	remove_tree($other);
}

# ---- names that are not looked at
$path = stage_products(3, 'date=2021-02-01/hour=0/products.json.part');
symlink '/nowhere', "$root/raw/date=2021-02-01/hour=0/products.json.gz";
is(run(), 'succeeded|0|0|0|0', 'a file that is being written (.part) and a dangling link are left alone');
ok(-l "$root/raw/date=2021-02-01/hour=0/products.json.gz", 'the link is still there');
unlink "$root/raw/date=2021-02-01/hour=0/products.json.gz";
rename "$root/raw/$path", "$root/raw/" . $path =~ s/\.part$//r;
is(run(), 'succeeded|1|3|3|0', 'complete, it is loaded');

# ---- raw files that change under the reader
SKIP:
{
	skip 'ETL_FAULTS_MODULE names no module with fault points (make faults)', 1 unless $has_faults;
	my $go = "$root/../go";

	# Stops a run at a point, does something, and lets it go on. Returns its counts.
	my $meanwhile = sub {
		my ($point, $do) = @_;
		unlink $go, "$go.waiting";
		my ($run, $out, $err, $name) = start_sql($node,
			"SELECT status, files, records, loaded, quarantined FROM etl_run('products')", "SET etl_fault.point = '$point:wait:$go'");
		for (1 .. 3000)
		{
			last if -e "$go.waiting";
			select undef, undef, undef, 0.02;
		}
		$do->();
		open my $fh, '>', $go;
		close $fh;
		$run->finish;
		return $$out . $$err;
	};
	my $replace = sub { my ($p, $text) = @_; stage($node, "$p.part", $text); rename "$root/raw/$p.part", "$root/raw/$p" };

	# between listing and reading
	my $good = stage_products(2);
	$path = stage_products(2);
	is($meanwhile->('claimed', sub { unlink "$root/raw/$path" }), "partial|2|2|2|0\n", 'a file that vanishes before it is read');
	is(file_row($path), 'failed|0|could not open file: No such file or directory', 'fails alone');
	is(file_row($good), 'archived|2|', 'the other is loaded');
	$path = stage_products(2);
	is($meanwhile->('claimed', sub { $replace->($path, product(++$sku)) }), "succeeded|1|1|1|0\n", 'a file that is replaced before it is read: what is read is loaded');
	is(file_row($path), 'archived|1|', 'and archived');
	is(scalar(slurp_lines("$root/archive/$path")), 1, 'the very bytes');
	is_sql($node, "SELECT size_bytes FROM etl.file WHERE path = '$path'", -s "$root/archive/$path", 'with their size');

	# between reading and archiving
	$path = stage_products(2);
	is($meanwhile->('exported', sub { $replace->($path, product(++$sku)) }), "succeeded|1|2|2|0\n", 'a file that is replaced after it was read');
	is(run(), 'succeeded|1|1|1|0', 'the other delivery is loaded by the next run');
	is(file_row($path), "loaded|2|raw file was replaced by another delivery before it could be archived\narchived|1|", 'and what became of the first is told');
	$path = stage_products(2);
	is($meanwhile->('exported', sub { stage($node, $path, slurp_file("$root/raw/$path") . product(++$sku)) }), "succeeded|1|2|2|0\n", 'a file that grows after it was read');
	is(run(), 'succeeded|1|1|1|0', 'gives what it has got since');
	is_sql($node, "SELECT string_agg(records::text, ',' ORDER BY file_id) FROM etl.file WHERE path = '$path'", '2,1', 'as a file of its own');
	$path = stage_products(2);
	is($meanwhile->('exported', sub { unlink "$root/raw/$path" }), "succeeded|1|2|2|0\n", 'a file that vanishes after it was read');
	is(run(), 'succeeded|0|0|0|0', 'nothing to do about it');
	is(file_row($path), 'loaded|2|raw file was gone before it could be archived, and is not in the archive', 'but to tell');
	$path = stage_products(2);
	is($meanwhile->('exported', sub { utime 1, 1, "$root/raw/$path" }), "succeeded|1|2|2|0\n", 'a file that is touched after it was read');
	is(run(), 'succeeded|0|0|0|0', 'has the same bytes');
	is(file_row($path), 'archived|2|', 'and is archived');

	# a large file between its two readings, and while its pieces are loaded
	my %hour_of = (grows => 0, shrinks => 1);
	for my $change ([ 'grows', '>>', "\n" ], [ 'shrinks', '+<', undef ])
	{
		my ($what, $mode, $text) = @$change;
		# the other file comes later: the first piece is the large file's own, taken from its second
		# reading, which can't go on to its end while two pieces are all that the memory holds
		stage_products(2, "date=2023-01-01/hour=$hour_of{$what}/products.json");
		$path = stage_products(300_000, 'date=2022-01-01/hour=0/products.json');
		my $had = total();
		my $spoil = sub {
			open my $fh, $mode, "$root/raw/$path" or die;
			defined $text ? print $fh $text : truncate $fh, 1_000_000;
			close $fh;
		};
		is($meanwhile->('staged_piece', $spoil), "partial|2|2|2|0\n", "a large file that $what while it is loaded");
		like(file_row($path), qr/(^|\n)failed\|0\|file changed while it was read$/, 'fails');
		is(total(), $had + 2, 'nothing of it is loaded, all of the others');
		ok(-f "$root/raw/$path", 'it stays where it is');
		like(run(), qr/^succeeded\|1\|\d+\|\d+\|[01]$/, 'and is loaded when it holds still');
		like($node->safe_psql('postgres', "SELECT status FROM etl.file WHERE path = '$path' ORDER BY file_id DESC LIMIT 1"), qr/^archived$/, 'as a whole');
	}
}

# ---- a folder that is set to another one while something waits to be put into it
{
	my $request = sub { my ($hour, $id) = @_; stage($node, "date=2022-02-02/hour=$hour/erasure-requests.json", qq({"customer-id": "$id"}\n)) };
	my $archive = $node->safe_psql('postgres', 'SHOW etl.archive_dir');
	$request->(1, 901);
	open my $fh, '>', "$archive/date=2022-02-02" or die; # where a folder is to be made
	close $fh;
	like($node->safe_psql('postgres', "SELECT status, loaded FROM etl_run('erasure_requests')"), qr/^succeeded\|1$/, 'a request whose copy can not be archived');
	# (that its processed file has its name is forgotten by the next run)
	my $waiting = q{SELECT action, from_path FROM etl.file_action WHERE dataset = 'erasure_requests' AND NOT (action = 'publish' AND to_path LIKE '%/processed/%') ORDER BY action_id};
	my $before = $node->safe_psql('postgres', $waiting);
	my ($part) = $before =~ /^publish\|(.*)$/m;
	ok(defined $part && -f $part, 'its copy waits');
	ok(-f "$root/raw/date=2022-02-02/hour=1/erasure-requests.json", 'and it stays where it is until then');
	like(file_row('date=2022-02-02/hour=1/erasure-requests.json'), qr/^archived\|1\|/, 'it is loaded');
	mkdir "$root/elsewhere" or die;
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.archive_dir = '$root/elsewhere'");
	for my $hour (2, 3)
	{
		$request->($hour, 900 + $hour);
		my ($status, $out, $err) = $node->psql('postgres', "SELECT status, loaded FROM etl_run('erasure_requests')");
		is($out, 'succeeded|1', "another request, while the first waits for its folder ($hour)");
		like($err, qr/waits in another directory than is set/, 'which is told');
		ok(-f $part, 'and whose copy is kept');
		ok(-f "$root/raw/date=2022-02-02/hour=1/erasure-requests.json", 'as it is itself');
	}
	$node->safe_psql('postgres', "SELECT etl_run('erasure_requests')");
	is($node->safe_psql('postgres', $waiting), $before, 'what others waited for is done');
	is(join(' ', files_below("$root/elsewhere")), join(' ', map { "date=2022-02-02/hour=$_/erasure-requests.json" } 2, 3), 'in the other folder');
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.archive_dir = '$archive'");
	unlink "$archive/date=2022-02-02" or die;
	$node->safe_psql('postgres', "SELECT etl_run('erasure_requests')") for 1 .. 2;
	is($node->safe_psql('postgres', $waiting), '', 'with the folder set again it is done');
	ok(-f "$archive/date=2022-02-02/hour=1/erasure-requests.json" && !-e $part, 'and the copy is in its place');
	ok(!-e "$root/raw/date=2022-02-02/hour=1/erasure-requests.json", 'and the request is not staged any more');
}

# ---- an erasure while a loaded file, whose archive gets a treated copy, can not be archived yet
{
	my $customer = sub { my ($id) = @_; return qq({"id": "$id", "first_name": "Ann", "last_name": "Bee", "email": "c$id\@example.org"}\n) };
	my $archive = $node->safe_psql('postgres', 'SHOW etl.archive_dir');
	my $late = 'date=2022-03-03/hour=1/customers.json';
	stage($node, 'date=2022-03-02/hour=1/customers.json', $customer->(9101) . $customer->(9102));
	$node->safe_psql('postgres', "SELECT etl_run('customers'); SELECT etl_erase('customers', '9101')");
	stage($node, $late, $customer->(9101) . $customer->(9102));
	open my $fh, '>', "$archive/date=2022-03-03" or die;
	close $fh;
	like($node->safe_psql('postgres', "SELECT status, loaded FROM etl_run('customers')"), qr/^succeeded\|2$/, 'a late file about somebody who was erased');
	my $raw = slurp_file("$root/raw/$late");
	my ($status, $out, $err) = $node->psql('postgres', "SELECT status FROM etl_erase('customers', '9102')");
	is($out, 'failed', 'nobody else in it is called erased before it is archived');
	like($err, qr/WARNING:  1 request for erasure cannot be completed yet: "archived\/$late" still names the person/, 'which is told');
	is(slurp_file("$root/raw/$late"), $raw, 'it stays as it is');
	unlink "$archive/date=2022-03-03" or die;
	$node->safe_psql('postgres', "SELECT etl_run('customers')") for 1 .. 2;
	is($node->safe_psql('postgres', q{SELECT count(*) FROM etl.file WHERE path LIKE '%2022-03-03%'}), '1', 'it is not loaded again');
	is($node->safe_psql('postgres', "SELECT status FROM etl.erasure ORDER BY erasure_id DESC LIMIT 1"), 'completed', 'the erasure is completed');
	ok(!-e "$root/raw/$late", 'when the file is archived');
	unlike(slurp_file("$archive/$late"), qr/example\.org/, 'without either of them');
}

# ---- what a process left behind that had this one's number
{
	my $folder = "$root/processed/.pg_etl/" . $node->safe_psql('postgres', q{SELECT oid FROM pg_database WHERE datname = 'postgres'}) . '/products';
	my $names = $node->safe_psql('postgres', <<"SQL");
SELECT pg_backend_pid() AS pid \\gset
\\setenv PID :pid
\\! touch "$folder/1.new.\$PID.5.part"
\\! ls "$folder"
SELECT status FROM etl_run('products');
\\! ls "$folder"
SQL
	like($names, qr/^1\.new\.\d+\.5\.part\nsucceeded$/, 'is removed');
}

$node->stop;
done_testing();
