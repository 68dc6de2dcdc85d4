# A target table is a foreign one, and its server does not answer: every call says so or records it, goes on with
# what it can, and no request for erasure counts as carried out that was not.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => "autovacuum = off\n");
my $root = $node->{etl_root};
my $far = PostgreSQL::Test::Cluster->new('far');
$far->init;
$far->start;
$far->safe_psql('postgres', 'CREATE TABLE visits (id bigint PRIMARY KEY, person bigint, note text)');
my ($host, $port) = ($far->host, $far->port);
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub says { my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$_[0]"); return ($out ? "$out " : '') . $err =~ s/^psql:<stdin>:\d+: //mgr =~ s/^LOCATION:.*\n?//mgr }

sql(<<"SQL");
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres', connect_timeout '2');
CREATE USER MAPPING FOR CURRENT_USER SERVER far;
CREATE FOREIGN TABLE data.visits (id bigint NOT NULL, person bigint, note text) SERVER far OPTIONS (schema_name 'public', table_name 'visits');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "people", "files": ["people.json"], "key": "/id", "on_repeat": "update", "subject": {"field": "/id"}, "personal": [{"field": "/name", "treatment": "null"}],
  "tables": [{"schema": "data", "name": "people", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "name", "from": "/name"}]}]}}');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "visits", "files": ["visits.json"], "key": "/id", "on_repeat": "update", "subject": {"field": "/person", "dataset": "people"}, "personal": [{"field": "/note", "treatment": "null"}],
  "tables": [{"schema": "data", "name": "visits", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "person", "type": "bigint", "from": "/person"}, {"name": "note", "from": "/note"}]}]}}');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "asks", "files": ["asks.json"], "erases": {"dataset": "people", "subject": "/id"}}}');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "alone", "files": ["alone.json"], "key": "/id", "tables": [{"schema": "data", "name": "alone", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}]}]}}');
SQL
my $hour = 0;
sub stage_all
{
	++$hour;
	stage($node, "date=2024-01-01/hour=$hour/people.json", join '', map { qq({"id": $_, "name": "Person$_"}\n) } 10 * $hour + 1, 10 * $hour + 2, 10 * $hour + 3);
	stage($node, "date=2024-01-01/hour=$hour/visits.json", join '', map { qq({"id": $_, "person": $_, "note": "Note$_"}\n) } 10 * $hour + 1, 10 * $hour + 2, 10 * $hour + 3);
	stage($node, "date=2024-01-01/hour=$hour/alone.json", qq({"id": $hour}\n));
}
sub runs_of { my ($call) = @_; return sql("SET client_min_messages = error; SELECT string_agg(concat_ws(' ', dataset, status, sqlstate, loaded), ', ' ORDER BY dataset) FROM $call WHERE dataset IN ('people', 'visits', 'alone', 'asks')") }
sub erasures { return sql(q{SELECT coalesce(string_agg(status, ' ' ORDER BY erasure_id), '-') FROM etl.erasure}) }

stage_all();
is(runs_of('etl_run()'), 'alone succeeded 1, asks succeeded 0, people succeeded 3, visits succeeded 3', 'with the server everything is loaded');
is(sql(q{SELECT status FROM etl_erase('people', '11')}), 'completed', 'and somebody erased');
is($far->safe_psql('postgres', 'SELECT count(note) FROM visits'), '2', 'there as well');

$far->stop('fast');
stage_all();
is(runs_of('etl_run()'), 'alone succeeded 1, asks succeeded 0, people succeeded 3, visits failed 08001 0', 'without it the others are loaded, and the row of the one says why');
like(sql(q{SELECT error FROM etl.run WHERE dataset = 'visits' ORDER BY run_id DESC LIMIT 1}), qr/could not connect to server "far"/, 'by the name of the server');
ok(-f "$root/raw/date=2024-01-01/hour=2/visits.json", 'its file stays staged');
like(says(q{SELECT etl_run('visits')}), qr/ERROR:  08001: could not connect to server "far"/, 'a run of it alone raises the error');
stage_all();
like(says('CALL etl_load()'), qr/ERROR:  08001: could not load "visits"/, 'etl_load loads the others and names it');
is(sql('SELECT count(*) FROM data.people') . ' ' . sql('SELECT count(*) FROM data.alone'), '9 3', 'which are there');
like(says(q{SELECT etl_validate('visits', '{"id": 1, "person": 2, "note": "x"}')}), qr/ERROR:  08001|^$/, 'a dry run of a record says so, if it looks');

my $known = erasures();
my ($said) = says(q{SELECT etl_erase('people', '12')});
like($said, qr/ERROR:  08001: could not connect to server "far"/, 'an erasure raises the error');
unlike($said, qr/Person|Note/, 'without a value');
is(erasures(), $known, 'and is not recorded as anything');
is(sql('SELECT name FROM data.people WHERE id = 12'), 'Person12', 'what could be reached is not treated by halves');
like(says(q{SELECT etl_erase('people', '12', dry_run => true)}), qr/ERROR:  08001/, 'nor does a dry run say that there is nothing');
stage($node, 'date=2024-01-02/hour=1/asks.json', qq({"id": "12"}\n{"id": "13"}\n));
stage_all();
is(runs_of('etl_run()'), 'alone succeeded 1, asks failed 08001 0, people succeeded 3, visits failed 08001 0', 'a file of requests is not taken up, and everything else is loaded');
is(erasures(), $known, 'none of them counts as carried out');
ok(-f "$root/raw/date=2024-01-02/hour=1/asks.json", 'it stays staged');

my ($rc, $out, $err) = $node->psql('postgres', q{SELECT place FROM etl_locate('Person12') WHERE kind = 'table'});
is($out, 'data.people', 'etl_locate finds what it can reach');
like($err, qr/data\.visits: could not be read \(SQLSTATE 08001\)/, 'and says what it cannot');
like(says(q{SELECT count(*) FROM etl_subject('people', '12')}), qr/ERROR:  08001: could not connect to server "far"/, 'etl_subject does not hand over a part for the whole');
like(says(q{SELECT etl_export('visits', 'visits.jsonl')}), qr/ERROR:  08001/, 'an export is refused');
ok(!-e "$root/processed/visits.jsonl", 'and leaves no file');
is(sql(q{SELECT count(*) > 3 FROM etl.health}), 't', 'etl.health answers');
my @health = split /\n/, sql(q{SELECT concat_ws(' | ', check_name, status, message, hint) FROM etl.health});
note $_ for @health;
is(sql(q{SELECT count(*) > 0 FROM etl_erasure_purge()}), 't', 'so does the purge');
sql(q{SELECT etl_retention()});
sql(q{SELECT etl_hold('people', '13', 'why')});

$far->start;
is(runs_of('etl_run()'), 'alone succeeded 0, asks succeeded 2, people succeeded 0, visits succeeded 9', 'with the server again, all is made up for');
is(erasures(), "$known completed held", 'the requests as well');
is($far->safe_psql('postgres', 'SELECT note IS NULL FROM visits WHERE person = 12'), 't', 'there, too');

# it goes away while a request that was held is let go
$far->stop('fast');
like(says(q{SELECT etl_release_hold('people', '13')}), qr/ERROR:  08001/, 'a hold that cannot be released says so');
is(erasures(), "$known completed held", 'and its request waits on');
is(sql(q{SELECT count(*) FROM etl.hold WHERE released_at IS NULL}), '1', 'held as before');
$far->start;
is(sql(q{SELECT status FROM etl_release_hold('people', '13')}), 'completed', 'until it can be carried out');

$far->stop;
$node->stop;
done_testing();
