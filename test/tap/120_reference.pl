# docs/reference says what the server says: every function with its arguments, defaults and result
# columns, every table and view with its columns, every setting; and every object has a comment.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Cwd ();
use EtlTest;
use File::Basename qw(dirname);
use File::Find     ();
use JSON::PP       ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# scripts/check copies tests and docs beside each other
my ($root) = grep { -d "$_/docs/reference" } "$FindBin::Bin/..", "$FindBin::Bin/../..";
plan skip_all => 'the docs are not here' unless defined $root;

my $node = etl_node(conf => "autovacuum = off\n");

sub rows
{
	my ($sql) = @_;
	return split /\n/, $node->safe_psql('postgres', $sql);
}

# The same lines, in any order; what is missing from the page and what it has too much is shown.
sub same
{
	my ($page, $server, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my %page   = map { $_ => 1 } @$page;
	my %server = map { $_ => 1 } @$server;
	my @wrong  = ((map { "the page lacks: $_" } grep { !$page{$_} } sort keys %server), (map { "only the page has: $_" } grep { !$server{$_} } sort keys %page));
	ok(@wrong == 0 && @$page == @$server, $name) or diag join "\n", @wrong, scalar(@$page) . ' and ' . scalar(@$server);
	return;
}

# Cells of the tables of a text whose heads begin with the given cell, without the heads.
sub table
{
	my ($text, $head) = @_;
	my ($inside, @found) = (0);
	for my $line (split /\n/, $text)
	{
		if ($line !~ /^\|/) { $inside = 0; next; }
		my @cells = map { s/^\s+|\s+$//gr } split /(?<!\\)\|/, $line =~ s/^\|//r, -1;
		pop @cells;
		s/^`(.*)`$/$1/ for @cells;
		if (!$inside) { $inside = $cells[0] eq $head ? 1 : -1; next; }
		push @found, \@cells if $inside == 1 && $cells[0] !~ /^-+$/;
	}
	return @found;
}

sub slurp_text
{
	my $text = slurp_file($_[0]);
	utf8::decode($text);
	return $text;
}

# Functions. A default is shown without its cast.
$node->safe_psql('postgres', <<'SQL');
CREATE VIEW api AS
  SELECT p.* FROM pg_proc p JOIN pg_extension e ON e.extname = 'pg_etl' AND p.pronamespace = e.extnamespace
    JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e';
CREATE VIEW argument AS
  SELECT p.oid, p.proname, a.i, a.name, format_type(a.type, NULL) AS type, a.mode,
         CASE WHEN a.mode IN ('i', 'v') THEN regexp_replace(pg_get_function_arg_default(p.oid, a.i::int), '::[a-z ]+(\[\])?$', '') END AS default_value
  FROM api p, unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), coalesce(p.proargmodes, array_fill('i'::"char", ARRAY[p.pronargs::int]))) WITH ORDINALITY a(name, type, mode, i);
CREATE VIEW signature AS
  SELECT p.proname, CASE WHEN p.prokind = 'p' THEN 'PROCEDURE ' ELSE '' END || p.proname
         || format('(%s)', (SELECT string_agg(CASE a.mode WHEN 'v' THEN 'VARIADIC ' ELSE '' END || quote_ident(a.name) || ' ' || a.type || coalesce(' DEFAULT ' || a.default_value, ''), ', ' ORDER BY a.i)
                              FROM argument a WHERE a.oid = p.oid AND a.mode IN ('i', 'v')))
         || CASE WHEN p.prokind = 'p' THEN ''
                 WHEN EXISTS (SELECT FROM argument a WHERE a.oid = p.oid AND a.mode IN ('o', 't'))
                 THEN format(' RETURNS TABLE (%s)', (SELECT string_agg(quote_ident(a.name) || ' ' || a.type, ', ' ORDER BY a.i) FROM argument a WHERE a.oid = p.oid AND a.mode IN ('o', 't')))
                 ELSE format(' RETURNS %s%s', CASE WHEN p.proretset THEN 'SETOF ' ELSE '' END, format_type(p.prorettype, NULL)) END AS line
  FROM api p;
SQL
# What the server says, by function: one query for all pages.
sub by_name
{
	my ($sql) = @_;
	my %found;
	for (rows($sql)) { my ($name, $rest) = split / \| /, $_, 2; push @{ $found{$name} }, $rest; }
	return %found;
}
my %signature = by_name(q{SELECT proname || ' | ' || line FROM signature});
my %argument  = by_name(q{SELECT DISTINCT concat_ws(' | ', proname, name, type, coalesce(default_value, '')) FROM argument WHERE mode IN ('i', 'v')});
my %result    = by_name(q{SELECT DISTINCT concat_ws(' | ', proname, name, type) FROM argument WHERE mode IN ('o', 't')});
my %named     = by_name(q{SELECT DISTINCT concat_ws(' | ', proname, m[1]) FROM api p, regexp_matches(obj_description(p.oid, 'pg_proc'), '\m([0-9][0-9A-Z]{4})\M', 'g') m});
my %row       = by_name(q{SELECT DISTINCT concat_ws(' | ', proname, c.relname) FROM api p JOIN pg_type t ON t.oid = p.prorettype JOIN pg_class c ON c.oid = t.typrelid});
my @names     = sort keys %signature;
cmp_ok(scalar @names, '>', 40, 'there are functions');
same([ map { m{/([^/]+)\.md$}; $1 } glob "$root/docs/reference/functions/*.md" ], \@names, 'each function has a page, and each page a function');
for my $name (@names)
{
	my $file = "$root/docs/reference/functions/$name.md";
	next unless -f $file;
	my $text = slurp_text($file);
	like($text, qr/\A# \Q$name\E\n\n\S.*\n\n## Signature\n```\n.*?\n## Returns\n.*?\n## Errors\n.*?\n## Privileges\n.*?\n## Locks\n.*?\n## Example\n.*?```sql\n/s, "$name: the page has all sections");
	my ($signatures) = $text =~ /## Signature\n```\n(.*?)\n```/s;
	same([ split /\n/, $signatures // '' ], $signature{$name}, "$name: signatures");
	same([ map { join ' | ', @$_[ 0 .. 2 ] } table($text, 'argument') ],
		$argument{$name} // [], "$name: arguments");
	same([ map { join ' | ', @$_[ 0, 1 ] } table($text, 'column') ],
		$result{$name} // [], "$name: columns of the result");
	is(join(' ', grep { $_->[-1] eq '' } table($text, 'argument'), table($text, 'column')), '', "$name: every argument and column has a meaning");
	my @errors = table($text, 'SQLSTATE');
	ok((@errors > 0 || $text =~ /\n## Errors\nNone/) && !(grep { $_->[0] !~ /^([0-9A-Z]{5}|any)$/ || $_->[1] eq '' } @errors), "$name: errors have SQLSTATEs");
	# what a comment names, the page names
	is(join(' ', grep { my $state = $_; !grep { $_->[0] eq $state } @errors } @{ $named{$name} // [] }), '', "$name: no SQLSTATE of its comment is missing");
	like($text, qr{\(\.\./catalog\.md#etl\Q$_\E\)}, "$name: the page leads to the columns of its row") for @{ $row{$name} // [] };
}

# Tables and views.
my $catalog  = slurp_text("$root/docs/reference/catalog.md");
my @sections = split /^## /m, $catalog;
shift @sections;
my @relations = rows(q{SELECT c.oid::regclass FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass WHERE e.extname = 'pg_etl' AND c.relkind IN ('r', 'p', 'v', 'm')});
same([ map { /^(\S+)\n/; $1 } @sections ], \@relations, 'each table and view has a section, and each section a table or view');
my %columns = by_name(q{SELECT concat_ws(' | ', attrelid::regclass, attname, format_type(atttypid, atttypmod)) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE c.relnamespace IN ('etl'::regnamespace, 'data'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm') AND attnum > 0 AND NOT attisdropped});
for my $section (@sections)
{
	my ($relation) = $section =~ /^(\S+)\n/;
	next unless grep { $_ eq $relation } @relations;
	same([ map { join ' | ', @$_[ 0, 1 ] } table($section, 'column') ],
		$columns{$relation}, 		"$relation: columns");
	is(join(' ', map { $_->[0] } grep { $_->[2] eq '' } table($section, 'column')), '', "$relation: every column has a meaning");
}

# Settings; sizes are shown as they are set.
same([ map { join ' | ', @$_[ 0 .. 4 ] } table(slurp_text("$root/docs/reference/settings.md"), 'setting') ],
	[ rows(q{LOAD 'pg_etl'; SELECT concat_ws(' | ', name, vartype, coalesce(unit, ''),
		CASE WHEN unit IN ('B', 'kB', 'MB') THEN replace(replace(pg_size_pretty(boot_val::numeric * CASE unit WHEN 'B' THEN 1 WHEN 'kB' THEN 1024 ELSE 1048576 END), ' ', ''), 'bytes', 'B') ELSE boot_val END,
		context) FROM pg_settings WHERE name LIKE 'etl.%'}) ],
	'settings: names, types, units, defaults and contexts');

# Errors: what a function's page names, the page of all of them has.
my %explained = map { $_ => 1 } map { split /, /, $_->[0] } table(slurp_text("$root/docs/reference/errors.md"), 'SQLSTATE');
my %raised    = map { $_ => 1 } map { $_->[0] } map { table(slurp_text($_), 'SQLSTATE') } glob "$root/docs/reference/functions/*.md";
is(join(' ', grep { !$explained{$_} && $_ ne 'any' } sort keys %raised), '', 'errors: every SQLSTATE of a function is explained');

# Definitions: the keys of the schema that etl_define goes by.
my $schema = JSON::PP->new->decode(slurp_text("$root/schemas/meta/x-etl.json"));

sub keys_of
{
	my ($node, $place) = @_;
	$node = $schema->{definitions}{$1} if ($node->{'$ref'} // '') =~ m{^#/definitions/(\w+)$};
	my @keys = $place eq '' || $place =~ /\]$/ ? () : ($place);
	push @keys, map { keys_of($node->{properties}{$_}, $place eq '' ? $_ : "$place.$_") } keys %{ $node->{properties} // {} };
	push @keys, map { grep { $_ ne $place } keys_of($_, $place) } @{ $node->{anyOf} // [] };
	push @keys, grep { $_ ne "${place}[]" } keys_of($node->{items}, "${place}[]") if ref($node->{items}) eq 'HASH';
	return @keys;
}

sub required_of
{
	my ($node, $place) = @_;
	$node = $schema->{definitions}{$1} if ($node->{'$ref'} // '') =~ m{^#/definitions/(\w+)$};
	my $prefix = $place eq '' ? '' : "$place.";
	return ((map { "$prefix$_" } @{ $node->{required} // [] }), (map { required_of($node->{properties}{$_}, "$prefix$_") } keys %{ $node->{properties} // {} }),
		ref($node->{items}) eq 'HASH' ? required_of($node->{items}, "${place}[]") : ());
}
my @keys = table(slurp_text("$root/docs/reference/definition.md"), 'key');
same([ map { $_->[0] } @keys ], [ do { my %seen; grep { !$seen{$_}++ } keys_of($schema, '') } ], 'definition: every key of x-etl');
same([ map { $_->[0] } grep { $_->[2] eq 'required' } @keys ], [ required_of($schema, '') ], 'definition: which of them are required');

# Comments: on all that the extension makes, tables of definitions included.
stage($node, 'date=2020-01-01/hour=00/customers.json', '{"id": "1", "first_name": "A", "last_name": "B", "email": "a@example.org"}' . "\n");
stage($node, 'date=2020-01-01/hour=00/products.json', '{"sku": 1, "name": "A", "price": "1.00", "category": "b", "popularity": 0.5}' . "\n");
stage($node, 'date=2020-01-01/hour=00/transactions.json', '{"transaction_id": "00000000-0000-4000-8000-000000000001", "transaction_time": "2020-01-01T00:00:00", "customer_id": "1", "delivery_address": {"address": "a", "postcode": "b", "city": "c", "country": "d"}, "purchases": {"products": [{"sku": 1, "quanitity": 1, "price": "1.00", "total": "1.00"}], "total_cost": "1.00"}}' . "\n");
is_sql($node, 'SELECT sum(loaded) FROM etl_run()', '3', 'tables were made');
is_sql($node, q{SELECT count(DISTINCT c.oid) FROM pg_class c WHERE c.relnamespace = 'data'::regnamespace AND c.relkind = 'r'}, '4', 'four of them');
is_sql($node, <<'SQL', '', 'every table, view, column, function, sequence and type has a comment');
WITH object(class, id) AS (
    SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
     WHERE e.extname = 'pg_etl' AND d.deptype = 'e' AND d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass)
    UNION SELECT 'pg_class'::regclass, c.oid FROM pg_class c WHERE c.relnamespace = 'data'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S'))
SELECT pg_describe_object(class, id, 0) FROM object WHERE nullif(obj_description(id, (SELECT relname FROM pg_class WHERE oid = class)), '') IS NULL
   -- the array of a type comes with it, and the row type of a relation with that
   AND NOT (class = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t WHERE t.typarray = id))
   AND NOT (class = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid WHERE t.oid = id AND c.relkind <> 'c'))
UNION ALL
SELECT pg_describe_object('pg_class'::regclass, a.attrelid, a.attnum) FROM object o JOIN pg_class c ON o.class = 'pg_class'::regclass AND c.oid = o.id AND c.relkind IN ('r', 'p', 'v', 'm')
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE nullif(col_description(a.attrelid, a.attnum), '') IS NULL
ORDER BY 1
SQL
is_sql($node, q{SELECT string_agg(a.attname || ': ' || col_description(a.attrelid, a.attnum), '; ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = 'data.purchases'::regclass AND a.attnum IN (1, 2, 3)},
	'transaction_id: Field /transaction_id of the record; line: Position of the element in its record, from 1; product_sku: Field /sku of the element',
	'a column of a target table says which field it takes');

# Links: what a page leads to is there, headings included.
sub anchors
{
	my ($text) = @_;
	my (%anchors, $fence);
	for (split /\n/, $text)
	{
		$fence = !$fence if /^\s*```/;
		next if $fence || !/^#+ +(.*?)\s*$/;
		my $anchor = lc $1;
		$anchor =~ s/\[([^]]*)\]\([^)]*\)/$1/g;
		$anchor =~ s/[^\w\- ]//g;
		$anchor =~ s/ /-/g;
		$anchors{$anchor} = 1;
	}
	return \%anchors;
}

# scripts/check lists the files of the tree beside them, because only pages are copied.
my %tree;
if (-f "$root/tree")
{
	for my $file (split /\n/, slurp_text("$root/tree"))
	{
		$file =~ s{^\./}{};
		$tree{$file} = 1;
		$tree{$file} = 1 while $file =~ s{/[^/]+$}{};
	}
}

my (@pages, @broken, %reached);
File::Find::find({ no_chdir => 1, wanted => sub { push @pages, $_ if /\.md$/ } }, grep { -d } "$root/docs", "$root/src");
push @pages, glob "$root/*.md";
for my $page (@pages)
{
	my $text = slurp_text($page);
	my $name = substr $page, length($root) + 1;
	$text =~ s/^```.*?^```//gms;
	$text =~ s/`[^`\n]*`//g;
	while ($text =~ /\]\(([^)\s]+)\)/g)
	{
		my ($path, $anchor) = split /#/, $1, 2;
		next if $path =~ /^[a-z]+:/;
		my $target = $path eq '' ? $page : dirname($page) . "/$path";
		if (!-e $target)
		{
			my @steps;
			for (split m{/}, dirname($name) . "/$path") { $_ eq '..' ? pop @steps : $_ ne '.' && push @steps, $_; }
			push @broken, "$name: $path" unless %tree == 0 || $tree{ join '/', @steps };
			next;
		}
		$reached{ Cwd::abs_path($target) }{$name} = 1;
		push @broken, "$name: $path#$anchor" if defined $anchor && !anchors(slurp_text($target))->{$anchor};
	}
}
is(join("\n", @broken), '', 'every link of the docs leads somewhere');
for my $page (grep { m{/docs/} } @pages)
{
	my $name = substr $page, length($root) + 1;
	my $index = $name =~ m{/functions/} ? 'docs/reference/README.md' : $name eq 'docs/README.md' ? 'README.md' : 'docs/README.md';
	ok($reached{ Cwd::abs_path($page) }{$index}, "$name is linked from $index");
}
# What the server prints is its own; architecture speaks of the folders of src.
is(join("\n", grep { slurp_text($_) =~ s/^```.*?^```//gmsr =~ s/`[^`\n]*`//gr =~ /\b(can't|folders?)\b/i } grep { m{/docs/(reference|howto|tutorial|explanation)} && !/architecture/ } @pages),
	'', 'pages for users say "directory" and "cannot"');

# Nobody needs quotation marks for a name that we have given.
is(join("\n", rows(q{SELECT format('%s: %s', p.oid::regprocedure, n.name) FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_etl'
    JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid CROSS JOIN LATERAL unnest(p.proargnames) n(name)
    JOIN pg_get_keywords() k ON k.word = n.name AND k.catcode IN ('R', 'T')
    UNION ALL
    SELECT format('%s: %s', c.oid::regclass, a.attname) FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_etl'
    JOIN pg_class c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_get_keywords() k ON k.word = a.attname AND k.catcode IN ('R', 'T') ORDER BY 1})), '', 'no argument or column is a reserved word');

$node->stop;
done_testing();
