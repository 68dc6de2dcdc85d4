# Records that wait for a record of another dataset are loaded when it comes, by whatever run brings it,
# in whatever order datasets and hours come: the same tables, quarantine and processed files. No replay is
# called. Fifty orders in make soak; ETL_TEST_SEED repeats them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use List::Util qw(shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{ETL_TEST_SEED} // time;
srand $seed;
diag("seed $seed") if $ENV{ETL_SOAK} || $ENV{ETL_TEST_SEED};
my $node = etl_node();
my $base = $node->{etl_root};

# A database of its own with its three directories.
sub fresh
{
	my ($name) = @_;
	my $root = "$base/$name";
	mkdir $root or die;
	mkdir "$root/$_" or die for qw(raw processed archive);
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql('postgres', "ALTER DATABASE $name SET etl.${_}_dir = '$root/$_'") for qw(raw processed archive);
	$node->safe_psql($name, 'CREATE EXTENSION pg_etl');
	$node->{etl_root} = $root;
	return $root;
}

# A small month: three days of four hours. Customers and products come in other hours than the sales that
# name them, some never; some customers ask to be forgotten; some records are refused for what they are.
my @hours = map { my $day = $_; map { sprintf 'date=2026-03-%02d/hour=%02d', $day, $_ } 0, 1, 5, 23 } 1 .. 3;
my %files;
my @customers = 1 .. 40;
my @products = 1 .. 12;
for my $i (0 .. $#hours)
{
	# each person in two hours, the later one is what counts
	$files{$hours[$i]}{'customers.json.gz'} = join '', map { qq({"id": "$_", "first_name": "Name$_ $i", "last_name": "L", "email": "c$_\@example.org", "address": "Street$_ $i"}\n) }
	  grep { $_ % @hours == $i || ($_ + 5) % @hours == $i } @customers;
	$files{$hours[$i]}{'customers.json.gz'} .= qq({"id": "9$i", "first_name": 5, "last_name": "L", "email": "x\@example.org"}\n);
	$files{$hours[$i]}{'products.json'} = join '', map { qq({"sku": $_, "name": "P$_", "category": "c", "price": "$_.50", "popularity": 1.5}\n) } grep { $_ % @hours == ($i + 3) % @hours } @products;
	my @sales;
	for my $n (1 .. 25)
	{
		my $customer = 1 + int rand 44; # 41 to 44 never come
		my @skus = map { 1 + int rand 13 } 1 .. 1 + int rand 3;
		my $total = 0;
		my $lines = join ', ', map { $total += $_ + 0.5; qq({"sku": $_, "quanitity": 1, "price": "$_.50", "total": "$_.50"}) } @skus;
		$total += 1 if $n % 11 == 0; # a wrong sum
		push @sales, sprintf qq({"transaction_id": "%08d-0000-4000-8000-%012d", "transaction_time": "2026-03-01T10:00:00", "customer_id": "%d", "delivery_address": {"address": "Road%d", "postcode": "P", "city": "C", "country": "X"}, "purchases": {"products": [%s], "total_cost": "%.2f"}}\n),
		  $i, $n, $customer, $customer, $lines, $total;
	}
	push @sales, $sales[3]; # a line that comes twice
	$files{$hours[$i]}{'transactions.json.gz'} = join '', @sales;
}
$files{$hours[6]}{'erasure-requests.json'} = qq({"customer-id": "7", "email": "c7\@example.org"}\n{"customer-id": "12"}\n{"customer-id": "43"}\n);
$files{$hours[9]}{'erasure-requests.json.gz'} = qq({"customer-id": "30", "email": "c30\@example.org"}\n);

# What is there in the end.
sub state_of
{
	my ($name) = @_;
	my $sql = join ' UNION ALL ', map { "SELECT '$_->[0] ' || (to_jsonb(t) - 'processed_at' - 'last_change')::text FROM $_->[1] t" }
	  [ customer => 'data.customers' ], [ product => 'data.products' ], [ sale => 'data.transactions' ], [ line => 'data.purchases' ],
	  [ quarantine => '(SELECT q.dataset, f.path, q.line, q.record, q.code, q.violations, q.status, q.key, q.subject FROM etl.quarantine q JOIN etl.file f USING (file_id) WHERE q.status <> \'released\')' ],
	  [ waits => '(SELECT f.path, q.line, r.dataset, r.key FROM etl.quarantine_reference r JOIN etl.quarantine q USING (quarantine_id) JOIN etl.file f USING (file_id))' ],
	  [ file => '(SELECT path, records, loaded, quarantined, status, processed_path, archived_path FROM etl.file)' ];
	my @state = split /\n/, $node->safe_psql($name, "SET DateStyle = ISO; SELECT * FROM ($sql) s(x) ORDER BY x COLLATE \"C\"");
	my $processed = "$base/$name/processed";
	for my $path (files_below($processed))
	{
		push @state, map { "$path $_" } map { s/"last_change": *"[^"]*"/"last_change": "T"/r } slurp_lines("$processed/$path");
	}
	return join "\n", @state, '';
}

my @names = ('customers', 'products', 'transactions', 'erasure_requests');
my @calls = (sub { "SELECT etl_run('$_[0]')" }, sub { "CALL etl_load('$_[0]')" });

# In order of time, parents first: as it should be.
fresh('in_order');
for my $hour (@hours)
{
	stage($node, "$hour/$_", $files{$hour}{$_}) for keys %{ $files{$hour} };
	$node->safe_psql('in_order', 'SELECT etl_run()');
}
my $expected = state_of('in_order');
like($expected, qr/^quarantine .*"erased"/m, 'there are records of erased people in quarantine');
like($expected, qr/^waits /m, 'and such that wait for ever');
cmp_ok(scalar(() = $expected =~ /^sale .*\[erased\]/mg), '>', 5, 'and sales of erased people');
is($node->safe_psql('in_order', q{SELECT count(*) FROM etl.quarantine WHERE code = 'reference' AND status IN ('open', 'erased') AND NOT EXISTS
	(SELECT FROM etl.quarantine_reference r WHERE r.quarantine_id = quarantine.quarantine_id
	  AND NOT CASE r.dataset WHEN 'customers' THEN EXISTS (SELECT FROM data.customers c WHERE c.id::text = r.key) ELSE EXISTS (SELECT FROM data.products p WHERE p.sku::text = r.key) END)}),
	'0', 'nothing waits for what is there');

for my $n (1 .. $ENV{ETL_SOAK} ? 50 : 3)
{
	my $name = "order_$n";
	fresh($name);
	# files of one dataset stay in the order of their hours in two of three, else any order
	my @steps = shuffle((map { my $hour = $_; map { [ $hour, $_ ] } keys %{ $files{$hour} } } @hours), map { my $d = $_; map { [$d] } 1 .. 4 } @names);
	my @script;
	for my $step (@steps)
	{
		if (@$step == 2) { push @script, [ stage => @$step ]; }
		else             { push @script, [ sql => $calls[ rand @calls ]->($step->[0]) ]; }
	}
	my @last = shuffle @names;
	push @script, [ sql => "CALL etl_load('$_')" ] for @last;
	for (@script)
	{
		if ($_->[0] eq 'stage') { stage($node, "$_->[1]/$_->[2]", $files{ $_->[1] }{ $_->[2] }); }
		else                    { $node->safe_psql($name, $_->[1]); }
	}
	my $state = state_of($name);
	if (!is($state eq $expected ? 'the same' : 'different', 'the same', "order $n (seed $seed), ending with @last"))
	{
		my %in = map { $_ => 1 } split /\n/, $expected;
		my %out = map { $_ => 1 } split /\n/, $state;
		diag("missing: $_") for grep { !$out{$_} } sort keys %in;
		diag("extra: $_") for grep { !$in{$_} } sort keys %out;
		last;
	}
	$node->safe_psql('postgres', "DROP DATABASE $name");
}

# Datasets of a site's own: a chain of three, and one that refers to itself.
my $root = fresh('own');
sub sql { return $node->safe_psql('own', $_[0]) }
sub define_own
{
	my ($name, $parent, $column) = @_;
	my $references = defined $parent ? qq(, "references": [{"field": "/of", "dataset": "$parent"}]) : '';
	return sql(qq<SELECT etl_define('{"x-etl": {"dataset": "$name", "files": ["$name.jsonl"], "key": "/id"$references, "tables": [{"schema": "data", "name": "$name", "primary_key": ["id"],
	  "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "parent", "type": "bigint", "from": "/of"}]}]}}')>);
}
define_own('grandparents');
define_own('parents', 'grandparents');
define_own('children', 'parents');
define_own('staff', 'staff');
my $hour = 'date=2026-03-01/hour=02';
stage($node, "$hour/children.jsonl", qq({"id": 1, "of": 10}\n{"id": 2, "of": 11}\n{"id": 3, "of": 99}\n));
stage($node, "$hour/parents.jsonl", qq({"id": 10, "of": 100}\n{"id": 11, "of": 100}\n));
sql("SELECT etl_run('children')");
sql("SELECT etl_run('parents')");
is(sql('SELECT count(*) FROM data.children'), '0', 'all wait');
stage($node, "$hour/grandparents.jsonl", qq({"id": 100}\n));
sql("SELECT etl_run('grandparents')");
is(sql('SELECT string_agg(id::text, \',\' ORDER BY id) FROM data.children'), '1,2', 'a run releases children and theirs');
is(sql(q{SELECT string_agg(concat_ws(' ', dataset, status, records, loaded), ', ' ORDER BY run_id) FROM etl.run WHERE run_id > 2}),
	'grandparents succeeded 1 1, parents succeeded 2 2, children succeeded 2 2', 'each release has a run of its own');
is(join(',', slurp_lines("$root/processed/$hour/children.jsonl")), '{"id": 1, "of": 10},{"id": 2, "of": 11}', 'and they are in the processed file');

stage($node, "$hour/staff.jsonl", qq({"id": 3, "of": 2}\n{"id": 2, "of": 1}\n{"id": 1}\n{"id": 4, "of": 3}\n));
sql("SELECT etl_run('staff')");
is(sql('SELECT string_agg(id::text, \',\' ORDER BY id) FROM data.staff'), '1,2,3,4', 'a dataset that refers to itself, in any order');
is(join(' ', map { /"id": (\d)/ } slurp_lines("$root/processed/$hour/staff.jsonl")), '3 2 1 4', 'in the order of the source');

# Children whose table is in a bad state do not keep their parents from being loaded.
stage($node, 'date=2026-03-01/hour=03/parents.jsonl', qq({"id": 99, "of": 100}\n));
sql('ALTER TABLE data.children RENAME COLUMN parent TO other');
my ($rc, $out, $err) = $node->psql('own', "SELECT status, loaded FROM etl_run('parents')");
is($out, 'succeeded|1', 'a parent is loaded although its children cannot be');
like($err, qr/WARNING:.*records of dataset "children" that waited could not be loaded/, 'a WARNING tells');
is(sql(q{SELECT dataset || ' ' || status || ' ' || sqlstate || ' ' || (error ~ 'does not fit') FROM etl.run ORDER BY run_id DESC LIMIT 1}), 'children failed 42804 true', 'and so does their run');
sql('ALTER TABLE data.children RENAME COLUMN other TO parent');
sql('CALL etl_load(\'children\')');
is(sql('SELECT count(*) FROM data.children WHERE id = 3'), '1', 'their own next run releases them, without any new file');
is(sql('SELECT count(*) FROM etl.quarantine_reference'), '0', 'nothing waits any more');

# While another session runs the children's dataset, the parent's run goes on without them.
stage($node, 'date=2026-03-01/hour=04/children.jsonl', qq({"id": 5, "of": 77}\n));
sql("SELECT etl_run('children')");
my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('own') ], '<', \my $in, '>', \my $said, '2>&1', IPC::Run::timeout(60));
$in = "BEGIN; SELECT etl_run('children'); \\echo runs\n";
$session->pump until $said =~ /^runs$/m;
stage($node, 'date=2026-03-01/hour=04/parents.jsonl', qq({"id": 77, "of": 100}\n));
is(sql("SELECT status FROM etl_run('parents')"), 'succeeded', 'the parent is loaded meanwhile');
is(sql('SELECT count(*) FROM data.children WHERE id = 5'), '0', 'its child is not yet');
$in .= "COMMIT;\n\\q\n";
$session->finish;
sql("SELECT etl_run('parents')");
is(sql('SELECT count(*) FROM data.children WHERE id = 5'), '1', 'the next run of either dataset releases it');

# A run of the children does not give up for a session that only releases some of them: nobody else would
# take its files.
stage($node, 'date=2026-03-01/hour=06/children.jsonl', qq({"id": 6, "of": 78}\n));
sql("SELECT etl_run('children')");
stage($node, 'date=2026-03-01/hour=06/parents.jsonl', qq({"id": 78, "of": 100}\n));
$said = '';
$session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('own') ], '<', \$in, '>', \$said, '2>&1', IPC::Run::timeout(60));
$in = "BEGIN; SELECT etl_run('parents'); \\echo runs\n";
$session->pump until $said =~ /^runs$/m;
stage($node, 'date=2026-03-01/hour=07/children.jsonl', qq({"id": 7, "of": 78}\n));
my $other = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('own'), '-c', "SELECT status, loaded FROM etl_run('children')" ], '<', \'', '>', \my $waited, '2>&1', IPC::Run::timeout(60));
ok($node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%etl\_run%')}), 'a run of the children waits');
$in .= "COMMIT;\n\\q\n";
$session->finish;
$other->finish;
is($waited, "succeeded|1\n", 'and loads its files when they are released');

# Whoever ran a child's only release keeps the run's statements few, however many wait.
stage($node, 'date=2026-03-02/hour=00/children.jsonl', join '', map { qq({"id": $_, "of": 500}\n) } 1000 .. 3999);
sql("SELECT etl_run('children')");
stage($node, 'date=2026-03-02/hour=00/parents.jsonl', qq({"id": 500, "of": 100}\n));
sql("SELECT etl_run('parents')");
is(sql('SELECT count(*) FROM data.children WHERE id >= 1000'), '3000', 'many that wait for one');
is(scalar(slurp_lines("$root/processed/date=2026-03-02/hour=00/children.jsonl")), 3000, 'all are in the processed file');

$node->stop;
done_testing();
