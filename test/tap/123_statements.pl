# Each statement that stands in the sources as a constant can be prepared in a database with the
# extension: its tables, columns and functions are there, and the types of its parameters are known.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use File::Find ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# scripts/check copies tests and sources beside each other
my ($root) = grep { -e "$_/src/pg/settings.cpp" } "$FindBin::Bin/..", "$FindBin::Bin/../..";
plan skip_all => 'the sources are not here' unless defined $root;

my (@statements, @others);
File::Find::find(
	{
		no_chdir => 1,
		wanted   => sub {
			return unless /\.(?:cpp|h)$/;
			my $file = $_;
			my $text = slurp_file($file);
			push @statements, [ substr($file, length "$root/"), $1, $2 ] while $text =~ /^constexpr char (\w+_sql)\[\]\s*=\s*R"\((.*?)\)";/gms;
			push @others, "$file: $1" while $text =~ /\bchar\b[\s*const]*\b(\w+_sql)\b(?!\[\]\s*=\s*R"\()/g;
		}
	},
	"$root/src");
@statements = sort { $a->[0] cmp $b->[0] || $a->[1] cmp $b->[1] } @statements;
cmp_ok(scalar @statements, '>=', 205, 'the statements are found');
is("@others", '', 'none is written in another way');

my $node = etl_node(conf => "autovacuum = off\nallow_system_table_mods = on\n");
# One asks a table of Citus, wherever there is one.
$node->safe_psql('postgres', 'CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass)');
# As they are run: src/pg/spi.cpp sets the search_path.
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION refusal(sql text) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE 'PREPARE statement AS ' || sql;
    DEALLOCATE statement;
    RETURN '';
EXCEPTION WHEN OTHERS THEN
    RETURN replace(sqlerrm, E'\n', ' ');
END $$;
SQL
my $quote = '$statement$';
my $refusals = $node->safe_psql('postgres', join "\n", map { "SELECT refusal($quote$_->[2]$quote);" } @statements);
my @refusals = split /\n/, $refusals, -1;
push @refusals, '' while @refusals < @statements;
is($refusals[$_], '', "$statements[$_][0]: $statements[$_][1]") for 0 .. $#statements;

# What such a check is worth.
isnt($node->safe_psql('postgres', q{SELECT refusal('SELECT files FROM etl.file')}), '', 'a column that is not there is noticed');
isnt($node->safe_psql('postgres', q{SELECT refusal('SELECT FROM etl.file WHERE $1 IS NULL')}), '', 'a parameter without a type is noticed');

$node->stop;
done_testing();
