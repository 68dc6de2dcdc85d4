# Where an exported file lies decides whose it is, not what the session calls etl.processed_dir: no file of a run is
# overwritten, and an erasure knows every export.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
my $root = $node->{etl_root};
my $sql = sub { $node->safe_psql('postgres', $_[0]) };
my $errors = sub { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err };
sub customers { return join '', map { qq({"id": "$_", "first_name": "First$_", "last_name": "Last$_", "email": "e$_\@example.org"}\n) } @_ }
stage($node, 'date=2020-01-01/hour=00/customers.json', customers(1001 .. 1009));
$sql->(q{SELECT etl_run('customers')});

my $outside = $node->basedir . '/elsewhere';
mkdir $outside or die;
symlink "$root/processed", "$outside/link" or die;
my $contents = sub { return PostgreSQL::Test::Utils::slurp_file($_[0]) };

# ---- a run's own files, by every name and whatever the session says
my $file = 'date=2020-01-01/hour=00/customers.json';
for my $set ("'$outside'", "'$root/processed/date=2020-01-01'", "'$outside/link'", "'$root/archive'")
{
	for my $name ("$root/processed/$file", "$outside/link/$file", "$root/archive/$file")
	{
		my $before = $contents->($name);
		like($errors->("SET etl.processed_dir = $set; SELECT etl_export('customers', '$name')"), qr/^psql\S+ ERROR:  cannot write over/, "$set: $name is refused");
		is($contents->($name), $before, 'and as it was');
	}
}
like($errors->("SET etl.raw_dir = '$outside'; SET etl.archive_dir = '$outside'; SELECT etl_export('customers', '$root/archive/$file')"), qr/cannot write over/, 'nor does another archive directory help');
like($errors->("SET etl.processed_dir = '$root/processed/date=2020-01-01'; SELECT etl_export('customers', 'hour=00/customers.json')"), qr/cannot write over/, 'nor a name below another directory');

# ---- exports that were written so are known by their real place
$sql->("SET etl.processed_dir = '$outside'; SELECT etl_export('customers', 'out.jsonl'); SELECT etl_export('customers', '$root/processed/in.jsonl'); SELECT etl_export('customers', 'link/linked.csv', 'csv')");
is($sql->('SELECT string_agg(path, $$ $$ ORDER BY export_id) FROM etl.export'), "$outside/out.jsonl in.jsonl linked.csv", 'what lies in the database\'s directory has a name relative to it, all else is absolute');
is(join(' ', grep { /pg_etl/ } files_below($outside)), '', 'nothing is left in the other directory');
like($errors->(q{SELECT etl_erase('customers', '1001')}), qr{NOTICE:.*$outside/out\.jsonl.*outside etl\.processed_dir}, 'an erasure names what lies elsewhere');
my $with = sub { my ($text, @files) = @_; return join ' ', grep { my $path = $_; grep { /\Q$text\E/ } slurp_lines($path) } @files };
is($with->('First1001', "$root/processed/in.jsonl", "$root/processed/linked.csv"), '', 'and treats what lies there');

# ---- a place that has had two names
$sql->("SELECT etl_export('customers', '$outside/again.jsonl')");
$sql->("ALTER DATABASE postgres SET etl.processed_dir = '$outside'");
$sql->(q{SELECT etl_export('customers', 'again.jsonl')});
unlike($errors->(q{SELECT etl_erase('customers', '1002')}), qr{again\.jsonl}, 'a file that lies in what is the directory now is not outside it');
is($with->('First1002', "$outside/again.jsonl", "$outside/out.jsonl"), '', 'and is treated, as is one that was written before');
$sql->("ALTER DATABASE postgres SET etl.processed_dir = '$root/processed'");

# ---- and one that holds rows of another dataset since
$sql->(q{SELECT etl_define('{"x-etl": {"dataset": "notes", "files": ["notes.json"], "key": "/id", "tables": [{"name": "notes", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "first_name", "from": "/f"}]}]}}')});
stage($node, 'date=2020-01-01/hour=00/notes.json', qq({"id": 1003, "f": "no person"}\n));
$sql->(q{SELECT etl_run('notes')});
$sql->(q{SELECT etl_export('customers', 'shared.jsonl')});
$sql->(q{SELECT etl_export('notes', 'shared.jsonl')});
my $notes = $contents->("$root/processed/shared.jsonl");
$sql->(q{SELECT etl_erase('customers', '1003')});
is($contents->("$root/processed/shared.jsonl"), $notes, 'another dataset\'s rows are read as nobody\'s people');

# ---- a database where only sessions say it
$sql->("ALTER DATABASE postgres RESET etl.$_") for qw(raw_dir processed_dir archive_dir);
my $set = join '', map { "SET etl.${_}_dir = '$root/$_';" } qw(raw processed archive);
$sql->("$set SELECT etl_export('customers', 'session.jsonl'); SELECT etl_erase('customers', '1004')");
is($sql->(q{SELECT path FROM etl.export ORDER BY export_id DESC LIMIT 1}), 'session.jsonl', 'the session\'s directory is the database\'s where it has none');
is($with->('First1004', "$root/processed/session.jsonl"), '', 'and is looked into');

$node->stop;
done_testing();
