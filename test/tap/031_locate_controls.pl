# Controls of etl_locate: texts planted where their letters do not stand are found there, in page images
# of the write-ahead log under each of its compressions; and in pg_stat_statements.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $library = `pg_config --pkglibdir`;
chomp $library;
my $statements = -f "$library/pg_stat_statements.so";
my $node = etl_node(conf => "autovacuum = off\nfull_page_writes = on\nwal_keep_size = 1GB\nlog_statement = none\n" . ($statements ? "shared_preload_libraries = 'pg_stat_statements'\n" : ''));
sub sql { return $node->safe_psql('postgres', $_[0]) }

for my $method (qw(off pglz lz4 zstd))
{
	my ($code) = $node->psql('postgres', "SET wal_compression = $method");
	SKIP:
	{
		skip "this server has no wal_compression = $method", 4 if $code != 0;
		my $text = "image.$method\@example.org";
		# its two halves stand on the page many times, before it: it is two references to them
		sql("CREATE TABLE page_$method (n int, body text)");
		sql("INSERT INTO page_$method SELECT i, CASE i WHEN 2 THEN '$text' WHEN 61 THEN 'last' ELSE CASE i % 2 WHEN 0 THEN 'ximage.$method' ELSE '\@example.orgx' END END FROM generate_series(1, 61) i");
		sql('CHECKPOINT');
		sql('SELECT pg_switch_wal()');
		sql('CHECKPOINT');
		# the first change of the page after a checkpoint logs all of it
		my $segment = sql("SET wal_compression = $method; UPDATE page_$method SET n = 0 WHERE body = 'last'; SELECT pg_walfile_name(pg_current_wal_lsn())");
		sql('SELECT pg_switch_wal()');
		my $count = sql("SELECT coalesce(sum(occurrences), 0) FROM etl_locate('$text') WHERE place LIKE 'pg_wal/%$segment%'");
		cmp_ok($count, '>=', 1, "wal_compression = $method: found in a page image");
		my $bytes = slurp_file($node->data_dir . "/pg_wal/$segment");
		my $literal = () = $bytes =~ /\Q$text\E/g;
		$method eq 'off' ? cmp_ok($literal, '>=', 1, 'where its letters stand') : is($literal, 0, 'where its letters do not stand');
		is(sql("SELECT coalesce(sum(occurrences), 0) FROM etl_locate('never.$method\@example.org') WHERE place LIKE 'pg_wal/%$segment%'"), '0', 'who is not there is not found');
		is(sql("SELECT count(*) FROM etl_locate('$text') WHERE kind = 'table' AND place LIKE '%(public.page_$method)'"), '1', 'and in the table\'s file');
	}
}

SKIP:
{
	skip 'pg_stat_statements is not installed', 4 unless $statements;
	sql('CREATE EXTENSION pg_stat_statements');
	# statements with parameters are kept without values, others with them
	sql(q{COMMENT ON DATABASE postgres IS 'asked by in.a.statement@example.org'; COMMENT ON DATABASE postgres IS NULL});
	is(sql(q{SELECT place, occurrences FROM etl_locate('in.a.statement@example.org') WHERE kind = 'statements'}), 'pg_stat_statements|1', 'a statement');
	is(sql(q{SELECT count(*) FROM etl_locate('in.no.statement@example.org') WHERE kind = 'statements'}), '0', 'not the question itself');
	sql('SELECT pg_stat_statements_reset()');
	is(sql(q{SELECT count(*) FROM etl_locate('in.a.statement@example.org') WHERE kind = 'statements'}), '0', 'gone when it is reset');
	sql('CREATE TABLE common AS SELECT \'most.common@example.org\'::text AS email FROM generate_series(1, 50); ANALYZE common; CREATE TABLE spread AS SELECT format(\'%s.histogram@example.org\', i) AS email FROM generate_series(1000, 1400) i; ANALYZE spread');
	is(sql(q{SELECT string_agg(place, ' ') FROM etl_locate('most.common@example.org') WHERE kind = 'statistics'}) . ' ' . sql(q{SELECT string_agg(place, ' ') FROM etl_locate('1000.histogram@example.org') WHERE kind = 'statistics'}),
		'pg_stats of public.common (email) pg_stats of public.spread (email)', 'planner statistics: most common values and histograms');
}
# what it could not look into it says, and that is never nothing
$node->psql('postgres', q{SELECT count(*) FROM etl_locate('nobody.at.all@example.org')}, stderr => \my $told);
like($told, qr/NOTICE:  etl_locate did not search everything\n.*DETAIL:.*backups, archived WAL, replicas.*server logs/s, 'it says where it did not look');
make_path("$node->{etl_root}/raw/date=2020-01-01/hour=0");
append_to_file("$node->{etl_root}/raw/date=2020-01-01/hour=0/customers.json.bz2", 'BZh91AY&SY');
$node->psql('postgres', q{SELECT count(*) FROM etl_locate('nobody.at.all@example.org')}, stderr => \$told);
like($told, qr{date=2020-01-01/hour=0/customers\.json\.bz2.*compressed in a format that is not read}, 'and which file it could not read');
$node->stop;
done_testing();
