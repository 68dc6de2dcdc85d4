# etl.setting shows the settings in a session that has called nothing yet, where SHOW does not know
# them; with session_preload_libraries SHOW does.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => "etl.max_file_size = '1GB'\n");
my $root = $node->{etl_root};
sub setting { my ($name, %options) = @_; return $node->safe_psql('postgres', ($options{before} // '') . qq{SELECT value, unit, default_value, source FROM etl.setting WHERE name = 'etl.$name'}, extra_params => $options{as} ? ['-U', $options{as}] : []) }
sub failure { my ($sql, @params) = @_; my ($out, $err); $node->psql('postgres', $sql, stdout => \$out, stderr => \$err, extra_params => \@params); return $err }

like(failure('SHOW etl.threads'), qr/unrecognized configuration parameter "etl.threads"/, 'SHOW does not know a setting before the library is loaded');
is(setting('threads'), '0||0|default', 'the view knows it');
is($node->safe_psql('postgres', q{SELECT count(*) > 10 FROM etl.setting; SHOW etl.threads}), "t\n0", 'and from then on SHOW does');
is($node->safe_psql('postgres', q{SELECT count(*) FROM etl.setting WHERE meaning = ''}), '0', 'all say what they do');
is($node->safe_psql('postgres', q{SELECT count(*) FROM etl.setting s FULL JOIN (SELECT * FROM pg_settings WHERE name LIKE 'etl.%') p USING (name) WHERE s.value IS DISTINCT FROM p.setting}), '0', 'in one query with pg_settings');

# ---- where a value came from
is(setting('max_file_size'), '1024|MB|65536|configuration file', 'the configuration file');
is(setting('postpone_indexes', before => 'SET etl.postpone_indexes = off; '), 'off||on|session', 'the session');
like(setting('raw_dir'), qr{^\Q$root\E/raw\|\|\|}, 'a directory');
$node->safe_psql('postgres', q{ALTER DATABASE postgres SET etl.batch_memory = '128MB'});
is(setting('batch_memory'), '131072|kB|262144|database', 'the database');
$node->safe_psql('postgres', q{CREATE ROLE reader LOGIN IN ROLE pg_read_all_settings; ALTER ROLE reader SET etl.threads = 3; CREATE ROLE nobody LOGIN; ALTER ROLE reader IN DATABASE postgres SET etl.postpone_indexes = off});
is(setting('threads', as => 'reader'), '3||0|role', 'the role');
is(setting('postpone_indexes', as => 'reader'), 'off||on|role in database', 'the role in the database');
{
	local $ENV{PGOPTIONS} = '-c etl.threads=2 -c etl.batch_memory=64MB';
	is(setting('threads'), '2||0|connection', 'the options of the connection');
	my ($out, $err);
	$node->psql('postgres', q{SELECT value, source FROM etl.setting WHERE name = 'etl.batch_memory'}, stdout => \$out, stderr => \$err, extra_params => [ '-U', 'reader' ]);
	is($out, '262144|refused', 'one that the connection may not set hides what the database says, and is told');
}

# ---- who may read it
like(failure('SELECT * FROM etl.setting', '-U', 'nobody'), qr/permission denied for schema etl/, 'not everybody');
$node->safe_psql('postgres', q{SELECT etl_grant('nobody', 'auditor')});
is(setting('batch_memory', as => 'nobody'), '131072|kB|262144|database', 'an auditor');
$node->safe_psql('postgres', q{SELECT etl_revoke('nobody'); SELECT etl_grant('nobody', 'operator')});
is(setting('batch_memory', as => 'nobody'), '131072|kB|262144|database', 'an operator');
$node->safe_psql('postgres', q{SELECT etl_revoke('nobody')});
like(failure('SELECT * FROM etl.setting', '-U', 'nobody'), qr/permission denied for schema etl/, 'until it is revoked');

# ---- SHOW
$node->safe_psql('postgres', q{ALTER DATABASE postgres SET session_preload_libraries = 'pg_etl'});
is($node->safe_psql('postgres', 'SHOW etl.threads'), '0', 'with session_preload_libraries SHOW knows them at once');
is($node->safe_psql('postgres', q{SELECT setting FROM pg_settings WHERE name = 'etl.batch_memory'}), '131072', 'and so does pg_settings');
$node->stop;
done_testing();
