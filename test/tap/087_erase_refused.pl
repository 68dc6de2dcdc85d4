# An erasure that a table does not let happen is never called completed: rows that row-level security
# hides, triggers that keep a row as it was, constraints that refuse the treated row, tables and columns
# that are gone. One person who cannot be erased keeps nobody else.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
my $sql = sub { $node->safe_psql('postgres', $_[0]) };
my $errors = sub { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err };
my $hour = 'date=2020-01-01/hour=01';

sub definition
{
	my ($name, $personal, $more) = @_;
	return qq({"x-etl": {"dataset": "$name", "files": ["$name.json"], "key": "/id", "tables": [{"schema": "data", "name": "$name", "columns": [
		{"name": "id", "type": "bigint", "from": "/id"}, {"name": "name", "from": "/name"}, {"name": "phone", "from": "/phone"},
		{"name": "born", "type": "date", "from": "/born"}]}], "subject": {"field": "/id"@{[$more // '']}}, "personal": [$personal]}});
}
my $all = '{"field": "/name", "treatment": "sha256"}, {"field": "/phone", "treatment": "redact"}, {"field": "/born", "treatment": "generalize", "to": "year"}';

sub people
{
	my ($name, $personal, $more) = @_;
	$sql->("SELECT etl_define('" . definition($name, $personal, $more) . "')");
	stage($node, "$hour/$name.json", join '', map { qq({"id": $_, "name": "Name$_", "phone": "070$_", "born": "1990-05-0$_"}\n) } 1 .. 6);
	is($sql->("SELECT loaded FROM etl_run('$name')"), '6', "$name: loaded");
	return;
}
sub row { return $sql->("SELECT name, phone, born FROM data.$_[0] WHERE id = $_[1]") }

# ---- row-level security
people('hidden', $all);
$sql->(<<'SQL');
CREATE ROLE op LOGIN;
SELECT etl_grant('op', 'operator');
GRANT USAGE ON SCHEMA data TO op;
GRANT SELECT, INSERT, UPDATE, DELETE ON data.hidden TO op;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA etl, etl_internal, public TO op;
ALTER TABLE data.hidden ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON data.hidden USING (id <> 2);
SQL
$sql->(q{SELECT etl_define('{"x-etl": {"dataset": "ask_hidden", "files": ["ask_hidden.json"], "key": "/who", "erases": {"dataset": "hidden", "subject": "/who"}}}')});
for my $call (q{etl_erase('hidden', '2')}, q{etl_subject('hidden', '2')}, q{etl_erase('hidden', '2', dry_run => true)})
{
	my ($out, $err);
	$node->psql('postgres', "\\set VERBOSITY verbose\nSELECT $call", extra_params => [ '-U', 'op' ], stdout => \$out, stderr => \$err);
	like($err, qr/42501.*row-level security of table/, "hidden rows: $call is refused");
}
stage($node, "$hour/ask_hidden.json", qq({"who": 2}\n));
my ($out, $err);
$node->psql('postgres', q{SELECT status FROM etl_run('ask_hidden')}, extra_params => [ '-U', 'op' ], stdout => \$out, stderr => \$err);
is($sql->('SELECT count(*) FROM etl.erasure'), '0', 'nothing is recorded of a request that hidden rows keep from being carried out');
is(row('hidden', 2), 'Name2|0702|1990-05-02', 'and nothing is treated');
ok(-f "$node->{etl_root}/raw/$hour/ask_hidden.json", 'its file waits');
is($sql->(q{SELECT status, loaded FROM etl_run('ask_hidden')}), 'succeeded|1', 'somebody who sees all rows carries it out');
like(row('hidden', 2), qr/^[0-9a-f]{64}\|\[erased\]\|1990-01-01$/, 'then the row is treated');

# ---- triggers that keep the row
for my $kind (['old', 'RETURN OLD'], ['none', 'RETURN NULL'], ['one', 'NEW.name := OLD.name; RETURN NEW'])
{
	my ($name, $body) = ("kept_$kind->[0]", $kind->[1]);
	people($name, $all);
	$sql->(<<"SQL");
CREATE FUNCTION data.$name() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN IF OLD.id = 2 THEN $body; END IF; RETURN NEW; END \$\$;
CREATE TRIGGER keep BEFORE UPDATE ON data.$name FOR EACH ROW EXECUTE FUNCTION data.$name();
SQL
	like($errors->("SELECT etl_erase('$name', '2')"), qr/WARNING:  the request was not carried out: table data\.$name still holds/, "$name: told");
	is($sql->("SELECT status, completed_at IS NULL, error ~ 'still holds' FROM etl.erasure WHERE dataset = '$name'"), 'failed|t|t', "$name: recorded with its reason");
	is(row($name, 2), 'Name2|0702|1990-05-02', "$name: nothing of it is done by halves");
	is($sql->("SELECT count(*) FROM etl.tombstone WHERE dataset = '$name'"), '0', "$name: no tombstone");
	is($sql->("SELECT status FROM etl_erase('$name', '3')"), 'completed', "$name: others are erased");
}
is($sql->(q{SELECT status FROM etl_erase('kept_old', '2')}), 'failed', 'asked again it is no duplicate');
is($sql->(q{SELECT status FROM etl.health WHERE check_name = 'erasure requests'}), 'error', 'etl.health tells of failed requests');
$sql->('DROP TRIGGER keep ON data.kept_old');
is($sql->(q{SELECT string_agg(status, ' ' ORDER BY erasure_id) FROM etl_erase_failed('kept_old')}), 'completed duplicate', 'when the trigger is gone, the failed requests are carried out');
like(row('kept_old', 2), qr/^[0-9a-f]{64}\|\[erased\]\|1990-01-01$/, 'then the row is treated');
is($sql->(q{SELECT count(*) FROM etl_erase_failed('kept_old')}), '0', 'and nothing is left to be done');
people('changed', $all);
$sql->(<<'SQL');
CREATE FUNCTION data.upper() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.phone := upper(NEW.phone); RETURN NEW; END $$;
CREATE TRIGGER change BEFORE UPDATE ON data.changed FOR EACH ROW EXECUTE FUNCTION data.upper();
SQL
is($sql->(q{SELECT status FROM etl_erase('changed', '2')}), 'completed', 'a trigger that only dresses the treated value otherwise is no failure');
is($sql->('SELECT phone FROM data.changed WHERE id = 2'), '[ERASED]', 'nothing personal is left there');
people('undeleted', $all, ', "on_erasure": "delete"');
$sql->(<<'SQL');
CREATE FUNCTION data.undelete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER keep BEFORE DELETE ON data.undeleted FOR EACH ROW EXECUTE FUNCTION data.undelete();
SQL
is($sql->(q{SELECT status FROM etl_erase('undeleted', '2')}), 'failed', 'a row whose removal a trigger suppresses is not called erased');

# ---- triggers that keep rows from being deleted, in a dataset about the people of another
people('guests', $all);
for my $case ([ 'kept_lines', 'stays_lines', 'NULL' ], [ 'kept_stays', 'stays', 'NULL' ], [ 'moved_lines', 'stays_lines', 'OLD' ])
{
	my ($name, $table, $result) = @$case;
	$sql->("SELECT etl_define('" . qq({"x-etl": {"dataset": "stays", "files": ["stays.json"], "key": "/no", "subject": {"dataset": "guests", "field": "/who", "on_erasure": "delete"},
	 "tables": [{"name": "stays", "primary_key": ["no"], "columns": [{"name": "no", "type": "bigint", "from": "/no"}, {"name": "who", "type": "bigint", "from": "/who"}, {"name": "room", "from": "/room"}]},
	  {"name": "stays_lines", "each": "/lines", "columns": [{"name": "no", "type": "bigint", "from": "/no"}, {"name": "line", "type": "int", "from": "\$line"}, {"name": "what", "from": "./what"}]}]}}) . "')");
	stage($node, "$hour/stays.json", join '', map { qq({"no": $_, "who": $_, "room": "Room$_", "lines": [{"what": "Wine$_"}, {"what": "Bed$_"}]}\n) } 1 .. 6);
	is($sql->(q{SELECT loaded FROM etl_run('stays')}), '6', "$name: loaded");
	$sql->(<<"SQL");
CREATE FUNCTION data.$name() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN IF OLD.no = 2 THEN RETURN $result; END IF; RETURN OLD; END \$\$;
CREATE TRIGGER keep BEFORE DELETE ON data.$table FOR EACH ROW EXECUTE FUNCTION data.$name();
SQL
	$sql->(q{SELECT etl_define('{"x-etl": {"dataset": "ask_guests", "files": ["ask_guests.json"], "erases": {"dataset": "guests", "subject": "/who"}}}')});
	stage($node, "$hour/ask_guests.json", join '', map { qq({"who": $_}\n) } 1 .. 4);
	is($sql->(q{SELECT status, loaded FROM etl_run('ask_guests')}), 'succeeded|4', "$name: the run goes on");
	my $failed = $result eq 'NULL';
	is($sql->(q{SELECT string_agg(status, ' ' ORDER BY erasure_id) FROM etl.erasure WHERE dataset = 'guests'}), $failed ? 'completed failed completed completed' : 'completed completed completed completed', "$name: who is kept is not called erased");
	like($sql->(q{SELECT error FROM etl.erasure WHERE dataset = 'guests' AND status = 'failed'}), qr/table data\.$table still holds/, "$name: the reason names the table") if $failed;
	is($sql->('SELECT string_agg(what, \' \' ORDER BY no, line) FROM data.stays_lines WHERE no <= 4'), $failed ? 'Wine2 Bed2' : '', "$name: all or nothing");
	is($sql->(q{SELECT name FROM data.guests WHERE id = 2}), 'Name2', "$name: the person's own row stays") if $failed;
	$sql->("DROP TRIGGER keep ON data.$table");
	is($sql->(q{SELECT string_agg(status, ' ') FROM etl_erase_failed('guests')}), 'completed', "$name: mended, it is carried out") if $failed;
	is($sql->('SELECT count(*) FROM data.stays_lines WHERE no <= 4'), '0', "$name: nothing is left");
	# for the next
	$sql->(q{SELECT etl_drop('stays'); DROP TABLE data.stays, data.stays_lines; DELETE FROM etl.tombstone WHERE dataset = 'guests'; DELETE FROM etl.erasure WHERE dataset = 'guests'; DELETE FROM etl.file WHERE dataset IN ('stays', 'ask_guests'); UPDATE data.guests SET name = 'Name' || id});
	unlink glob("$node->{etl_root}/{processed,archive}/$hour/{stays,ask_guests}.json*");
}

# ---- errors of every class that code on the table raises for one person
people('raised', $all);
$sql->(q{SELECT etl_define('{"x-etl": {"dataset": "ask_raised", "files": ["ask_raised.json"], "erases": {"dataset": "raised", "subject": "/who"}}}')});
$sql->(<<'SQL');
CREATE TABLE data.secret (x int);
CREATE SEQUENCE data.never_used;
CREATE FUNCTION data.raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_ARGV[0] IN ('own 42P01') AND OLD.id = 3 THEN EXECUTE 'SELECT 1 FROM data.no_such_table';
    ELSIF TG_ARGV[0] = 'own 55000' AND OLD.id = 3 THEN PERFORM currval('data.never_used');
    ELSIF OLD.id = 3 THEN RAISE EXCEPTION USING ERRCODE = TG_ARGV[0], MESSAGE = OLD.name; END IF;
    RETURN NEW;
END $$;
SQL
for my $state (qw(40001 40P01 42501 55000 XX000 25006 08006 HV000 0A000 P0001 3D000 28000), 'own 42P01', 'own 55000')
{
	my ($code) = $state =~ /(\w+)$/;
	$sql->("UPDATE data.raised SET name = 'Name' || id; DELETE FROM etl.tombstone WHERE dataset = 'raised'; DELETE FROM etl.erasure WHERE dataset = 'raised'; DELETE FROM etl.file WHERE dataset = 'ask_raised'");
	$sql->("CREATE OR REPLACE TRIGGER raise BEFORE UPDATE ON data.raised FOR EACH ROW WHEN (NEW.name <> 'Name' || NEW.id) EXECUTE FUNCTION data.raise('$state')");
	stage($node, "$hour/ask_raised.json", join '', map { qq({"who": $_, "for": "$state"}\n) } 1 .. 5);
	is($sql->(q{SELECT status, loaded FROM etl_run('ask_raised')}), 'succeeded|5', "$state: one person who cannot be erased stops no run");
	is($sql->(q{SELECT status, count(*) FROM etl.erasure WHERE dataset = 'raised' GROUP BY 1 ORDER BY 1}), "completed|4\nfailed|1", "$state: all others are erased");
	like($sql->(q{SELECT error FROM etl.erasure WHERE dataset = 'raised' AND status = 'failed'}), qr/^(?!.*Name3).*SQLSTATE $code/, "$state: the reason has the SQLSTATE and no value");
	is($sql->('SELECT name FROM data.raised WHERE id = 3'), 'Name3', "$state: the one stays as they were");
}
# what means the machine ends the run, for whoever raises it
for my $state (qw(53100 53200 57014 58030))
{
	$sql->("DELETE FROM etl.tombstone WHERE dataset = 'raised'; DELETE FROM etl.erasure WHERE dataset = 'raised'; UPDATE data.raised SET name = 'Name' || id");
	$sql->("CREATE OR REPLACE TRIGGER raise BEFORE UPDATE ON data.raised FOR EACH ROW WHEN (NEW.name <> 'Name' || NEW.id) EXECUTE FUNCTION data.raise('$state')");
	like($errors->("\\set VERBOSITY verbose\nSELECT etl_erase('raised', '3')"), qr/ERROR:  $state/, "$state ends it");
	is($sql->(q{SELECT count(*) FROM etl.erasure WHERE dataset = 'raised'}), '0', "$state: nothing is recorded");
}
# a statement of ours that may not is no person's fault
$sql->('DROP TRIGGER raise ON data.raised; REVOKE UPDATE ON data.raised FROM op; GRANT SELECT ON data.raised TO op');
($out, $err) = ('', '');
$node->psql('postgres', "\\set VERBOSITY verbose\nDO 'BEGIN PERFORM etl_erase(''raised'', ''3''); END'", extra_params => [ '-U', 'op' ], stdout => \$out, stderr => \$err);
like($err, qr/ERROR:  42501/, 'a privilege that the caller lacks ends the call, also within code of his');

# ---- rules in place of the statement
people('ruled', $all);
$sql->(q{SELECT etl_define('{"x-etl": {"dataset": "ask_ruled", "files": ["ask_ruled.json"], "erases": {"dataset": "ruled", "subject": "/who"}}}')});
my %rules = (
	'conditional, nothing' => 'ON UPDATE TO data.ruled WHERE OLD.id = 3 DO INSTEAD NOTHING',
	'conditional, other' => q{ON UPDATE TO data.ruled WHERE OLD.id = 3 DO INSTEAD INSERT INTO data.secret VALUES (1)},
	'nothing' => 'ON UPDATE TO data.ruled DO INSTEAD NOTHING',
	'also' => 'ON UPDATE TO data.ruled WHERE OLD.id = 3 DO ALSO INSERT INTO data.secret VALUES (1)',
);
for my $kind (sort keys %rules)
{
	$sql->("DELETE FROM etl.tombstone WHERE dataset = 'ruled'; DELETE FROM etl.erasure WHERE dataset = 'ruled'; DELETE FROM etl.file WHERE dataset = 'ask_ruled'; CREATE RULE instead AS $rules{$kind}");
	stage($node, "$hour/ask_ruled.json", join '', map { qq({"who": $_, "for": "$kind"}\n) } 2 .. 4, 99);
	is($sql->(q{SELECT status, loaded FROM etl_run('ask_ruled')}), 'succeeded|4', "rule, $kind: no run fails");
	my $statuses = $sql->(q{SELECT string_agg(status, ' ' ORDER BY erasure_id) FROM etl.erasure WHERE dataset = 'ruled'});
	is($statuses, $kind eq 'also' ? 'completed completed completed not_found' : $kind eq 'nothing' ? 'failed failed failed not_found' : 'completed failed completed not_found', "rule, $kind: who is not treated is not called erased") or diag $sql->(q{SELECT error FROM etl.erasure WHERE dataset = 'ruled'});
	like($sql->(q{SELECT error FROM etl.erasure WHERE dataset = 'ruled' AND status = 'failed' LIMIT 1}), qr/rule/, "rule, $kind: the reason says so") if $kind ne 'also';
	$sql->('DROP RULE instead ON data.ruled');
}
is($sql->(q{SELECT string_agg(status, ' ' ORDER BY erasure_id) FROM etl_erase_failed('ruled')}), 'completed completed completed', 'without the rule those of the last one are carried out');

# ---- a history table
people('history', $all);
$sql->(<<'SQL');
CREATE TABLE data.history_log (old jsonb);
CREATE FUNCTION data.log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO data.history_log VALUES (to_jsonb(OLD)); RETURN NEW; END $$;
CREATE TRIGGER log AFTER UPDATE OR DELETE ON data.history FOR EACH ROW EXECUTE FUNCTION data.log();
SQL
is($sql->(q{SELECT (etl_erase('history', '2', dry_run => true)).plan -> 'remarks' -> 0 ->> 'place'}), 'data.history', 'the plan names a table with row triggers');
like($errors->(q{SELECT etl_erase('history', '2')}), qr/NOTICE:.*data\.history.*trigger "log".*may copy/, 'so does the notice');
is($sql->(q{SELECT remarks -> 0 ->> 'place' FROM etl.erasure WHERE dataset = 'history'}), 'data.history', 'and it stands with the request');

# ---- constraints, in a file of requests
$sql->('CREATE TABLE data.bound (id bigint PRIMARY KEY, name text CHECK (name ~ \'^Name\'), phone text UNIQUE, born date NOT NULL)');
my $warnings = $errors->("SELECT etl_define('" . definition('bound', '{"field": "/phone", "treatment": "redact"}, {"field": "/name", "treatment": "token"}, {"field": "/born", "treatment": "null"}') . "')");
like($warnings, qr/WARNING.*bound_phone_key.*\/phone/, 'etl_define sees a unique index that a constant breaks');
like($warnings, qr/WARNING.*bound_name_check.*\/name/, 'a CHECK that the token breaks');
like($warnings, qr/WARNING.*NOT NULL on column "born".*\/born/, 'a NOT NULL that null breaks');
is($errors->("SELECT etl_define('" . definition('bound', '{"field": "/name", "treatment": "redact", "value": "Name"}, {"field": "/phone", "treatment": "null"}') . "')"), '',
	'and has nothing to say of treatments that fit');
people('bound', '{"field": "/phone", "treatment": "redact"}');
$sql->(q{SELECT etl_define('{"x-etl": {"dataset": "ask_bound", "files": ["ask_bound.json"], "key": "/who", "erases": {"dataset": "bound", "subject": "/who"}}}')});
$sql->('ALTER TABLE data.bound ADD CONSTRAINT not_five CHECK (id <> 5 OR phone <> \'[erased]\')');
$sql->('ALTER TABLE data.bound DROP CONSTRAINT bound_phone_key');
stage($node, "$hour/ask_bound.json", join '', map { qq({"who": $_}\n) } 1 .. 6);
is($sql->(q{SELECT status, loaded FROM etl_run('ask_bound')}), 'succeeded|6', 'one person who cannot be erased stops no run');
is($sql->(q{SELECT status, count(*) FROM etl.erasure WHERE dataset = 'bound' GROUP BY 1 ORDER BY 1}), "completed|5\nfailed|1", 'all others of the file are erased');
is($sql->(q{SELECT count(*) FROM data.bound WHERE phone = '[erased]'}), '5', 'in the table');
is($sql->('SELECT phone FROM data.bound WHERE id = 5'), '0705', 'and the one stays as they were');
like($sql->(q{SELECT error FROM etl.erasure WHERE status = 'failed' AND dataset = 'bound'}), qr/constraint "not_five" .*data\.bound.*23514/, 'the reason names the constraint');
ok((grep { /Name5/ } slurp_lines("$node->{etl_root}/archive/$hour/bound.json")), 'files of somebody who was not erased stay whole');
ok(!(grep { /0704/ } slurp_lines("$node->{etl_root}/archive/$hour/bound.json")), 'those of the others do not');
unlike(PostgreSQL::Test::Utils::slurp_file("$node->{etl_root}/archive/$hour/ask_bound.json"), qr/[1-6]\}/, 'the file of requests keeps no key');
$sql->('ALTER TABLE data.bound DROP CONSTRAINT not_five');
is($sql->(q{SELECT status FROM etl_erase_failed()  WHERE dataset = 'bound'}), 'completed', 'mended, it is carried out by what is known of it');
is($sql->('SELECT phone FROM data.bound WHERE id = 5'), '[erased]', 'in the table');

# ---- code on one table that writes into another one, in both orders of the tables
people('written', $all);
$sql->(q{SELECT etl_define('{"x-etl": {"dataset": "written_calls", "files": ["written_calls.json"], "tables": [{"schema": "data", "name": "written_calls", "columns": [{"name": "who", "type": "bigint", "from": "/who"}, {"name": "ip", "from": "/ip"}]}], "subject": {"dataset": "written", "field": "/who"}, "personal": [{"field": "/ip", "treatment": "null"}]}}')});
stage($node, "$hour/written_calls.json", join '', map { qq({"who": $_, "ip": "192.0.2.$_"}\n) } 1 .. 4);
is($sql->(q{SELECT loaded FROM etl_run('written_calls')}), '4', 'calls are loaded');
for my $case (
	[1, 'written', q{UPDATE data.written_calls SET ip = '192.0.2.1' WHERE who = OLD.id}, 'completed'], # which is treated after it
	[2, 'written_calls', q{UPDATE data.written SET phone = '0702' WHERE id = OLD.who}, 'failed'])
{
	my ($who, $on, $write, $status) = @$case;
	$sql->("CREATE FUNCTION data.back() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $write; RETURN NULL; END \$\$; CREATE TRIGGER back AFTER UPDATE ON data.$on FOR EACH ROW EXECUTE FUNCTION data.back()");
	is($sql->("SELECT status FROM etl_erase('written', '$who')"), $status, "a trigger on $on that writes into the other table");
	is($sql->("SELECT phone FROM data.written WHERE id = $who"), $status eq 'failed' ? "070$who" : '[erased]', 'nothing is done by halves');
	$sql->("DROP TRIGGER back ON data.$on; DROP FUNCTION data.back()");
	like($sql->("SELECT error FROM etl.erasure WHERE dataset = 'written' AND status = 'failed'"), qr/table data\.written still holds/, 'it is told') if $status eq 'failed';
	is($sql->(q{SELECT string_agg(status, ',') FROM etl_erase_failed() WHERE dataset = 'written'}), $status eq 'failed' ? 'completed' : '', 'without it the person is erased');
	is($sql->("SELECT ip IS NULL, phone FROM data.written_calls JOIN data.written ON id = who WHERE who = $who"), 't|[erased]', 'in both tables');
}

# ---- code on one table, and another dataset whose parent table is gone and whose child table is not
people('kept', $all);
$sql->(q{SELECT etl_define('{"x-etl": {"dataset": "kept_trips", "files": ["kept_trips.json"], "key": "/id", "tables": [{"schema": "data", "name": "kept_trips", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "who", "type": "bigint", "from": "/who"}]}, {"schema": "data", "name": "kept_stops", "each": "/stops", "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "place", "from": "./place"}]}], "subject": {"dataset": "kept", "field": "/who"}, "personal": [{"field": "/stops/*/place", "treatment": "null"}]}}')});
stage($node, "$hour/kept_trips.json", qq({"id": 1, "who": 1, "stops": [{"place": "Home"}]}\n));
is($sql->(q{SELECT loaded FROM etl_run('kept_trips')}), '1', 'trips are loaded');
$sql->('DROP TABLE data.kept_trips CASCADE; CREATE FUNCTION data.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; CREATE TRIGGER nothing AFTER UPDATE ON data.kept FOR EACH ROW EXECUTE FUNCTION data.nothing()');
like($errors->(q{SELECT etl_erase('kept', '1')}), qr/NOTICE:.*data\.kept_trips.*does not exist/, 'the table that is gone is told');
is($sql->(q{SELECT status FROM etl.erasure WHERE dataset = 'kept'}), 'completed', 'and stops nothing');

# ---- tables and columns that are gone
people('moved', $all);
$sql->(q{SELECT etl_define('{"x-etl": {"dataset": "visits", "files": ["visits.json"], "tables": [{"schema": "data", "name": "visits", "columns": [{"name": "who", "type": "bigint", "from": "/who"}, {"name": "ip", "from": "/ip"}]}], "subject": {"dataset": "moved", "field": "/who"}, "personal": [{"field": "/ip", "treatment": "null"}]}}')});
stage($node, "$hour/visits.json", qq({"who": 1, "ip": "192.0.2.1"}\n{"who": 2, "ip": "192.0.2.2"}\n));
is($sql->(q{SELECT loaded FROM etl_run('visits')}), '2', 'visits are loaded');
$sql->('ALTER TABLE data.visits RENAME TO visits_old');
like($errors->(q{SELECT etl_erase('moved', '1')}), qr/NOTICE:.*data\.visits.*does not exist.*another name/, 'a table that is gone is told');
is($sql->(q{SELECT status, remarks @? '$[*].place ? (@ == "data.visits")' FROM etl.erasure WHERE dataset = 'moved'}), 'completed|t', 'and recorded');
$sql->('ALTER TABLE data.visits_old RENAME TO visits; ALTER TABLE data.visits DROP COLUMN ip');
like($errors->(q{SELECT etl_erase('moved', '2')}), qr/NOTICE:.*data\.visits.*column "ip".*does not exist/, 'so is a personal column');
$sql->('ALTER TABLE data.visits ADD COLUMN ip inet');
like($errors->(q{SELECT etl_erase('moved', '3')}), qr/ERROR:  table data\.visits does not fit dataset "visits".*DETAIL:  Column "ip" should be text, but is inet\. Nothing was erased\..*HINT/s,
	'a column of another type is an error that says what to do');
is(row('moved', 3), 'Name3|0703|1990-05-03', 'and nothing is done by halves');

$node->stop;
done_testing();
