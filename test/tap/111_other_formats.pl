# A file is what its first bytes say, whatever its name says: gzip and zstd are loaded under any name,
# and what is no text fails as a file, with the format's name, instead of filling the quarantine. Text
# stays text, record by record, however damaged its lines are.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use IO::Compress::Bzip2 qw(bzip2 $Bzip2Error);
use IO::Compress::Gzip qw(gzip $GzipError);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => "autovacuum = off\n");
my $root = $node->{etl_root};
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub notices { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err }
sub gzipped { my ($in, $out) = @_; gzip(\$in => \$out, Minimal => 1) or die $GzipError; return $out }
sub bzipped { my ($in, $out) = @_; bzip2(\$in => \$out) or die $Bzip2Error; return $out }
# zstd without a compressor (RFC 8878): frames of one raw block each
sub zstd { return join '', map { "\x28\xb5\x2f\xfd\x20" . chr(length) . substr(pack('V', 1 | length() << 3), 0, 3) . $_ } unpack '(a200)*', $_[0] }
sub wide { my ($text, $unit) = @_; return join '', map { pack $unit, ord } split //, $text }

sql(q{SELECT etl_define('{"type": "object", "required": ["id"], "x-etl": {"dataset": "ev", "files": ["ev.json", "ev.jsonl", "ev.csv"], "key": "/id", "tables": [{"name": "ev", "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}')});
my $next = 0;
sub records { return join '', map { sprintf qq({"id": %d}\n), ++$next } 1 .. $_[0] }

# ---- what cannot be read
my $text = join '', map { qq({"id": $_, "v": "some text"}\n) } 1 .. 2000;
my $noise = join '', map { chr(($_ * 7919 + ($_ >> 3) * 31) % 256) } 1 .. 20_000;
my @foreign = (
	['bzip2 data', bzipped($text)], ['xz data', "\xfd7zXZ\0\0\x04$noise"], ['lz4 data', "\x04\x22\x4d\x18\x64\x40$noise"], ['a ZIP archive', "PK\x03\x04\x14\0\0\0$noise"],
	['a 7z archive', "7z\xbc\xaf\x27\x1c\0\x04$noise"], ['text in UTF-16', "\xff\xfe" . wide($text, 'v')], ['text in UTF-16', "\xfe\xff" . wide($text, 'n')], ['text in UTF-16', wide($text, 'v')],
	['text in UTF-16', wide($text, 'n')], ['text in UTF-32', wide($text, 'V')], ['a PNG image', "\x89PNG\r\n\x1a\n\0\0\0\rIHDR$noise"], ['a PDF document', "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n$noise"],
	['an executable', "\x7fELF\x02\x01\x01\0$noise"], ['a Parquet file', "PAR1\x15\x04$noise"], ['an Avro file', "Obj\x01\x04\x16avro.schema$noise"], ['binary data', "\0\0\0\x01$noise"],
	['binary data', substr $noise, 1000], ['bzip2 data', gzipped(bzipped($text))], ['text in UTF-16', zstd(wide('{"id": 1}', 'v'))], ['gzip data inside of compressed data', gzipped(gzipped($text))]);
my $hour = 0;
my (%expected, @paths);
for my $case (@foreign)
{
	my ($format, $bytes) = @$case;
	for my $name (qw(ev.json ev.jsonl ev.csv ev.json.gz))
	{
		my $path = sprintf 'date=2020-01-%02d/hour=%d/%s', 1 + int($hour / 24), $hour % 24, $name;
		++$hour;
		stage($node, $path, $bytes, 1);
		$expected{$path} = "the file holds $format, which cannot be read; what can is text in UTF-8, plain or compressed by gzip or zstd";
		push @paths, $path;
	}
}
is(run_counts($node, q{etl_run('ev')}), 'failed|' . @paths . '|0|0|0', 'nothing of them is loaded');
is(sql('SELECT count(*) FROM etl.quarantine'), '0', 'nor quarantined');
is_deeply({ map { split /\|/, $_, 2 } split /\n/, sql(q{SELECT path, error FROM etl.file WHERE status = 'failed'}) }, \%expected, 'each fails as a file, with the name of its format');
ok(!(grep { !-e "$root/raw/$_" } @paths), 'and stays where it is');
for my $path (@paths[0, 23, 60])
{
	for my $call ("etl_validate_file('ev', '$path')", "etl_read('$path')")
	{
		like(notices("SELECT * FROM $call"), qr/could not read staged file: \Q$expected{$path}\E/, "$call says so as well");
	}
}
unlink "$root/raw/$_" or die for @paths;

# ---- gzip, zstd and text under any name
my %contents = (plain => sub { $_[0] }, gzip => \&gzipped, zstd => \&zstd, 'gzip of two members' => sub { gzipped($_[0]) . gzipped(records(1)) }, 'two frames' => sub { zstd($_[0]) . zstd(records(1)) },
	'a byte-order mark' => sub { "\xef\xbb\xbf$_[0]" }, 'a byte-order mark in gzip' => sub { gzipped("\xef\xbb\xbf$_[0]") });
my $day = 0;
for my $how (sort keys %contents)
{
	++$day;
	my $from = $next;
	for my $name (qw(ev.json ev.jsonl ev.csv ev.json.gz))
	{
		stage($node, sprintf('date=2020-02-%02d/hour=%d/%s', $day, $next % 24, $name), $contents{$how}->(records(30)), 1);
	}
	my $count = $next - $from;
	is(run_counts($node, q{etl_run('ev')}), "succeeded|4|$count|$count|0", "$how is loaded under any name");
}
is(sql('SELECT count(*), max(id) FROM data.ev'), "$next|$next", 'all of it');
is(join('', map { "$_\n" } sort map { slurp_lines("$root/processed/$_") } grep { /date=2020-02/ } files_below("$root/processed")), join('', sort map { qq({"id": $_}\n) } 1 .. $next), 'and the processed files are what their names say');

# ---- the database is behind its archive: what is loaded from there again is what its first bytes say, too
{
	my $ids = 'SELECT string_agg(id::text, $$,$$ ORDER BY id) FROM data.ev';
	my ($all, $processed) = (sql($ids), join ' ', files_below("$root/processed"));
	my $files = sql(q{SELECT count(*) FROM etl.file WHERE path ~ '2020-02' AND status = 'archived'});
	sql(q{DELETE FROM etl.file WHERE path ~ '2020-02'; TRUNCATE data.ev});
	sql(q{UPDATE etl.archive_mark SET count = count - 1 WHERE dataset = 'ev'});
	# one that rotted in the archive, or that somebody has put there
	my $rotten = "$root/archive/date=2020-02-01/hour=" . sql(q{SELECT 23}) . '/ev.json';
	mkdir $rotten =~ s{/[^/]*$}{}r;
	open my $fh, '>:raw', $rotten or die "$rotten: $!";
	print $fh bzipped($text);
	close $fh;
	is(run_counts($node, q{etl_reload('-infinity', 'ev')}), 'partial|' . ($files + 1) . "|$next|$next|0", 'whatever the names in the archive say, the files are loaded again');
	is(sql($ids), join(',', 1 .. $next), 'all of them');
	like(sql(q{SELECT error FROM etl.file WHERE dataset = 'ev' AND status = 'failed'}), qr/^the file holds bzip2 data, which cannot be read/, 'what cannot be read fails as a file');
	is(sql(q{SELECT count(*) FROM etl.quarantine WHERE dataset = 'ev'}), '0', 'and fills no quarantine');
	is(join(' ', files_below("$root/processed")), $processed, 'the processed files are those that were there');
	unlink $rotten or die;
	sql(q{SELECT etl_reload('infinity', 'ev')});
}

# ---- text with bad lines
stage($node, 'date=2020-03-01/hour=0/ev.json', "\x01\x02\x03\x04\n\xff\xfe\xfd\nBZh9 and the like\n" . records(1) . "{\"id\": \"\0\"}\n" . "\0\0\0\0\n", 1);
is(run_counts($node, q{etl_run('ev')}), 'succeeded|1|6|1|5', 'text is quarantined line by line');

# ---- people: requests in other formats, erasures in compressed files under plain names
my $ann = '{"id": "1", "first_name": "Ann", "last_name": "Lee", "email": "ann@example.org"}';
my $bob = '{"id": "2", "first_name": "Bob", "last_name": "Lee", "email": "bob@example.org"}';
my $bad = '{"id": "3", "first_name": "Cid", "last_name": 1, "email": "cid@example.org"}';
stage($node, 'date=2020-04-01/hour=0/customers.json', zstd("$ann\n$bob\n$bad\n"), 1);
is(run_counts($node, q{etl_run('customers')}), 'succeeded|1|3|2|1', 'customers come as zstd');
sql(q{UPDATE etl.quarantine SET record = replace(record, '1,', '"Lee",') WHERE dataset = 'customers'});
is(sql(q{SELECT loaded FROM etl_replay('customers')}), '1', 'a record of theirs is mended and replayed');
is(scalar(slurp_lines("$root/processed/date=2020-04-01/hour=0/customers.json")), 3, 'and joins the processed file');
stage($node, 'date=2020-04-01/hour=1/erasure-requests.json', wide(qq({"customer-id": "1"}\n), 'v'), 1);
stage($node, 'date=2020-04-01/hour=2/erasure-requests.json', gzipped(qq({"customer-id": "1"}\n)), 1);
my $late = stage($node, 'date=2020-04-01/hour=3/customers.json', zstd("$ann\n$bob\n"), 1);
stage($node, 'date=2020-04-01/hour=4/customers.json', bzipped("$ann\n"), 1);
is(run_counts($node, q{etl_run('erasure_requests')}), 'partial|2|1|1|0', 'a request in UTF-16 fails, one in gzip is carried out');
like(sql(q{SELECT error FROM etl.file WHERE dataset = 'erasure_requests' AND status = 'failed'}), qr/^the file holds text in UTF-16/, 'with the reason');
is(sql(q{SELECT first_name FROM data.customers WHERE id = 1}), '[erased]', 'the person is erased');
for my $path ($late, "$root/archive/date=2020-04-01/hour=0/customers.json")
{
	my $bytes = slurp_file($path);
	is(substr($bytes, 0, 4), "\x28\xb5\x2f\xfd", 'a file that came as zstd is written anew as zstd');
	unlike($bytes, qr/Ann/, 'without the person');
}
like(sql(q{SELECT string_agg(record, ' ') FROM etl_read('date=2020-04-01/hour=3/customers.json')}), qr/\[erased\].*Bob/, 'and can be read');
like(notices(q{SELECT etl_erase('customers', '2')}), qr{"staged/date=2020-04-01/hour=4/customers.json" stays as it is: the file holds bzip2 data, which cannot be read}, 'an erasure tells which file it could not look into');
$node->stop;
done_testing();
