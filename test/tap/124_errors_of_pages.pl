# The page of each function in docs/reference/functions names every SQLSTATE that calls of it raise: in
# transactions that are read-only or have another isolation, without directories, with null, for a dataset
# that there is not, and by somebody who has EXECUTE and nothing else. Of a call only its SQLSTATE counts:
# what it does is for the other tests.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# scripts/check copies tests and docs beside each other
my ($root) = grep { -d "$_/docs/reference" } "$FindBin::Bin/..", "$FindBin::Bin/../..";
plan skip_all => 'the docs are not here' unless defined $root;

my $node = etl_node(conf => "autovacuum = off\n");
my $keys = $node->basedir . '/keys';
mkdir $keys or die;
$node->safe_psql('postgres', "ALTER DATABASE postgres SET etl.journal_dir = '$keys'");
stage($node, 'date=2020-01-01/hour=1/customers.json', join '', map { "$_\n" } map({ qq({"id": "$_", "first_name": "A", "last_name": "B", "email": "a$_\@example.com"}) } 1 .. 3), '{"id": 2}');
$node->safe_psql('postgres', q{SELECT etl_run(); SELECT etl_erase('customers', '3'); SELECT etl_hold('customers', '2', 'court'); SELECT etl_erase('customers', '2')});
# another file of the same people, which waits
stage($node, 'date=2020-01-01/hour=2/customers.json', qq({"id": "1", "first_name": "A", "last_name": "C", "email": "a\@example.com"}\n));
$node->safe_psql('postgres', 'CREATE ROLE caller; GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public TO caller');

# What an argument is called with: by the function and its name, by its name, or by its type.
my %value = (
	'etl_define.definition' => q{'{"x-etl": {"dataset": "n", "files": ["n.json"]}}'}, 'etl_drop.dataset' => q{'products'},
	'etl_export.path' => q{'customers.jsonl'}, 'etl_reinstate.subject' => q{'3'}, 'etl_refuse.subject' => q{'2'}, 'etl_release_hold.subject' => q{'2'},
	'etl_anonymized.rows' => 'NULL::data.customers', 'etl_generalize.unit' => q{'year'}, 'etl_grant.kind' => q{'auditor'}, 'etl_generalize.value text' => q{'2020-01-01'},
	'etl_redact.constant' => q{'x'}, 'etl_erase.plan' => undef, 'etl_audit_verify.head' => undef,
	dataset => q{'customers'}, subject => q{'1'}, email => undef, path => q{'date=2020-01-01/hour=2/customers.json'}, reason => q{'reason'}, ground => q{'ground'}, schedule => q{'0 3 * * *'},
	record => q{'{"id": "1"}'}, identifier => q{'a1@example.com'}, erasure_id => '(SELECT max(erasure_id) FROM etl.erasure)', quarantine_id => '(SELECT min(quarantine_id) FROM etl.quarantine)',
	since => q{'-infinity'}, role => q{'pg_monitor'}, format => q{'jsonl'}, step => '10',
	boolean => 'false', text => q{'x'}, integer => '8', bigint => '1', numeric => '5', inet => q{'10.0.0.1'}, date => q{'2020-01-01'}, 'timestamp with time zone' => q{'2020-01-01'},
	'timestamp without time zone' => q{'2020-01-01'});

# The functions: name, kind, and of each argument name, type and whether it has a default.
my @functions = map { [ split /\|/, $_, -1 ] } split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT p.proname, p.prokind, coalesce(string_agg(concat_ws(',', n.name, format_type(t.type, NULL), p.pronargs - t.i < p.pronargdefaults), ';' ORDER BY t.i), '')
  FROM pg_proc p JOIN pg_extension e ON e.extname = 'pg_etl' AND p.pronamespace = e.extnamespace
       JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
       LEFT JOIN LATERAL unnest(p.proargtypes) WITH ORDINALITY t(type, i) ON true
       LEFT JOIN LATERAL unnest(p.proargnames) WITH ORDINALITY n(name, i) ON n.i = t.i
 GROUP BY p.oid ORDER BY p.proname, p.oid::regprocedure::text
SQL
cmp_ok(scalar @functions, '>', 40, 'there are functions');

# A call of a function, with some arguments other than usual; arguments that are undefined are left out.
sub call
{
	my ($function, %other) = @_;
	my ($name, $kind, $arguments) = @$function;
	my @given;
	for (split /;/, $arguments)
	{
		my ($argument, $type) = split /,/;
		my ($key) = grep { exists $value{$_} } "$name.$argument $type", "$name.$argument", $argument, $type;
		die "$name: no value for $argument $type" unless defined $key;
		my $text = exists $other{$argument} ? $other{$argument} : $value{$key};
		push @given, "$argument => $text" . ($argument eq 'rows' ? '' : "::$type") if defined $text;
	}
	my $call = "$name(" . join(', ', @given) . ')';
	return $kind eq 'p' ? "CALL $call" : "SELECT * FROM $call";
}

# The calls: their function, where they are made, what comes before them, and the statement.
my @calls;
my @directories = qw(raw_dir processed_dir archive_dir journal_dir key_file signing_key_file);
for my $function (@functions)
{
	my ($name, undef, $arguments) = @$function;
	my @names = map { /^(\w+)/; $1 } split /;/, $arguments;
	my $usual = call($function);
	push @calls, [ $name, 'in a transaction',              'BEGIN', $usual ], [ $name, 'in a read-only transaction', 'BEGIN READ ONLY', $usual ],
		[ $name, 'with REPEATABLE READ', 'BEGIN ISOLATION LEVEL REPEATABLE READ', $usual ], [ $name, 'with SERIALIZABLE', 'BEGIN ISOLATION LEVEL SERIALIZABLE', $usual ],
		[ $name, 'by a caller with EXECUTE alone', 'BEGIN; SET LOCAL ROLE caller', $usual ];
	for my $setting (@directories)
	{
		push @calls, [ $name, "etl.$setting is not set", "BEGIN; SET LOCAL etl.$setting = ''", $usual ], [ $name, "etl.$setting is not there", "BEGIN; SET LOCAL etl.$setting = '$keys/nothing/here'", $usual ];
	}
	for my $without ("''", "'$keys/nothing'")
	{
		push @calls, [ $name, "no directory is there ($without)", 'BEGIN; ' . join('; ', map { "SET LOCAL etl.$_ = $without" } grep { !/key/ } @directories), $usual ];
	}
	push @calls, [ $name, "$_ is null", 'BEGIN', call($function, $_ => 'NULL') ] for @names;
	push @calls, [ $name, 'no such dataset', 'BEGIN', call($function, dataset => q{'nothing'}) ] if grep { $_ eq 'dataset' } @names;
	push @calls, [ $name, 'no subject of that kind', 'BEGIN', call($function, subject => q{'é x'}) ], [ $name, 'a dataset without people', 'BEGIN', call($function, dataset => q{'products'}) ] if grep { $_ eq 'subject' } @names;
	push @calls, [ $name, 'nothing with that number', 'BEGIN', call($function, $_ => '-1') ] for grep { /_id$/ } @names;
	push @calls, [ $name, 'no such file', 'BEGIN', call($function, path => q{'nothing/here'}) ] if grep { $_ eq 'path' } @names;
	push @calls, [ $name, "$_ is too long", 'BEGIN', call($function, $_ => q{repeat('x', 5000)}) ] for grep { /^(reason|ground)$/ } @names;
}
my $script = join '', map { my $i = $_; "$calls[$i][2];\n$calls[$i][3];\n\\echo \@\@ $i :SQLSTATE :LAST_ERROR_MESSAGE\nROLLBACK;\n" } 0 .. $#calls;
my ($rc, $out) = $node->psql('postgres', "SET statement_timeout = '60s';\n$script", on_error_stop => 0);
is($rc, 0, 'the session lives');
my %outcome = map { /^\@\@ (\d+) (\w{5}) (.*)/ ? ($1 => [ $2, $3 ]) : () } split /\n/, $out;
is(scalar keys %outcome, scalar @calls, @calls . ' calls were made');

my (%page, %lacking, %raised);
for my $i (sort { $a <=> $b } keys %outcome)
{
	my ($name, $where) = @{ $calls[$i] };
	my ($state, $message) = @{ $outcome{$i} };
	$page{$name} //= slurp_file("$root/docs/reference/functions/$name.md") =~ /\n## Errors\n(.*?)\n## /s ? $1 : '';
	$raised{$state}++;
	next if $state eq '00000' || $page{$name} =~ /^\| (?:\w+, )*$state(?:, \w+)* \|/m;
	push @{ $lacking{$name} }, "$state $where: $message";
}
cmp_ok($raised{$_} // 0, '>', 5, "$_ was raised") for qw(00000 22004 25001 25006 42501 42704 55000 58P01);
for my $name (sort keys %page)
{
	is(join("\n", @{ $lacking{$name} // [] }), '', "$name: the page names every SQLSTATE");
}

$node->stop;
done_testing();
