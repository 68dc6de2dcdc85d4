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

sub fresh { return fresh_database($node, $_[0]) }

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

sub state_of { return end_state($node, $_[0], "$base/$_[0]/processed") }

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

for my $n (1 .. ($ENV{ETL_SOAK} ? 50 : 3))
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
		diag($_) for differences($state, $expected);
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

# A refused record waits for nobody. When it is mended after what it refers to has come, a replay loads it;
# one that is mended before that waits from then on, and is released.
stage($node, "$hour/staff.jsonl", qq({"id": "x", "of": 50}\n{"id": 41, "of": "y"}\n{"id": 42, "of": 50}\n));
is(sql("SELECT loaded || ' ' || quarantined FROM etl_run('staff')"), '0 3', 'two are refused for what they are, one waits');
is(sql("SELECT string_agg(key, ',') FROM etl.quarantine_reference WHERE dataset = 'staff'"), '50', 'only that one waits for somebody');
sql(q{UPDATE etl.quarantine SET record = '{"id": 40, "of": 50}' WHERE record LIKE '%"x"%'});
is(sql("SELECT loaded || ' ' || quarantined FROM etl_replay('staff')"), '0 3', 'mended before: it cannot be loaded yet');
is(sql("SELECT count(*) FROM etl.quarantine_reference WHERE dataset = 'staff' AND key = '50'"), '2', 'and waits as well');
stage($node, 'date=2026-03-01/hour=08/staff.jsonl', qq({"id": 50}\n));
sql("SELECT etl_run('staff')");
is(sql("SELECT string_agg(id::text, ',' ORDER BY id) FROM data.staff WHERE id >= 40"), '40,42,50', 'both are released');
is(sql(q{SELECT violations -> 0 ->> 'code' FROM etl.quarantine WHERE dataset = 'staff' AND status = 'open'}), 'type', 'the other is as it was');
sql(q{UPDATE etl.quarantine SET record = '{"id": 41, "of": 50}' WHERE dataset = 'staff' AND status = 'open'});
is(sql("SELECT loaded || ' ' || quarantined FROM etl_replay('staff')"), '1 0', 'mended afterwards: it is loaded by the replay');
is(sql("SELECT parent FROM data.staff WHERE id = 41"), '50', 'with what it refers to');
is(sql(q{SELECT count(*) FROM etl.quarantine WHERE dataset = 'staff' AND status = 'open'}) . sql('SELECT count(*) FROM etl.quarantine_reference'), '00', 'nothing is left');
is(join(' ', sort map { /"id": (\d+)/ } slurp_lines("$root/processed/" . (grep { /staff\.2/ } files_below("$root/processed"))[0])), '40 41 42', 'they are in the processed file');

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
