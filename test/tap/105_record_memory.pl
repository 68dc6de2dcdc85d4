# The memory that a record can take. Whatever is in a record of etl.max_record_size, what its text is
# taken apart into stays within etl.batch_memory and 64 MB: in a run, a dry run, a replay, an erasure, and
# where a person's data is looked for or handed out. Measured is VmHWM of the backend, which counts the
# server's shared buffers that it has touched (32 MB here) as well.
#
#   ETL_SOAK=1   an array and an object of 2 GB rather than 48 MB; 200 records of 100,000 references
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $soak = $ENV{ETL_SOAK};
my $node = etl_node(conf => "shared_buffers = 32MB\nautovacuum = off\nstatement_timeout = 1800s\n");
my $root = $node->{etl_root};

# A call in a session of its own: its result, and the bound on the memory of the backend.
sub within_bound
{
	my ($sql, $expected, $what, $beside_mb) = @_;
	$beside_mb //= 64;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $began = time;
	my ($result, $kb) = $node->safe_psql('postgres', <<"SQL") =~ /^(.*)\n(\d+)$/s;
$sql;
SELECT substring(pg_read_file('/proc/' || pg_backend_pid() || '/status') from 'VmHWM:\\s*(\\d+)');
SQL
	note(sprintf '%s: %d MB, %.1f s', $what, $kb / 1024, time - $began);
	is($result, $expected, $what);
	cmp_ok($kb, '<=', (256 + $beside_mb) * 1024, "$what: etl.batch_memory and $beside_mb MB");
	return;
}

sub counts { my ($call) = @_; return "SELECT status, files, records, loaded, quarantined FROM $call" }

$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "wide", "files": ["wide.json"], "key": "/id",
  "subject": {"dataset": "customers", "field": "/customer"}, "personal": [{"field": "/name", "treatment": "redact"}],
  "references": [{"field": "/of/*", "dataset": "products"}],
  "tables": [{"schema": "data", "name": "wide", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"},
    {"name": "customer", "type": "bigint", "from": "/customer"}, {"name": "name", "from": "/name"}]}]}}');
SQL

# Records with that many references each, of numbers with so many digits, which no other record names.
my $number = 0;

sub wide
{
	my ($path, $records, $references, $digits) = @_;
	my $full = "$root/raw/$path";
	make_path($full =~ s{/[^/]+$}{}r);
	open my $out, '>', $full or die "$full: $!";
	for my $id (1 .. $records)
	{
		my $from = 10**($digits - 1) + $number;
		$number += $references;
		printf $out qq({"id": %d, "customer": "7", "name": "Jane", "of": [%s]}\n), $number, join ',', $from .. $from + $references - 1;
	}
	close $out or die;
	return $full;
}

# ---- records as long as they may be, with as many references as a record may have values
my $few = wide('date=2020-01-01/hour=0/wide.json', 3, 900_000, 16);
within_bound("SELECT count(*), count(DISTINCT line) FROM etl_validate_file('wide', '$few')", '300|3', 'a dry run over 3 records of 900,000 references');
within_bound(counts("etl_run('wide')"), 'succeeded|1|3|0|3', 'a run of them');
within_bound(counts("etl_replay('wide')"), 'succeeded|0|3|0|3', 'a replay of them');
within_bound("SELECT place, count(*), sum(length(record::text)) > 45000000 FROM etl_subject('customers', '7') GROUP BY 1 ORDER BY 1", "archived/date=2020-01-01/hour=0/wide.json|3|t\netl.quarantine|3|t", 'etl_subject');
within_bound("SELECT kind, sum(occurrences) FROM etl_locate('1000000000000007') WHERE kind IN ('file', 'quarantine') GROUP BY 1 ORDER BY 1", "file|1\nquarantine|2", 'etl_locate');
within_bound("SELECT status FROM etl_erase('customers', subject => '7')", 'completed', 'etl_erase');
$node->safe_psql('postgres', 'TRUNCATE etl.quarantine, etl.quarantine_reference');

# ---- very many references in many records
wide('date=2020-01-01/hour=1/wide.json', 40, 100_000, 16);
within_bound(counts("etl_run('wide')"), 'succeeded|1|40|0|40', 'a run of 40 records with 100,000 references each');

# ---- an array of nothing but bad records: in time that grows with the size alone, and without holding
# it
my $large_mb = $soak ? 2048 : 48;
my $max_rejected = $soak ? 1_000_000 : 50_000;
$node->safe_psql('postgres', <<"SQL");
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "large", "files": ["large.json"], "key": "/id", "max_rejected": {"records": $max_rejected},
  "tables": [{"schema": "data", "name": "large", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}');
SQL

# A file of so many megabytes: what it begins with, lines that begin with a number, and its end.
sub large
{
	my ($path, $begin, $line, $end) = @_;
	my $full = "$root/raw/$path";
	make_path($full =~ s{/[^/]+$}{}r);
	open my $out, '>', $full or die "$full: $!";
	print $out $begin;
	my ($bytes, $n) = (0, 0);
	while ($bytes < $large_mb << 20)
	{
		my $block = join '', map { sprintf $line, $n++ } 1 .. 1000;
		$bytes += length $block;
		print $out $block;
	}
	print $out $end;
	close $out or die;
	return;
}
large('date=2020-01-02/hour=1/large.json', "[\n", qq({"id": "no %d"},\n), qq({"id": 1}\n]\n));
within_bound(counts("etl_run('large')"), 'failed|1|0|0|0', "an array of $large_mb MB of bad records fails");
is_sql($node, q{SELECT error FROM etl.file WHERE path LIKE '%hour=1/large.json'}, "records that are malformed or break schema or types are more than \"max_rejected\" allows: $max_rejected of them", 'and says so');

# ---- one object over many lines, which is no record: read as lines, and given up as soon as there are
# too many
large('date=2020-01-02/hour=2/large.json', "{\n", qq("member %d": "no record",\n), qq("last": 1\n}\n));
within_bound(counts("etl_run('large')"), 'failed|2|0|0|0', "an object of $large_mb MB over many lines fails, and the array once more");
is_sql($node, q{SELECT error FROM etl.file WHERE path LIKE '%hour=2/large.json'}, "records that are malformed or break schema or types are more than \"max_rejected\" allows: $max_rejected of them", 'and says so');

# ---- a text that each of many child rows repeats
$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "repeat", "files": ["repeat.json"], "key": "/id",
  "tables": [{"schema": "data", "name": "repeat", "primary_key": ["id"], "columns": [{"name": "id", "from": "/id"}]},
    {"schema": "data", "name": "repeat_part", "each": "/of", "primary_key": ["id", "line"], "columns": [{"name": "id", "from": "/id"}, {"name": "line", "type": "integer", "from": "$line"}]}]}}');
SQL
stage($node, 'date=2020-01-02/hour=0/repeat.json', qq({"id": "good", "of": [{}, {}]}\n{"id": ") . 'x' x 1_000_000 . '", "of": [' . '{},' x 500_000 . "{}]}\n");
within_bound(counts("etl_run('repeat')"), 'succeeded|1|2|1|1', 'a text of 1 MB that 500,000 rows repeat is refused');
is_sql($node, q{SELECT code, violations -> 0 ->> 'sqlstate' FROM etl.quarantine WHERE dataset = 'repeat'}, 'type|54000', 'by the size of its rows');

# ---- long records that leave quarantine together: their texts wait in a temporary file
$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "waits", "files": ["waits.json"], "key": "/id", "references": [{"field": "/of", "dataset": "products"}],
  "tables": [{"schema": "data", "name": "waits", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}');
SQL
my @waits = map { sprintf '{"id": %d, "of": %d, "text": "%s"}', $_, $_ % 2 ? 4711 : 4712, chr(97 + $_ % 26) x 500_000 } 1 .. 30;
stage($node, 'date=2020-01-02/hour=0/waits.json', join "\n", @waits, '');
is(run_counts($node, "etl_run('waits')"), 'succeeded|1|30|0|30', 'records of 15 MB wait');
stage($node, 'date=2020-01-02/hour=0/products.json', qq({"sku": 4711, "name": "n", "price": 1, "category": "c", "popularity": 1}\n));
within_bound(counts("etl_run('products')"), 'succeeded|1|1|1|0', 'half of them are released');
stage($node, 'date=2020-01-02/hour=1/products.json', qq({"sku": 4712, "name": "n", "price": 1, "category": "c", "popularity": 1}\n));
within_bound(counts("etl_run('products')"), 'succeeded|1|1|1|0', 'and the others');
is_sql($node, 'SELECT count(*) FROM data.waits', '30', 'all are loaded');
ok(join("\n", slurp_lines("$root/processed/date=2020-01-02/hour=0/waits.json")) eq join("\n", @waits), 'and their processed file has them in their order');

if ($soak)
{
	wide('date=2020-01-01/hour=2/wide.json', 200, 100_000, 16);
	within_bound(counts("etl_run('wide')"), 'succeeded|1|200|0|200', 'a run of 200 records with 100,000 references each');
}

$node->stop;
done_testing();
