# Directories below etl.raw_dir that the server cannot read are failures with a path, wherever they are
# met; etl.raw_dir itself may be a link. A table that Citus knows stops runs and erasures.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
my $root = $node->{etl_root};
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub notices { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err }
my $ann = '{"id": "1", "first_name": "Ann", "last_name": "Lee", "email": "ann@example.org"}';
my $bob = '{"id": "2", "first_name": "Bob", "last_name": "Lee", "email": "bob@example.org"}';

SKIP:
{
	skip 'root can read every directory', 11 if $> == 0;
	stage($node, 'date=2020-01-01/hour=00/customers.json', "$ann\n");
	stage($node, 'date=2020-01-01/hour=01/customers.json', "$bob\n");
	my ($hour, $day) = ("$root/raw/date=2020-01-01/hour=01", "$root/raw/date=2020-01-02");
	stage($node, 'date=2020-01-02/hour=03/customers.json', "$bob\n");
	chmod 0000, $hour, $day;
	is(sql(q{SELECT status, files, loaded, error FROM etl_run('customers')}),
		'partial|3|1|2 of 3 files failed, the first: date=2020-01-01/hour=01/: could not read directory: Permission denied',
		'a run is partial where a directory cannot be read, and says which');
	is( sql(q{SELECT path, status, record_date, record_hour, error FROM etl.file WHERE status = 'failed' ORDER BY path}),
		"date=2020-01-01/hour=01/|failed|2020-01-01|1|could not read directory: Permission denied\n"
		  . 'date=2020-01-02/|failed|2020-01-02|0|could not read directory: Permission denied',
		'and etl.file has the directory as it has a file that cannot be read');
	is(sql(q{SELECT status, files FROM etl_run('customers')}), 'failed|2', 'a run that finds nothing else fails');
	is(sql(q{SELECT count(*) FROM etl.file WHERE status = 'failed'}), '2', 'and does not tell it twice');
	is(sql(q{CALL etl_load('customers'); SELECT count(*) FROM etl.run WHERE status = 'failed'}), '2', 'a backlog ends, though they stay');
	is(sql(q{SELECT path, size_bytes, error FROM etl.unclaimed ORDER BY path}),
		"date=2020-01-01/hour=01/||could not read directory: Permission denied\n" . 'date=2020-01-02/||could not read directory: Permission denied',
		'etl.unclaimed shows them');
	like(notices(q{SELECT etl_subject('customers', '1')}), qr{"staged/date=2020-01-02/" was not looked into: could not read directory: Permission denied},
		'what is known about a person names them');
	like(notices(q{SELECT etl_erase('customers', '1')}), qr{"staged/date=2020-01-01/hour=01/" stays as it is: could not read directory: Permission denied},
		'an erasure names them');
	chmod 0400, $hour;
	like(sql(q{SELECT error FROM etl_run('customers')}), qr{hour=01/: could not read directory: Permission denied},
		'a directory that can be listed but not entered is one of them');
	chmod 0700, $hour, $day;
	is(sql(q{SELECT status, files, loaded FROM etl_run('customers')}), 'succeeded|2|2', 'once they can be read their files are loaded');
	is(sql(q{SELECT count(*) FROM etl.file WHERE status = 'failed'}), '0', 'and no failure is left in etl.file');
}

# ---- links
rename "$root/raw", "$root/elsewhere" or die;
symlink "$root/elsewhere", "$root/raw" or die;
stage($node, 'date=2020-01-03/hour=00/customers.json', "$bob\n");
stage($node, 'date=2020-01-03/hour=00/other.json', "1\n");
is(sql(q{SELECT status, files, loaded FROM etl_run('customers')}), 'succeeded|1|1', 'etl.raw_dir may be a link');
is(sql(q{SELECT path FROM etl.unclaimed}), 'date=2020-01-03/hour=00/other.json', 'also for what nobody claims');
stage($node, 'date=2020-01-03/hour=01/customers.json', "$bob\n");
sql(q{SELECT etl_erase('customers', '2')});
unlike(join("\n", slurp_lines("$root/elsewhere/date=2020-01-03/hour=01/customers.json")), qr/Bob/, 'and for an erasure');
is(sql(qq{SET etl.raw_dir = '$root/raw/'; SELECT status, files FROM etl_run('customers')}), 'succeeded|1', 'with a slash behind it as well');

# ---- Citus: its catalog, as it has it in pg_catalog
sql('SET allow_system_table_mods = on; CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char")');
stage($node, 'date=2020-01-04/hour=00/customers.json', $ann =~ s/"1"/"3"/r =~ s/ann@/cid@/r . "\n");
is(sql(q{SELECT status FROM etl_run('customers')}), 'succeeded', 'Citus does not matter where it does not manage the table');
sql(q{INSERT INTO pg_dist_partition VALUES ('data.customers', 'n')});
my $path = stage($node, 'date=2020-01-04/hour=01/customers.json', "$ann\n");
for my $call (q{etl_run('customers')}, q{etl_erase('customers', '3')}, q{etl_replay('customers')})
{
	like(notices("\\set VERBOSITY verbose\nSELECT $call"), qr/0A000: table data\.customers is managed by Citus.*HINT:  SELECT undistribute_table\('data.customers'\)/s,
		"$call is refused for a table that Citus knows");
}
ok(-e $path, 'and the file stays where it is');
$node->stop;
done_testing();
