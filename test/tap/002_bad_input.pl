# What bad input gets: the record is quarantined, or the one file fails, with a message that says what
# and where; every other record and file is loaded.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => "etl.max_record_size = '4kB'\n");
my $root = $node->{etl_root};
my $hour = 'date=2020-01-01/hour=0';

sub product { my ($sku, $rest) = @_; return qq({"sku": $sku, "name": "n", "price": "1.00", "category": "c", "popularity": 1.5$rest}) }

sub customer
{
	my ($id, %field) = @_;
	my %all = (id => qq("$id"), first_name => '"Ann"', last_name => '"Bee"', email => '"a@example.com"', %field);
	return '{' . join(', ', map { qq("$_": $all{$_}) } grep { defined $all{$_} } sort keys %all) . '}';
}

my $uuid = 0;

sub transaction
{
	my ($customer, $lines, $total, %field) = @_;
	my $id = $field{id} // sprintf('00000000-0000-0000-0000-%012d', ++$uuid);
	my $products = join ', ', map { sprintf '{"sku": %s, "quanitity": %s, "price": "%s", "total": "%s"}', @$_ } @$lines;
	my $time = $field{time} // '2020-01-01T10:00:00';
	return qq({"transaction_id": "$id", "transaction_time": "$time", "customer_id": "$customer", "delivery_address": )
	  . qq({"address": "1 Way", "postcode": "P", "city": "C", "country": "UK"}, "purchases": {"products": [$products], "total_cost": "$total"}});
}

# code|keyword|pointer of each quarantined record of a file, by line
sub reasons
{
	my ($path) = @_;
	return $node->safe_psql('postgres',
		qq{SELECT q.line, q.code, violations -> 0 ->> 'keyword', violations -> 0 ->> 'pointer', violations -> 0 ->> 'sqlstate'
		     FROM etl.quarantine q JOIN etl.file f USING (file_id) WHERE f.path = '$path' ORDER BY q.line});
}

# ---- records
my @products = (
	product(1, ''),
	'{"sku": 2, "name": ',
	product(3, ', "extra": 1'),
	product('"4"', ''),
	'{"sku": 5, "name": null, "price": "1.00", "category": "c", "popularity": 1.5}',
	'{"sku": 6, "name": "n", "category": "c", "popularity": 1.5}',
	'{"sku": 7, "name": "n", "price": "NaN", "category": "c", "popularity": 1.5}',
	'{"sku": 8, "name": "n", "price": "0.00", "category": "c", "popularity": 1.5}',
	product('1234567890123456789012345678901234567890', ''),
	'{"sku": 10, "name": "n", "price": "123456789012345678901234567890", "category": "c", "popularity": 1.5}',
	product(1, ''),
	qq({"sku": 12, "name": "\xff\xfe", "price": "1.00", "category": "c", "popularity": 1.5}),
	'{"sku": 13, "name": "a\u0000b", "price": "1.00", "category": "c", "popularity": 1.5}',
	'{"sku": 14, "sku": 15, "name": "n", "price": "1.00", "category": "c", "popularity": 1.5}',
	'{"sku": 16, "name": ' . '[' x 2000 . ']' x 2000 . ', "price": "1.00", "category": "c", "popularity": 1.5}',
	'{"sku": 17, "name": "' . 'x' x 5000 . '", "price": "1.00", "category": "c", "popularity": 1.5}',
	'',
	'   ',
	'{"sku": 18, "name": "n", "price": 2.5, "category": "c", "popularity": 1.5}',
	'{"sku": 9223372036854775808, "name": "n", "price": "1.00", "category": "c", "popularity": 1.5}',
	'[1, 2]',
	'null',
	'{"sku": 1e1, "name": "n", "price": "1e1", "category": "c", "popularity": 1.5}',
	product(19, ''));
stage($node, "$hour/products.json.gz", join("\n", @products)); # the last line has no newline
is(run_counts($node, "etl_run('products')"), 'succeeded|1|22|4|18', 'good products are loaded whatever stands beside them');
is(reasons("$hour/products.json.gz"), <<'TXT' =~ s/\n\z//r, 'each bad product with its reason');
2|malformed|json|/name|22P02
3|schema|additionalProperties|/extra|23514
4|schema|type|/sku|23514
5|schema|type|/name|23514
6|schema|required||23514
7|schema|type|/price|23514
8|schema|exclusiveMinimum|/price|23514
9|type|bigint|/sku|22003
10|type|numeric(10,2)|/price|22003
11|duplicate|key|/sku|23505
12|malformed|json||22021
13|type|text|/name|22P05
14|malformed|json|/sku|22P02
15|malformed|json||54001
16|malformed|maxRecordSize||54000
20|type|bigint|/sku|22003
21|schema|type||23514
22|schema|type||23514
TXT
is_sql($node, 'SELECT sku, price FROM data.products ORDER BY sku', "1|1.00\n10|10.00\n18|2.50\n19|1.00", 'the good ones');
is_sql($node, q{SELECT octet_length(record_bytes) > 0, record LIKE '%' || U&'\FFFD' || '%' FROM etl.quarantine WHERE line = 12}, 't|t',
	'the exact bytes of what text cannot hold are kept');
is_sql($node, q{SELECT length(record) < 4200 FROM etl.quarantine WHERE line = 16}, 't', 'of a record that is too long its beginning');
is_sql($node, q{SELECT violations -> 0 ->> 'message' FROM etl.quarantine WHERE line = 5}, '/name: expected string, got null', 'a message says what and where');

# CRLF, a byte-order mark, duplicates within a file and updates by later files
stage($node, "$hour/customers.json.gz", "\xEF\xBB\xBF" . join("\r\n", customer(1), customer(2, date_of_birth => '"2001-02-30"'),
	customer('x'), customer('99999999999999999999'), customer('01'), customer(3, date_of_birth => '"2000-02-29"'), customer(4, email => undef),
	customer(5, phone_number => 5)) . "\r\n");
stage($node, 'date=2020-01-01/hour=1/customers.json', customer(1, last_name => '"New"') . "\n");
stage($node, 'date=2020-01-01/hour=02/customers.json', "[\n" . customer(6) . ",\n" . customer(7) =~ s/, /,\n  /gr . "\n]\n");
is(run_counts($node, "etl_run('customers')"), 'succeeded|3|11|5|6', 'customers');
is(reasons("$hour/customers.json.gz"), <<'TXT' =~ s/\n\z//r, 'each bad customer with its reason');
2|type|date|/date_of_birth|22008
3|type|bigint|/id|22P02
4|type|bigint|/id|22003
5|duplicate|key|/id|23505
7|schema|required||23514
8|schema|type|/phone_number|23514
TXT
is_sql($node, 'SELECT id, last_name, record_hour FROM data.customers ORDER BY id', "1|New|1\n3|Bee|0\n6|Bee|2\n7|Bee|2", 'customers are updated by later files; an array is read');

my $first = transaction(1, [ [ 1, 2, '1.00', '2.00' ] ], '2.00');
my @transactions = ($first,
	transaction(1, [ [ 1, 1, '1.005', '1.01' ] ], '1.005'),
	transaction(1, [ [ 1, 3, '0.10', '0.30' ], [ 10, 3, '0.20', '0.60' ] ], '0.90'),
	transaction(1, [ [ 1, 1, '1.00', '1.00' ] ], '1.01'),
	transaction(404, [ [ 1, 1, '1.00', '1.00' ] ], '1.00'),
	transaction(1, [ [ 404, 1, '1.00', '1.00' ] ], '1.00'),
	$first,
	transaction(1, [ [ 1, 1, '1.00', '1.00' ] ], '1.00', time => '2020-02-30T00:00:00'),
	transaction(1, [ [ 1, 99999999999, '1.00', '1.00' ] ], '1.00'),
	transaction(1, [ [ 1, 1, '1.00', '1.00' ] ], '1.00', id => 'no-uuid'),
	transaction(1, [], '0.00'),
	transaction(404, [ [ 1, 1, '1.00', '1.00' ] ], '7.00'));
stage($node, "$hour/transactions.json.gz", join("\n", @transactions) . "\n");
is(run_counts($node, "etl_run('transactions')"), 'succeeded|1|12|4|8', 'transactions');
# what the schema, the type, the record's own checks or the database refuses is told apart line by line
my %refused = map { split /\|/, $_, 2 } split /\n/, $node->safe_psql('postgres', q{SELECT line, record FROM etl.quarantine WHERE dataset = 'transactions'});
is_deeply([ map { $refused{$_} } sort { $a <=> $b } keys %refused ], [ map { $transactions[ $_ - 1 ] } sort { $a <=> $b } keys %refused ], 'the quarantine has the text of what was refused');
is_deeply([ slurp_lines("$root/processed/$hour/transactions.json.gz") ], [ map { $transactions[ $_ - 1 ] } grep { !exists $refused{$_} } 1 .. @transactions ],
	'and the processed file all others');
is(reasons("$hour/transactions.json.gz"), <<'TXT' =~ s/\n\z//r, 'each bad transaction with its reason');
4|check|total_cost|/purchases/total_cost|23514
5|reference|references|/customer_id|23503
6|reference|references|/purchases/products/0/sku|23503
7|duplicate|key|/transaction_id|23505
8|type|timestamp with time zone|/transaction_time|22008
9|type|integer|/purchases/products/0/quanitity|22003
10|type|uuid|/transaction_id|22P02
12|reference|references|/customer_id|23503
TXT
is_sql($node, q{SELECT string_agg(v ->> 'code', ' ') FROM etl.quarantine, jsonb_array_elements(violations) v WHERE line = 12 AND dataset = 'transactions'},
	'reference check', 'all violations of a record are kept');
is_sql($node, q{SELECT v ->> 'dataset', v ->> 'key' FROM etl.quarantine, jsonb_array_elements(violations) v WHERE line = 5 AND dataset = 'transactions'},
	'customers|404', 'a missing reference names dataset and key');

# ---- erasure requests
stage($node, "$hour/erasure-requests.json", qq({"customer-id": "7"}\n{"email": 5}\n{}\n{"customer-id": "7"}\n{"customer-id": "8888"}\n));
is(run_counts($node, "etl_run('erasure_requests')"), 'succeeded|1|5|2|3', 'erasure requests');
is(reasons("$hour/erasure-requests.json"), "2|schema|type|/email|23514\n3|schema|anyOf||23514\n4|duplicate|key|/customer-id|23505", 'bad requests');

# ---- files
my $gz = PostgreSQL::Test::Utils::slurp_file(stage($node, 'date=2020-01-02/hour=0/products.json.gz', product(50, '') . "\n" . product(51, '')));
stage($node, 'date=2020-01-02/hour=1/products.json.gz', substr($gz, 0, length($gz) - 9));
stage($node, 'date=2020-01-02/hour=2/products.json.gz', "\x1f\x8bno gzip at all");
stage($node, 'date=2020-01-02/hour=3/products.json', '');
stage($node, 'date=2020-01-02/hour=4/products.json', "\n\r\n   \n");
stage($node, 'date=2020-01-02/hour=5/products.json.gz', '', 'raw');
stage($node, 'date=2020-13-01/hour=0/products.json', product(52, ''));
stage($node, 'date=2020-02-30/hour=0/products.json', product(52, ''));
stage($node, 'date=2020-01-02/hour=24/products.json', product(52, ''));
stage($node, 'date=2020-01-02/hour=6/customers_2.json.gz', customer(60));
stage($node, 'date=2020-01-02/hour=6/.DS_Store', 'x');
stage($node, 'date=2020-01-02/hour=6/notes.txt', 'x');
stage($node, 'date=2020-01-02/hour=6/products.json.part', product(53, ''));
stage($node, 'date=2020-01-02/hour=7/products.json', $gz);
my ($status, $error) = split /\n/, $node->safe_psql('postgres', q{SELECT status || '|' || files || '|' || records || '|' || loaded || E'\n' || error FROM etl_run('products')});
is($status, 'partial|7|4|4', 'files that fail do not keep the others');
like($error, qr/^3 of 7 files failed, the first: date=2020-01-02.hour=1/, 'the run names the first');
is_sql($node, q{SELECT path, status, records, loaded, error FROM etl.file WHERE path LIKE 'date=2020-01-02/%' ORDER BY path}, <<'TXT' =~ s/\n\z//r, 'every file has its row');
date=2020-01-02/hour=0/products.json.gz|archived|2|2|
date=2020-01-02/hour=1/products.json.gz|failed|0|0|gzip stream ends early at byte 80
date=2020-01-02/hour=2/products.json.gz|failed|0|0|unsupported gzip compression method at byte 2
date=2020-01-02/hour=3/products.json|archived|0|0|
date=2020-01-02/hour=4/products.json|archived|0|0|
date=2020-01-02/hour=5/products.json.gz|failed|0|0|not in gzip format: the file is empty
date=2020-01-02/hour=7/products.json|archived|2|2|
TXT
is_sql($node, 'SELECT path, nearest FROM etl.unclaimed ORDER BY path', <<'TXT' =~ s/\n\z//r, 'what no dataset claims is listed');
date=2020-01-02/hour=24/products.json|products
date=2020-01-02/hour=6/customers_2.json.gz|customers
date=2020-01-02/hour=6/notes.txt|
date=2020-02-30/hour=0/products.json|products
date=2020-13-01/hour=0/products.json|products
TXT

# a failed file is tried again, and loaded once it is whole
stage($node, 'date=2020-01-02/hour=1/products.json.gz', product(54, ''));
is_sql($node, q{SELECT status, files, loaded FROM etl_run('products')}, 'partial|3|1', 'a failed file is loaded once it is whole');

# the same bytes again; other bytes under the same name
stage($node, 'date=2020-01-02/hour=0/products.json.gz', $gz);
is_sql($node, q{SELECT status, files, records, loaded FROM etl_run('products')}, 'partial|3|0|0', 'the same bytes again are recognised');
is_sql($node, q{SELECT count(*) FROM etl.file WHERE status = 'duplicate' AND archived_path IS NOT NULL}, '1', 'and archived');
stage($node, 'date=2020-01-02/hour=0/products.json.gz', product(55, ''));
is_sql($node, q{SELECT files, loaded FROM etl_run('products')}, '3|1', 'other bytes under the same name are loaded');
is_sql($node, q{SELECT count(DISTINCT processed_path), count(DISTINCT archived_path) FROM etl.file WHERE path = 'date=2020-01-02/hour=0/products.json.gz'}, '2|3', 'and replace nothing');
for my $column (qw(processed archived))
{
	my $folder = $column eq 'archived' ? 'archive' : $column;
	my @paths = split /\n/, $node->safe_psql('postgres', "SELECT ${column}_path FROM etl.file WHERE ${column}_path IS NOT NULL");
	is(scalar(grep { !-f "$root/$folder/$_" } @paths), 0, "every $column file is where the catalog says");
}
is(-e "$root/processed/date=2020-01-02/hour=3/products.json" ? 1 : 0, 0, 'no accepted record, no processed file');

# nothing of the values of records in the server's log
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/a\@example\.com|Ann|1 Way/, 'no personal data in the server log at debug1');

# What a run has refused is not looked through for each of its batches.
$node->safe_psql('postgres', q{DELETE FROM etl.quarantine});
stage($node, 'date=2020-03-01/hour=0/transactions.json', join '', map { transaction(1, [ [ 1, 1, '1.00', '1.00' ] ], '1.00') =~ s/\}$/, "extra": 1}\n/r } 1 .. 60000);
$node->safe_psql('postgres', 'SELECT pg_stat_reset()');
is(run_counts($node, "etl_run('transactions')"), 'succeeded|1|60000|0|60000', 'a file with nothing but refused records');
my $rows = q{SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_all_tables WHERE relid = 'etl.quarantine'::regclass};
$node->poll_query_until('postgres', q{SELECT n_tup_ins >= 60000 FROM pg_stat_all_tables WHERE relid = 'etl.quarantine'::regclass});
cmp_ok($node->safe_psql('postgres', $rows), '<', 30000, 'of which the run has not looked at all again');

$node->stop;
done_testing();
