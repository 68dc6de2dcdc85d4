# What an erasure leaves in places of their own: statements in pg_stat_statements, statistics of inherited tables,
# refused requests and records, archived files whose quarantine is gone, a journal that knows emails.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => "autovacuum = off\nwal_keep_size = 0\nmax_wal_size = 64MB\nmin_wal_size = 32MB\nshared_preload_libraries = 'pg_stat_statements'\npg_stat_statements.track = all\n", init => ['--wal-segsize=1']);
my $root = $node->{etl_root};
sub sql { return $node->safe_psql('postgres', $_[0]) }
my $hour = 0;
sub customers
{
	my (@people) = @_;
	stage($node, sprintf('date=2020-01-%02d/hour=%d/customers.json', 1 + int($hour / 24), $hour % 24), join '', map { ref $_ ? qq({"id": "$_->[0]", "first_name": "First$_->[0]", "last_name": "Last$_->[0]", "email": "$_->[1]", "address": "Road 1", "city": "Town", "country": "DK", "postcode": "1000", "last_change": "2020-01-01"}\n) : "$_\n" } @people);
	++$hour;
	sql(q{SELECT etl_run('customers')});
	return;
}
sub kinds { my (@texts) = @_; return sql(join(' UNION ', map { "SELECT kind FROM etl_locate('$_')" } @texts) . ' ORDER BY 1') =~ s/\n/ /gr }
sub places { my ($text) = @_; return sql("SELECT place FROM etl_locate('$text') ORDER BY 1") }
sub purge
{
	for (1 .. 6)
	{
		my @commands = split /\n/, sql('SELECT etl_erasure_purge()') or return 1;
		sql($_) for @commands;
	}
	return 0;
}

# ---- pg_stat_statements
sql('CREATE SCHEMA monitoring; CREATE EXTENSION pg_stat_statements SCHEMA monitoring');
sql('SELECT monitoring.pg_stat_statements_reset()');
customers([ 67318, 'jo.person@example.com' ], [ 67319, 'al.other@example.com' ], [ 67320, 'cy.third@example.com' ]);
my @naming = (
	q{DO $$ BEGIN PERFORM FROM data.customers WHERE email = 'jo.person@example.com'; END $$},
	q{EXPLAIN SELECT * FROM data.customers WHERE id = 67318},
	q{CREATE TABLE public.one AS SELECT * FROM data.customers WHERE last_name = 'x' AND id = 67318},
	q{COPY (SELECT 1 FROM data.customers WHERE email = 'JO.Person@Example.com') TO STDOUT},
);
my @strangers = (q{DO $$ BEGIN PERFORM FROM data.customers WHERE email = 'po.person@example.com'; END $$}, q{EXPLAIN SELECT * FROM data.customers WHERE id = 167318}, q{CREATE TABLE public.another (x numeric(5))});
sql($_) for @naming, @strangers;
sql('DROP TABLE public.one');
sub kept { return sql(q{SELECT count(*) FROM monitoring.pg_stat_statements WHERE query ~ '^(DO|EXPLAIN|CREATE TABLE public|COPY) ' AND query ~ 'data\.customers|public\.another'}) }
# from 16 on the constants of EXPLAIN are left out, and two statements are one
my $explains = sql('SHOW server_version_num') >= 160000 ? 0 : 1;
is(kept(), 6 + $explains, 'statements were kept as they were typed');
like(kinds('jo.person@example.com'), qr/statements/, 'and etl_locate finds them');
is(sql('SELECT count(*) FROM etl_internal.statements_about_erased()'), '0', 'who is not erased is named by none');
sql(q{SELECT etl_erase('customers', '67318')});
# an erasure that was typed as a utility statement is one itself
sql(q{DO $$ BEGIN PERFORM public.etl_erase('customers', '67319'); END $$});
my @resets = grep { /pg_stat_statements_reset/ } split /\n/, sql('SELECT etl_erasure_purge()');
is(scalar(@resets), 1, 'the purge names what removes them');
like($resets[0], qr/^SELECT monitoring\.pg_stat_statements_reset\(0::pg_catalog\.oid, 0::pg_catalog\.oid, 0::pg_catalog\.int8(, false)?\)$/, 'with schema and types');
# all else done, they alone keep it from being called purged
for (1 .. 6)
{
	my @commands = grep { !/pg_stat_statements_reset/ } split /\n/, sql('SELECT etl_erasure_purge()') or last;
	sql($_) for @commands;
}
is(sql('SELECT count(*) FROM etl.erasure WHERE purged_at IS NOT NULL'), '0', 'while they are there nobody is purged');
ok(purge(), 'purged');
is(sql('SELECT count(*) FROM etl.erasure WHERE purged_at IS NULL'), '0', 'and called so');
is(join(' ', map { places($_) } 'jo.person@example.com', 'al.other@example.com'), ' ', 'etl_locate finds nothing');
sql($_) for @strangers[0, 1];
sql(q{SELECT etl_erase('customers', '1')});
is(sql(q{SELECT count(*) FROM monitoring.pg_stat_statements WHERE query ~ '^(DO|EXPLAIN) .*(po\.person|167318)'}) . ' ' . sql('SELECT count(*) FROM etl_internal.statements_about_erased()'), (1 + $explains) . ' 0', 'statements about others are no reason');

# ---- statistics of inherited and partitioned tables
sql(<<'SQL');
CREATE TABLE data.trees (id bigint PRIMARY KEY, email text);
CREATE TABLE data.trees_1 (PRIMARY KEY (id)) INHERITS (data.trees);
CREATE TABLE data.parts (id bigint PRIMARY KEY, email text) PARTITION BY RANGE (id);
CREATE TABLE data.parts_1 PARTITION OF data.parts FOR VALUES FROM (0) TO (100000) PARTITION BY RANGE (id);
CREATE TABLE data.parts_1_1 PARTITION OF data.parts_1 FOR VALUES FROM (0) TO (100000);
SELECT etl_define(format('{"type": "object", "x-etl": {"dataset": "%1$s", "files": ["%1$s.json"], "key": "/id", "subject": {"field": "/id", "email": "/email"}, "personal": [{"field": "/email", "treatment": "null"}],
  "tables": [{"schema": "data", "name": "%1$s", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "email", "from": "/email"}]}]}}', n)::jsonb) FROM unnest(ARRAY['trees', 'parts']) n;
INSERT INTO data.trees_1 SELECT n, format('number%s@example.com', n) FROM generate_series(55001, 55050) n;
INSERT INTO data.parts SELECT n, format('number%s@example.com', n) FROM generate_series(55001, 55050) n;
ALTER TABLE data.trees ALTER email SET STATISTICS 200;
ANALYZE;
SQL
is(sql(q{SELECT string_agg(format('%s %s', tablename, inherited), ', ' ORDER BY tablename, inherited) FROM pg_stats WHERE attname = 'email' AND histogram_bounds::text LIKE '%number55007@%'}),
	'parts t, parts_1 t, parts_1_1 f, trees t, trees_1 f', 'statistics of trees hold the person');
sql("SELECT etl_erase('$_', '55007')") for 'trees', 'parts';
ok(purge(), 'purged');
is(sql(q{SELECT count(*) FROM pg_stats WHERE histogram_bounds::text LIKE '%number55007@%' OR most_common_vals::text LIKE '%number55007@%'}), '0', 'no statistics do any more');
is(kinds('number55007@example.com'), '', 'nor does anything else');
is(sql(q{SELECT count(*) FROM pg_stats WHERE tablename IN ('trees', 'parts') AND attname = 'email' AND inherited}), '2', 'and those of trees were made anew');

# ---- a refused request that names somebody who was erased before
stage($node, 'date=2020-02-01/hour=1/erasure-requests.json', qq({"customer-id": "67320"}\n));
sql(q{SELECT etl_run('erasure_requests')});
is(sql(q{SELECT status FROM etl.erasure WHERE source LIKE '%erasure-requests%'}), 'completed', 'somebody is erased by a request');
my @refused = (q({"customer_id": "67320"}), q({"customer-id": {"x": 67320}}), q({"customer-id": "67320"), q({"customer-id": null, "email": 7, "note": "cy.third@example.com"}));
stage($node, 'date=2020-02-01/hour=2/erasure-requests.json', join '', map { "$_\n" } @refused);
sql(q{SELECT etl_run('erasure_requests')});
is(sql(q{SELECT count(*) FROM etl.quarantine WHERE dataset = 'erasure_requests'}), '4', 'others, that were refused, name them again');
is(sql(q{SELECT count(*) FROM etl.quarantine WHERE dataset = 'erasure_requests' AND (record LIKE '%67320%' OR record LIKE '%cy.third%')}), '0', 'nobody can read whom');
is(join(' ', grep { /erasure|quarantine/ } split /\n/, places('67320')), '', 'not by the key, in no file either');
is(join(' ', grep { /quarantine|archive|raw|processed/ } split /\n/, places('cy.third@example.com')), '', 'nor by the email');

# ---- records whose quarantine is gone while their archived file is there
customers([ 70001, 'di.fourth@example.com' ], q({"ID": "70002", "email": "ed.fifth@example.com"}), q({"ID": "70003", "email": "fay.sixth@example.com"}));
is(sql(q{SELECT count(*) FROM etl.quarantine WHERE dataset = 'customers' AND status = 'open'}), '2', 'records are refused for the name of their key');
sql(q{UPDATE etl.quarantine SET status = 'discarded' WHERE record LIKE '%70002%'});
sql(q{SELECT etl_erase('customers', '70002')});
is(join(' ', grep { !/pg_stat|^base|^pg_wal/ } split /\n/, places('ed.fifth@example.com')), '', 'of one that was discarded nothing is left');
sql(q{DELETE FROM etl.quarantine WHERE record LIKE '%70003%'});
my $plan = sql(q{SELECT string_agg(r ->> 'remark', ' ') FROM jsonb_array_elements((etl_erase('customers', '70003', dry_run => true)).plan -> 'remarks') r});
like($plan, qr/1 archived file of dataset "customers" holds refused records that are not in quarantine any more/, 'of one whose quarantine is gone the plan says so');
my ($rc, $out, $err) = $node->psql('postgres', q{SELECT etl_erase('customers', '70003')});
like($err, qr/NOTICE:.*refused records that are not in quarantine any more.*etl_locate/, 'and so does the erasure');
like(places('fay.sixth@example.com'), qr/^archive/m, 'etl_locate finds the file');
sql(q{SELECT etl_erase('customers', '70001')});
is(sql(q{SELECT remarks::text LIKE '%not in quarantine any more%' FROM etl.erasure ORDER BY erasure_id DESC LIMIT 1}), 't', 'it is on record');

# ---- the journal knows the emails by which somebody was known
make_path("$root/journal");
sql("ALTER DATABASE postgres SET etl.journal_dir = '$root/journal'");
customers([ 80001, 'gus.seventh@example.com' ]);
sql(q{SELECT etl_erase('customers', '1')});
$node->stop;
system_or_bail('cp', '-a', $node->data_dir, $node->basedir . '/before');
$node->start;
is(sql(q{SELECT status FROM etl_erase('customers', '80001')}), 'completed', 'somebody is erased by key, whose email was known');
is(sql(q{SELECT count(*) FROM etl.tombstone WHERE kind = 'known_email'}) > 0, 1, 'which is remembered');
my $known = sql(q{SELECT max(hash) FROM etl.tombstone t WHERE kind = 'known_email' AND erasure_id = (SELECT max(erasure_id) FROM etl.erasure)});
unlike(join('', map { slurp_file($_) } glob "$root/journal/*"), qr/gus\.seventh/, 'the journal does not hold it as it is');
$node->stop;
system_or_bail('rm', '-rf', $node->data_dir);
system_or_bail('mv', $node->basedir . '/before', $node->data_dir);
$node->start;
is(sql("SELECT count(*) FROM etl.tombstone WHERE hash = $known"), '0', 'a restored database has forgotten');
sql('SELECT etl_reapply()');
is(sql("SELECT count(*) FROM etl.tombstone WHERE kind = 'known_email' AND hash = $known"), '1', 'until etl_reapply() has read it in the journal');
customers(q({"id": null, "first_name": "Gus", "email": "gus.seventh@example.com"}));
is(sql(q{SELECT count(*) FROM etl.quarantine WHERE record LIKE '%gus.seventh%'}), '0', 'a record that names nobody but holds the email is treated');
is(join(' ', grep { /quarantine|archive|raw|processed/ } split /\n/, places('gus.seventh@example.com')), '', 'everywhere');

$node->stop;
done_testing();
