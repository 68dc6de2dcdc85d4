# A backend compiles a definition once and keeps it: what another session changes, what a transaction takes
# back and what is dropped counts at once all the same.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub define
{
	my ($most) = @_;
	return qq{SELECT etl_define('{"type": "object", "properties": {"id": {"type": "integer", "maximum": $most}},
	  "x-etl": {"dataset": "numbers", "files": ["numbers.json"], "key": "/id", "retention": {"history": "$most days"},
	  "tables": [{"schema": "data", "name": "numbers", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}')};
}
my $accepted = q{SELECT count(*) FROM generate_series(1, 9) i WHERE NOT EXISTS (SELECT FROM etl_validate('numbers', jsonb_build_object('id', i)))};
# A row and no more of an answer.
sub answer_of { my ($reader, $sql) = @_; return ask($reader, $sql) =~ s/\n\z//r }
my $kept = q{SELECT kept FROM etl_internal.retention_periods() WHERE dataset = 'numbers'};

sql(define(5));
my $reader = session($node);
is(answer_of($reader, $accepted), '5', 'a session that has read a definition');
is(answer_of($reader, $kept), '5 days', 'with its periods');
sql(define(7));
is(answer_of($reader, $accepted), '7', 'sees that another session has defined it again');
is(answer_of($reader, $kept), '7 days', 'with its periods');

ask($reader, 'BEGIN');
ask($reader, define(2));
is(answer_of($reader, $accepted), '2', 'what a transaction defines counts in it');
is(sql($accepted), '7', 'and nowhere else');
ask($reader, 'ROLLBACK');
is(answer_of($reader, $accepted), '7', 'until it is taken back');

ask($reader, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
is(answer_of($reader, $accepted), '7', 'a snapshot');
sql(define(3));
is(answer_of($reader, $accepted), '7', 'goes on with the definitions that it has');
ask($reader, 'COMMIT');
is(answer_of($reader, $accepted), '3', 'and then with the new ones');

# what makes a definition costs more than looking at it
my $milliseconds = sub {
	my ($times) = @_;
	my $before = answer_of($reader, q{SELECT extract(epoch FROM clock_timestamp()) * 1000});
	is(answer_of($reader, "SELECT count(*) FROM generate_series(1, $times) i, LATERAL etl_internal.target_tables('numbers' || left(i::text, 0)) t"), $times, "$times calls");
	return answer_of($reader, q{SELECT extract(epoch FROM clock_timestamp()) * 1000}) - $before;
};
note sprintf '1000 readings of all definitions in one session: %.0f ms', $milliseconds->(1000);

sql(q{SELECT etl_drop('numbers')});
is(answer_of($reader, q{SELECT count(*) FROM etl_internal.definitions() WHERE dataset = 'numbers'}), '0', 'a dataset that was dropped is gone');
# ---- people who were erased or are on hold are known by their keys as the key's type spells them
sub people
{
	my ($type) = @_;
	return qq{SELECT etl_define('{"type": "object", "x-etl": {"dataset": "people", "files": ["people.json"], "key": "/id", "subject": {"field": "/id"}, "personal": [{"field": "/name", "treatment": "redact"}],
	  "tables": [{"schema": "data", "name": "people", "primary_key": ["id"], "columns": [{"name": "id", "type": "$type", "from": "/id"}, {"name": "name", "from": "/name"}]}]}}')};
}
sub define_fails
{
	my ($sql, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my (undef, undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	return like($error, $expected, $name);
}
sql(people('text'));
stage($node, 'date=2020-01-01/hour=1/people.json', join '', map { qq({"id": "00$_", "name": "Ann$_"}\n) } 6 .. 8);
is(sql(q{SELECT loaded FROM etl_run('people')}), '3', 'people with text keys');
sql(q{ALTER TABLE data.people ALTER id TYPE bigint USING id::bigint});
sql(people('bigint'));
sql(q{ALTER TABLE data.people ALTER id TYPE text});
sql(people('text'));
pass('the type may change while nobody depends on it');
sql(q{SELECT etl_erase('people', '007')});
sql(q{ALTER TABLE data.people ALTER id TYPE bigint USING id::bigint});
define_fails(people('bigint'), qr/ERROR:  55000: the key of dataset "people" cannot become bigint\nDETAIL:  1 people were erased and 0 are on legal hold by keys of type text/, 'not when somebody was erased');
sql(q{SELECT etl_drop('people')});
define_fails(people('bigint'), qr/55000/, 'nor when it is dropped between');
sql(q{ALTER TABLE data.people ALTER id TYPE text});
sql(people('text'));
sql(q{SELECT etl_reinstate('people', '007', 'a test')});
sql(q{SELECT etl_hold('people', '008', 'a trial')});
sql(q{ALTER TABLE data.people ALTER id TYPE bigint USING id::bigint});
define_fails(people('bigint'), qr/DETAIL:  0 people were erased and 1 are on legal hold/, 'nor when somebody is on hold');
sql(q{SELECT etl_release_hold('people', '008')});
sql(people('bigint'));
sql(q{SELECT etl_erase('people', '8')});
sql(q{ALTER TABLE data.people ALTER id TYPE integer});
sql(people('integer'));
stage($node, 'date=2020-01-01/hour=2/people.json', qq({"id": 8, "name": "Ann again"}\n));
is(sql(q{SELECT name FROM etl_run('people'), LATERAL (SELECT name FROM data.people WHERE id = 8) p}), '[erased]', 'integers of another width are the same keys');
done_testing();
