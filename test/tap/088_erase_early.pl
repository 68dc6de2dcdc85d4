# Requests that come before the data, and files that were exported: whatever comes first, the end is the
# same, and the term of a request counts from its delivery.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
my $sql = sub { $node->safe_psql('postgres', $_[0]) };
my $errors = sub { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err };
my $hours = 0;
my $next = sub { return sprintf 'date=2020-01-%02d/hour=%02d', 1 + int($hours / 24), $hours++ % 24 };

sub customer { my ($id, $email) = @_; return qq({"id": "$id", "first_name": "First$id", "last_name": "Last$id", "email": "$email", "address": "Secret$id Street"}\n) }

sub sale
{
	my ($customer) = @_;
	return sprintf('{"transaction_id": "00000000-0000-4000-8000-%012d", "transaction_time": "2020-01-01T10:00:00", "customer_id": "%s", '
		  . '"delivery_address": {"address": "Secret%s Street", "postcode": "P%s", "city": "c", "country": "x"}, '
		  . '"purchases": {"products": [{"sku": 1, "quanitity": 1, "price": "1.00", "total": "1.00"}], "total_cost": "1.00"}}' . "\n",
		$customer, $customer, $customer, $customer);
}

sub files_with
{
	my ($text) = @_;
	my @found;
	for my $folder (qw(raw processed archive))
	{
		push @found, map { "$folder/$_" } grep { my $path = $_; grep { /\Q$text\E/ } slurp_lines("$node->{etl_root}/$folder/$path") } files_below("$node->{etl_root}/$folder");
	}
	return join ' ', @found;
}

stage($node, $next->() . '/products.json', qq({"sku": 1, "name": "n", "price": "1.00", "category": "c", "popularity": 1}\n));
$sql->("SELECT etl_run('products')");

# ---- by email alone, before the person is known: every order of what comes after
my %datasets = (c => 'customers', t => 'transactions', e => 'erasure-requests');
my $id = 10;
for my $order (qw(ect etc cet tec tce cte))
{
	++$id;
	my %content = (c => customer($id, "Ann$id\@Example.org"), t => sale($id), e => qq({"email": "ann$id\@example.org"}\n));
	for my $kind (split //, $order)
	{
		stage($node, $next->() . "/$datasets{$kind}.json", $content{$kind});
		$sql->("SELECT etl_run('" . ($datasets{$kind} =~ tr{-}{_}r) . "')");
	}
	$sql->(q{SELECT etl_replay('transactions')});
	is($sql->("SELECT first_name FROM data.customers WHERE id = $id"), '[erased]', "$order: the person is treated");
	is($sql->("SELECT address || postcode FROM data.transactions WHERE customer_id = $id"), '[erased][erased]', "$order: so is their sale");
	is($sql->("SELECT count(*) FROM etl.quarantine WHERE record LIKE '%Secret$id%'"), '0', "$order: and what waited");
	is(files_with("Secret$id"), '', "$order: no file has the address");
	is($sql->("SELECT status FROM etl_erase('customers', email => 'ann$id\@example.org')"), 'duplicate', "$order: asked again by email");
	is($sql->("SELECT status FROM etl_erase('customers', '$id')"), 'duplicate', "$order: and by key");
}
stage($node, $next->() . '/erasure-requests.json', qq({"email": "both\@example.org"}\n));
stage($node, $next->() . '/customers.json', customer(30, 'both@example.org') . customer(31, 'BOTH@example.org') . customer(32, 'other@example.org'));
$sql->('SELECT etl_run()');
$sql->('SELECT etl_run()');
is($sql->(q{SELECT string_agg(id::text, ' ' ORDER BY id) FROM data.customers WHERE id BETWEEN 30 AND 32 AND first_name = '[erased]'}), '30 31', 'all who have the email are, and nobody else');
is($sql->(q{SELECT count(*) FROM etl.tombstone WHERE kind = 'subject' AND hash IN (etl_internal.subject_hash('customers', '30'), etl_internal.subject_hash('customers', '31'))}), '2', 'each is known by their key then');
is($sql->(q{SELECT etl_reinstate('customers', '30', 'came back')}) > 1 ? 'yes' : 'no', 'yes', 'who comes back is not recognised by the email any more');
stage($node, $next->() . '/customers.json', customer(30, 'both@example.org'));
$sql->(q{SELECT etl_run('customers')});
is($sql->('SELECT first_name FROM data.customers WHERE id = 30'), 'First30', 'and loaded as they come');

# staged when the request comes, loaded after it
my $hour = $next->();
stage($node, "$hour/customers.json", customer(40, 'staged@example.org'));
is($sql->(q{SELECT status FROM etl_erase('customers', email => 'staged@example.org')}), 'completed', 'somebody who is only staged is found by email');
stage($node, $next->() . '/transactions.json', sale(40));
$sql->("SELECT etl_run('$_')") for qw(customers transactions);
is($sql->('SELECT c.first_name, t.address FROM data.customers c JOIN data.transactions t ON t.customer_id = c.id WHERE c.id = 40'), '[erased]|[erased]', 'they and their sales come treated');

# ---- one's key and another's email: the same end before and after the data
for my $order ('data first', 'request first')
{
	my ($one, $other) = $order eq 'data first' ? (50, 51) : (60, 61);
	my $load = sub {
		stage($node, $next->() . '/customers.json', customer($one, "one$one\@example.org") . customer($other, "other$other\@example.org"));
		$sql->(q{SELECT etl_run('customers')});
	};
	my $ask = sub {
		stage($node, $next->() . '/erasure-requests.json', qq({"customer-id": "$one", "email": "other$other\@example.org"}\n));
		$sql->(q{SELECT etl_run('erasure_requests')});
	};
	$_->() for $order eq 'data first' ? ($load, $ask) : ($ask, $load);
	is($sql->("SELECT string_agg(first_name, ' ' ORDER BY id) FROM data.customers WHERE id IN ($one, $other)"), "[erased] First$other", "$order: the one is erased, the owner of the email is not");
}

# ---- the term counts from the delivery
is($sql->(q{SELECT count(*) FROM etl.erasure WHERE source LIKE 'date=2020-01-0%' AND received_at <> to_timestamp(substr(source, 6, 10) || ' ' || substr(source, 22, 2), 'YYYY-MM-DD HH24') AT TIME ZONE current_setting('TimeZone') AT TIME ZONE 'UTC'}), '0',
	'received when its partition says');
is($sql->(q{SELECT bool_and(within_30_days IS FALSE) FROM etl.erasure_report WHERE source LIKE 'date=2020%' AND status = 'completed'}), 't', 'so that one loaded late was not done in time');
is($sql->(q{SELECT bool_and(received_at > now() - interval '1 hour') FROM etl.erasure WHERE source = 'sql'}), 't', 'one in SQL is received when it is made');
stage($node, 'date=2099-01-01/hour=00/erasure-requests.json', qq({"customer-id": "32"}\n));
$sql->(q{SELECT etl_run('erasure_requests')});
is($sql->(q{SELECT received_at <= now() FROM etl.erasure WHERE source LIKE 'date=2099%'}), 't', 'nothing is received before it came');
# also of one that was refused and mended
stage($node, "date=$_/hour=07/erasure-requests.json", qq({"customer-id": "33", "why": "spam"}\n{"customer-id": "34", "why": "spam"}\n)) for qw(2020-03-01 2099-03-01);
$sql->(q{SELECT etl_run('erasure_requests')});
$sql->(q{UPDATE etl.quarantine q SET record = format('{"customer-id": "%s"}', 40 + quarantine_id) FROM etl.file f WHERE f.file_id = q.file_id AND q.status = 'open' AND f.path LIKE '%/erasure-requests.json'});
$sql->(q{SELECT pg_sleep(0.01); SELECT etl_replay('erasure_requests')});
is($sql->(q{SELECT string_agg(CASE WHEN received_at > now() - interval '1 hour' THEN 'now' ELSE (received_at AT TIME ZONE 'UTC')::text END, ', ' ORDER BY received_at) FROM etl.erasure WHERE source = 'quarantine'}),
	'2020-03-01 07:00:00, 2020-03-01 07:00:00, now, now', 'one that waited in quarantine was received when its file was');
is($sql->(q{SELECT count(*) FROM etl.erasure e, etl.quarantine q, etl.file f WHERE e.source = 'quarantine' AND f.file_id = q.file_id AND f.path LIKE 'date=2099-03%' AND e.received_at > now() - interval '1 hour' AND e.received_at = q.quarantined_at}), '4', 'or at the latest when it was refused');

# ---- exported files
stage($node, $next->() . '/customers.json', join '', map { customer($_, "export$_\@example.org") } 70 .. 74);
$sql->(q{SELECT etl_run('customers')});
# no definition can name these: the table computes them
$sql->(q{ALTER TABLE data.customers ADD shout text GENERATED ALWAYS AS (upper(first_name || ' ' || last_name)) STORED, ADD twice bigint GENERATED ALWAYS AS (id * 2) STORED});
my $outside = $node->basedir . '/outside';
mkdir $outside or die;
my $rows = $sql->('SELECT count(*) FROM data.customers');
$sql->(q{SELECT etl_export('customers', 'all.jsonl.gz'), etl_export('customers', 'all.csv', 'csv'), etl_export('customers', 'all.csv.gz', 'csv'), etl_export('customers', 'hidden.jsonl', anonymized => true)});
$sql->("SELECT etl_export('customers', '$outside/all.jsonl')");
is($sql->('SELECT count(*), count(DISTINCT export_id), min(row_count), max(exported_by) = session_user::text FROM etl.export'), "5|5|$rows|t", 'exports are remembered');
$sql->(q{BEGIN; SELECT etl_export('customers', 'undone.jsonl'); ROLLBACK});
ok(!-e "$node->{etl_root}/processed/undone.jsonl", 'one that is rolled back leaves no file');
my $before = join "\n", grep { !/export72/ } slurp_lines("$node->{etl_root}/processed/all.csv");
my $hidden = PostgreSQL::Test::Utils::slurp_file("$node->{etl_root}/processed/hidden.jsonl");
like($sql->(q{SELECT etl_subject('customers', '72')}), qr/exported\/$_/, "subject access shows $_") for 'all.jsonl.gz', 'all.csv', 'all.csv.gz';
like($sql->(q{SELECT (etl_erase('customers', '72', dry_run => true)).plan -> 'unreached'}), qr/outside/, 'the plan names what lies outside');
like($errors->(q{SELECT etl_erase('customers', '72')}), qr/NOTICE:.*$outside\/all\.jsonl.*stays as it is: an exported file outside etl\.processed_dir/, 'so does the notice');
is($sql->(q{SELECT count(*) FROM etl.erasure WHERE remarks @? '$[*].remark ? (@ like_regex "outside etl.processed_dir")'}), '1', 'and the request');
is(files_with('Secret72'), '', 'no file below the folders has the person');
is(files_with('FIRST72'), '', 'nor what was generated from them');
is(scalar(grep { /"shout":null,"twice":144\b/ } slurp_lines("$node->{etl_root}/processed/all.jsonl.gz")), 1, 'what was not stays');
is(scalar(grep { /Secret71/ } slurp_lines("$node->{etl_root}/processed/$_")), 1, "$_: others stay") for 'all.jsonl.gz', 'all.csv', 'all.csv.gz';
is(scalar(grep { /"id":72\b/ } slurp_lines("$node->{etl_root}/processed/all.jsonl.gz")), 1, 'the line is treated');
is(join("\n", grep { !/^72,/ } slurp_lines("$node->{etl_root}/processed/all.csv")), $before, 'every other line of a CSV file stands as it was');
like((grep { /^72,/ } slurp_lines("$node->{etl_root}/processed/all.csv"))[0], qr/^72,\[erased\],\[erased\],,[0-9a-f]{32}\@erased\.invalid,/, 'the row is treated, and null stays null');
is($sql->(q{SELECT string_agg(path, ' ' ORDER BY path) FROM etl.export WHERE path NOT LIKE '/%' AND sha256 <> sha256(pg_read_binary_file(current_setting('etl.processed_dir') || '/' || path))}), '', 'their hashes are known anew');
is(PostgreSQL::Test::Utils::slurp_file("$node->{etl_root}/processed/hidden.jsonl"), $hidden, 'a treated export is left alone');
$sql->(q{CREATE ROLE somebody LOGIN});
like(do { my ($o, $e); $node->psql('postgres', q{INSERT INTO etl.export (dataset, path, sha256, format, anonymized, row_count) VALUES ('customers', 'x', '', 'csv', false, 0)}, extra_params => [ '-U', 'somebody' ], stdout => \$o, stderr => \$e); $e },
	qr/permission denied/, 'nobody writes rows of etl.export by himself');

$node->stop;
done_testing();
