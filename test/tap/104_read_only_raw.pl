# Raw files on a file system that is mounted read-only, processed files and archive on another device: records
# are loaded once, and an erasure is not completed while the raw file names the person. When the files can be
# written it is, by the next run.
#   ETL_READONLY_RAW   a raw directory whose day 2020-01-01 is mounted read-only
#   ETL_WRITABLE_RAW   the same files where they can be written (scripts/check makes both when it is root)
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use CrashTest qw(other_file_system);
use EtlTest;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($readonly, $writable) = @ENV{qw(ETL_READONLY_RAW ETL_WRITABLE_RAW)};
plan skip_all => 'ETL_READONLY_RAW names no raw directory with a read-only day' unless defined $readonly && -d $readonly && -w $writable;
my $node = etl_node();
my $root = $node->{etl_root};
my $far = other_file_system() // "$root/far";
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub notices { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err }
sub person { my ($id, $name) = @_; return qq({"id": "$id", "first_name": "$name", "last_name": "Lee", "email": "$name\@example.org"}\n) }
sub holding
{
	my ($text) = @_;
	my @holding;
	for my $dir ($writable, $far)
	{
		push @holding, grep { join("\n", slurp_lines("$dir/$_")) =~ /\Q$text\E/ } files_below($dir);
	}
	return join ' ', @holding;
}

# The raw directory is a link, which leads to the same files in one way or the other.
make_path("$far/processed", "$far/archive");
symlink $readonly, "$root/staged" or die;
sql("ALTER DATABASE postgres SET etl.raw_dir = '$root/staged'; ALTER DATABASE postgres SET etl.processed_dir = '$far/processed'; ALTER DATABASE postgres SET etl.archive_dir = '$far/archive'");
my $hour = 'date=2020-01-01/hour=03';
sub deliver { my ($name, $text) = @_; local $node->{etl_root} = "$root/deliveries"; return stage($node, "$hour/$name", $text) }
make_path("$root/deliveries");
symlink $writable, "$root/deliveries/raw" or die;
deliver('customers.json.gz', person(1, 'Anna') . person(2, 'Berta'));
deliver('erasure-requests.json', qq({"customer-id": "1"}\n));

ok(!open(my $fh, '>', "$readonly/$hour/x"), 'the day cannot be written') and like("$!", qr/Read-only/, 'for it is mounted so');
my $said = notices('SELECT etl_run()');
like($said, qr/WARNING:  1 request for erasure cannot be completed yet: "staged\/$hour\/[a-z.-]+" still names the person and cannot be changed: Read-only file system/, 'a WARNING has the path and the reason');
is(sql('SELECT status, waits_for IS NOT NULL, completed_at IS NULL FROM etl.erasure'), 'failed|t|t', 'the request is not completed');
is(sql('SELECT string_agg(first_name, $$,$$ ORDER BY id) FROM data.customers'), '[erased],Berta', 'the table is treated all the same');
is(holding('Anna'), "$hour/customers.json.gz", 'only the raw file names the person');
for my $call (q{SELECT etl_run()}, q{CALL etl_load()}, q{CALL etl_load('customers')})
{
	notices($call);
	is(sql('SELECT count(*), count(*) FILTER (WHERE status = $$loaded$$) FROM etl.file'), '2|2', "$call loads nothing twice");
}
is(sql('SELECT count(*) FROM data.customers'), '2', 'nor a record');
like(sql('SELECT string_agg(error, $$; $$) FROM etl.file'), qr/Read-only file system/, 'etl.file tells why the files stay');
is(sql(q{SELECT status FROM etl_erase('customers', '2')}), 'failed', 'another erasure waits as well');
is(sql('SELECT first_name FROM data.customers WHERE id = 2'), '[erased]', 'but for the raw file');

unlink "$root/staged" or die;
symlink $writable, "$root/staged" or die;
notices('SELECT etl_run()');
notices('SELECT etl_run()');
is(sql('SELECT string_agg(status, $$,$$) FROM etl.erasure'), 'completed,completed', 'where they can be written both are completed');
is(holding('Anna') . holding('Berta'), '', 'and no file names them');
is(sql('SELECT string_agg(DISTINCT status || coalesce(error, $$$$), $$,$$) FROM etl.file'), 'archived', 'all files are archived');
is(join(' ', files_below($writable)), '', 'and have left the raw directory');
is(sql('SELECT count(*) FROM etl_audit_verify()'), '0', 'the audit trail is whole');

$node->stop;
done_testing();
