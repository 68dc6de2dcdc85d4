# A clock that is put back while a run is going on, and before the last batch of a backlog; retention that
# removes all that is due in one call; and a dump that the owner of a database restores, with what a
# superuser has to do for it.
#
#   ETL_IO_FAULT_LIBRARY   test/io_fault/io_fault.c, preloaded into the server (make faults)
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $library = $ENV{ETL_IO_FAULT_LIBRARY} // '';
my $clock = PostgreSQL::Test::Utils::tempdir() . '/clock';
if (-f $library) { $ENV{LD_PRELOAD} = $library; $ENV{ETL_CLOCK} = $clock }
my $node = etl_node();
delete @ENV{qw(LD_PRELOAD ETL_CLOCK)};
my $root = $node->{etl_root};

sub product { my ($sku) = @_; return qq({"sku": $sku, "name": "Tea", "price": "1.00", "category": "c", "popularity": 1.5}\n) }

# ---- the clock
SKIP:
{
	skip 'ETL_IO_FAULT_LIBRARY names no library (make faults)', 5 unless -f $library;
	stage($node, 'date=2020-01-01/hour=0/products.json', product(1));
	is(run_counts($node, "etl_run('products')"), 'succeeded|1|1|1|0', 'loaded');
	$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION public.put_back() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN COPY (SELECT -3600) TO '$clock'; RETURN NEW; END\$\$;
CREATE TRIGGER put_back BEFORE INSERT ON data.products FOR EACH ROW EXECUTE FUNCTION public.put_back();
SQL
	stage($node, 'date=2020-01-01/hour=1/products.json', product(2));
	is(run_counts($node, "etl_run('products')"), 'succeeded|1|1|1|0', 'loaded while the clock is put back by an hour');
	ok(-f $clock, 'it was put back');
	is_sql($node, 'SELECT count(*) FROM etl.run WHERE finished_at < started_at', '0', 'no run ends before it began');
	is_sql($node, 'SELECT count(*) FROM etl.file WHERE finished_at < started_at', '0', 'nor does a file');
	$node->safe_psql('postgres', 'DROP TRIGGER put_back ON data.products');
	unlink $clock;
}

# What makes the clock of each batch earlier than the one before, without a library: a file's end is noted
# an hour before it.
stage($node, 'date=2020-01-02/hour=0/products.json.gz', "\x1f\x8bno gzip", 1);
stage($node, 'date=2020-01-02/hour=1/products.json', product(3));
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION public.earlier() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.finished_at := NEW.finished_at - interval '1 hour'; NEW.started_at := NEW.finished_at; RETURN NEW; END$$;
CREATE TRIGGER earlier BEFORE INSERT ON etl.file FOR EACH ROW EXECUTE FUNCTION public.earlier();
SQL
my $runs = $node->safe_psql('postgres', 'SELECT count(*) FROM etl.run');
my ($status, $out, $err) = $node->psql('postgres', "SET statement_timeout = '20s'; CALL etl_load('products')");
unlike($err, qr/timeout/, 'etl_load ends');
is_sql($node, "SELECT count(*) - $runs <= 3, count(*) FILTER (WHERE status IN ('partial', 'failed')) FROM etl.run", 't|1', 'a file that fails is tried once');
is_sql($node, 'SELECT count(*) FROM data.products WHERE sku = 3', '1', 'and keeps none of the others');
$node->psql('postgres', "SET statement_timeout = '20s'; CALL etl_load('products')");
is_sql($node, q{SELECT count(*) FROM etl.run WHERE status IN ('partial', 'failed')}, '2', 'the next call tries it again');
$node->safe_psql('postgres', 'DROP TRIGGER earlier ON etl.file');
unlink "$root/raw/date=2020-01-02/hour=0/products.json.gz";

# ---- retention
$node->safe_psql('postgres', q{SELECT etl_define(jsonb_set(definition, '{x-etl,retention}', '{"archived": "P1D", "processed": "P1D", "quarantine": "P1D", "history": "P1D"}')) FROM etl.dataset WHERE name = 'products'});
stage($node, 'date=2020-01-03/hour=0/products.json', product(4) . qq({"sku": 5}\n));
is(run_counts($node, "etl_run('products')"), 'succeeded|1|2|1|1', 'loaded and quarantined');
isnt(scalar(files_below("$root/archive")), 0, 'archived');
$node->safe_psql('postgres', q{UPDATE etl.file SET started_at = started_at - interval '1 month', finished_at = finished_at - interval '1 month';
	UPDATE etl.run SET started_at = started_at - interval '1 month', finished_at = finished_at - interval '1 month'; UPDATE etl.quarantine SET quarantined_at = quarantined_at - interval '1 month'});
my ($archived, $processed) = map { my $folder = $_; scalar(my @f = files_below("$root/$folder")) } qw(archive processed);
is_sql($node, q{SELECT string_agg(place || ' ' || removed, ', ' ORDER BY place) FROM etl_retention() WHERE place <> 'history'}, "archived $archived, processed $processed, quarantine 1", 'one call removes what is due');
is_sql($node, q{SELECT (SELECT count(*) FROM etl.file), (SELECT count(*) FROM etl.quarantine), (SELECT count(*) FROM etl.run)}, '0|0|0', 'and the history of it');
is_deeply([ files_below("$root/archive"), files_below("$root/processed") ], [], 'files too');
is_sql($node, q{SELECT coalesce(sum(removed), 0) FROM etl_retention()}, '0', 'a second one finds nothing');

# ---- a dump, restored by the owner of a database
stage($node, 'date=2020-01-04/hour=0/products.json', product(6) . qq({"sku": 7}\n));
is(run_counts($node, "etl_run('products')"), 'succeeded|1|2|1|1', 'loaded');
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN');
$node->safe_psql('postgres', 'ALTER TABLE data.products OWNER TO owner');
$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER owner');
my $dump = "$root/dump";
command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'dumped');
$node->safe_psql('restored', 'CREATE SCHEMA data AUTHORIZATION owner; CREATE EXTENSION pg_etl');
command_ok([ 'pg_restore', '-e', '-n', 'data', '-d', $node->connstr('restored') . ' user=owner', $dump ], 'the owner restores the tables');
command_ok([ 'pg_restore', '-e', '--data-only', '-n', 'etl', '-d', $node->connstr('restored'), $dump ], 'a superuser the history');
for my $question ('SELECT count(*), sum(sku) FROM data.products', 'SELECT count(*), max(run_id) FROM etl.run', 'SELECT count(*) FROM etl.quarantine', 'SELECT string_agg(definition::text, chr(10) ORDER BY name) FROM etl.dataset')
{
	is($node->safe_psql('restored', $question), $node->safe_psql('postgres', $question), "the same: $question");
}
is($node->safe_psql('restored', 'SELECT tableowner FROM pg_tables WHERE schemaname = $$data$$'), 'owner', 'the tables are the owner\'s');
$node->stop;
done_testing();
