# Statistics of what a target table is a partition or a child of are samples of its rows, too: they are made
# anew before an erasure counts as purged, and nothing else of these tables is touched.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use Test::More;

my $node = etl_node(conf => "autovacuum = off\nwal_keep_size = 0\nmax_wal_size = 64MB\nmin_wal_size = 32MB\n", init => ['--wal-segsize=1']);
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };

sub customer
{
	my ($id, $name) = @_;
	return qq({"id": "$id", "first_name": "$name", "last_name": "L$id", "email": "\L$name\E\@example.com", "address": "Road 1", "city": "Town", "country": "DK", "postcode": "1000"}\n);
}
my $columns = 'id bigint, first_name text, last_name text, date_of_birth date, email text, phone_number text, address text, city text, country text, postcode text, last_change timestamptz, segment text, record_date date, record_hour smallint, processed_at timestamptz';

# data.customers below data.people below data.everybody
sub purge_below
{
	my ($kind, $tables, $own_rows) = @_;
	$sql->("DROP TABLE IF EXISTS data.everybody, data.people, data.customers CASCADE; TRUNCATE etl.file, etl.quarantine CASCADE; $tables");
	$sql->('CREATE STATISTICS data.pairs (mcv) ON email, first_name FROM data.everybody');
	stage($node, "date=2020-01-01/hour=01/customers.json", join '', (map { customer(60000 + $_, "N$_") } 1 .. 60), customer(55501, 'Aaabel'), customer(55502, 'Aaabel'));
	is($sql->(q{SELECT status, loaded FROM etl_run('customers')}), 'succeeded|62', "$kind: loaded");
	$sql->("INSERT INTO data.everybody (id, first_name, email) SELECT g, 'Other', 'other' || g FROM generate_series(1, $own_rows) g") if $own_rows;
	$sql->('ANALYZE data.customers; ANALYZE data.people; ANALYZE data.everybody');
	like($sql->(q{SELECT string_agg(place, ' ') FROM etl_locate('aaabel@example.com') WHERE kind = 'statistics'}), qr/data\.everybody.*data\.people|data\.people.*data\.everybody/,
		"$kind: statistics of both hold the person");
	my $files = $sql->(q{SELECT coalesce(pg_relation_filenode('data.everybody'), 0), coalesce(pg_relation_filenode('data.people'), 0)});
	$sql->("SELECT etl_erase('customers', '$_')") for 55501, 55502;
	my $rounds = 0;
	while (my @commands = split /\n/, $sql->('SELECT etl_erasure_purge()'))
	{
		last if ++$rounds > 10;
		$sql->($_) for @commands;
	}
	cmp_ok($rounds, '<=', 8, "$kind: it comes to an end");
	is($sql->('SELECT count(*) FROM etl.erasure WHERE purged_at IS NULL'), '0', "$kind: everything is purged");
	is($sql->(q{SELECT place, kind FROM etl_locate('aaabel@example.com')}), '', "$kind: and nothing is found");
	is($sql->(q{SELECT coalesce(pg_relation_filenode('data.everybody'), 0), coalesce(pg_relation_filenode('data.people'), 0)}), $files, "$kind: what holds no row of a person is not rewritten");
	is($sql->('SELECT count(*) FROM data.everybody'), 62 + $own_rows, "$kind: and has all rows");
	$sql->(q{SELECT etl_reinstate('customers', subject, reason => 'test') FROM unnest(ARRAY['55501', '55502']) subject});
}
purge_below('partition', "CREATE TABLE data.everybody (kind text NOT NULL DEFAULT 'c', $columns) PARTITION BY LIST (kind);
	CREATE TABLE data.people PARTITION OF data.everybody FOR VALUES IN ('c') PARTITION BY LIST (kind);
	CREATE TABLE data.customers PARTITION OF data.people FOR VALUES IN ('c'); ALTER TABLE data.customers ADD PRIMARY KEY (id);
	CREATE INDEX ON data.everybody (lower(email))", 0);
for my $rows (0, 40)
{
	purge_below("inheritance, $rows rows of its own", "CREATE TABLE data.everybody ($columns); CREATE TABLE data.people () INHERITS (data.everybody);
		CREATE TABLE data.customers (PRIMARY KEY (id)) INHERITS (data.people)", $rows);
}
$node->stop;
done_testing();
