# Many erasure requests in one file, nearly all of them for people whom nobody knows: each is answered,
# and the number of statements does not grow with the number of requests. A million in make soak.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $outside = PostgreSQL::Test::Utils::tempdir;
my $node = etl_node(conf => "etl.key_file = '$outside/key'\nshared_preload_libraries = 'pg_stat_statements'\npg_stat_statements.track = all\n");
sub sql { return $node->safe_psql('postgres', $_[0]) }
sql('CREATE EXTENSION pg_stat_statements');

my $hour = 0;
# requests for the two customers and for strangers; how many statements their run took
sub statements_for
{
	my ($known, $from, $count) = @_;
	my $folder = sprintf 'date=2020-01-02/hour=%02d', $hour++;
	stage($node, "$folder/erasure-requests.json.gz", join '', map { qq({"customer-id": "$_", "email": "p$_\@example.org"}\n) } @$known, $from .. $from + $count - 1);
	sql('SELECT pg_stat_statements_reset()');
	my $total = @$known + $count;
	is(run_counts($node, "etl_run('erasure_requests')"), "succeeded|1|$total|$total|0", "$total requests");
	return sql('SELECT sum(calls) FROM pg_stat_statements');
}

stage($node, 'date=2020-01-01/hour=00/customers.json.gz', join '', map { qq({"id": "$_", "first_name": "Ann$_", "last_name": "Bee", "email": "p$_\@example.org"}\n) } 11 .. 14);
is(run_counts($node, "etl_run('customers')"), 'succeeded|1|4|4|0', 'customers');

statements_for([], 900, 2);    # what is done once in a session's life
my $few = statements_for([ 11, 12 ], 1000, 100);
my $count = $ENV{ETL_SOAK} ? 1_000_000 : 5000;
my $many = statements_for([ 13, 14 ], 100_000, $count);
cmp_ok($many, '<', $few + 50, "$few statements for a hundred requests, $many for $count");

is(sql('SELECT status, count(*) FROM etl.erasure GROUP BY 1 ORDER BY 1'), "completed|4\nnot_found|" . ($count + 102), 'each is answered');
is(sql("SELECT count(*) FROM data.customers WHERE first_name LIKE 'Ann%'"), 0, 'the four are erased');

# a tombstone for everybody: who comes later is treated on the way in
my $late = 100_000 + $count - 1;
stage($node, 'date=2020-01-03/hour=00/customers.json.gz', qq({"id": "$late", "first_name": "Late", "last_name": "Comer", "email": "x\@example.org"}\n{"id": "77", "first_name": "Else", "last_name": "Body", "email": "e\@example.org"}\n));
is(run_counts($node, "etl_run('customers')"), 'succeeded|1|2|2|0', 'somebody who was not known comes later');
is(sql("SELECT string_agg(last_name, ',') FROM data.customers WHERE last_name IN ('Comer', 'Body')"), 'Body', 'treated on the way in');

$node->stop;
done_testing();
