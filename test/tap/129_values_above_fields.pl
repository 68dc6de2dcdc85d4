# A column may take what a personal field lies in ("contact": "a@b.de", and the field is /contact/email): what
# it holds is personal, in tables as in files.
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
sql(q{SELECT etl_define('{"type": "object", "x-etl": {"dataset": "people", "files": ["people.json"], "key": "/id", "subject": {"field": "/id"},
  "personal": [{"field": "/contact/email", "treatment": "token"}, {"field": "/phone/number", "treatment": "null"}, {"field": "/kept/name", "treatment": "keep"}],
  "tables": [{"name": "people", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "contact", "type": "text", "from": "/contact"},
    {"name": "short", "type": "varchar(7)", "from": "/contact"}, {"name": "email", "type": "text", "from": "/contact/email"}, {"name": "phone", "type": "bigint", "from": "/phone"}, {"name": "kept", "type": "text", "from": "/kept"}]}]}}')});
stage($node, 'date=2026-01-01/hour=00/people.json', qq({"id": 70001, "contact": "a\@b.de", "phone": 4711, "kept": "Kept"}\n{"id": 70002, "contact": "b\@b.de", "phone": 4712, "kept": "Too"}\n));
is(sql(q{SELECT status, loaded FROM etl_run('people')}), 'succeeded|2', 'records with values where objects are expected are loaded');
is(sql(q{SELECT string_agg(concat_ws(' ', column_name, field, treatment), ', ' ORDER BY column_name, field) FROM etl.personal_column WHERE dataset = 'people'}),
	'contact /contact/email redact, email /contact/email token, phone /phone/number null, short /contact/email null', 'the columns are personal');
sql('CREATE ROLE reader LOGIN');
unlike(sql(q{SELECT etl_grant('reader', 'analyst')}), qr/contact|short|phone/, 'no analyst reads them');
sql(q{SELECT etl_export('people', 'treated.jsonl', anonymized => true); SELECT etl_export('people', 'plain.jsonl')});
unlike(slurp_file("$node->{etl_root}/processed/treated.jsonl"), qr/b\.de|471/, 'an anonymised export does not have them');
like(slurp_file("$node->{etl_root}/processed/treated.jsonl"), qr/"Kept"/, 'but what the definition keeps');
is(sql(q{SELECT contact, short, phone, kept FROM etl_anonymized(NULL::data.people, 'people') WHERE id = 70001}), '[erased]|||Kept', 'nor has an anonymised read');
is(sql(q{SELECT status FROM etl_erase('people', '70001')}), 'completed', 'a person is erased');
is(sql(q{SELECT contact, short, phone, kept FROM data.people ORDER BY id}), "[erased]|||Kept\nb\@b.de|b\@b.de|4712|Too", 'and the columns are treated');
is(places_with($node, 'a@b.de') . places_with($node, '4711'), '', 'nothing is left of it');
like($_, qr/"\[erased\]"/, 'files have what the table has') for map { slurp_file("$node->{etl_root}/$_/date=2026-01-01/hour=00/people.json") } qw(archive processed);
unlike(places_with($node, 'b@b.de'), qr/^$/, 'others stay');
$node->stop;
done_testing();
