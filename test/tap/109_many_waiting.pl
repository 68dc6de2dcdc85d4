# Very many records of one dataset that wait for one record of another: loading it takes about as long as
# loading them took, whether or not the planner knows anything of the tables.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = etl_node(conf => "autovacuum = off\nstatement_timeout = 300s\n");
my $waiting = 20_000;

sub timed
{
	my ($expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $began = time;
	is($node->safe_psql('postgres', "SELECT string_agg(concat_ws('|', dataset, loaded, quarantined), ' ') FROM etl_run() WHERE records > 0"), $expected, $what);
	my $seconds = time - $began;
	note(sprintf '%s: %.1f s', $what, $seconds);
	return $seconds;
}

$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "shops", "files": ["shops.json"], "key": "/id",
  "tables": [{"schema": "data", "name": "shops", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "sales", "files": ["sales.json"], "key": "/id",
  "references": [{"field": "/shop", "dataset": "shops"}],
  "tables": [{"schema": "data", "name": "sales", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "shop", "type": "bigint", "from": "/shop"}]}]}}');
SQL
stage($node, 'date=2024-01-01/hour=0/sales.json', join '', map { qq({"id": $_, "shop": 1}\n) } 1 .. $waiting);
my $refused = timed("sales|0|$waiting", 'they wait');
stage($node, 'date=2024-01-01/hour=1/shops.json', qq({"id": 1}\n));
my $released = timed('shops|1|0', 'what they wait for comes');
is_sql($node, 'SELECT count(*) FROM data.sales', $waiting, 'and all of them are loaded');
is_sql($node, q{SELECT count(*) FROM etl.quarantine WHERE status = 'open'}, '0', 'none waits any more');
# each of them compared with each other one took 20 s, against 0.8 s
cmp_ok($released, '<', 6 * $refused + 3, 'in a time that does not grow with the square of their number');

$node->stop;
done_testing();
