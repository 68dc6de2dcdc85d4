# What an erasure leaves of the contents of records that name their person rightly: of refused ones, in
# which anything may stand anywhere, and of accepted ones whose objects have another shape than the
# personal fields expect. The same bytes stay whichever comes first, the request or the data.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use Test::More;

my $node = etl_node();
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
my $root = $node->{etl_root};

sub definition
{
	my ($name) = @_;
	return qq({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {"id": {"type": "string"}, "name": {}, "signup": {}, "score": {},
		"country": {"type": "string"}, "info": {}, "extra": {}, "address": {"type": "object", "properties": {"street": {}}}, "items": {"type": "array"}},
		"x-etl": {"dataset": "$name", "files": ["$name.json"], "key": "/id", "on_repeat": "update", "tables": [{"schema": "data", "name": "$name", "primary_key": ["id"], "columns": [
		{"name": "id", "type": "bigint", "from": "/id"}, {"name": "name", "from": "/name"}, {"name": "signup", "type": "date", "from": "/signup"}, {"name": "score", "type": "int", "from": "/score"},
		{"name": "country", "from": "/country"}, {"name": "info", "type": "jsonb", "from": "/info"}, {"name": "street", "from": "/address/street"}]}],
		"subject": {"field": "/id"}, "personal": [{"field": "/name", "treatment": "redact"}, {"field": "/info/name", "treatment": "redact"}, {"field": "/address/street", "treatment": "redact"},
		{"field": "/items/*/gift_for", "treatment": "redact"}]}});
}
# ---- by key: the record, and what stays of it
my %refused = (
	misnamed => [ '"Name": "Mark", "NA-ME": ["Mark"]',        '"Name": "[erased]", "NA-ME": "[erased]"' ],
	unknown  => [ '"First_Name": "Mark"',                     '"[erased]": "[erased]"' ],
	member   => [ '"Mark Smith": 1',                          '"[erased]": "[erased]"' ],
	text     => [ '"address": "Mark"',                        '"address": "[erased]"' ],
	array    => [ '"address": [{"street": "Mark"}]',          '"address": "[erased]"' ],
	json     => [ '"payload": "{\"name\": \"Mark\"}"',        '"[erased]": "[erased]"' ],
	known    => [ '"country": "{\"name\": \"Mark\"}", "x": 1', '"country": "[erased]", "[erased]": "[erased]"' ],
	words    => [ '"signup": "Mark"',                         '"signup": "[erased]"' ],
	date     => [ '"signup": "2020-01-01 Mark"',              '"signup": "[erased]"' ],
	number   => [ '"score": "Mark"',                          '"score": "[erased]"' ],
	deep     => [ '"more": {"Mark": {"deep": ["Mark"]}}',     '"[erased]": "[erased]"' ],
	no_list  => [ '"items": "Mark"',                          '"items": "[erased]"' ],
	stays    => [ '"signup": "20200102", "name": "Mark", "score": "5", "bad": true', '"signup": "20200102", "name": "[erased]", "score": "5", "[erased]": "[erased]"' ]);
my %accepted = (
	info_text  => [ '"info": "Mark"',                          '"info": "[erased]"' ],
	info_array => [ '"info": [{"name": "Mark"}]',              '"info": []' ],
	info       => [ '"info": {"name": "Mark", "is": "known"}', '"info": {"name": "[erased]", "is": "known"}' ],
	items      => [ '"items": ["Mark", {"gift_for": "Mark", "sku": 1}]', '"items": ["[erased]", {"gift_for": "[erased]", "sku": 1}]' ],
	open       => [ '"extra": {"any": "thing"}, "signup": "20200102"',   '"extra": {"any": "thing"}, "signup": "20200102"' ]);
my %all = (%refused, %accepted);
my @names = sort keys %all;
my %id = map { $names[$_] => 70001 + $_ } 0 .. $#names;
my ($lines, $treated) = map { my $i = $_; join '', map { qq({"id": "$id{$_}", "country": "DK", $all{$_}[$i]}\n) =~ s/"country": "DK", ("country")/$1/r } @names } 0, 1;
my $stranger = qq({"id": "80001", "First_Name": "Stranger"}\n);

$sql->("SELECT etl_define('" . (definition($_) =~ s/'/''/gr) . "')") for qw(data_first request_first while_staged);
# the data first
stage($node, 'date=2020-01-01/hour=01/data_first.json', $lines . $stranger);
is($sql->(q{SELECT loaded, quarantined FROM etl_run('data_first')}), keys(%accepted) . '|' . (1 + keys %refused), 'data first: some are refused');
like($sql->(q{SELECT string_agg(violations::text, ' ') FROM etl.quarantine}), qr/signup/, 'told by their pointers');
$sql->("SELECT etl_erase('data_first', '$_')") for sort values %id;
# the request first
$sql->("SELECT etl_erase('request_first', '$_')") for sort values %id;
stage($node, 'date=2020-01-01/hour=01/request_first.json', $lines . $stranger);
is($sql->(q{SELECT loaded, quarantined FROM etl_run('request_first')}), keys(%accepted) . '|' . (1 + keys %refused), 'request first: the same are refused');
# and between delivery and run
stage($node, 'date=2020-01-01/hour=01/while_staged.json', $lines . $stranger);
$sql->("SELECT etl_erase('while_staged', '$_')") for sort values %id;
is(join('', map { "$_\n" } slurp_lines("$root/raw/date=2020-01-01/hour=01/while_staged.json")), $treated . $stranger, 'a staged file is treated');
$sql->(q{SELECT etl_run('while_staged')});

for my $dataset (qw(data_first request_first while_staged))
{
	is(join('', map { "$_\n" } slurp_lines("$root/archive/date=2020-01-01/hour=01/$dataset.json")), $treated . $stranger, "$dataset: archive");
	is($sql->("SELECT string_agg(record, E'\\n' ORDER BY line) FROM etl.quarantine WHERE dataset = '$dataset'") . "\n",
		join('', grep { my ($id) = /"(\d+)"/; my ($name) = grep { $id{$_} == $id } @names; !defined $name || $refused{$name} } map { "$_\n" } split /\n/, $treated . $stranger), "$dataset: quarantine");
	is($sql->("SELECT count(*) FROM data.$dataset t WHERE t::text LIKE '%Mark%'"), '0', "$dataset: table");
	is($sql->("SELECT string_agg(info::text, ' ' ORDER BY id) FROM data.$dataset"), '{"is": "known", "name": "[erased]"} [] "[erased]"', "$dataset: documents in a column");
	is(scalar(grep { /Mark/ } slurp_lines("$root/processed/date=2020-01-01/hour=01/$dataset.json")), 0, "$dataset: processed file");
	is($sql->("SELECT count(*) FROM etl.quarantine WHERE dataset = '$dataset' AND violations::text LIKE '%Mark%'"), '0', "$dataset: reasons");
	is($sql->("SELECT count(*) FROM etl.quarantine WHERE dataset = '$dataset' AND status = 'open'"), '1', "$dataset: the stranger waits as before");
}

# ---- a replay of a record that was mended with what was erased (no longer possible where triggers fire), and the
# rest of a file that grew
$sql->("SET session_replication_role = replica; UPDATE etl.quarantine SET record = '{\"id\": \"$id{misnamed}\", \"First_Name\": \"Mark again\"}', status = 'open' WHERE dataset = 'data_first' AND record LIKE '%$id{misnamed}%'");
$sql->(q{SELECT etl_replay('data_first')});
is($sql->(q{SELECT count(*) FROM etl.quarantine WHERE record LIKE '%Mark again%'}), '0', 'a replayed record is treated');
stage($node, 'date=2020-01-01/hour=02/data_first.json', $stranger);
$sql->(q{SELECT etl_run('data_first')});
stage($node, 'date=2020-01-01/hour=02/data_first.json', qq($stranger\{"id": "$id{misnamed}", "First_Name": "Mark grown"}\n));
$sql->(q{SELECT etl_run('data_first')});
is($sql->(q{SELECT count(*) FROM etl.quarantine WHERE record LIKE '%Mark grown%'}), '0', 'so is the rest of a file that grew');
is(join(' ', grep { my $file = $_; grep { /Mark/ } slurp_lines("$root/archive/$file") } files_below("$root/archive")), '', 'no archived file has it');

# ---- refused requests for erasure keep no reason
$sql->(q{SELECT etl_define('{"type": "object", "additionalProperties": false, "properties": {"who": {"type": "string"}, "mail": {"type": "string"}}, "x-etl": {"dataset": "ask", "files": ["ask.json"], "key": "/who", "erases": {"dataset": "data_first", "subject": "/who", "email": "/mail"}}}')});
my $refused_request = sub { qq({"who": "$_[0]", "reason": "I am Mark, Road 1", "Mark": {"a": 1}}\n) };
stage($node, 'date=2020-01-01/hour=03/data_first.json', qq({"id": "90001", "name": "Mark"}\n));
stage($node, 'date=2020-01-01/hour=03/ask.json', $refused_request->('90001'));
$sql->(q{SELECT etl_run('data_first')});
$sql->(q{SELECT etl_run('ask')});
is($sql->(q{SELECT record FROM etl.quarantine WHERE dataset = 'ask'}) . "\n", $refused_request->('90001'), 'a refused request waits as it is');
my ($archived) = slurp_lines("$root/archive/date=2020-01-01/hour=03/ask.json");
like($archived, qr/^\{"who": "[0-9a-f]{64}", "\[erased\]": "\[erased\]", "\[erased 2\]": "\[erased\]"\}$/, 'its file keeps no more than its shape');
is($sql->(q{SELECT status FROM etl_erase('data_first', '90001')}), 'completed', 'the person is erased');
is($sql->(q{SELECT record FROM etl.quarantine WHERE dataset = 'ask'}), $archived, 'then the waiting request is treated in the same way');
stage($node, 'date=2020-01-01/hour=04/ask.json', $refused_request->('90001'));
$sql->(q{SELECT etl_run('ask')});
is($sql->(q{SELECT string_agg(DISTINCT record, ' ') FROM etl.quarantine WHERE dataset = 'ask'}), $archived, 'and one that comes later');
is((slurp_lines("$root/archive/date=2020-01-01/hour=04/ask.json"))[0], $archived, 'in its file, too');

$node->stop;
done_testing();
