# Purged means that etl_locate finds nothing: materialized views, statistics of expressions, extended
# statistics and those of a table that was emptied are named and gone before purged_at is set.
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
	my ($id, $name, $email) = @_;
	return qq({"id": "$id", "first_name": "F$id", "last_name": "$name", "email": "$email", "address": "Road 1", "city": "Town", "country": "DK", "postcode": "1000", "last_change": "2020-01-01"}\n);
}
my @texts = ('aaa.person@example.com', 'aaaperson', 'aaa.member@example.com');
# kinds of places where etl_locate finds one of them
sub kinds
{
	return $sql->(join(' UNION ', map { "SELECT kind FROM etl_locate('$_')" } @texts) . ' ORDER BY 1') =~ s/\n/ /gr;
}
sub places
{
	my ($kind) = @_;
	return $sql->(join(' UNION ', map { "SELECT place FROM etl_locate('$_') WHERE kind = '$kind'" } @texts) . ' ORDER BY 1');
}
sub commands { return split /\n/, $sql->('SELECT etl_erasure_purge()') }
sub unpurged { return $sql->('SELECT count(*) FROM etl.erasure WHERE purged_at IS NULL') }

# people whose row goes: their table is empty afterwards
$sql->(q[SELECT etl_define('{"type": "object", "properties": {"id": {"type": "integer"}, "email": {"type": "string"}}, "required": ["id"],
	"x-etl": {"dataset": "members", "files": ["members.json"], "key": "/id",
		"tables": [{"schema": "data", "name": "members", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "email", "from": "/email"}]}],
		"subject": {"field": "/id", "email": "/email", "on_erasure": "delete"}, "personal": [{"field": "/email", "treatment": "token"}]}}')]);
stage($node, 'date=2020-01-01/hour=01/customers.json', customer(55501, 'AAAPerson', 'aaa.person@example.com') . join('', map { customer(60000 + $_, "Name$_", "name$_\@example.com") } 1 .. 150));
stage($node, 'date=2020-01-01/hour=01/members.json', qq({"id": 7001, "email": "aaa.member\@example.com"}\n));
$sql->('SELECT etl_run()');
$sql->(q{
CREATE INDEX customers_lower_idx ON data.customers (lower(last_name));
CREATE STATISTICS data.customers_upper ON (upper(email)) FROM data.customers;
CREATE TABLE public.notes (customer bigint REFERENCES data.customers, note text);
CREATE VIEW public.contacts AS SELECT id, last_name, email FROM data.customers;
CREATE MATERIALIZED VIEW public.b_first AS SELECT * FROM public.contacts;
CREATE MATERIALIZED VIEW public.a_second AS SELECT email FROM public.b_first;
CREATE MATERIALIZED VIEW public.c_empty AS SELECT email FROM data.customers WITH NO DATA;
ALTER TABLE data.members ALTER email SET STATISTICS 200;
ANALYZE;
ALTER TABLE data.customers ALTER last_name SET STATISTICS 0;
VACUUM FULL pg_statistic;
});
is(places('statistics'), join("\n", sort 'pg_stats of data.customers (email)', 'pg_stats of data.customers (last_name)', 'pg_stats of data.customers_lower_idx (lower)',
	'pg_stats of public.a_second (email)', 'pg_stats of public.b_first (email)', 'pg_stats of public.b_first (last_name)', 'pg_stats_ext_exprs of data.customers (customers_upper)'),
	'planner statistics hold the person in every form');

# ---- told
my $held = $sql->(q{SELECT string_agg(h ->> 'place', ' ' ORDER BY h ->> 'place') FROM jsonb_array_elements((etl_erase('customers', '55501', dry_run => true)).plan -> 'unreached') h});
is($held, 'public.a_second public.b_first public.c_empty public.contacts public.notes', 'the plan names what depends on the table');
my (undef, undef, $told) = $node->psql('postgres', q{SELECT etl_erase('customers', '55501')});
like($told, qr/NOTICE:  "public\.b_first" stays as it is: a materialized view of data\.customers.*REFRESH/, 'a materialized view');
like($told, qr/NOTICE:  "public\.contacts" stays as it is: a view of data\.customers/, 'a view');
like($told, qr/NOTICE:  "public\.notes" stays as it is: a table of no dataset that refers to data\.customers/, 'a table that refers to it');
$sql->(q{SELECT etl_erase('members', '7001')});
is(kinds(), 'dead disk statistics table', 'the copies still hold the person');

# ---- what does not count
my @first = commands();
my ($first) = grep { $first[$_] eq 'REFRESH MATERIALIZED VIEW public.b_first' } 0 .. $#first;
my ($second) = grep { $first[$_] eq 'REFRESH MATERIALIZED VIEW public.a_second' } 0 .. $#first;
ok(defined $first && defined $second && $first < $second, 'materialized views are refreshed in their order');
ok(!(grep { /contacts|c_empty.*(?<!NO DATA)$/ } @first), 'a view is not, and what was never filled stays so');
ok((grep { $_ eq 'VACUUM (FULL) pg_catalog.pg_statistic_ext_data' } @first), 'extended statistics are rewritten');
$sql->($_) for 'VACUUM FULL public.b_first', 'REFRESH MATERIALIZED VIEW public.a_second';
my %again = map { $_ => 1 } commands();
ok($again{'REFRESH MATERIALIZED VIEW public.b_first'}, 'a rewritten one is not a refreshed one');
ok($again{'REFRESH MATERIALIZED VIEW public.a_second'}, 'one that was refreshed before what it reads is refreshed again');

# ---- until nothing is left
my $rounds = 0;
while (my @commands = commands())
{
	last if ++$rounds > 8;
	isnt(unpurged(), '0', "round $rounds: not purged yet");
	$sql->($_) for @commands;
}
cmp_ok($rounds, '<=', 6, 'it comes to an end');
is(kinds(), '', 'etl_locate finds nothing');
is(unpurged(), '0', 'and only then it is purged');
is($sql->('SELECT count(*) FROM public.b_first'), '151', 'the copies are what the table is');
is($sql->(q{SELECT relispopulated FROM pg_class WHERE relname = 'c_empty'}), 'f', 'and what was empty is');

# ---- whoever keeps what a subtransaction replaced
# A subtransaction treats the rows. A transaction of another database that has its id between those of the
# erasure and of the subtransaction, and is open while the table is rewritten, keeps their old versions.
stage($node, 'date=2020-01-01/hour=02/customers.json', customer(55502, 'AAAPerson', 'aaa.person@example.com'));
$sql->(q{SELECT etl_run('customers')});
my ($erasure, $between) = (session($node), session($node, 'template1'));
ask($erasure, 'BEGIN; SELECT pg_current_xact_id()');
ask($between, 'BEGIN; SELECT pg_current_xact_id()');
like(ask($erasure, q{SELECT status FROM etl_erase('customers', '55502')}), qr/^completed$/m, 'erased while another transaction is open that began after it');
ask($erasure, 'COMMIT');
for my $round (1 .. 6)
{
	$sql->($_) for commands();
}
like(kinds(), qr/dead/, 'the rewritten table keeps the old version of the row');
is(unpurged(), '1', 'and the erasure is not purged');
ask($between, 'COMMIT');
$rounds = 0;
while (my @commands = commands())
{
	last if ++$rounds > 8;
	$sql->($_) for @commands;
}
is(kinds(), '', 'when that transaction has ended, a rewrite leaves nothing');
is(unpurged(), '0', 'and it is purged');
$node->stop;
done_testing();
