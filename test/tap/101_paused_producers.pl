# A file whose producer pauses waits until it is complete: as long as somebody has it open for writing, and
# until it is older than etl.settle_time. It is no failure, nothing of it is lost, and others do not wait.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use IO::Compress::Gzip qw(gzip $GzipError);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

my $node = etl_node();
my $root = $node->{etl_root};
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub notices { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err }
sub waiting { return sql('SELECT dataset, path, size_bytes, reason FROM etl.waiting ORDER BY path') }
sub run_of { return run_counts($node, "etl_run('$_[0]')") }
sub gzipped { my ($text) = @_; my $zipped; gzip(\$text => \$zipped, Minimal => 1) or die $GzipError; return $zipped }
sub event { return join '', map { qq({"id": $_, "v": "value $_"}\n) } @_ }
sub person { my ($id, $name) = @_; return qq({"id": "$id", "first_name": "$name", "last_name": "L", "email": "$name\@example.org"}\n) }
my $hour = 0;
sub partition { return sprintf 'date=2020-01-%02d/hour=%02d', 1 + int($hour / 24), $hour++ % 24 }

# A producer that writes some bytes and keeps the file open.
sub produce
{
	my ($path, $bytes) = @_;
	my $full = stage($node, $path, '', 1);
	open my $producer, '>>:raw', $full or die "$full: $!";
	syswrite $producer, $bytes;
	return $producer;
}

sql(q{SELECT etl_define('{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "v": {"type": "string"}},
  "x-etl": {"dataset": "ev", "files": ["ev.jsonl"], "key": "/id", "tables": [{"schema": "data", "name": "ev",
  "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "v", "type": "text", "from": "/v"}]}]}}')});

# ---- plain: the second half of a record comes later
{
	my $partition = partition();
	my $producer = produce("$partition/ev.jsonl", event(1, 2) . '{"id": 3, "v": "ha');
	stage($node, my $other = partition() . '/ev.jsonl', event(10));
	like(notices(q{SELECT etl_run('ev')}), qr/NOTICE:  1 file of dataset "ev" waits to be complete\nDETAIL:  "$partition\/ev\.jsonl" is open for writing\./, 'a run says that a file waits');
	is(sql('SELECT status, files, loaded, error FROM etl.run ORDER BY run_id DESC LIMIT 1'), 'succeeded|1|1|', 'it is no failure, and other files are loaded');
	is(waiting(), "ev|$partition/ev.jsonl|70|open for writing", 'etl.waiting has it');
	ok(-e "$root/raw/$partition/ev.jsonl", 'it stays where it is');
	is(sql(qq{SELECT count(*) FROM etl.file WHERE path LIKE '$partition%'}), '0', 'and nothing is said of it in etl.file');
	is(sql(q{CALL etl_load(); SELECT count(*) FROM data.ev}), '1', 'a backlog ends, though it waits');
	like(notices('SELECT etl_run()'), qr/NOTICE:  1 file of dataset "ev" waits/, 'a run of all datasets says so as well');
	is(sql(qq{SELECT count(*) FROM etl_validate_file('ev', '$partition/ev.jsonl') WHERE line = 3}), '1', 'a dry run looks into it as it is');
	syswrite $producer, qq(lf"}\n) . event(4);
	close $producer;
	is(waiting(), '', 'once it is closed nothing waits');
	is(run_of('ev'), 'succeeded|1|4|4|0', 'and all of it is loaded');
	is(sql('SELECT v FROM data.ev WHERE id = 3'), 'half', 'the record that was cut as well');
	is(notices(q{SELECT etl_run('ev')}), '', 'then nothing is told');
}

# ---- gzip: between two members, where the file is whole so far
{
	my $partition = partition();
	my $producer = produce("$partition/ev.jsonl.gz", gzipped(event(20)));
	is(run_of('ev'), 'succeeded|0|0|0|0', 'a gzip file that has one of its members waits');
	syswrite $producer, substr gzipped(event(21)), 0, 15;
	is(run_of('ev'), 'succeeded|0|0|0|0', 'and does not fail in the middle of a member');
	syswrite $producer, substr gzipped(event(21)), 15;
	close $producer;
	is(run_of('ev'), 'succeeded|1|2|2|0', 'it is loaded when it is complete');
}

# ---- two of three files of a partition
{
	my $partition = partition();
	my @producers = map { produce("$partition/$_", '') } 'ev.jsonl', 'customers.json';
	stage($node, "$partition/ev.jsonl.gz", event(30));
	is(sql('SELECT string_agg(dataset || files || status, $$,$$ ORDER BY dataset) FROM etl_run() WHERE dataset IN ($$ev$$, $$customers$$)'), 'customers0succeeded,ev1succeeded', 'each file waits for itself');
	is(sql('SELECT string_agg(dataset, $$,$$ ORDER BY dataset) FROM etl.waiting'), 'customers,ev', 'etl.waiting has those of all datasets');
	is(sql('SELECT count(*) FROM etl.unclaimed'), '0', 'which are not unclaimed');
	close $_ for @producers;
	is(sql('SELECT count(*) FROM etl.waiting'), '0', 'even empty ones are complete then');
	sql('SELECT etl_run()');
	is(join(',', files_below("$root/raw")), '', 'and archived');
}

# ---- readers are no writers
{
	my $full = stage($node, partition() . '/ev.jsonl', event(40));
	open my $reader, '<', $full or die;
	is(run_of('ev'), 'succeeded|1|1|1|0', 'a file that somebody reads does not wait');
}

# ---- a file that another user has open for reading and writing, with a descriptor that was duplicated
{
	my $producer = produce(my $path = partition() . '/ev.jsonl', event(41));
	open my $duplicate, '>>&', $producer or die;
	close $producer;
	is(run_of('ev'), 'succeeded|0|0|0|0', 'a descriptor that was duplicated keeps it open');
	close $duplicate;
	is(run_of('ev'), 'succeeded|1|1|1|0', 'until that is closed');
}

# ---- a request for erasure
{
	stage($node, partition() . '/customers.json', person(1, 'Anna') . person(2, 'Berta'));
	sql('SELECT etl_run()');
	my $partition = partition();
	my $producer = produce("$partition/erasure-requests.json", qq({"customer-id": "1"}\n));
	sql('SELECT etl_run()');
	is(sql('SELECT count(*) FROM etl.erasure'), '0', 'a file with requests waits');
	syswrite $producer, qq({"customer-id": "2"}\n);
	close $producer;
	sql('SELECT etl_run()');
	is(sql('SELECT string_agg(status, $$,$$) FROM etl.erasure'), 'completed,completed', 'and all of its requests are answered');
	is(sql(q{SELECT string_agg(first_name, ',') FROM data.customers WHERE id IN (1, 2)}), '[erased],[erased]', 'for all people');
	ok(!-e "$root/raw/$partition/erasure-requests.json", 'the file that names them is gone');
}

# ---- an erasure meets a staged file about the person that is still being written
{
	my $partition = partition();
	stage($node, partition() . '/customers.json', person(3, 'Clara'));
	sql(q{SELECT etl_run('customers')});
	my $producer = produce("$partition/customers.json", person(3, 'Clara') . person(4, 'Dora'));
	like(notices(q{SELECT etl_erase('customers', '3')}), qr/WARNING:  1 request for erasure cannot be completed yet: "staged\/$partition\/customers.json" still names the person and cannot be changed: it is open for writing/, 'a file that is being written is not replaced by an erasure, which says so');
	is(sql('SELECT status, waits_for IS NOT NULL FROM etl.erasure ORDER BY erasure_id DESC LIMIT 1'), 'failed|t', 'and is not completed');
	is(sql(q{SELECT first_name FROM data.customers WHERE id = 3}), '[erased]', 'though all else is treated');
	syswrite $producer, person(5, 'Emma');
	is(run_of('customers'), 'succeeded|0|0|0|0', 'the file waits');
	is(sql('SELECT status FROM etl.erasure ORDER BY erasure_id DESC LIMIT 1'), 'failed', 'and so does the request');
	close $producer;
	is(run_of('customers'), 'succeeded|1|3|3|0', 'when it is closed it is loaded whole');
	is(sql('SELECT status, waits_for FROM etl.erasure ORDER BY erasure_id DESC LIMIT 1'), 'completed|', 'and the request is completed');
	is(sql(q{SELECT string_agg(first_name, ',' ORDER BY id) FROM data.customers WHERE id IN (3, 4, 5)}), '[erased],Dora,Emma', 'only that person is treated');
	sql(q{SELECT etl_run('customers')});
	is(join(',', grep { join("\n", slurp_lines("$root/$_")) =~ /Clara/ } grep { /customers/ } files_below($root)), '', 'no file names them any more');
}

# ---- etl.settle_time
{
	$node->safe_psql('postgres', q{ALTER DATABASE postgres SET etl.settle_time = '1h'});
	my $full = stage($node, my $path = partition() . '/ev.jsonl', event(50));
	is(run_of('ev'), 'succeeded|0|0|0|0', 'a file that was written just now waits');
	is(waiting(), "ev|$path|28|younger than etl.settle_time", 'etl.waiting says why');
	like(notices(q{SELECT etl_run('ev')}), qr/DETAIL:  "$path" is younger than etl\.settle_time\./, 'and so does the run');
	utime time - 3500, time - 3500, $full;
	is(run_of('ev'), 'succeeded|0|0|0|0', 'so it does just before the time is over');
	utime time - 3700, time - 3700, $full;
	is(run_of('ev'), 'succeeded|1|1|1|0', 'and is loaded when it is');
	$full = stage($node, partition() . '/ev.jsonl', event(51));
	utime time + 1800, time + 1800, $full;
	is(run_of('ev'), 'succeeded|0|0|0|0', 'a file from a little in the future waits: the clock of its producer may be ahead');
	utime time + 7300, time + 7300, $full;
	is(run_of('ev'), 'succeeded|1|1|1|0', 'one from further ahead does not: it would wait for ever if the clock was put back');
	my $producer = produce(partition() . '/ev.jsonl', event(52));
	utime time - 7200, time - 7200, $producer;
	is(run_of('ev'), 'succeeded|0|0|0|0', 'one that is old enough but open waits all the same');
	close $producer;
	is(run_of('ev'), 'succeeded|1|1|1|0', 'until it is closed');
	$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET etl.settle_time');
	stage($node, partition() . '/ev.jsonl', event(53));
	is(run_of('ev'), 'succeeded|1|1|1|0', 'by default a file is loaded at once');
}

# ---- who may look
sql(q{CREATE ROLE etl_test_operator; CREATE ROLE etl_test_nobody; SELECT etl_grant('etl_test_operator', 'operator')});
is(sql('SET ROLE etl_test_operator; SELECT count(*) FROM etl.waiting'), '0', 'an operator may read etl.waiting');
like(notices('SET ROLE etl_test_nobody; SELECT count(*) FROM etl.waiting'), qr/permission denied/, 'others may not');
$node->stop;
done_testing();
