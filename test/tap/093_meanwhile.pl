# Whoever writes data about people while an erasure is open writes them as they are after it, or not at
# all: exports in every isolation level, datasets that are defined and run meanwhile, materialized views.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use Test::More;

my $node = etl_node(conf => "autovacuum = off\nwal_keep_size = 0\nmax_wal_size = 64MB\nmin_wal_size = 32MB\n", init => ['--wal-segsize=1']);
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
my $processed = "$node->{etl_root}/processed";
my $erasing = session($node);

sub customer
{
	my ($id, $name) = @_;
	return qq({"id": "$id", "first_name": "$name", "last_name": "L$id", "email": "\L$name\E\@example.com", "address": "Road 1", "city": "Town", "country": "DK", "postcode": "1000"}\n);
}
my @people = qw(Aaabel Bbbert Cccarl Dddora Eeemil Fffinn);
stage($node, 'date=2020-01-01/hour=01/customers.json', join '', map { customer(55501 + $_, $people[$_]) } 0 .. $#people);
$sql->('SELECT etl_run()');

sub blocked
{
	my ($what) = @_;
	ok($node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'object')}), $what);
	return;
}
sub erase_open { return ask($erasing, "BEGIN; SELECT status FROM etl_erase('customers', '$_[0]')") }
sub names { my ($path) = @_; return -e "$processed/$path" ? scalar grep { /$_[1]/i } slurp_lines("$processed/$path") : 'none' }

# ---- exports
my $other = session($node);
like(erase_open(55501), qr/^completed$/m, 'an erasure is open');
begin_sql($other, q{SELECT etl_export('customers', 'a.jsonl')});
blocked('an export waits for it');
ask($erasing, 'COMMIT');
is(answer($other), "6\n", 'and is made');
is(names('a.jsonl', 'Aaabel'), 0, 'of what the erasure has left');

erase_open(55502);
begin_sql($other, q{SELECT etl_export('customers', 'b.csv', 'csv')});
blocked('one in CSV waits');
ask($erasing, 'COMMIT');
answer($other);
is(names('b.csv', 'Bbbert'), 0, 'and has not the person');

for my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	my $id = $level eq 'SERIALIZABLE' ? 55504 : 55503;
	my $name = $people[ $id - 55501 ];
	ask($other, "BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM data.customers");
	erase_open($id);
	ask($erasing, 'COMMIT');
	is(ask($other, "\\set VERBOSITY verbose\nSELECT etl_export('customers', '$id.jsonl')") =~ /ERROR:  40001: cannot export rows as they were before an erasure/ ? 'refused' : 'exported',
		'refused', "$level: a transaction that began before the erasure cannot export");
	ask($other, 'ROLLBACK');
	is(names("$id.jsonl", $name), 'none', "$level: no file is left");
	ask($other, "BEGIN ISOLATION LEVEL $level");
	is(ask($other, "SELECT etl_export('customers', '$id.jsonl')"), "6\n", "$level: one that began after it can");
	ask($other, 'COMMIT');
	is(names("$id.jsonl", $name), 0, "$level: and has not the person");
}

# ---- a dataset that is defined and run meanwhile
my $letters = q[{"type": "object", "x-etl": {"dataset": "letters", "files": ["letters.json"], "key": "/l",
	"subject": {"dataset": "customers", "field": "/c"}, "personal": [{"field": "/t", "treatment": "redact"}],
	"tables": [{"name": "letters", "primary_key": ["l"], "columns": [{"name": "l", "type": "bigint", "from": "/l"}, {"name": "c", "type": "bigint", "from": "/c"}, {"name": "t", "from": "/t"}]}]}}];
stage($node, 'date=2020-01-01/hour=02/letters.json', qq({"l": 1, "c": 55505, "t": "Dear Eeemil"}\n{"l": 2, "c": 55506, "t": "Dear Fffinn"}\n));
erase_open(55505);
begin_sql($other, "SELECT (etl_define('$letters')).name; SELECT status, loaded FROM etl_run('letters')");
blocked('a definition waits for an erasure');
ask($erasing, 'COMMIT');
is(answer($other), "letters\nsucceeded|2\n", 'and is run after it');
is(places_with($node, 'Eeemil'), '', 'the erased person is nowhere in clear');
is(places_with($node, 'Dear Fffinn'), 'archive/date=2020-01-01/hour=02/letters.json processed/date=2020-01-01/hour=02/letters.json data.letters', 'another person is');

# the other way round: the erasure waits, and reaches what was defined meanwhile
my $notes = $letters =~ s/letters/notes/gr;
stage($node, 'date=2020-01-01/hour=03/notes.json', qq({"l": 1, "c": 55506, "t": "Note on Fffinn"}\n));
ask($other, "BEGIN; SELECT (etl_define('$notes')).name; SELECT status, loaded FROM etl_run('notes')");
begin_sql($erasing, q{SELECT status FROM etl_erase('customers', '55506')});
blocked('an erasure waits for a definition');
ask($other, 'COMMIT');
like(answer($erasing), qr/^completed$/m, 'and is carried out');
is(places_with($node, 'Fffinn'), '', 'in the new dataset, too');

# ---- materialized views that are made from rows of before
stage($node, 'date=2020-01-01/hour=04/customers.json', customer(55510, 'Gggerd'));
$sql->('SELECT etl_run()');
erase_open(55510);
$sql->('CREATE MATERIALIZED VIEW public.copies AS SELECT * FROM data.customers');
ask($erasing, 'COMMIT');
is($sql->(q{SELECT count(*) FROM public.copies WHERE first_name = 'Gggerd'}), '1', 'a view that was made meanwhile holds the person');
for (1 .. 12)
{
	my @commands = split /\n/, $sql->('SELECT etl_erasure_purge()');
	last unless @commands;
	$sql->($_) for @commands;
}
is($sql->('SELECT count(*) FROM etl.erasure WHERE purged_at IS NULL'), '0', 'everything is purged');
is($sql->(q{SELECT place, kind FROM etl_locate('gggerd@example.com')}), '', 'and nothing is found');
is($sql->(q{SELECT count(*) FROM public.copies WHERE first_name = 'Gggerd'}), '0', 'the view has been refreshed');

# ---- a request that waited on hold is purged when it was carried out
stage($node, 'date=2020-01-01/hour=05/customers.json', customer(55511, 'Hhhugo'));
$sql->('SELECT etl_run()');
$sql->(q{SELECT etl_hold('customers', '55511', reason => 'a case')});
$sql->(q{SELECT etl_erase('customers', '55511')});
$sql->('SELECT etl_erasure_purge()');
$sql->(q{SELECT etl_release_hold('customers', '55511')});
is($sql->(q{SELECT status, purged_at IS NULL FROM etl.erasure ORDER BY erasure_id DESC LIMIT 1}), 'completed|t', 'a request that was carried out late is not called purged before');

$_->{run}->finish for $erasing, $other;
done_testing();
