# Whose an email is may be known only after the person was erased by their key: a record that names nobody and
# holds only the email is treated all the same, whatever comes first.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $outside = PostgreSQL::Test::Utils::tempdir;
mkdir "$outside/journal";
my $node = etl_node(conf => "etl.key_file = '$outside/key'\netl.journal_dir = '$outside/journal'\n");
my $sql = sub { $node->safe_psql('postgres', $_[0]) };
$sql->(q{SELECT etl_define('{"type": "object", "required": ["order"], "properties": {"order": {"type": "integer"}, "customer": {"type": "string"}, "contact": {"type": "string"}}, "additionalProperties": false,
  "x-etl": {"dataset": "orders", "files": ["orders.json"], "key": "/order", "subject": {"dataset": "customers", "field": "/customer"}, "personal": [{"field": "/contact", "treatment": "redact"}],
    "tables": [{"name": "orders", "primary_key": ["order"], "columns": [{"name": "order", "type": "bigint", "from": "/order"}, {"name": "customer", "type": "bigint", "from": "/customer"}, {"name": "contact", "from": "/contact"}]}]}}')});

my $hours = 0;
# Stages a file of a dataset in an hour of its own and returns the dataset.
my $stage = sub {
	my ($dataset, $content) = @_;
	my $hour = $hours++;
	stage($node, sprintf('date=2020-%02d-%02d/hour=%02d/%s.json%s', 1 + int($hour / 480), 1 + int($hour / 24) % 20, $hour % 24, $dataset =~ tr/_/-/r, $hour % 3 ? '' : '.gz'), $content);
	return $dataset;
};
# A record that holds only the email, of each kind, and what its file's dataset is.
my %only_email = (
	people   => sub { my ($email) = @_; return customers => qq({"ident": null, "mail": "$email", "note": "stray"}\n) },
	orders   => sub { my ($email) = @_; return orders => qq({"order": "none", "contact": "$email"}\n) },
	accepted => sub { my ($email, $n) = @_; return orders => qq({"order": $n, "contact": "$email"}\n) },
	nobody   => sub { my ($email) = @_; return products => qq({"sku": "none", "note": "ask $email"}\n) },
);
my $id = 1000;
for my $kind (qw(people orders accepted nobody))
{
	for my $asks (qw(file sql))
	{
		for my $runs ('separate runs', 'one run', 'person staged')
		{
			for my $order (qw(Rqa Raq qRa qaR aRq aqR))
			{
				my $n = ++$id;
				my $email = "Late$n\@Example.org";
				my %steps = (
					R => sub { $stage->(customers => qq({"id": "$n", "first_name": "First$n", "last_name": "Last$n", "email": "$email"}\n)) },
					a => sub { $stage->($only_email{$kind}->(lc $email, $n + 500_000)) },
					q => sub {
						return $stage->(erasure_requests => qq({"customer-id": "$n"}\n)) if $asks eq 'file';
						$sql->("SELECT etl_erase('customers', '$n')");
						return;
					});
				my @waits;
				for my $step (split //, $order)
				{
					my $dataset = $steps{$step}->() or next;
					my $is_now = $runs eq 'separate runs' || $runs eq 'person staged' && $step ne 'R' && $dataset ne 'customers';
					push @waits, $dataset unless $is_now;
					$sql->("SELECT etl_run('$dataset')") if $is_now;
				}
				# all in one run, whatever it begins with
				$sql->('SELECT etl_run()') if $runs eq 'one run';
				$sql->("SELECT etl_run('$_')") for $runs eq 'person staged' ? @waits : ();
				my $places = places_with($node, "late$n\@");
				# what was accepted without naming anybody is about nobody, as its definition says; whoever comes after
				# the person was erased is treated
				$places =~ s{^(?:archive\S+orders\S+ processed\S+orders\S+ )?data\.orders$}{} if $kind eq 'accepted' && !($runs eq 'separate runs' && $order =~ /a$/);
				is($places, '', "$kind, $asks, $runs, $order");
			}
		}
	}
}
is($sql->(q{SELECT count(*) FROM etl.erasure WHERE status NOT IN ('completed', 'not_found')}), '0', 'none failed');

# ---- somebody who was erased comes again with another email, and again
my $run = sub { $sql->("SELECT etl_run('" . $stage->(@_) . "')") };
my $customer = sub { my ($n, $email) = @_; return qq({"id": "$n", "first_name": "First$n", "last_name": "Last$n", "email": "$email"}\n) };
$run->(orders => qq({"order": "none", "contact": "second\@example.org"}\n));
$run->(customers => $customer->(5000, 'first@example.org'));
$sql->(q{SELECT etl_erase('customers', '5000')});
my $rows = sub { $sql->(q{SELECT count(*) FROM etl.erasure e WHERE e.subject = (SELECT t.pseudonym FROM etl.tombstone t WHERE t.kind = 'subject' AND t.hash = etl_internal.subject_hash('customers', '5000'))}) };
is($rows->(), '1', 'erased');
$run->(customers => $customer->(5000, 'First@Example.org'));
is($rows->(), '1', 'who comes with an email that is known tells nothing new');
$run->(customers => $customer->(5000, 'Second@Example.org'));
is($rows->(), '2', 'another email is remembered');
is(places_with($node, 'second@'), '', 'and what came with it before is treated');
$run->(customers => $customer->(5000, 'second@example.org') . $customer->(5001, 'second@example.org'));
is($rows->(), '2', 'once');
is($sql->('SELECT email FROM data.customers WHERE id = 5001'), 'second@example.org', 'who signs up again, with a key of their own, is somebody new');
$run->(customers => $customer->(5000, 'third@example.org'));
is($sql->(q{SELECT status, row_count, file_count FROM etl.erasure ORDER BY erasure_id DESC LIMIT 1}), 'completed|0|0', 'also one that nothing has held before');
is($sql->(q{SELECT string_agg(check_name || ': ' || message, '; ') FROM etl.health WHERE status = 'error'}), '', 'all is well');
is($sql->('SELECT count(*) FROM etl_audit_verify()'), '0', 'the audit trail is whole');

# ---- mended by hand, and replayed
$run->(orders => qq({"order": "none", "contact": "fourth\@example.org"}\n));
$sql->(q{SELECT etl_erase('customers', '5002')});
$run->(customers => qq({"id": "x", "first_name": "F", "last_name": "L", "email": "fourth\@example.org"}\n));
$sql->(q{UPDATE etl.quarantine SET record = replace(record, '"x"', '"5002"') WHERE record LIKE '%"x"%fourth@%'});
$sql->(q{SELECT etl_replay('customers')});
is(places_with($node, 'fourth@'), '', 'an email that came by a replay');

# ---- a database that was restored knows them from the journal
my $backup = "$outside/before";
PostgreSQL::Test::Utils::system_or_bail('pg_dump', '-Fc', '-f', $backup, $node->connstr('postgres'));
$sql->(q{SELECT etl_erase('customers', '5003')});
$run->(customers => $customer->(5003, 'fifth@example.org'));
$node->safe_psql('template1', 'CREATE DATABASE restored');
$node->safe_psql('template1', "ALTER DATABASE restored SET etl.$_ = '" . $sql->("SELECT current_setting('etl.$_')") . "'") for qw(raw_dir processed_dir archive_dir);
PostgreSQL::Test::Utils::system_or_bail('pg_restore', '-d', $node->connstr('restored'), $backup);
my $restored = sub { $node->safe_psql('restored', $_[0]) };
$restored->('SELECT etl_reapply()');
is($restored->(q{SELECT count(*) FROM etl.tombstone WHERE kind = 'known_email'}), $sql->(q{SELECT count(*) FROM etl.tombstone WHERE kind = 'known_email'}), 'emails that were known late are remembered after a restore');

$node->stop;
done_testing();
