# What a restored database does not know beside files that were loaded: records that were released from
# quarantine after the backup, which the processed files have already, and datasets that were defined after it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => "autovacuum = off\n");
my $outside = PostgreSQL::Test::Utils::tempdir;
my ($database, $root, $copies) = ('', '', 0);
my $sql = sub { return $node->safe_psql($database, $_[0]) };

sub set_folders
{
	$node->safe_psql('postgres', "ALTER DATABASE $database SET etl.${_}_dir = '$root/$_'") for qw(raw processed archive);
	return;
}
sub begin
{
	$database = shift;
	$root = fresh_database($node, $database);
	return;
}
sub backup { $node->command_ok([ 'pg_dump', '-Fc', '-f', "$outside/dump", $database ], 'a backup'); return }

# as it was at the backup, with the files of now
sub restore
{
	$database = 'restored' . ++$copies;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->command_ok([ 'pg_restore', '-d', $node->connstr($database), "$outside/dump" ], 'is restored');
	set_folders();
	return;
}
sub customer
{
	my ($id, $name, $email) = @_;
	$email //= qq("\L$name\E\@example.com");
	return qq({"id": "$id", "first_name": "$name", "last_name": "L$id", "email": $email, "address": "Road 1", "city": "Town", "country": "DK", "postcode": "1000"}\n);
}
sub transaction
{
	my ($n, $customer) = @_;
	return sprintf '{"transaction_id": "00000000-0000-4000-8000-%012d", "transaction_time": "2020-01-01T10:00:00", "customer_id": "%s", '
	  . '"delivery_address": {"address": "1 Way", "postcode": "P", "city": "C", "country": "UK"}, '
	  . '"purchases": {"products": [{"sku": 1, "quanitity": 2, "price": "1.00", "total": "2.00"}], "total_cost": "2.00"}}' . "\n", $n, $customer;
}
my $product = '{"sku": 1, "name": "n", "price": "1.00", "category": "c", "popularity": 1.5}' . "\n";
# the numbers of sales in processed files, in order
sub sales { return join ' ', map { my $path = $_; map { /-0*(\d+)", "transaction_time/ ? "$path:$1" : () } slurp_lines("$root/processed/$path") } grep { /transactions/ } files_below("$root/processed") }
sub people { return join ' ', map { my $path = $_; map { /"id": "(\d+)"/ ? $1 : () } slurp_lines("$root/processed/$path") } grep { /customers/ } files_below("$root/processed") }

# ---- records that waited for a key, which a file after the backup brought
begin('waiting');
my ($one, $two) = map { "date=2020-01-01/hour=0$_" } 1, 2;
stage($node, "$one/products.json", $product);
stage($node, "$one/customers.json", customer(55502, 'Bbbert'));
stage($node, "$one/transactions.json", transaction(1, 55501) . transaction(2, 55502) . transaction(3, 55501));
stage($node, "$two/transactions.json.gz", transaction(4, 55501) . transaction(5, 55501));
$sql->('SELECT etl_run()');
is(sales(), "$one/transactions.json:2", 'two files of which records wait, one with nothing else');
backup();
stage($node, "$two/customers.json", customer(55501, 'Aaabel'));
$sql->('SELECT etl_run()');
my $expected = "$one/transactions.json:1 $one/transactions.json:2 $one/transactions.json:3 $two/transactions.json.gz:4 $two/transactions.json.gz:5";
is(sales(), $expected, 'they are released');
restore();
$sql->(q{SELECT etl_reload(since => '-infinity')});
is($sql->('SELECT count(*) FROM data.transactions'), '5', 'and again after a reload');
is(sales(), $expected, 'each is in one processed file, once');
is($sql->(q{SELECT count(*) FROM etl.file WHERE processed_path IS NOT NULL AND dataset = 'transactions'}), '2', 'which the catalog knows');

# ---- records that were mended and replayed after the backup
begin('mended');
stage($node, "$one/customers.json", customer(55503, 'Cccarl', 3) . customer(55501, 'Aaabel') . customer(55504, 'Dddora', 4));
$sql->('SELECT etl_run()');
is(people(), '55501', 'records that are refused');
backup();
my $mend = sub { return $sql->("UPDATE etl.quarantine SET record = replace(record, '\"email\": $_[0]', '\"email\": \"$_[1]\@example.com\"') WHERE status = 'open'; SELECT etl_replay('customers')") };
$mend->(3, 'carl');
$mend->(4, 'dora');
is(people(), '55503 55501 55504', 'are mended');
restore();
$mend->(3, 'otherwise');
is(people(), '55503 55501 55504', 'and again, otherwise: none is there twice');
is($sql->(q{SELECT count(*) FROM data.customers}), '2', 'one is still in quarantine');
$mend->(4, 'dora');
is(people(), '55503 55501 55504', 'the last is where it was');
is((join ' ', map { slurp_lines("$root/processed/$_") } files_below("$root/processed")) =~ /otherwise\@/ ? 1 : 0, 1, 'the file has what was loaded');

# ---- a file of that name that has something else
begin('others');
stage($node, "$one/products.json", $product);
stage($node, "$one/transactions.json", transaction(1, 55501));
$sql->('SELECT etl_run()');
mkdir "$root/processed/date=2020-01-01";
mkdir "$root/processed/$one";
append_to_file("$root/processed/$one/transactions.json", "somebody's own\n");
stage($node, "$two/customers.json", customer(55501, 'Aaabel'));
$sql->('SELECT etl_run()');
is($sql->(q{SELECT processed_path FROM etl.file WHERE dataset = 'transactions'}), "$one/transactions.2.json", 'is not replaced');
is(slurp_file("$root/processed/$one/transactions.json"), "somebody's own\n", 'and stays');

# ---- files that were exported after the backup: only the lost etl.export knew them
begin('exports');
stage($node, "$one/customers.json", customer(55501, 'Aaabel'));
$sql->(q{SELECT etl_run(); SELECT etl_export('customers', 'before.jsonl')});
backup();
stage($node, "$two/customers.json", customer(55502, 'Bbbert'));
$sql->(q{SELECT etl_run(); SELECT etl_export('customers', 'after.jsonl')});
restore();
my (undef, undef, $said) = $node->psql($database, q{SELECT etl_reload(since => '-infinity')});
like($said, qr/NOTICE:  files that etl_export has written since the backup are not known here\nDETAIL:  Erasures do not reach them\.\nHINT:  Export them again/, 'a reload recalls files that were exported since');
$sql->(q{SELECT etl_erase('customers', '55501')});
is(join(' ', grep { grep { /Aaabel/ } slurp_lines("$root/processed/$_") } 'before.jsonl', 'after.jsonl'), 'after.jsonl', 'which an erasure does not reach, as it says');
$sql->(q{SELECT etl_export('customers', 'after.jsonl')});
$sql->(q{SELECT etl_erase('customers', '55502')});
is(join(' ', grep { grep { /Aaabel|Bbbert/ } slurp_lines("$root/processed/$_") } 'before.jsonl', 'after.jsonl'), '', 'until they are exported again');
(undef, undef, $said) = $node->psql($database, q{SELECT etl_reload(since => '-infinity')});
unlike($said, qr/etl_export/, 'a reload of what is known says nothing of it');

# ---- a dataset that was defined after the backup
my $letters = q[{"type": "object", "x-etl": {"dataset": "letters", "files": ["letters.json"], "key": "/l",
	"subject": {"dataset": "customers", "field": "/c"}, "personal": [{"field": "/t", "treatment": "redact"}],
	"tables": [{"name": "letters", "primary_key": ["l"], "columns": [{"name": "l", "type": "bigint", "from": "/l"}, {"name": "c", "type": "bigint", "from": "/c"}, {"name": "t", "from": "/t"}]}]}}];
begin('defined');
stage($node, "$one/customers.json", customer(55501, 'Aaabel'));
$sql->('SELECT etl_run()');
backup();
$sql->("SELECT etl_define('$letters'); SELECT etl_define(replace('$letters', 'letters', 'notes')::jsonb)");
stage($node, "$one/letters.json", qq({"l": 1, "c": 55501, "t": "Dear Aaabel"}\n));
stage($node, "$one/notes.json", qq({"l": 1, "c": 55501, "t": "Note on Aaabel"}\n));
$sql->(q{SELECT etl_run()});
$sql->(q{SELECT etl_drop('notes')});
is($sql->(q{SELECT status FROM etl.health WHERE check_name = 'archive'}), 'ok', 'a dataset that was dropped is not missed');
restore();
like($sql->(q{SELECT status, message, hint FROM etl.health WHERE check_name = 'archive'}), qr/^error\|.*definitions of their datasets letters, notes\|Define it again/, 'health tells of datasets that were defined after the backup');
my (undef, undef, $refused) = $node->psql($database, "\\set VERBOSITY verbose\nSELECT etl_erase('customers', '55501')");
like($refused, qr/ERROR:  55000: the database is behind the archived files of dataset "letters", which is not defined.*HINT:  Define it again/s, 'an erasure is refused');
my (undef, undef, $told) = $node->psql($database, q{SELECT etl_reload(since => '-infinity')});
like($told, qr/WARNING:  archived files of dataset "letters" are not loaded, for it is not defined.*WARNING:.*"notes"/s, 'a reload names them');
unlike($told, qr/knows all files/, 'and does not say that all is known');
(undef, undef, $told) = $node->psql($database, q{SELECT * FROM etl_subject('customers', '55501')});
like($told, qr/WARNING:  archived files of dataset "letters" are not known here and were not looked into/, 'so does what is asked for about a person');
$sql->("SELECT etl_define('$letters'); SELECT etl_define(replace('$letters', 'letters', 'notes')::jsonb)");
$sql->(q{SELECT etl_reload(since => '-infinity')});
is($sql->(q{SELECT status FROM etl.health WHERE check_name = 'archive'}), 'ok', 'defined again and loaded again');
is($sql->(q{SELECT status FROM etl_erase('customers', '55501')}), 'completed', 'the erasure is carried out');
is((join ' ', grep { grep { /Aaabel/i } slurp_lines("$root/$_") } files_below($root)), '', 'nothing of the person is left');
done_testing();
