# Quarantine, files and exports hold records as the definition said that was in force when they came: an
# erasure reads them by it, when the dataset was dropped or has another definition since.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub notices { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err }
my $hour = 0;
sub load
{
	my ($dataset, @records) = @_;
	stage($node, sprintf('date=2026-01-%02d/hour=%02d/%s.json', 1 + $hour / 24, $hour++ % 24, $dataset), join '', map { "$_\n" } @records);
	return sql("SELECT status, loaded, quarantined FROM etl_run('$dataset')");
}
sub person { my ($id, $name) = @_; return qq({"id": "$id", "first_name": "$name", "last_name": "L$name", "email": "$name\@example.org"}) }
sub letters
{
	my ($name, %change) = @_;
	my %is = (subject => '/c', column => '/c', as => 'c', personal => '/t', schema => '', treatment => 'redact', %change);
	my $subject = defined $is{subject} ? qq("subject": {"dataset": "customers", "field": "$is{subject}"},) : '';
	my $personal = defined $is{personal} ? qq("personal": [{"field": "$is{personal}", "treatment": "$is{treatment}"}],) : '';
	my $text = $is{personal} // '/t';
	sql(qq(SELECT etl_define('{"type": "object", "required": ["l"], $is{schema} "x-etl": {"dataset": "$name", "files": ["$name.json"], "key": "/l", $subject $personal
	  "tables": [{"name": "$name", "columns": [{"name": "l", "type": "bigint", "from": "/l"}, {"name": "$is{as}", "type": "bigint", "from": "$is{column}"}, {"name": "t", "from": "$text"}]}]}}')));
	return;
}
my $id = 70_000;
# A person, and a dataset with an accepted and a refused record, an export of it and a record of somebody else.
sub filled
{
	my ($name) = @_;
	++$id;
	load('customers', person($id, "P$id"), person($id + 10_000, "Q$id"));
	letters($name);
	is(load($name, qq({"l": 1, "c": $id, "t": "Dear P$id accepted"}), qq({"c": $id, "t": "Dear P$id refused"}), qq({"l": 2, "c": @{[$id + 10_000]}, "t": "Dear Q$id"})),
		'partial|2|1' =~ s/partial/succeeded/r, "$name: records of a person, one of them refused");
	sql("SELECT etl_export('$name', '$name.$_', format => '$_')") for qw(jsonl csv);
	return $id;
}
sub erase { my ($person) = @_; return sql("SELECT status, untreated FROM etl_erase('customers', '$person')") }

# ---- a dataset that was dropped
{
	my $person = filled('dropped');
	sql(q{DROP TABLE data.dropped; SELECT etl_drop('dropped')});
	stage($node, 'date=2026-02-01/hour=00/dropped.json', qq({"l": 3, "c": $person, "t": "Dear P$person staged"}\n));
	like(sql("SELECT (etl_erase('customers', '$person', dry_run => true)).plan -> 'places'"), qr/archived.*dropped.*etl\.quarantine/s, 'the plan names what a dropped dataset has left');
	is(sql("SELECT count(*) FROM etl_subject('customers', '$person') s WHERE s.record::text LIKE '%Dear P$person%'"), '7', 'it belongs to what is known about the person');
	is(erase($person), 'completed|', 'a dataset was dropped: an erasure treats what it has left');
	is(places_with($node, "Dear P$person"), '', 'in quarantine, files, exports and what is staged');
	like(places_with($node, "Dear Q$person"), qr/archive.*exported|csv.*jsonl|processed/s, 'and nothing of anybody else');
	sql(q{SELECT * FROM etl_erase_failed()});
	is(sql(q{SELECT count(*) FROM etl.file_action WHERE dataset = 'dropped'}), '0', 'no plan is left');
	letters('dropped');
	is(load('dropped'), 'succeeded|1|0', 'it is defined again, and loads what was staged');
	is(sql('SELECT l, c, t FROM data.dropped'), "3|$person|[erased]", 'as it was treated');
}

# ---- one whose last definition cannot be read any more
{
	my $person = filled('unreadable');
	sql(q{DROP TABLE data.unreadable; UPDATE etl.dataset SET definition = '{"x-etl": 1}' WHERE name = 'unreadable'; SELECT etl_drop('unreadable')});
	is(erase($person), 'failed|{exported/unreadable.csv,exported/unreadable.jsonl,"dataset unreadable"}' =~ s/\{.*\}/{"dataset unreadable",exported\/unreadable.csv,exported\/unreadable.jsonl}/r,
		'a dropped dataset whose last definition cannot be read is untreated');
	letters('unreadable');
	is(sql(q{SELECT status FROM etl_erase_failed('customers')}), 'completed', 'until it is defined again');
	is(places_with($node, "Dear P$person"), '', 'then it is treated');
}

# ---- another definition since
my %changes = (
	moved => { subject => '/cust', column => '/cust' },
	moved_column => { subject => '/cust', column => '/cust', as => 'who' },
	moved_personal => { personal => '/text' },
	no_subject => { subject => undef },
	no_personal => { personal => undef },
	stricter => { subject => '/cust', column => '/cust', schema => '"properties": {"t": {"type": "string", "maxLength": 3}}, "required": ["l", "cust"],' });
for my $name (sort keys %changes)
{
	my $person = filled($name);
	sql("ALTER TABLE data.$name ADD who bigint");
	letters($name, %{ $changes{$name} });
	is(erase($person), 'completed|', "$name: an erasure");
	# a table where nobody is looked for any more, or a column that is not treated, is named
	my $is_out_of_reach = $name =~ /^no_|moved_column/;
	is(places_with($node, "Dear P$person"), $is_out_of_reach ? "data.$name" : '', "$name: leaves nothing in quarantine, files and exports");
	is(sql("SELECT etl_certificate(max(erasure_id))::text ~ '\"data.$name\"' FROM etl.erasure"), 't', "$name: and the certificate names the table") if $is_out_of_reach;
	isnt(places_with($node, "Dear Q$person"), '', "$name: others stay");
}

# ---- a record that came under the new definition is read by it alone
{
	my $person = filled('later');
	letters('later', subject => '/cust', column => '/cust');
	my $other = $person + 10_000;
	load('later', qq({"l": 5, "cust": $other, "c": $person, "t": "Dear Q$person later"}), qq({"l": 6, "cust": $person, "c": $other, "t": "Dear P$person later"}));
	is(erase($person), 'completed|', 'two definitions, and files of both');
	is(places_with($node, "Dear P$person"), '', 'each is read by its own');
	like(places_with($node, "Dear Q$person later"), qr/processed/, 'what the former one would have taken for theirs stays');
}

# ---- fields that both definitions treat are treated once, as the one in force says
{
	my $person = filled('twice');
	letters('twice', treatment => 'pseudonymize');
	is(erase($person), 'completed|', 'another treatment');
	my $in_table = sql('SELECT t FROM data.twice WHERE l = 1');
	isnt($in_table, "[erased]", 'a table has what the definition in force gives');
	like(places_with($node, $in_table), qr/archive.*processed.*data\.twice/s, 'and files have the same');
}

# ---- a former definition is remembered by a dump as well
{
	my $person = filled('dumped');
	sql(q{DROP TABLE data.dumped; SELECT etl_drop('dumped')});
	my $dump = $node->basedir . '/dump.sql';
	$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'a dump');
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('other'), '-f', $dump ], 'is restored');
	is($node->safe_psql('other', q{SELECT count(*) FROM etl.former_definition WHERE dataset = 'dumped'}), '1', 'with the definition of a dataset that was dropped');
	is($node->safe_psql('other', q{SELECT count(*) FROM etl.run r JOIN etl.former_definition f USING (dataset, defined_at) WHERE dataset = 'dumped'}), '1', 'and what was loaded under it');
}

# ---- the people themselves under another name
{
	my ($person) = filled('named_again');
	erase($person);
	sql(q{CREATE TABLE data.kept AS TABLE etl.dataset; SELECT etl_drop('customers')});
	my $said = notices(q{SELECT (etl_define(jsonb_set(jsonb_set(definition, '{x-etl,dataset}', '"clients"'), '{x-etl,files}', '["clients.json"]'))).name FROM data.kept WHERE name = 'customers'});
	like($said, qr/WARNING:  table data\.customers has held people of dataset "customers", of whom \d+ were erased/, 'a dataset on the table of people who were erased under another name is told');
	like($said, qr/HINT:  .*customers/, 'and what to do');
	sql(q{SELECT etl_drop('clients')});
	is(notices(q{SELECT (etl_define(definition)).name FROM data.kept WHERE name = 'customers'}) =~ s/NOTICE.*\n//gr, '', 'under its own name nothing is said');
}

$node->stop;
done_testing();
