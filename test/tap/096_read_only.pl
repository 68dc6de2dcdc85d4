# In a read-only transaction and on a standby every function of the API either does what it does, or says
# 25006 with a hint before it has looked at anything.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => "wal_level = replica\nmax_wal_senders = 3\n");
stage($node, 'date=2020-01-01/hour=1/customers.json', qq({"id": "1", "first_name": "A", "last_name": "B", "email": "a\@example.com"}\n{"id": 2}\n));
$node->safe_psql('postgres', q{SELECT etl_run(); SELECT etl_erase('customers', '77')});

# each function with a call of it, and whether it works where nothing can be written
my %writes = (
	etl_define => q{etl_define('{"x-etl": {"dataset": "n", "files": ["n.json"]}}')}, etl_drop => q{etl_drop('products')}, etl_run => 'etl_run()', etl_replay => q{etl_replay('customers')},
	etl_pause => q{etl_pause('customers', 'x')}, etl_resume => 'etl_resume()', etl_discard => q{etl_discard(1, 'x')}, etl_export => q{etl_export('customers', 'c.csv', 'csv')}, etl_schedule => 'etl_schedule()', etl_unschedule => 'etl_unschedule()',
	etl_rotate_key => 'etl_rotate_key()', etl_label_columns => q{etl_label_columns('customers')}, etl_erase => q{etl_erase('customers', '1')}, etl_erase_failed => 'etl_erase_failed()',
	etl_reinstate => q{etl_reinstate('customers', '77', 'x')}, etl_catalog_archive => 'etl_catalog_archive()', etl_reload => q{etl_reload('-infinity')}, etl_reapply => 'etl_reapply()',
	etl_journal_renew => q{etl_journal_renew('x')}, etl_hold => q{etl_hold('customers', '1', 'x')}, etl_release_hold => q{etl_release_hold('customers', '1')},
	etl_refuse => q{etl_refuse(1, 'x')}, etl_extend => q{etl_extend(1, 'x')}, etl_erasure_purge => 'etl_erasure_purge()', etl_schedule_purge => 'etl_schedule_purge()',
	etl_retention => 'etl_retention()', etl_schedule_retention => 'etl_schedule_retention()', etl_grant => q{etl_grant('pg_monitor', 'auditor')}, etl_revoke => q{etl_revoke('pg_monitor')},
	etl_load => 'CALL');
my %reads = (
	etl_read => q{etl_read('date=2020-01-01/hour=1/none.json')}, etl_validate => q{etl_validate('customers', '{}')}, etl_validate_file => q{etl_validate_file('customers', 'none.json')},
	etl_anonymize => q{etl_anonymize('customers', '{"id": "1"}')}, etl_anonymized => q{etl_anonymized(NULL::data.customers, 'customers')}, etl_redact => q{etl_redact('x')}, etl_token => q{etl_token('customers', '1')},
	etl_pseudonymize => q{etl_pseudonymize('x')}, etl_sha256 => q{etl_sha256('x')}, etl_partial => q{etl_partial('x')}, etl_random => 'etl_random()', etl_generalize => q{etl_generalize('2020-01-01'::date, 'year')},
	etl_subject => q{etl_subject('customers', '1')}, etl_audit_verify => 'etl_audit_verify()', etl_help => 'etl_help()', etl_signing_key => 'etl_signing_key()', etl_certificate => 'etl_certificate(1)',
	etl_locate => q{etl_locate('a@example.com')});
my @functions = split /\n/, $node->safe_psql('postgres', q{SELECT DISTINCT p.proname FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_etl'
  JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid WHERE d.deptype = 'e' AND p.pronamespace = 'public'::regnamespace ORDER BY 1});
is(join(' ', grep { !$writes{$_} && !$reads{$_} } @functions), '', 'every function of the API is tried');

sub tried
{
	my ($server, $where, $what) = @_;
	for my $name (@functions)
	{
		my $call = $writes{$name} // $reads{$name} // next;
		my $sql = $call eq 'CALL' ? 'SET default_transaction_read_only = on; CALL etl_load();' : "BEGIN READ ONLY; SELECT * FROM $call;";
		my (undef, undef, $error) = $server->psql('postgres', "\\set VERBOSITY verbose\nSET statement_timeout = '60s';\n$sql");
		if ($writes{$name})
		{
			like($error, qr/ERROR:  25006: cannot execute \w+\(\) $what.*HINT:/s, "$where: $name is refused with a hint");
		}
		else
		{
			unlike($error, qr/25006|XX000|55000: (?!the journal)|cannot (execute|acquire)/, "$where: $name works");
		}
	}
	my (undef, undef, $error) = $server->psql('postgres', q{BEGIN READ ONLY; SELECT status FROM etl_erase('customers', '1', dry_run => true)});
	is($error, '', "$where: an erasure is planned");
	return;
}
tried($node, 'read-only transaction', 'in a read-only transaction');
is($node->safe_psql('postgres', q{SELECT count(*) FROM etl.erasure}), '1', 'nothing was done');

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
# with the key of the primary
$standby->append_conf('postgresql.conf', "etl.key_file = '" . $node->data_dir . ".etl.key'");
$standby->start;
$node->wait_for_catchup($standby);
tried($standby, 'standby', 'during recovery');

$standby->stop;
$node->stop;
done_testing();
