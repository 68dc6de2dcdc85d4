# Input that is meant to do harm: it is refused, quarantined or listed; nothing outside the three
# folders is read or written, nothing hangs, and memory stays bounded. ETL_SOAK=1: the sizes of
# docs/explanation/hostile-input.md.
#
#   ETL_MANY_FILES      how many tiny files in one run, and in one backlog; default 300, or 1,000,000
#   ETL_MANY_REQUESTS   how many requests for erasure in one file; the same
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use File::Path qw(make_path);
use IO::Compress::Gzip qw(gzip $GzipError);
use POSIX qw(mkfifo);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $soak = $ENV{ETL_SOAK};
my $batch_memory_kb = 64 * 1024;
my $node = etl_node(conf => "etl.batch_memory = ${batch_memory_kb}kB\netl.max_file_size = 300MB\nstatement_timeout = 1800s\nautovacuum = off\n");
my $root = $node->{etl_root};
my $raw = "$root/raw";

sub product { my ($sku, $name) = @_; $name //= 'n'; return qq({"sku": $sku, "name": "$name", "price": 1, "category": "c", "popularity": 1}\n) }

# A run in a session of its own: its result and the highest resident memory of the backend, in kB,
# without the server's shared buffers, which a large run maps from the beginning.
sub run_measured
{
	my ($call) = @_;
	my ($result, $status) = split /\n/, $node->safe_psql('postgres', <<"SQL"), 2;
SELECT status, files, records, loaded, quarantined FROM $call;
SELECT substring(s from 'VmHWM:\\s*(\\d+)')::bigint - substring(s from 'RssShmem:\\s*(\\d+)')::bigint FROM pg_read_file('/proc/' || pg_backend_pid() || '/status') s;
SQL
	return ($result, $status);
}

# Memory beside etl.batch_memory: the backend itself, and the keys that it knows. A long record needs what
# it is taken apart into, wherever etl.batch_memory is less (docs/explanation/hostile-input.md).
my $constant_kb = 64 * 1024;

sub within_memory
{
	my ($kb, $what, $longest_mb) = @_;
	my $most = 16 * 1024 * ($longest_mb // 0);
	$most = $batch_memory_kb if $most < $batch_memory_kb;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	note("$what: $kb kB");
	cmp_ok($kb, '<=', $most + $constant_kb, "$what: memory stays under etl.batch_memory and a constant");
	return;
}

sub file_row { my ($path) = @_; return $node->safe_psql('postgres', "SELECT status, records, error FROM etl.file WHERE path = '$path'") }

# ---- a gzip bomb: 1 MB that is 1 GB. Written through gzip, for a Perl of its own would take minutes.
sub bomb
{
	my ($path, $mb, $fill) = @_;
	make_path("$raw/$path" =~ s{/[^/]+$}{}r);
	system('bash', '-c', "head -c ${mb}M /dev/zero | tr '\\0' '$fill' | gzip -1 > '$raw/$path'") == 0 or die 'gzip';
	return;
}
bomb('date=2020-01-01/hour=0/products.json.gz', 400, 'x');
my ($result, $kb) = run_measured("etl_run('products')");
is($result, 'failed|1|0|0|0', 'a file that expands past etl.max_file_size fails');
is(file_row('date=2020-01-01/hour=0/products.json.gz'), 'failed|0|file expands to more than 314572800 bytes', 'and says so');
within_memory($kb, 'a gzip bomb');
unlink "$raw/date=2020-01-01/hour=0/products.json.gz";

# ---- one line that never ends, within the limit
$node->append_conf('postgresql.conf', "etl.max_file_size = 20GB\n");
$node->reload;
my $long_mb = $soak ? 10 * 1024 : 64;
for my $name ('products.json.gz')
{
	bomb("date=2020-01-01/hour=1/$name", $long_mb, '[');
	($result, $kb) = run_measured("etl_run('products')");
	like($result, qr/^(succeeded\|1\|1\|0\|1|failed\|1\|0\|0\|0)$/, "a line of $long_mb MB that opens brackets is one bad record or one bad file");
	within_memory($kb, "a line of $long_mb MB");
	unlink "$raw/date=2020-01-01/hour=1/$name";
}
bomb('date=2020-01-01/hour=2/products.json.gz', $long_mb, 'y');
($result, $kb) = run_measured("etl_run('products')");
is($result, 'succeeded|1|1|0|1', "a line of $long_mb MB is one malformed record");
is_sql($node, q{SELECT octet_length(record) <= 1024, violations -> 0 ->> 'keyword' FROM etl.quarantine ORDER BY quarantine_id DESC LIMIT 1},
	't|maxRecordSize', 'of which the beginning is kept');
within_memory($kb, "a line of $long_mb MB of no JSON");

# ---- a large file of good records
my $large_mb = $soak ? 1024 : 24;
make_path("$raw/date=2020-01-01/hour=3");
system($^X, '-e', <<'PERL', $large_mb, "$raw/date=2020-01-01/hour=3/products.json") == 0 or die;
my ($mb, $path) = @ARGV;
open my $out, '>', $path or die;
my ($sku, $bytes) = (1_000_000, 0);
while ($bytes < $mb * 1048576) { my $l = sprintf qq({"sku": %d, "name": "%s", "price": 1, "category": "c", "popularity": 1}\n), $sku++, 'n' x 400; $bytes += length $l; print $out $l }
PERL
($result, $kb) = run_measured("etl_run('products')");
like($result, qr/^succeeded\|1\|(\d+)\|\1\|0$/, "a file of $large_mb MB is loaded");
within_memory($kb, "a file of $large_mb MB");

# ---- records that wait compressed to nearly nothing, and are refused only when the database is asked
my $refused = 1_000;
$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "properties": {"id": {"type": "integer"}, "note": {"type": "string"}}, "x-etl": {"dataset": "long", "files": ["long.json"],
  "key": "/id", "tables": [{"schema": "data", "name": "long", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}');
SQL
make_path("$raw/date=2020-01-01/hour=4");
{
	open my $out, '|-', "gzip -1 > '$raw/date=2020-01-01/hour=4/long.json.gz'" or die $!;
	print $out '{"id": 1, "note": "', 'x' x 500_000, qq("}\n) for 0 .. $refused;
	close $out or die 'gzip';
}
($result, $kb) = run_measured("etl_run('long')");
is($result, "succeeded|1|" . ($refused + 1) . "|1|$refused", "$refused long records with one key");
within_memory($kb, "$refused long records with one key");
is_sql($node, q{SELECT count(*), min(length(record)), max(length(record)) FROM etl.quarantine WHERE dataset = 'long'}, "$refused|500021|500021", 'all of them are in quarantine as they came');

($result, $kb) = run_measured("etl_replay('long')");
is($result, "succeeded|0|$refused|0|$refused", 'and are refused again');
within_memory($kb, 'a replay of long records');

# ---- very many tiny files: as many in one transaction as in a backlog
my $many = $ENV{ETL_MANY_FILES} // ($soak ? 1_000_000 : 300);
my @tiny_names = map { sprintf 'tiny%03d.json', $_ } 0 .. 124;
$node->safe_psql('postgres', <<"SQL");
SELECT etl_define(\$\${"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}, "x-etl": {"dataset": "tiny",
  "files": [@{[ join ', ', map { qq("$_") } @tiny_names ]}], "max_rejected": {"bytes": 1000000000000}, "key": "/id", "tables": [{"schema": "data", "name": "tiny", "primary_key": ["id"],
  "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}\$\$);
SQL

# A record in each of many files; text: what it is, with a %s for a number.
sub stage_tiny
{
	my ($year, $text) = @_;
	for (my $n = 0; $n < $many; $n += @tiny_names)
	{
		my ($hour, $day) = ($n / @tiny_names % 24, int($n / @tiny_names / 24));
		my $folder = sprintf '%s/date=%04d-%02d-%02d/hour=%d', $raw, $year + int($day / 336), 1 + int($day / 28) % 12, 1 + $day % 28, $hour;
		make_path($folder);
		for my $i ($n .. ($n + @tiny_names < $many ? $n + @tiny_names : $many) - 1)
		{
			open my $fh, '>', "$folder/$tiny_names[$i - $n]" or die $!;
			printf $fh $text, "$year$i";
			close $fh;
		}
	}
	return;
}
stage_tiny(1000, qq({"id": %s}\n));
my $began = time;
($result, $kb) = run_measured("etl_run('tiny')");
note('seconds: ', time - $began);
is($result, "succeeded|$many|$many|$many|0", "$many files of one record in one run");
within_memory($kb, "$many small files in one run");
($result, $kb) = run_measured("etl_run('tiny')");
is($result, 'succeeded|0|0|0|0', 'and the next run has nothing to do but to see that all are archived');
within_memory($kb, "the run after it");
is_sql($node, q{SELECT count(*) FILTER (WHERE status <> 'archived') FROM etl.file WHERE path LIKE '%tiny%' UNION ALL SELECT count(*) FROM etl.file_action WHERE dataset = 'tiny'}, "0\n0", 'all archived');
$node->safe_psql('postgres', "VACUUM ANALYZE etl.$_") for qw(file file_action run); # as autovacuum would
stage_tiny(2000, qq({"id": %s}\n));
$began = time;
($result, $kb) = split /\n/, $node->safe_psql('postgres', <<'SQL'), 2;
CALL etl_load('tiny');
SELECT count(*), count(DISTINCT id) FROM data.tiny WHERE id::text LIKE '2000%';
SELECT substring(s from 'VmHWM:\s*(\d+)')::bigint - substring(s from 'RssShmem:\s*(\d+)')::bigint FROM pg_read_file('/proc/' || pg_backend_pid() || '/status') s;
SQL
note('seconds: ', time - $began);
is($result, "$many|$many", "$many files of one record by a backlog");
within_memory($kb, "$many small files by a backlog");

# ---- records of some bytes each, good ones and bad ones: what is known of one is many times its text
my $small = $soak ? 20_000_000 : 700_000;
my $few_bytes = $soak ? 4_000_000 : 100_000;
stage($node, 'date=2500-01-01/hour=0/tiny000.json.gz', join '', map { qq({"id":$_}\n) } 10**15 + 1 .. 10**15 + $small);
stage($node, 'date=2500-01-01/hour=0/tiny001.json', "1\n" x $few_bytes);
stage($node, 'date=2500-01-01/hour=1/tiny002.json', '[' . '1,' x $few_bytes . '1]');
($result, $kb) = run_measured("etl_run('tiny')");
is($result, join('|', 'succeeded', 3, $small + 2 * $few_bytes + 1, $small, 2 * $few_bytes + 1), 'records of some bytes each');
within_memory($kb, 'records of some bytes each');
$node->safe_psql('postgres', q{DELETE FROM etl.quarantine WHERE dataset = 'tiny'; TRUNCATE data.tiny});

# ---- every record again with another value: all rows are replaced
$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "changing", "files": ["changing.json"], "key": "/id", "on_repeat": "update",
  "tables": [{"schema": "data", "name": "changing", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "a", "from": "/a"}]}]}}');
SQL
my $changing = $soak ? 2_000_000 : 300_000;
for my $hour (0, 1)
{
	stage($node, "date=2500-01-01/hour=$hour/changing.json.gz", join '', map { qq({"id":$_,"a":"v$hour"}\n) } 1 .. $changing);
	($result, $kb) = run_measured("etl_run('changing')");
	is($result, "succeeded|1|$changing|$changing|0", $hour ? 'every record again with another value' : 'records that will come again');
	within_memory($kb, $hour ? 'updates of all rows' : 'before them');
}
is_sql($node, q{SELECT count(*), min(a), max(a) FROM data.changing}, "$changing|v1|v1", 'all rows are replaced');
$node->safe_psql('postgres', q{SELECT etl_drop('changing'); DROP TABLE data.changing});

# ---- a gzip file of members and of blocks that hold nothing
my ($empty, @lines);
gzip(\'' => \$empty, Minimal => 1) or die;
for my $id (7, 8)
{
	my $text = qq({"id":$id}\n);
	gzip(\$text => \my $line, Minimal => 1) or die;
	push @lines, $line;
}
my $nothing = $soak ? 100_000_000 : 1_000_000;
stage($node, 'date=2500-01-02/hour=0/tiny000.json.gz', $lines[0] . $empty x ($nothing / 5), 'raw');
stage($node, 'date=2500-01-02/hour=1/tiny000.json.gz', substr($lines[1], 0, 10) . "\x00\x00\x00\xff\xff" x $nothing . substr($lines[1], 10), 'raw');
($result, $kb) = run_measured("etl_run('tiny')");
is($result, 'succeeded|2|2|2|0', 'members and blocks that hold nothing');
within_memory($kb, 'members and blocks that hold nothing');

# ---- a record with very many reasons to refuse it
$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "wrong", "files": ["wrong.json"], "key": "/id", "references": [{"field": "/of/*/sku", "dataset": "products"}],
  "tables": [{"schema": "data", "name": "wrong", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]},
             {"schema": "data", "name": "wrong_parts", "each": "/of", "primary_key": ["id", "line"],
              "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "line", "type": "integer", "from": "$line"}, {"name": "n", "type": "integer", "from": "./n"}]}]}}');
SQL
my $wrong = 300_000;
stage($node, 'date=2500-01-01/hour=0/wrong.json', '{"id": 1, "of": [' . join(',', map { qq({"sku":$_}) } 10**12 .. 10**12 + $wrong) . "]}\n" . '{"id": 2, "of": [' . '{"n":"x"},' x $wrong . "{}]}\n");
($result, $kb) = run_measured("etl_run('wrong')");
is($result, 'succeeded|1|2|0|2', 'two records with very many reasons to refuse them');
within_memory($kb, 'very many reasons', 7);
is_sql($node, q{SELECT code, jsonb_array_length(violations) FROM etl.quarantine WHERE dataset = 'wrong' ORDER BY line}, "reference|100\ntype|100", 'a hundred are kept of each');

# ---- a replay of records with many reasons each to refuse them
$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}, "x-etl": {"dataset": "reasons", "files": ["reasons.json"],
  "max_rejected": {"bytes": 1000000000000}, "key": "/id", "tables": [{"schema": "data", "name": "reasons", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}');
SQL
my $reasons = $soak ? 20_000 : 6_000;
my $numbers = join ',', (1) x 110;
stage($node, 'date=2500-01-01/hour=0/reasons.json.gz', join '', map { qq({"id":$_,"a":[$numbers]}\n) } 1 .. $reasons);
($result, $kb) = run_measured("etl_run('reasons')");
is($result, "succeeded|1|$reasons|0|$reasons", 'records with many reasons each');
within_memory($kb, 'many reasons each');
($result, $kb) = run_measured("etl_replay('reasons')");
is($result, "succeeded|0|$reasons|0|$reasons", 'a replay of them');
within_memory($kb, 'a replay of many reasons each');
$node->safe_psql('postgres', q{DELETE FROM etl.quarantine WHERE dataset = 'reasons'; SELECT etl_drop('reasons')});

# ---- very many requests for erasure: in one file, and each in one of its own
my $many_requests = $ENV{ETL_MANY_REQUESTS} // ($soak ? 1_000_000 : 300);
my ($first, $last) = (10**9 + 1, 10**9 + $many_requests); # nobody whom other parts of the test ask for
stage($node, 'date=3000-01-01/hour=0/erasure-requests.json', join '', map { qq({"customer-id": "$_", "email": "nobody$_\@example.org"}\n) } $first .. $last);
$began = time;
($result, $kb) = run_measured("etl_run('erasure_requests')");
note('seconds: ', time - $began);
is($result, "succeeded|1|$many_requests|$many_requests|0", "$many_requests requests in one file");
within_memory($kb, "$many_requests requests in one file");
# what the next one has to know
stage($node, 'date=3000-01-01/hour=1/customers.json', join '', map { qq({"id": "$_", "first_name": "Late", "last_name": "Comer", "email": "late$_\@example.org"}\n) } $first, $last, $last + 1);
($result, $kb) = run_measured("etl_run('customers')");
is($result, 'succeeded|1|3|3|0', 'a run that knows so many people who have been erased');
is_sql($node, q{SELECT count(*) FROM data.customers WHERE last_name = 'Comer'}, '1', 'and treats two of its three');
within_memory($kb, "$many_requests people who have been erased");
# of whom it is known only then which emails they have
my $late = $soak ? 150_000 : 30_000;
stage($node, 'date=3000-01-02/hour=0/erasure-requests.json', join '', map { qq({"customer-id": "$_"}\n) } 2 * 10**9 + 1 .. 2 * 10**9 + $late);
($result, $kb) = run_measured("etl_run('erasure_requests')");
is($result, "succeeded|1|$late|$late|0", "$late requests by key");
within_memory($kb, "$late requests by key", 7); # the two records with many reasons are looked through
stage($node, 'date=3000-01-02/hour=1/customers.json', join '', map { qq({"id": "$_", "first_name": "Late", "last_name": "Comer", "email": "later$_\@example.org"}\n) } 2 * 10**9 + 1 .. 2 * 10**9 + $late);
($result, $kb) = run_measured("etl_run('customers')");
is($result, "succeeded|1|$late|$late|0", 'a run in which they come');
within_memory($kb, "$late people who come after they were erased");
is_sql($node, q{SELECT count(*) FROM data.customers WHERE id > 2000000000 AND last_name = 'Comer'}, '0', 'and treats all of them');
$node->safe_psql('postgres', <<"SQL");
SELECT etl_drop('tiny');
SELECT etl_define(jsonb_set(jsonb_set(definition, '{x-etl,dataset}', '"tiny_requests"'), '{x-etl,files}', '[@{[ join ', ', map { qq("$_") } @tiny_names ]}]')) FROM etl.dataset WHERE name = 'erasure_requests';
SQL
$node->safe_psql('postgres', "VACUUM ANALYZE etl.$_") for qw(file file_action run erasure tombstone audit);
stage_tiny(3000, qq({"customer-id": "99%s"}\n));
$began = time;
($result, $kb) = run_measured("etl_run('tiny_requests')");
note('seconds: ', time - $began);
is($result, "succeeded|$many|$many|$many|0", "$many files with a request");
within_memory($kb, "$many files with a request");
# the two of them who came have told their emails, which are remembered
is_sql($node, q{SELECT status, count(*) FROM etl.erasure GROUP BY 1 ORDER BY 1}, "completed|" . (2 + $late) . "\nnot_found|" . ($many + $many_requests + $late), 'each is answered');

# ---- JSON that is made to be slow
my @slow = (
	product(1, 'fine'),
	'[' x 500_000 . "\n",
	'{"sku": ' . '{"a":' x 100_000 . '1' . '}' x 100_000 . "}\n",
	'{"sku": ' . '9' x 1_000_000 . ', "name": "n", "price": 1, "category": "c", "popularity": 1}' . "\n",
	qq({"sku": 1e999999999, "name": "n", "price": 1, "category": "c", "popularity": 1}\n),
	qq({"sku": 1e-999999999, "name": "n", "price": 1, "category": "c", "popularity": 1}\n),
	qq({"sku": 2, "name": "n", "price": "1e999999999", "category": "c", "popularity": 1}\n),
	qq({"sku": 2, "name": "n", "price": 1e-999999999, "category": "c", "popularity": 1}\n),
	qq({"sku": 2, "name": "n", "price": 1, "category": "c", "popularity": 1e999999999}\n),
	qq({"sku": 2, "name": "n", "price": ) . '0.' . '0' x 500_000 . '1' . qq(, "category": "c", "popularity": 1}\n),
	'{"sku": 3, "name": "' . '\\u0041' x 1_000_000 . qq(", "price": 1, "category": "c", "popularity": 1}\n),
	'{"sku": 4, "name": "' . '\\"' x 1_000_000 . qq(\n),
	'{' . join(', ', map { qq("k$_": $_) } 1 .. 1_000_000) . "}\n",
	'{' . join(', ', map { qq("k": $_) } 1 .. 100_000) . "}\n",
	qq({"sku": 5, "name": "\\ud800", "price": 1, "category": "c", "popularity": 1}\n),
	product(6, 'also fine'));
$node->append_conf('postgresql.conf', "etl.max_record_size = 32MB\n");
$node->reload;
stage($node, 'date=2020-01-01/hour=5/products.json.gz', join('', @slow));
($result, $kb) = run_measured("etl_run('products')");
is($result, 'succeeded|1|16|3|13', 'records that are slow to read are refused one by one');
within_memory($kb, 'slow JSON', 15);
is_sql($node, 'SELECT count(*) FROM data.products WHERE sku IN (1, 3, 6)', '3', 'and those that are merely long are loaded');

# (the price that is not quite nothing is rounded to nothing, as the column says)
# a pattern that a backtracking engine never finishes
$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "properties": {"id": {"type": "integer"}, "t": {"type": "string", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}},
  "x-etl": {"dataset": "slow", "files": ["slow.json"], "key": "/id", "tables": [{"schema": "data", "name": "slow", "primary_key": ["id"],
  "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "t", "from": "/t"}]}]}}');
SQL
stage($node, 'date=2020-01-01/hour=5/slow.json', join '', map { sprintf qq({"id": %d, "t": "%s"}\n), $_, 'a' x (10 * $_) } 1 .. 50);
is(run_counts($node, "etl_run('slow')"), 'succeeded|1|50|0|50', 'a pattern that explodes ends');

# a key that no index takes: the server refuses the row with 54000
$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "longkey", "files": ["longkey.json"], "key": "/id", "tables": [{"schema": "data", "name": "longkey",
  "primary_key": ["id"], "columns": [{"name": "id", "from": "/id"}]}]}}');
SQL
srand(1);
stage($node, 'date=2020-01-01/hour=5/longkey.json', qq({"id": "short"}\n{"id": ") . join('', map { chr(97 + int rand 26) } 1 .. 20_000) . qq("}\n{"id": "other"}\n));
is(run_counts($node, "etl_run('longkey')"), 'succeeded|1|3|2|1', 'a key that is too long for an index is one bad record');
is_sql($node, q{SELECT code, violations -> 0 ->> 'sqlstate' FROM etl.quarantine WHERE dataset = 'longkey'}, 'constraint|54000', 'refused by the table');

# ---- names
my $hour = 'date=2020-01-02/hour=0';
my @names = ("new\nline.json", 'quo"te.json', "quo'te.json", 'back\\slash.json', '$(touch pwned).json', '`touch pwned`.json', '; rm -rf x.json', "tab\t.json", '%s%n%d.json',
	"bad\xff\xfeutf8.json", "\xc0\xaf..\xc0\xaf.json", 'x' x 250 . '.json', '-rf', '*', '..json', 'products.json ', 'Products.json', 'products.json.gz.gz');
for my $name (@names)
{
	make_path("$raw/$hour");
	open my $fh, '>', "$raw/$hour/$name" or die "$name: $!";
	print $fh product(900);
	close $fh;
}
my @folders = ("date=2020-01-02\n/hour=0", 'date=2020-01-02/hour=0;x', "date=2020-01-02/hour=\xff", 'date=2020-01-02 /hour=0', 'DATE=2020-01-02/hour=0', 'date=2020-01-02/hour=+1',
	'date=2020-01-02/hour=1/deeper', '$(touch pwned)/hour=0', 'x' x 255 . '/' . 'y' x 255, 'date=2020-01-02/hour=0x1');
for my $folder (@folders)
{
	make_path("$raw/$folder");
	open my $fh, '>', "$raw/$folder/products.json" or die "$folder: $!";
	print $fh product(901);
	close $fh;
}
my $deep = join '/', ('d') x 300;
make_path("$raw/$deep");
is(run_counts($node, "etl_run('products')"), 'succeeded|0|0|0|0', 'names that are nearly right are not taken up');
is_sql($node, 'SELECT count(*) FROM etl.unclaimed', scalar(@names) - 1 + @folders, 'and listed (but for the hidden one)');
is_sql($node, q{SELECT count(*) FROM etl.unclaimed WHERE path LIKE '%' || U&'\FFFD' || '%'}, '3', 'with replacement characters for what is no UTF-8');
is_sql($node, q{SELECT count(*) FROM etl.unclaimed WHERE path LIKE '%' || chr(10) || '%' OR path LIKE '%"%' OR path LIKE '%''%' OR path LIKE '%\\\\%' OR path LIKE '%$(%'}, '7', 'and all else as it is');
is(scalar(grep { -e "$_/pwned" } $raw, $root, $node->data_dir, '.'), 0, 'no name is run by a shell');
is_sql($node, 'SELECT count(*) FROM etl_read(' . quote("$hour/$names[5]") . ')', '1', 'a file with an odd name is read by name');

sub quote { my ($text) = @_; return q(') . $text =~ s/'/''/gr . q(') }

# ---- links, FIFOs, devices
my $outside = "$root/outside";
make_path("$outside/hour=3");
sub write_file { my ($path, $text) = @_; open my $fh, '>', $path or die "$path: $!"; print $fh $text; close $fh; return }
write_file("$outside/hour=3/products.json", product(950));
write_file("$outside/secret.json", product(951));
symlink($outside, "$raw/date=2020-02-01") or die;
make_path("$raw/date=2020-02-02/hour=0", "$raw/date=2020-02-03/hour=0", "$raw/date=2020-02-04/hour=0", "$raw/date=2020-02-05/hour=0");
symlink("$outside/hour=3", "$raw/date=2020-02-02/hour=3") or die;
symlink("$outside/secret.json", "$raw/date=2020-02-02/hour=0/products.json") or die;
symlink('/etc/passwd', "$raw/date=2020-02-02/hour=0/customers.json") or die;
symlink('products.json', "$raw/date=2020-02-03/hour=0/products.json") or die; # of itself
symlink('/nowhere', "$raw/date=2020-02-04/hour=0/products.json") or die;
mkfifo("$raw/date=2020-02-05/hour=0/products.json", 0600) or die;
mkfifo("$raw/fifo", 0600) or die;
is(run_counts($node, "etl_run('products')"), 'failed|2|0|0|0', 'links and FIFOs are not taken up, and nothing waits for them');
is(run_counts($node, "etl_run('customers')"), 'failed|2|0|0|0', 'wherever they lead');
is_sql($node, q{SELECT path, error FROM etl.file WHERE dataset = 'products' AND status = 'failed' ORDER BY path}, "date=2020-02-01/|not a directory, but a symbolic link\ndate=2020-02-02/hour=3/|not a directory, but a symbolic link",
	'links in place of directories of partitions are failures with a path');
is_sql($node, q{SELECT path, error FROM etl.unclaimed WHERE path LIKE 'date=2020-02-%/' ORDER BY path}, "date=2020-02-01/|not a directory, but a symbolic link\ndate=2020-02-02/hour=3/|not a directory, but a symbolic link", 'and among what nobody claims');
{
	my ($out, $err);
	$node->psql('postgres', q{SELECT etl_erase('customers', '950', dry_run => true); SELECT etl_erase('customers', '950')}, stdout => \$out, stderr => \$err);
	like($out, qr{staged/date=2020-02-01/"", ""reason"": ""not a directory, but a symbolic link}, 'the plan of an erasure has them');
	like($err, qr{NOTICE:.*"staged/date=2020-02-02/hour=3/" stays as it is: not a directory, but a symbolic link}, 'and so has its notice');
}
$node->safe_psql('postgres', 'CREATE ROLE clerk LOGIN; SELECT etl_grant(\'clerk\', \'operator\')');
for my $path ('date=2020-02-01/hour=3/products.json', 'date=2020-02-02/hour=3/products.json', 'date=2020-02-02/hour=0/products.json', '../outside/secret.json', '/etc/passwd', 'fifo')
{
	my ($rc, $out, $err) = $node->psql('postgres', "SELECT etl_read('$path')", extra_params => [ '-U', 'clerk' ]);
	like($err, qr/permission denied to read file|not a regular file/, "an operator reads nothing through $path");
	is($out, '', 'nothing at all');
}
unlink "$raw/date=2020-02-01", "$raw/date=2020-02-02/hour=3";
is(run_counts($node, "etl_run('products')"), 'succeeded|0|0|0|0', 'without the links nothing fails');
is_sql($node, q{SELECT count(*) FROM etl.file WHERE dataset = 'products' AND status = 'failed'}, '0', 'and nothing stays failed');
# a setting that was set before the library is loaded, by somebody who may not
{
	my ($rc, $out, $err) = $node->psql('postgres', "SET etl.raw_dir = '/etc'; SELECT count(*) > 0 FROM etl_read('passwd'); SHOW etl.raw_dir", extra_params => [ '-U', 'clerk' ], on_error_stop => 0);
	like($err, qr/permission denied to set parameter "etl.raw_dir"/, 'an early SET of a folder is refused when it matters');
	unlike($out, qr{^t$|^/etc$}m, 'and changes nothing');
}
# a hard link is a file like others; what it shares stays
link("$outside/secret.json", "$raw/date=2020-02-03/hour=0/customers.json") or die;
write_file("$outside/hard.json", product(960));
write_file("$outside/hard.gz", "\x1f\x8bno gzip");
link("$outside/hard.gz", "$raw/date=2020-02-05/hour=0/products.json.gz") or die;
is(run_counts($node, "etl_run('products')"), 'failed|1|0|0|0', 'a hard link of a file that is no gzip fails as any other');
unlink "$raw/date=2020-02-05/hour=0/products.json.gz";
make_path("$raw/date=2020-02-06/hour=0");
link("$outside/hard.json", "$raw/date=2020-02-06/hour=0/products.json") or die;
is(run_counts($node, "etl_run('products')"), 'succeeded|1|1|1|0', 'a hard link is loaded');
ok(-f "$outside/hard.json" && !-e "$raw/date=2020-02-06/hour=0/products.json", 'and moved, while its other name stays');

# ---- folders that lead out of processed and archive folders
make_path("$outside/processed", "$outside/archive");
symlink("$outside/processed", "$root/processed/date=2020-03-01") or die;
symlink("$outside/archive", "$root/archive/date=2020-03-01") or die;
stage($node, 'date=2020-03-01/hour=0/products.json', product(970));
stage($node, 'date=2020-03-02/hour=0/products.json', product(971));
my ($rc) = $node->psql('postgres', "SELECT etl_run('products')");
is(join(' ', files_below($outside)), 'hard.gz hard.json hour=3/products.json secret.json', 'nothing is written through a link');
ok(-f "$root/processed/date=2020-03-02/hour=0/products.json", 'other files get their place');
unlink "$root/processed/date=2020-03-01", "$root/archive/date=2020-03-01";
$node->psql('postgres', "SELECT etl_run('products')") for 1, 2; # what the first one loads the second one looks after
ok(-f "$root/processed/date=2020-03-01/hour=0/products.json" && -f "$root/archive/date=2020-03-01/hour=0/products.json", 'and so do these once the links are gone');
is_sql($node, 'SELECT count(*) FROM data.products WHERE sku IN (970, 971)', '2', 'loaded once');
is_sql($node, 'SELECT count(*) FROM etl.file_action WHERE dataset = $$products$$', '0', 'nothing is left to do')
  or diag($node->safe_psql('postgres', 'SELECT * FROM etl.file_action'));

# ---- a folder that becomes a link between the load and the move
write_file("$outside/hour=3/products.json", "untouched\n");
stage($node, 'date=2020-04-01/hour=3/products.json', product(980));
my $session = $node->background_psql('postgres') if $node->can('background_psql');
SKIP:
{
	skip 'no background_psql in this PostgreSQL', 2 if !$session || !$session->can('query_safe');
	$session->query_safe("BEGIN; SELECT etl_run('products')");
	rename "$raw/date=2020-04-01", "$root/aside" or die;
	symlink($outside, "$raw/date=2020-04-01") or die;
	$session->query_safe('COMMIT');
	$session->quit;
	is(PostgreSQL::Test::Utils::slurp_file("$outside/hour=3/products.json"), "untouched\n", 'what the link leads to is not moved');
	is(-e "$root/archive/date=2020-04-01/hour=3/products.json" ? 1 : 0, 0, 'nor archived');
}

$node->stop;
done_testing();
