# A text column that names a person whose key is an integer: digits of other scripts and blanks of every kind are
# the key, in tables as in files.
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
sql(q{SELECT etl_define('{"type": "object", "x-etl": {"dataset": "letters", "files": ["letters.json"], "key": "/l", "subject": {"dataset": "customers", "field": "/c"}, "personal": [{"field": "/t", "treatment": "redact"}],
  "tables": [{"name": "letters", "columns": [{"name": "l", "type": "bigint", "from": "/l"}, {"name": "c", "type": "text", "from": "/c"}, {"name": "t", "from": "/t"}]}]}}')});
stage($node, 'date=2026-01-01/hour=00/customers.json', qq({"id": "55502", "first_name": "Bert", "last_name": "Lee", "email": "bert\@example.org"}\n));
my $line = 0;
stage($node, 'date=2026-01-01/hour=01/letters.json', join '', map { ++$line; qq({"l": $line, "c": "$_", "t": "Dear Bert $line"}\n) } "\xEF\xBC\x95\xEF\xBC\x95\xEF\xBC\x95\xEF\xBC\x90\xEF\xBC\x92", '55502\u00a0', '55503');
is(sql(q{SELECT sum(loaded) FROM etl_run()}), '4', 'records are loaded');
is(sql(q{SELECT status, row_count FROM etl_erase('customers', '55502')}), 'completed|3', 'the person is erased');
is(sql('SELECT l, t FROM data.letters ORDER BY l'), "1|[erased]\n2|[erased]\n3|Dear Bert 3", 'in the rows that name them');
for my $folder (qw(archive processed))
{
	my $text = slurp_file("$node->{etl_root}/$folder/date=2026-01-01/hour=01/letters.json");
	unlike($text, qr/Dear Bert [12]/, "$folder: and in the file");
	like($text, qr/"l": 1, "c": ".*", "t": "\[erased\]".*Dear Bert 3/s, "$folder: field by field, and nobody else");
}
$node->stop;
done_testing();
