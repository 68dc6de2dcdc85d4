# Directories below etl.raw_dir that the server cannot read are failures with a path, wherever they are
# met; etl.raw_dir itself may be a link. A table that Citus knows stops whatever meets it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use POSIX ();
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

# ---- directories of processed, archived and exported files that cannot be searched: whether a file is
# still there is not known, and nothing is called erased that is not
SKIP:
{
	skip 'root can search every directory', 1 if $> == 0;
	my $eve = $ann =~ s/"1"/"5"/r =~ s/Ann/Eve/r =~ s/ann@/eve@/r;
	stage($node, 'date=2020-02-01/hour=00/customers.json', "$eve\n");
	is(sql(q{SELECT status, loaded FROM etl_run('customers')}), 'succeeded|1', 'somebody is loaded');
	mkdir "$root/processed/$_" or die for qw(sub csv);
	sql(q{SELECT etl_export('customers', 'sub/eve.jsonl'); SELECT etl_export('customers', 'csv/eve.csv', 'csv')});
	my $erasures = q{SELECT count(*) FROM etl.erasure};
	my $before = sql($erasures);
	for my $case (['archive/date=2020-02-01', 0000], ['archive/date=2020-02-01', 0400], ['archive/date=2020-02-01/hour=00', 0000], ['archive/date=2020-02-01/hour=00', 0400],
		['processed/date=2020-02-01', 0000], ['processed/date=2020-02-01/hour=00', 0400], ['processed/sub', 0000], ['processed/csv', 0400])
	{
		my ($folder, $mode) = @$case;
		my $closed = sprintf '%s with mode %03o', $folder, $mode;
		my $file = $folder =~ /sub/ ? "$folder/eve.jsonl" : $folder =~ /csv/ ? "$folder/eve.csv" : $folder =~ s/[^\/]*\///r =~ /hour/ ? "$folder/customers.json" : "$folder/hour=00/customers.json";
		my $place = $file =~ s/^processed\/(sub|csv)/exported\/$1/r =~ s/^archive/archived/r;
		chmod $mode, "$root/$folder" or die;
		my $erased = notices(qq{\\set VERBOSITY verbose\nBEGIN; SELECT etl_erase('customers', '5'); ROLLBACK});
		my $planned = sql(q{SELECT (etl_erase('customers', '5', dry_run => true)).plan ->> 'unreached'});
		my $subject = notices(q{SELECT etl_subject('customers', '5')});
		my $located = notices(q{SELECT etl_locate('eve@example.org')});
		chmod 0700, "$root/$folder" or die;
		# all else is treated, and the request is not completed
		like($erased, qr{cannot be completed yet: "\Q$place\E" could not be looked into: could not open file: Permission denied}, "$closed: nothing is called completed");
		like($planned, qr{"\Q$place\E", "reason": "could not open file: Permission denied"}, "$closed: the plan names the file");
		like($subject, qr{"\Q$place\E" was not looked into: could not open file: Permission denied}, "$closed: so does etl_subject");
		like($located, qr{\Q$folder\E\S*: Permission denied}, "$closed: and etl_locate");
	}
	is(sql($erasures), $before, 'no erasure is noted');
	stage($node, 'date=2020-02-02/hour=00/erasure-requests.json', qq({"customer-id": "5"}\n));
	chmod 0000, "$root/processed/date=2020-02-01" or die;
	my $run = q{SELECT status, error FROM etl_run('erasure_requests')};
	like(notices($run), qr{WARNING:  1 request for erasure cannot be completed yet: "processed/date=2020-02-01/hour=00/customers\.json" could not be looked into: could not open file: Permission denied}, 'a request in a file is not completed either');
	is(sql(q{SELECT status, untreated, completed_at IS NULL FROM etl.erasure ORDER BY erasure_id DESC LIMIT 1}), 'failed|{processed/date=2020-02-01/hour=00/customers.json}|t', 'which its row says');
	is(sql(q{SELECT first_name FROM data.customers WHERE id = 5}), '[erased]', 'all else is treated');
	is(sql(q{SELECT status FROM etl_erase_failed()}), 'failed', 'asked again, as long as the directory is closed');
	chmod 0700, "$root/processed/date=2020-02-01" or die;
	is(sql(q{SELECT status, untreated IS NULL FROM etl_erase_failed()}), 'completed|t', 'completed once it can be searched');
	unlike(join("\n", map { slurp_lines("$root/$_") } grep { /eve\.|2020-02-01/ } split /\n/, all_files($root)), qr/Eve/, 'no file names the person then');
	unlink "$root/archive/date=2020-02-01/hour=00/customers.json" or die;
	like(notices(q{SELECT etl_subject('customers', '5')}), qr{"archived/date=2020-02-01/hour=00/customers\.json" was not looked into: the file is not there any more}, 'a file that is gone is told as such');
}

# ---- damaged files: whoever is in them is not completed, everybody else is
for my $id (71 .. 73)
{
	my $one = $ann =~ s/"1"/"$id"/r =~ s/Ann/Gil$id/r =~ s/ann@/gil$id@/r;
	stage($node, "date=2020-05-0" . ($id - 70) . "/hour=00/customers.json", "$one\n");
}
is(sql(q{SELECT status, loaded FROM etl_run('customers')}), 'succeeded|3', 'three people, each in a file of their own');
my $damaged = "$root/archive/date=2020-05-01/hour=00/customers.json";
my $whole = slurp_file($damaged);
unlink $damaged or die;
mkdir $damaged or die;
stage($node, 'date=2020-05-04/hour=00/erasure-requests.json', join '', map { qq({"customer-id": "$_"}\n) } 71 .. 73);
like(notices(q{SELECT etl_run('erasure_requests')}), qr{1 request for erasure cannot be completed yet: "archived/date=2020-05-01/hour=00/customers\.json" could not be looked into}, 'one archived file cannot be read');
is(sql(q{SELECT string_agg(status, ',' ORDER BY erasure_id) FROM (SELECT * FROM etl.erasure ORDER BY erasure_id DESC LIMIT 3) e}), 'failed,completed,completed', 'only whom it holds is not completed');
is(sql(q{SELECT string_agg(first_name, ',') FROM data.customers WHERE id IN (71, 72, 73)}), '[erased],[erased],[erased]', 'all are treated in the table');
is(sql(q{SELECT status FROM etl_erase('customers', '71', dry_run => true)}), 'duplicate', 'and are not asked for again');
rmdir $damaged or die;
append_to_file($damaged, $whole);
is(sql(q{SELECT status, untreated IS NULL FROM etl_erase_failed()}), 'completed|t', 'when it is mended the request is completed');
unlike(slurp_file($damaged), qr/Gil71/, 'and the file treated');

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

# a directory of exported files that has become a link to somebody else's
stage($node, 'date=2020-01-03/hour=03/customers.json', ($ann =~ s/"1"/"81"/r =~ s/Ann/Kim/r =~ s/ann@/kim@/r) . "\n");
is(sql(q{SELECT loaded FROM etl_run('customers')}), '1', 'somebody who is exported');
mkdir "$root/processed/linked" or die;
sql(q{SELECT etl_export('customers', 'linked/kim.jsonl'); SELECT etl_export('customers', 'linked/kim.csv', 'csv')});
rename "$root/processed/linked", "$root/away" or die;
symlink "$root/away", "$root/processed/linked" or die;
like(notices(q{SELECT etl_erase('customers', '81')}), qr/"exported\/linked\/kim\.(csv|jsonl)" could not be looked into: could not open file: Too many levels of symbolic links/, 'is not treated through a link');
like(join('', map { slurp_file("$root/away/kim.$_") } qw(csv jsonl)), qr/Kim.*Kim/s, 'what lies behind it stays');
is(sql(q{SELECT status, cardinality(untreated) FROM etl.erasure ORDER BY erasure_id DESC LIMIT 1}), 'failed|2', 'and the request is not completed');
unlink "$root/processed/linked" or die;
rename "$root/away", "$root/processed/linked" or die;
is(sql(q{SELECT status FROM etl_erase_failed()}), 'completed', 'until it is a directory again');
unlike(join('', map { slurp_file("$root/processed/linked/kim.$_") } qw(csv jsonl)), qr/Kim/, 'then they are treated');

my $partition = "$root/elsewhere/date=2020-01-03/hour=02";
mkdir $partition or die;
symlink "$root/nowhere.json", "$partition/customers.json" or die;
POSIX::mkfifo("$partition/products.json", 0600) or die;
is(sql(q{SELECT status, files FROM etl_run('customers')}), 'succeeded|0', 'a link in the place of a file is not followed');
is(sql(q{SELECT path, nearest, error FROM etl.unclaimed WHERE error IS NOT NULL ORDER BY path}), "date=2020-01-03/hour=02/customers.json|customers|a symbolic link, which is not followed
date=2020-01-03/hour=02/products.json|products|not a regular file", 'but listed, and so is what is no file');
like(notices(q{SELECT etl_erase('customers', '3')}), qr{staged/date=2020-01-03/hour=02/customers\.json.*symbolic link}s, 'and named by an erasure');
unlink "$partition/customers.json", "$partition/products.json";

# ---- Citus: its catalog, as it has it in pg_catalog
sql('SET allow_system_table_mods = on; CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char")');
stage($node, 'date=2020-01-04/hour=00/customers.json', $ann =~ s/"1"/"3"/r =~ s/ann@/cid@/r . "\n");
is(sql(q{SELECT status FROM etl_run('customers')}), 'succeeded', 'Citus does not matter where it does not manage the table');
sql(q{SELECT etl_define(jsonb_set(definition, '{x-etl,retention}', '{"archived": "1 day"}')) FROM etl.dataset WHERE name IN ('customers', 'transactions')});
sql(q{INSERT INTO pg_dist_partition VALUES ('data.customers', 'n')});
my $path = stage($node, 'date=2020-01-04/hour=01/customers.json', "$ann\n");
# whatever meets the table; an erasure of before waits to be purged
for my $call (q{etl_run('customers')}, q{etl_erase('customers', '3')}, q{etl_erase('customers', '3', dry_run => true)}, q{etl_erase('customers', email => 'nobody@example.org')},
	q{etl_replay('customers')}, q{etl_subject('customers', '3')}, q{etl_locate('cid@example.org')}, q{etl_erasure_purge()}, q{etl_validate('customers', '{}')},
	qq{etl_validate_file('customers', '$path')}, q{etl_export('customers', 'c.jsonl')}, q{etl_export('customers', 'c.csv', 'csv', anonymized => true)},
	q{etl_anonymized(NULL::data.customers, 'customers')}, q{etl_anonymized(c, 'customers') FROM data.customers c}, q{etl_retention('customers')})
{
	like(notices("\\set VERBOSITY verbose\nSELECT $call"), qr/0A000: table data\.customers is managed by Citus.*HINT:  SELECT undistribute_table\('data.customers'\)/s,
		"$call is refused for a table that Citus knows");
}
ok(-e $path, 'and the file stays where it is');
ok(!-e "$root/processed/c.jsonl" && !-e "$root/processed/c.csv", 'and nothing is exported');
like(notices(q{SELECT etl_retention()}), qr/WARNING:  nothing of dataset "customers" was removed: table data\.customers is managed by Citus\nHINT/, 'what is done for all datasets tells of it');
is(sql(q{SET client_min_messages = error; SELECT count(*) FILTER (WHERE dataset = 'customers'), count(*) FILTER (WHERE dataset = 'transactions') FROM etl_retention()}), '0|1', 'and goes on with the others');
sql(q{UPDATE pg_dist_partition SET logicalrelid = 'data.transactions'});
for my $call (q{etl_subject('customers', '3')}, q{etl_erase('customers', '3', dry_run => true)}, q{etl_locate('cid@example.org')})
{
	like(notices("SELECT $call"), qr/table data\.transactions is managed by Citus/, "$call is refused also where another dataset's table is one");
}
is(sql(q{SELECT count(*) FROM etl_validate('customers', '{"id": "9", "first_name": "A", "last_name": "B", "email": "c"}')}), '0', 'what does not meet it is done');
# a child that Citus knows, and the table that a view shows
sql(q{CREATE TABLE data.kid () INHERITS (data.customers); UPDATE pg_dist_partition SET logicalrelid = 'data.kid'});
like(notices("\\set VERBOSITY verbose\nSELECT etl_$_"), qr/0A000: table data\.customers is managed by Citus/, "etl_$_ is refused where Citus knows a child") for q{export('customers', 'c.jsonl')}, q{run('customers')};
$node->stop;
done_testing();
