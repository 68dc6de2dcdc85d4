# An erasure is completed only where no file names the person any more. Directories that the server can
# read and not write: known before the commit, told, and healed by the next run once they can be written.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use File::Path qw(make_path);
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'root can write every directory' if $> == 0;
my $node = etl_node(conf => "etl.threads = 2\n");
my $root = $node->{etl_root};
my $day = 0;
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub notices { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err }
sub erasure { return sql("SELECT status, waits_for IS NOT NULL, completed_at IS NOT NULL FROM etl.erasure WHERE erasure_id = $_[0]") }
sub newest { return sql('SELECT max(erasure_id) FROM etl.erasure') }
sub person { my ($id, $name) = @_; return qq({"id": "$id", "first_name": "$name", "last_name": "Lee", "email": "$name\@example.org"}\n) }

# Files that hold a text, whatever their names, compressed or not.
sub holding
{
	my ($text) = @_;
	my @holding;
	for my $path (split /\n/, all_files($root))
	{
		my $content = slurp_file("$root/$path");
		gunzip(\(my $zipped = $content) => \$content, MultiStream => 1) or die $GunzipError if $content =~ /^\x1f\x8b/;
		push @holding, $path if $content =~ /\Q$text\E/;
	}
	return join ' ', @holding;
}

# A partition of its own.
sub partition { return sprintf 'date=2020-03-%02d/hour=01', ++$day }

# Closes a directory, which is made where it is missing.
sub close_folder { make_path($_[0]); chmod 0500, $_[0] or die; return $_[0] }
sub open_folder { chmod 0700, $_[0] or die; return }

# A person and the request for their erasure in one etl_run() while a directory is closed.
sub in_one_run
{
	my ($what, $id, $name, $folder, $waiting) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $partition = partition();
	stage($node, "$partition/customers.json.gz", person($id, $name) . person($id + 1000, "Other$id"));
	stage($node, "$partition/erasure-requests.json", qq({"customer-id": "$id"}\n));
	my $closed = close_folder("$root/$folder/$partition");
	my $err = notices('SELECT etl_run()');
	like($err, qr/WARNING:  1 request for erasure cannot be completed yet: "[a-z]+\/$partition\/[a-z.-]+" still names the person and cannot be changed: Permission denied/, "$what: a WARNING has the path and the reason");
	my $erasure = newest();
	is(erasure($erasure), 'failed|t|f', "$what: the request is not completed");
	is(sql("SELECT first_name FROM data.customers WHERE id = $id"), '[erased]', "$what: the table is treated all the same");
	isnt(holding($name), '', "$what: there is a file that names the person");
	is(sql("SELECT status, files FROM etl_run('customers')"), 'succeeded|0', "$what: the file is not loaded again");
	is(erasure($erasure), 'failed|t|f', "$what: a run that changes nothing completes nothing");
	like(sql("SELECT status || message FROM etl.health WHERE check_name = 'erasure requests'"), qr/^error.*1 failed/, "$what: etl.health tells");
	is(sql("SELECT status FROM etl_erase('customers', '$id')"), 'duplicate', "$what: it was asked for");
	open_folder($closed);
	sql('SELECT etl_run()');
	is(erasure($erasure), 'completed|f|t', "$what: the next run completes it once the directory can be written");
	sql('SELECT etl_run()');
	is(holding($name), '', "$what: and no file names the person");
	is(sql("SELECT string_agg(DISTINCT status || coalesce(error, ''), ',') FROM etl.file WHERE path LIKE '$partition%'"), 'archived', "$what: every raw file is archived");
	is(sql("SELECT first_name FROM data.customers WHERE id = $id + 1000"), "Other$id", "$what: others stay");
	ok(holding("Other$id") =~ /archive/, "$what: in the archived file as well");
	return;
}
in_one_run('raw files of another user', 1, 'Anna', 'raw');
in_one_run('a closed directory in the archive', 2, 'Berta', 'archive');
in_one_run('a closed directory of processed files', 3, 'Clara', 'processed');
is(sql('SELECT count(*) FROM etl_audit_verify()'), '0', 'the audit trail is whole');
is(sql(q{SELECT string_agg(action, ',' ORDER BY audit_id) FROM etl.audit WHERE erasure_id = 1 AND place = 'etl.erasure'}), 'failed,completed', 'and says when it was completed');

# ---- only the file with the request is in such a directory
{
	my $partition = partition();
	stage($node, "$partition/erasure-requests.json", qq({"customer-id": "1002"}\n{"customer-id": "7777"}\n));
	my $closed = close_folder("$root/raw/$partition");
	sql('SELECT etl_run()');
	is(sql("SELECT status, error, waits_for::text FROM etl.erasure WHERE source LIKE '$partition%' ORDER BY erasure_id LIMIT 1"),
		qq(failed|"staged/$partition/erasure-requests.json" still names the person and cannot be changed: Permission denied|{$closed/erasure-requests.json}),
		'a request names the person, too');
	is(holding('Other2'), '', 'all else is treated');
	open_folder($closed);
	sql('SELECT etl_run()');
	is(sql("SELECT string_agg(status, ',' ORDER BY erasure_id) FROM etl.erasure WHERE source LIKE '$partition%'"), 'completed,not_found', 'it is completed when its file has gone');
	is(holding('7777'), '', 'which nothing is left of');
}

# ---- a raw file that waits since an earlier run
{
	my $partition = partition();
	stage($node, "$partition/customers.json.gz", person(20, 'Dora') . person(21, 'Emma'));
	my $closed = close_folder("$root/raw/$partition");
	sql(q{SELECT etl_run('customers')});
	like(sql(q{SELECT (etl_erase('customers', '20', dry_run => true)).plan ->> 'unreached'}), qr/staged\/$partition\/customers\.json\.gz.*Permission denied/, 'a plan says which file would stay');
	like(notices(q{SELECT etl_erase('customers', '20')}), qr/WARNING:  1 request .*staged\/$partition/, 'an erasure meets a raw file that was loaded before');
	is(erasure(my $dora = newest()), 'failed|t|f', 'it is not completed');
	stage($node, partition() . '/erasure-requests.json', qq({"customer-id": "21"}\n));
	is(sql(q{SELECT status, loaded FROM etl_run('erasure_requests')}), 'succeeded|1', 'nor does it fail the run of a request in a file');
	is(erasure(my $emma = newest()), 'failed|t|f', 'which is not completed either');
	is(holding('Dora'), "raw/$partition/customers.json.gz", 'only the raw file names them');
	open_folder($closed);
	is(sql(q{SELECT string_agg(status, ',') FROM etl_erase_failed()}), 'completed,completed', 'etl_erase_failed() completes both');
	is(holding('Dora') . holding('Emma'), '', 'and nothing is left');
	is(sql("SELECT status, error IS NULL FROM etl.file WHERE path LIKE '$partition%'"), 'archived|t', 'the file is archived');
}

# ---- a file that nobody has loaded yet, and one that is archived
{
	my $partition = partition();
	stage($node, "$partition/customers.json", person(30, 'Frida'));
	my $closed = close_folder("$root/raw/$partition");
	sql(q{SELECT etl_erase('customers', '30')});
	is(erasure(my $frida = newest()), 'failed|t|f', 'a staged file that cannot be rewritten');
	open_folder($closed);
	sql(q{SELECT etl_run('customers')});
	is(erasure($frida), 'completed|f|t', 'is, once it can be');
	is(holding('Frida'), '', 'and is loaded without them');

	$partition = partition();
	stage($node, "$partition/customers.json", person(31, 'Gerda'));
	sql(q{SELECT etl_run('customers')});
	$closed = close_folder("$root/archive/$partition");
	sql(q{SELECT etl_erase('customers', '31')});
	is(erasure(my $gerda = newest()), 'failed|t|f', 'an archived file that cannot be replaced');
	open_folder($closed);
	sql(q{SELECT etl_run('customers')});
	is(erasure($gerda), 'completed|f|t', 'is, once it can be');
	is(holding('Gerda'), '', 'and does not name them');
}

# ---- the raw file could not be moved after all, though nothing was known before
{
	my $partition = partition();
	stage($node, "$partition/customers.json", person(40, 'Hanna'));
	sql("BEGIN; SELECT etl_run('customers'); SELECT etl_erase('customers', '40');\n\\! chmod 0500 $root/raw/$partition\nCOMMIT");
	is(holding('Hanna'), "raw/$partition/customers.json", 'a directory that is closed at the last moment');
	ok(-e "$root/archive/$partition/customers.json", 'though the archive has the treated copy');
	open_folder("$root/raw/$partition");
	sql(q{SELECT etl_run('customers')});
	is(holding('Hanna'), '', 'the next run removes the raw file');
	is(sql("SELECT status, error IS NULL FROM etl.file WHERE path LIKE '$partition%'"), 'archived|t', 'and finds nothing in its way');
}
# ---- a late file about somebody who was erased before
{
	my $partition = partition();
	stage($node, "$partition/customers.json", person(40, 'Hanna'));
	my $closed = close_folder("$root/raw/$partition");
	like(notices(q{SELECT etl_run('customers')}), qr/WARNING:  1 raw file about people who have been erased cannot be removed, the first: "$partition\/customers.json"/, 'is told where it cannot be removed');
	open_folder($closed);
	is(notices(q{SELECT etl_run('customers')}), '', 'and removed by the next run');
	is(holding('Hanna'), '', 'so that nothing names them');
}

# ---- an exported file, in no partition's directory
{
	stage($node, partition() . '/customers.json', person(50, 'Ingrid'));
	sql(q{SELECT etl_run('customers')});
	make_path("$root/processed/exp");
	sql(q{SELECT etl_export('customers', 'exp/f.csv', 'csv')});
	my $closed = close_folder("$root/processed/exp");
	sql(q{SELECT etl_erase('customers', '50')});
	my $id = newest();
	is(erasure($id), 'failed|t|f', 'an exported file that cannot be replaced waits');
	open_folder($closed);
	is(notices(q{SELECT etl_run('customers')}), '', 'the next run says nothing');
	is(erasure($id), 'completed|f|t', 'and has replaced it');
	is(holding('Ingrid'), '', 'so that nothing names them');
}
$node->stop;
done_testing();
