# What code on a target table raises is its own words, and they may hold a person's data: neither the
# catalog nor the server's log nor the client gets them, with whatever SQLSTATE they come and whatever
# calls the table. SQLSTATE, table and trigger are told; so is all that the server itself says about
# its own state.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => "log_error_verbosity = verbose\nlog_statement = none\n");
my $said = '';
my $hour = 0;

sub ask_server
{
	my ($sql) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	$said .= "$out\n$err\n";
	return ($out // '') . "\n" . ($err // '');
}

$node->safe_psql('postgres', q{SELECT etl_define('{"type": "object", "x-etl": {"dataset": "people", "files": ["people.json"], "key": "/id", "on_repeat": "update",
  "subject": {"field": "/id"}, "personal": [{"field": "/email", "treatment": "redact"}, {"field": "/how", "treatment": "null"}],
  "tables": [{"schema": "data", "name": "people", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "email", "from": "/email"}, {"name": "how", "from": "/how"}]}]}}')});
my $n = 0;
sub record
{
	my ($id, $how) = @_;
	return sprintf(qq({"id": %d, "email": "Zq%dsecret\@example.net", "how": "%s"}\n), $id, ++$n, $how);
}
stage($node, 'date=2024-01-01/hour=0/people.json', join '', map { record($_, 'plain') } 1 .. 8);
is(run_counts($node, "etl_run('people')"), 'succeeded|1|8|8|0', 'people are loaded');

# each way to raise what is not the data's fault, by what a record says
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION data.tell() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    words text := coalesce(nullif(NEW.email, '[erased]'), OLD.email);
BEGIN
    IF coalesce(NEW.how, OLD.how) = 'raise' THEN
        RAISE EXCEPTION USING ERRCODE = '58Z01', MESSAGE = 'no ' || words, DETAIL = 'it is ' || words, HINT = 'leave ' || words;
    ELSIF coalesce(NEW.how, OLD.how) = 'privilege' THEN
        RAISE insufficient_privilege USING MESSAGE = words || ' may not', DETAIL = words, HINT = words;
    ELSIF coalesce(NEW.how, OLD.how) = 'resources' THEN
        RAISE EXCEPTION USING ERRCODE = '53200', MESSAGE = words, DETAIL = words, HINT = words;
    ELSIF coalesce(NEW.how, OLD.how) = 'column' THEN
        EXECUTE format('SELECT %I', words);
    ELSIF coalesce(NEW.how, OLD.how) = 'relation' THEN
        PERFORM words::regclass;
    ELSIF coalesce(NEW.how, OLD.how) = 'setting' THEN
        PERFORM current_setting('x.' || words);
    ELSIF coalesce(NEW.how, OLD.how) = 'syntax' THEN
        EXECUTE 'SELECT 1 FROM x WHERE ' || words || ' secret';
    ELSIF coalesce(NEW.how, OLD.how) = 'function' THEN
        EXECUTE format('SELECT %I(1)', words);
    ELSIF coalesce(NEW.how, OLD.how) = 'internal' THEN
        RAISE EXCEPTION USING ERRCODE = 'XX000', MESSAGE = words, DETAIL = words;
    ELSIF coalesce(NEW.how, OLD.how) = 'table' THEN
        PERFORM count(*) FROM data.closed;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tell BEFORE INSERT OR UPDATE ON data.people FOR EACH ROW EXECUTE FUNCTION data.tell();
CREATE TABLE data.closed (x int);
SQL

my %states = (raise => '58Z01', resources => '53200', column => '42703', relation => '3F000', setting => '42704', syntax => '42601', function => '42883');
for my $how (sort keys %states)
{
	for my $id (100, 1)
	{
		my $does = $id == 100 ? 'inserted' : 'updated';
		my $path = sprintf 'date=2024-01-02/hour=%d/people.json', $hour++ % 24;
		my $file = stage($node, $path, record($id, $how));
		like(ask_server(q{SELECT etl_run('people');}), qr/ERROR:  $states{$how}: /, "a row that is $does, $how: the run ends with the SQLSTATE");
		ask_server('SELECT count(*) FROM etl_run();');
		my ($rc, $out, $err) = $node->psql('postgres', q{CALL etl_load('people')});
		$said .= $err;
		is_sql($node, q{SELECT sqlstate FROM etl.run WHERE dataset = 'people' AND status = 'failed' ORDER BY run_id DESC LIMIT 1}, $states{$how}, "a row that is $does, $how: the run's row has it");
		unlink $file or die;
	}
}
# an SQLSTATE that code has chosen is about the row, whatever the server means by it
for my $case ([ privilege => '42501' ], [ internal => 'XX000' ])
{
	my ($how, $state) = @$case;
	stage($node, sprintf('date=2024-01-02/hour=%d/people.json', $hour++ % 24), record(100, $how));
	is(run_counts($node, "etl_run('people')"), 'succeeded|1|1|0|1', "$how: the row is quarantined");
	is_sql($node, qq{SELECT count(*) FROM etl.quarantine WHERE code = 'constraint' AND status = 'open' AND violations -> 0 ->> 'sqlstate' = '$state' AND violations::text !~ 'secret'}, '1', "$how: with the SQLSTATE and no word");
}
$node->safe_psql('postgres', q{DELETE FROM etl.quarantine});
like($node->safe_psql('postgres', q{SELECT error FROM etl.run WHERE sqlstate = '58Z01' LIMIT 1}), qr/^trigger "tell" of table "people" has raised SQLSTATE 58Z01: Its text is left out/,
	'who raised it is told');
is_sql($node, q{SELECT count(*) FROM etl.run WHERE error ~ 'secret'}, '0', 'no word of theirs is in a run');
like($node->safe_psql('postgres', q{SELECT error FROM etl.run WHERE sqlstate = '42703' LIMIT 1}), qr/^column "…" does not exist/, "of the server's words those that may be the data's are left out");

# the server's own state is told
$node->safe_psql('postgres', q{CREATE ROLE loader LOGIN; SELECT etl_grant('loader', 'operator'); GRANT SELECT, INSERT, UPDATE ON data.people TO loader; GRANT USAGE ON SCHEMA data TO loader});
my $file = stage($node, 'date=2024-01-03/hour=0/people.json', record(200, 'table'));
my ($rc, $out, $err) = $node->psql('postgres', q{SELECT etl_run('people')}, extra_params => [ '-U', 'loader' ]);
like($err, qr/permission denied for table closed/, 'what the server says about privileges is told whole');
unlink $file or die;

# replayed
$file = stage($node, 'date=2024-01-04/hour=0/people.json', qq({"id": "x", "email": "Zq0secret\@example.net"}\n));
is(run_counts($node, "etl_run('people')"), 'succeeded|1|1|0|1', 'a record is refused');
$node->safe_psql('postgres', q{UPDATE etl.quarantine SET record = '{"id": 300, "email": "Zq0secret@example.net", "how": "raise"}' WHERE dataset = 'people'});
like(ask_server(q{SELECT etl_replay('people');}), qr/ERROR:  58Z01: /, 'a replay ends with the SQLSTATE');

# erased: treated rows are refused in words that name the person
$node->safe_psql('postgres', q{ALTER TABLE data.people DISABLE TRIGGER tell; UPDATE data.people SET how = (ARRAY['raise', 'column', 'resources'])[id] WHERE id <= 3; ALTER TABLE data.people ENABLE TRIGGER tell});
like(ask_server("SELECT etl_erase('people', '$_->[0]');"), qr/ERROR:  $_->[1]: /, "an erasure ends with SQLSTATE $_->[1]") for [ 1, '58Z01' ], [ 3, '53200' ];
unlike(ask_server(q{SELECT etl_erase('people', '2');}), qr/ERROR/, 'what the code on the table is short of keeps one person from being erased');
is_sql($node, q{SELECT status, error ~ 'SQLSTATE 42703' FROM etl.erasure WHERE error !~ 'secret'}, 'failed|t', 'which is recorded');

# read: a view in the table's place, and what its expressions raise
$node->safe_psql('postgres', <<'SQL');
ALTER TABLE data.people RENAME TO behind;
CREATE FUNCTION data.look(v text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '55Z02', MESSAGE = v, DETAIL = v, HINT = v; END $$;
CREATE VIEW data.people AS SELECT id, data.look(email) AS email, how FROM data.behind;
CREATE FUNCTION data.instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER instead INSTEAD OF INSERT OR UPDATE ON data.people FOR EACH ROW EXECUTE FUNCTION data.instead();
SQL
ask_server($_) for q{SELECT * FROM etl_anonymized(NULL::data.people, 'people');}, q{SELECT etl_export('people', 'people.jsonl');}, q{SELECT etl_export('people', 'people.csv', 'csv');},
  q{SELECT * FROM etl_subject('people', '4');}, q{SELECT count(*) FROM etl_locate('Zq4');}, q{SELECT (etl_erase('people', '4', dry_run => true)).status;}, q{SELECT etl_erase('people', email => 'nobody@example.org');};
cmp_ok(scalar(() = $said =~ /ERROR:  55Z02: /g), '>=', 4, 'so do calls that read');

# from a foreign server, whose words are about the rows there
SKIP:
{
	skip 'no postgres_fdw', 4 if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) == 0;
	# a server of its own: what it writes into its log is its own affair
	my $far = PostgreSQL::Test::Cluster->new('far');
	$far->init;
	$far->start;
	my ($host, $port) = ($far->host, $far->port);
	$far->safe_psql('postgres', <<'SQL');
CREATE TABLE far (id bigint, email text, how text);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.how = 'far' THEN RAISE EXCEPTION USING ERRCODE = '58Z03', MESSAGE = 'far: ' || NEW.email, DETAIL = NEW.email, HINT = NEW.email; END IF;
    IF NEW.how = 'column' THEN EXECUTE format('SELECT %I', NEW.email); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tell BEFORE INSERT OR UPDATE ON far FOR EACH ROW EXECUTE FUNCTION tell();
SQL
	$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER elsewhere;
CREATE FOREIGN TABLE data.far (id bigint, email text, how text) SERVER elsewhere OPTIONS (schema_name 'public', table_name 'far');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "far", "files": ["far.json"], "key": "/id", "subject": {"field": "/id"}, "personal": [{"field": "/email", "treatment": "redact"}],
  "tables": [{"schema": "data", "name": "far", "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "email", "from": "/email"}, {"name": "how", "from": "/how"}]}]}}');
SQL
	for my $case ([ far => '58Z03' ], [ column => '42703' ])
	{
		my ($how, $state) = @$case;
		my $path = stage($node, sprintf('date=2024-02-01/hour=%d/far.json', $hour++ % 24), record(500, $how));
		like(ask_server(q{SELECT etl_run('far');}), qr/ERROR:  $state: /, "a foreign server raises $state: the run ends with it");
		unlink $path or die;
	}
	# erased there, in words that name the person
	stage($node, 'date=2024-02-02/hour=0/far.json', record(501, 'plain'));
	is(run_counts($node, "etl_run('far')"), 'succeeded|1|1|1|0', 'what it takes is loaded');
	$far->safe_psql('postgres', q{ALTER TABLE far DISABLE TRIGGER tell; UPDATE far SET how = 'far'; ALTER TABLE far ENABLE TRIGGER tell});
	$far->safe_psql('postgres', q{CREATE OR REPLACE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '58Z04', MESSAGE = OLD.email, DETAIL = OLD.email; END $$});
	like(ask_server("SELECT etl_erase('far', '501');"), qr/ERROR:  58Z04: /, 'so does an erasure');
	$far->stop;
}

# from constraint triggers that wait for the end of the transaction: a run makes them immediate for itself
$node->safe_psql('postgres', <<'SQL');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "late", "files": ["late.json"], "key": "/id", "on_repeat": "update", "subject": {"field": "/id"}, "personal": [{"field": "/email", "treatment": "redact"}],
  "tables": [{"schema": "data", "name": "late", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "email", "from": "/email"}, {"name": "how", "from": "/how"}]}]}}');
CREATE FUNCTION data.tell_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.how = 'raise' THEN RAISE EXCEPTION USING ERRCODE = '58Z05', MESSAGE = coalesce(OLD.email, NEW.email), DETAIL = NEW.email, HINT = NEW.email; END IF;
    IF NEW.how = 'check' THEN RAISE check_violation USING MESSAGE = NEW.email, DETAIL = NEW.email, CONSTRAINT = NEW.email; END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER tell_late AFTER INSERT OR UPDATE ON data.late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION data.tell_late();
SQL
for my $wrap ('%s;', 'BEGIN; %s; COMMIT;', 'BEGIN; SET CONSTRAINTS ALL DEFERRED; %s; COMMIT;')
{
	my $path = stage($node, sprintf('date=2024-02-03/hour=%d/late.json', $hour++ % 24), record(600, 'raise'));
	like(ask_server(sprintf $wrap, q{SELECT etl_run('late')}), qr/ERROR:  58Z05: /, "a deferred trigger raises: $wrap");
	unlink $path or die;
}
stage($node, sprintf('date=2024-02-04/hour=%d/late.json', $hour++ % 24), record(601, 'check') . record(602, 'plain'));
is(run_counts($node, "etl_run('late')"), 'succeeded|1|2|1|1', 'a row that it calls wrong is quarantined');
unlike($node->safe_psql('postgres', q{SELECT violations::text FROM etl.quarantine WHERE dataset = 'late'}), qr/secret/, 'without its words');
$node->safe_psql('postgres', q{ALTER TABLE data.late DISABLE TRIGGER tell_late; UPDATE data.late SET how = 'raise'; ALTER TABLE data.late ENABLE TRIGGER tell_late});
like(ask_server("BEGIN; SELECT etl_erase('late', '602'); COMMIT;"), qr/ERROR:  58Z05: /, 'an erasure that it refuses');

unlike($said, qr/secret/, 'no client is told a word of a record');
$node->stop;
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/^(?!.*STATEMENT:).*Zq\d+secret/m, 'nor is the log');
done_testing();
