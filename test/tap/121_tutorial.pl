# docs/tutorial.md does what it says: its blocks are run in their order, each in a session of its own, and what
# comes out is what the page shows. Only the directory and the blanks at the ends of lines are other ones.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# scripts/check copies tests and docs beside each other
my ($page) = grep { -f } "$FindBin::Bin/../docs/tutorial.md", "$FindBin::Bin/../../docs/tutorial.md";
plan skip_all => 'the docs are not here' unless defined $page;
my $library = `pg_config --pkglibdir`;
chomp $library;
plan skip_all => 'pg_cron is not installed' unless -f "$library/pg_cron.so";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'library'\n");
$node->start;
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
my $directory = $node->basedir . '/library';

# [kind, text, line] of each fenced block.
my $line = 1;
my @blocks;
for my $part (split /(^```\w*\n.*?^```\n)/ms, slurp_file($page))
{
	push @blocks, [ $1, $2, $line ] if $part =~ /^```(\w*)\n(.*?)^```\n/ms;
	$line += $part =~ tr/\n//;
}
cmp_ok(scalar @blocks, '>', 50, 'the page has blocks');

while (my $block = shift @blocks)
{
	my ($kind, $text, $at) = @$block;
	my $shown = @blocks && $blocks[0][0] eq 'text' ? (shift @blocks)->[1] : '';
	my @command = $kind eq 'sh' ? ('bash', '-e') : $kind eq 'sql' ? ('psql', '-X', '-v', 'ON_ERROR_STOP=1', '-d', 'library') : ();
	if (!@command) { fail("line $at: a block that is neither run nor shown"); next; }
	$text =~ s{/srv/library}{$directory}g;
	my ($out, $err) = ('', '');
	ok(IPC::Run::run(\@command, '<', \$text, '>', \$out, '2>', \$err), "line $at: $kind") or diag $err;
	$out =~ s{\Q$directory\E}{/srv/library}g;
	# rows of a query end with an empty line, the block does not
	for ($out, $shown) { s/[ \t]+$//mg; s/\n+\z/\n/; }
	is($out, $shown, "line $at: what it shows");
}
ok(!-e $directory, 'nothing is left');

$node->stop;
done_testing();
