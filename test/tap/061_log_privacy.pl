# No value of a record stands in the server's log, whatever goes wrong: quarantines, rows that a table
# refuses, errors that end a run, erasures. The log tells all that it can.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => <<'CONF');
log_min_messages = debug1
log_error_verbosity = verbose
log_min_error_statement = debug1
log_lock_waits = on
log_checkpoints = on
log_autovacuum_min_duration = 0
log_temp_files = 0
deadlock_timeout = 100ms
debug_print_plan = off
CONF
my $hour = 'date=2020-01-01/hour=0';

# Words that are in the data and nowhere else.
my $n = 0;
my @words;
sub word { my $w = 'Xq' . chr(97 + $n % 26) . 'zv' . ++$n . 'personal'; push @words, $w; return $w }
sub customer
{
	my ($id, %field) = @_;
	my %all = (id => qq("$id"), map({ $_ => '"' . word() . '"' } qw(first_name last_name address city postcode)), email => '"' . word() . '@example.org"',
		phone_number => '"' . word() . '"', %field);
	return '{' . join(', ', map { qq("$_": $all{$_}) } sort keys %all) . "}\n";
}
sub personal_number { my $p = 770000000000 + ++$n * 7919; push @words, "$p"; return $p }

# the tables refuse some rows in every way they can
stage($node, "$hour/customers.json", customer(personal_number()));
is(run_counts($node, "etl_run('customers')"), 'succeeded|1|1|1|0', 'the tables are made');
$node->safe_psql('postgres', <<'SQL');
ALTER TABLE data.customers ADD CONSTRAINT no_z CHECK (city !~ 'refused');
ALTER TABLE data.customers ADD CONSTRAINT one_email UNIQUE (email);
ALTER TABLE data.customers ALTER COLUMN postcode SET NOT NULL;
CREATE TABLE data.country (name text PRIMARY KEY);
INSERT INTO data.country VALUES ('Known');
ALTER TABLE data.customers ADD FOREIGN KEY (country) REFERENCES data.country;
CREATE DOMAIN data.short AS text CHECK (length(VALUE) < 200);
CREATE FUNCTION data.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.first_name ~ 'raise' THEN RAISE EXCEPTION 'no % here', NEW.first_name; END IF;
  IF NEW.first_name ~ 'cast' THEN PERFORM NEW.last_name::int; END IF;
  IF NEW.first_name ~ 'date' THEN PERFORM NEW.last_name::date; END IF;
  IF NEW.first_name ~ 'json' THEN PERFORM ('{"a": ' || NEW.last_name)::jsonb; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON data.customers FOR EACH ROW EXECUTE FUNCTION data.refuse();
SQL
my $email = word() . '@example.org';
stage($node, "$hour/customers.json", join '',
	customer(personal_number(), city => '"' . word() . 'refused"'), customer(personal_number(), email => qq("$email")), customer(personal_number(), email => qq("$email")),
	customer(personal_number(), postcode => 'null'), customer(personal_number(), country => '"' . word() . '"'),
	(map { customer(personal_number(), first_name => '"' . word() . $_ . '"') } qw(raise cast date json)),
	customer(personal_number(), date_of_birth => '"' . word() . '"'), customer(word()), customer(personal_number(), email => '5'),
	customer(personal_number(), phone_number => '"' . word() . '\u0000"'), '{"id": "' . word() . "\n", customer(personal_number(), country => '"Known"'));
my $counts = run_counts($node, "etl_run('customers')");
like($counts, qr/^succeeded\|1\|15\|\d+\|\d+$/, 'customers that a table refuses are quarantined');
is_sql($node, q{SELECT string_agg(DISTINCT violations -> 0 ->> 'sqlstate', ' ' ORDER BY violations -> 0 ->> 'sqlstate') FROM etl.quarantine WHERE code = 'constraint'},
	'22007 22P02 23503 23505 23514 P0001', 'in every way');

# updates of rows that are there, and replays
stage($node, 'date=2020-01-01/hour=1/customers.json', customer($words[-1]));
$node->safe_psql('postgres', q{SELECT etl_run('customers'); SELECT etl_replay('customers')});
stage($node, "$hour/erasure-requests.json", qq({"customer-id": "$words[0]"}\n{"email": "$email"}\n{"customer-id": 5}\n));
my ($rc, $out, $err) = $node->psql('postgres', q{SELECT etl_run('erasure_requests')});

# an erasure that a table refuses
$node->safe_psql('postgres', q{ALTER TABLE data.customers ADD CONSTRAINT no_token CHECK (email !~ 'erased.invalid') NOT VALID});
($rc, $out, $err) = $node->psql('postgres', q{SELECT etl_erase('customers', max(id)::text) FROM data.customers})
  if $node->safe_psql('postgres', q{SELECT to_regprocedure('etl_erase(text,text,text)') IS NOT NULL}) eq 't';
stage($node, "date=2020-01-02/hour=0/erasure-requests.json", join '', map { qq({"customer-id": "$_"}\n) } split /\n/, $node->safe_psql('postgres', 'SELECT id FROM data.customers'));
($rc, $out, $err) = $node->psql('postgres', q{SELECT etl_run('erasure_requests')});
like($err, qr/WARNING:.*could not be carried out/, 'an erasure that a table refuses is told');
is_sql($node, q{SELECT count(*) > 0 AND bool_and(error LIKE '%no_token%') FROM etl.erasure WHERE status = 'failed'}, 't', 'and recorded as failed, with the name of the constraint');
unlike($err, qr/Failing row contains|personal/, 'and shows no row');
push @words, split /\n/, $node->safe_psql('postgres', 'SELECT id FROM data.customers');

$node->stop;
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
cmp_ok(length $log, '>', 10_000, 'the log says something');
my %seen = map { $_ => 1 } @words;
my @found = grep { my $w = $_; $w !~ /^\d{1,6}$/ && index($log, $w) >= 0 } sort keys %seen;
is(join(' ', @found), '', 'no value of any record stands in the log');
if (@found)
{
	diag(join "\n", grep { my $l = $_; grep { index($l, $_) >= 0 } @found } split /\n/, $log);
}

done_testing();
