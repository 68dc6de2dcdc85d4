# A file that failed and was taken away since, or loaded when it was mended, does not stay failed for ever.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use File::Path ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
my $root = $node->{etl_root};
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub files { return sql(q{SELECT string_agg(format('%s %s', split_part(path, '/', 2), status), ', ' ORDER BY path, status) FROM etl.file}) }

my $day = 'date=2024-01-01';
my $good = qq({"sku": 1, "name": "Tea", "price": "1.00", "category": "c", "popularity": 1.5}\n);
stage($node, "$day/hour=$_/products.json.gz", "\x1f\x8bno gzip") for 1 .. 3;
is(sql(q{SELECT status FROM etl_run('products')}), 'failed', 'files that cannot be read fail');
is(files(), 'hour=1 failed, hour=2 failed, hour=3 failed', 'and are known so');
is(sql(q{SELECT status FROM etl_run('products')}), 'failed', 'they are tried again while they are there');
is(files(), 'hour=1 failed, hour=2 failed, hour=3 failed', 'and known once');

unlink "$root/raw/$day/hour=1/products.json.gz" or die;
File::Path::remove_tree("$root/raw/$day/hour=2");
is(sql(q{SELECT status, error LIKE '1 of 1 files failed%' FROM etl_run('products')}), 'failed|t', 'two are taken away: the next run fails by the third alone');
is(files(), 'hour=1 skipped, hour=2 skipped, hour=3 failed', 'and waits for them no more');
like(sql(q{SELECT error FROM etl.file WHERE status = 'skipped' LIMIT 1}), qr/.; the file is not there any more$/, 'their rows say why');
is(sql(q{SELECT status FROM etl_run('products')}), 'failed', 'again');
is(sql(q{SELECT count(*) FROM etl.file WHERE error LIKE '%any more%any more%'}), '0', 'and say it once');

stage($node, "$day/hour=3/products.json.gz", $good);
stage($node, "$day/hour=1/products.json.gz", $good);
is(sql(q{SELECT status, files FROM etl_run('products')}), 'succeeded|2', 'one is mended, and one comes again: both are loaded');
is(sql(q{SELECT status FROM etl_run('products')}), 'succeeded', 'and the next run');
is(files(), 'hour=1 archived, hour=1 skipped, hour=2 skipped, hour=3 archived, hour=3 skipped', 'leaves nothing that has failed');
is(sql(q{SELECT status FROM etl_run()} . q{ WHERE dataset = 'products'}), 'succeeded', 'runs of all datasets as well');

# a directory that could not be read
SKIP:
{
	skip 'root reads everything', 2 if $> == 0;
	stage($node, "date=2024-01-02/hour=1/products.json", $good);
	chmod 0, "$root/raw/date=2024-01-02";
	sql(q{SELECT etl_run('products')});
	is(sql(q{SELECT path FROM etl.file WHERE status = 'failed'}), 'date=2024-01-02/', 'a directory fails as well');
	chmod 0700, "$root/raw/date=2024-01-02";
	File::Path::remove_tree("$root/raw/date=2024-01-02");
	sql(q{SELECT etl_run('products')});
	is(sql(q{SELECT path FROM etl.file WHERE status = 'failed'}), '', 'and is forgotten with what was in it');
}
$node->stop;
done_testing();
