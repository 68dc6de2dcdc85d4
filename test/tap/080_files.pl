# Where files may be: the three directories lie apart whatever links say, and an export writes where it
# was allowed to although the directory is exchanged with a link meanwhile, and never over a file that
# the catalog knows.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

sub says
{
	my ($node, $sql, $options) = @_;
	local $ENV{PGOPTIONS} = $options // '';
	my ($out, $err) = ('', '');
	$node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err);
	return "$out\n$err";
}

sub put
{
	my ($path, $text) = @_;
	open my $fh, '>', $path or die "$path: $!";
	print $fh $text;
	close $fh or die;
	return;
}

my $node = etl_node();
my $root = $node->{etl_root};
my $outside = PostgreSQL::Test::Utils::tempdir;
sub customer { return join '', map { qq({"id":"$_","first_name":"A","last_name":"B","email":"$_\@example.org"}\n) } @_ }

# ---- three directories
mkdir "$root/raw/below";
mkdir "$root/processed/below";
symlink "$root/raw", "$root/raw_link" or die;
symlink "$root/raw/below", "$root/below_link" or die;
symlink "$root/processed/below", "$root/processed_below" or die;
stage($node, 'date=2026-03-01/hour=1/customers.json', customer(1, 2));
for my $case ([ archive_dir => 'raw_link', 'the raw directory by another name' ], [ processed_dir => 'raw_link', 'the same of processed files' ],
	[ archive_dir => 'below_link', 'a directory inside the raw one, by a link' ], [ raw_dir => 'processed_below', 'a raw directory inside the processed one' ],
	[ archive_dir => 'processed/../raw_link/.', 'a path with steps back' ])
{
	my ($setting, $path, $name) = @$case;
	like(says($node, q{SELECT status FROM etl_run('customers')}, "-c etl.$setting=$root/$path"), qr/55000: etl\.raw_dir, etl\.processed_dir and etl\.archive_dir must lie apart/, $name);
}
is(run_counts($node, "etl_run('customers')"), 'succeeded|1|2|2|0', 'where they lie apart, files are loaded, once');

# ---- exports over files of runs
stage($node, 'date=2026-03-01/hour=1/customers.json', customer(3));
is(run_counts($node, "etl_run('customers')"), 'succeeded|1|1|1|0', 'a second file of the name');
stage($node, 'date=2026-03-01/hour=2/customers.json', "not json\n");
$node->safe_psql('postgres', q{SELECT etl_run('customers')});
stage($node, 'date=2026-03-01/hour=2/customers.json', customer(4));
my @known = map { ("$root/processed/$_", "$root/archive/$_") } 'date=2026-03-01/hour=1/customers.json', 'date=2026-03-01/hour=1/customers.2.json';
push @known, "$root/archive/date=2026-03-01/hour=2/customers.json", "$root/raw/date=2026-03-01/hour=2/customers.json";
for my $path (@known, 'date=2026-03-01/hour=1/customers.json', 'below/../date=2026-03-01//hour=1/customers.json')
{
	my $full = $path =~ m{^/} ? $path : "$root/processed/$path";
	my $before = slurp_file($full);
	like(says($node, "SELECT etl_export('customers', '$path')"), qr/55000: cannot write over ".*customers/, 'refused: ' . ($path =~ s{\Q$root\E/}{}r));
	is(slurp_file($full), $before, 'and untouched');
}
is_sql($node, q{SELECT etl_export('customers', 'below/customers.json')}, '3', 'another directory will do');

# ---- a directory that becomes a link while an export is under way
mkdir "$root/processed/out";
put("$outside/file.jsonl", 'theirs');
put("$outside/file.jsonl.part", 'precious');
my $lock = session($node);
ask($lock, 'BEGIN; LOCK TABLE data.customers');
my ($run, $out, $err) = start_sql($node, q{SELECT etl_export('customers', 'out/file.jsonl')});
ok($node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%etl\_export%')}), 'an export waits');
rename "$root/processed/out", "$root/processed/away" or die;
symlink $outside, "$root/processed/out" or die;
ask($lock, 'COMMIT');
$run->finish;
is($$out, "3\n", 'and is written') or diag $$err;
is(join(' ', sort map { s{.*/}{}r } glob "$outside/{*,.p*}"), 'file.jsonl file.jsonl.part', 'nothing was made or removed where the link leads');
is(slurp_file("$outside/file.jsonl") . slurp_file("$outside/file.jsonl.part"), 'theirsprecious', 'nor written');
is(scalar(() = slurp_lines("$root/processed/away/file.jsonl")), 3, 'it is in the directory that was opened');
is(all_files("$root/processed/away"), 'file.jsonl', 'and nothing else is');

# ---- what a killed export left
put("$root/processed/away/.pg_etl.file.jsonl.999999999.part", 'half');
put("$root/processed/away/file.jsonl.part", 'a file of somebody');
$node->safe_psql('postgres', q{SELECT etl_export('customers', 'away/file.jsonl')});
is(all_files("$root/processed/away"), "file.jsonl\nfile.jsonl.part", 'the next one removes it, and nobody\'s files');

# ---- the same rows give the same file, whatever the session's settings are
$node->safe_psql('postgres', <<'SQL');
SELECT name FROM etl_define('{"x-etl": {"dataset": "forms", "files": ["forms.json"], "key": "/id", "tables": [{"name": "forms", "primary_key": ["id"], "columns": [
	{"name": "id", "type": "bigint", "from": "/id"}, {"name": "at", "type": "timestamptz", "from": "/at"},
	{"name": "day", "type": "date", "from": "/at"}, {"name": "f", "type": "float8", "from": "/f"}]}]}}');
SQL
stage($node, 'date=2024-03-01/hour=0/forms.json', qq({"id": 1, "at": "2024-03-31T02:30:00Z", "f": 0.1234567890123456789}\n));
is_sql($node, q{SELECT loaded FROM etl_run('forms')}, '1', 'a row whose text depends on settings');
my $odd = "SET timezone = 'America/New_York'; SET datestyle = 'SQL, DMY'; SET extra_float_digits = -10; ";
for my $format ('jsonl', 'csv')
{
	$node->safe_psql('postgres', "SELECT etl_export('forms', 'below/plain.$format', '$format')");
	$node->safe_psql('postgres', "${odd}SELECT etl_export('forms', 'below/odd.$format', '$format')");
	is(slurp_file("$root/processed/below/odd.$format"), slurp_file("$root/processed/below/plain.$format"), "an export as $format does not depend on the session");
}
done_testing();
