# docs/howto does what it says: the commands of its pages are run in their order against a server, and what they
# are meant to bring about has come about. The restore is a real one, from a dump that is older than its files.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use File::Path qw(make_path);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# scripts/check copies tests and docs beside each other
my ($pages) = grep { -d } "$FindBin::Bin/../docs/howto", "$FindBin::Bin/../../docs/howto";
plan skip_all => 'the docs are not here' unless defined $pages;
my $library = `pg_config --pkglibdir`;
chomp $library;
plan skip_all => 'pg_cron is not installed' unless -f "$library/pg_cron.so";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'shop'\n");
$node->start;
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
my $root = $node->basedir;
$node->{etl_root} = "$root/etl";
make_path(map { "$root/$_" } qw(etl/raw etl/processed etl/archive etl/journal large work));

sub shop
{
	my ($sql) = @_;
	return $node->safe_psql('shop', $sql);
}

sub run_ok
{
	my ($name, $input, @command) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($out, $err) = ('', '');
	ok(IPC::Run::run(\@command, '<', \$input, '>', \$out, '2>', \$err, init => sub { chdir "$root/work" or die $! }), $name) or diag $err;
	return $out;
}

# Runs the blocks of a page, each in a session of its own, and returns what they print.
sub follow
{
	my ($page) = @_;
	my ($line, $out, $count) = (1, '', 0);
	for my $part (split /(^```\w*\n.*?^```\n)/ms, slurp_file("$pages/$page.md"))
	{
		if ($part =~ /^```(sh|sql|json)\n(.*?)^```\n/ms)
		{
			my ($kind, $text, $name) = ($1, $2, "$page, line $line");
			$text =~ s{/srv/etl}{$root/etl}g;
			$text =~ s{/mnt/large}{$root/large}g;
			if ($kind eq 'json') { append_to_file("$root/work/meters.json", $text); }
			elsif ($kind eq 'sh') { $out .= run_ok($name, $text, 'bash', '-e'); $count++; }
			else { $out .= run_ok($name, $text, 'psql', '-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', 'shop'); $count++; }
		}
		$line += $part =~ tr/\n//;
	}
	cmp_ok($count, '>', 2, "$page has commands");
	return $out;
}

$node->safe_psql('postgres', 'CREATE DATABASE shop');
shop('CREATE EXTENSION pg_cron; CREATE EXTENSION pg_etl');
shop("ALTER DATABASE shop SET etl.${_}_dir = '$root/etl/$_'") for qw(raw processed archive journal);
stage($node, 'date=2026-03-02/hour=09/meters.jsonl', qq({"meter": 7, "street": "Elm Row", "installed": "2020-02-02"}\n));
stage($node, 'date=2026-03-02/hour=09/customers.json', qq({"id": "536860", "first_name": "Nicole", "last_name": "Forrest", "email": "nicole\@example.net"}\n));

like(follow('new-dataset'), qr/^succeeded\|1\|1\|0$/m, 'the new dataset is loaded');
is(shop('SELECT meter, installed FROM data.meters'), '7|2020-02-02', 'the record is in its table');
like(follow('backlog'), qr/^customers\|1\|1\|1\|0\|/m, 'the backlog is loaded');
is(shop('SELECT first_name FROM data.customers'), 'Nicole', 'the customer is there');
follow('monitor');

# What is done after the dump is lost by the restore, and has to come back.
run_ok('a dump', '', 'pg_dump', '--format', 'custom', '--file', "$root/dump", 'shop');
stage($node, 'date=2026-03-02/hour=10/customers.json', qq({"id": "536861", "first_name": "Jo", "last_name": "Day", "email": "jo\@example.net"}\n));
is(shop(q{SELECT loaded FROM etl_run('customers')}), '1', 'another customer comes');
like(follow('erase-a-person'), qr/^\d+\|completed\|1\|\d+\|\|$/m, 'the person is erased');
is(shop(q{SELECT first_name FROM data.customers WHERE id = 536860}), '[erased]', 'and gone from the table');

run_ok('the database is lost', '', 'dropdb', '--force', 'shop');
run_ok('a new one', '', 'createdb', 'shop');
run_ok('the restore', '', 'pg_restore', '--dbname', 'shop', "$root/dump");
is(shop('SELECT id, first_name FROM data.customers ORDER BY id'), '536860|Nicole', 'the backup is older than the erasure and the second file');
my $restored = follow('restore');
like($restored, qr/^customers\|succeeded\|1\|1$/m, 'the archived file is loaded again');
is(shop('SELECT id, first_name FROM data.customers ORDER BY id'), "536860|[erased]\n536861|Jo", 'who was erased is erased, who came is there');
is(shop(q{SELECT count(*) FROM etl.health WHERE status = 'error'}), '0', 'no check finds an error');

follow('move-directories');
is(shop('SHOW etl.archive_dir'), "$root/large/etl/archive", 'the archive is somewhere else');
ok(!-e "$root/etl/archive", 'and no longer where it was');
stage($node, 'date=2026-03-02/hour=11/customers.json', qq({"id": "536862", "first_name": "Max", "last_name": "Roe", "email": "max\@example.net"}\n));
is(shop(q{SELECT status, loaded FROM etl_run('customers')}), 'succeeded|1', 'runs go on');
ok(-f "$root/large/etl/archive/date=2026-03-02/hour=11/customers.json", 'into the new archive');

$node->stop;
done_testing();
