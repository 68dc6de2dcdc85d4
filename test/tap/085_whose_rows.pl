# Whose rows are: a column that names a person may be of another type than the person's key. What the key's type
# calls the same is the same person, in tables as in files, whatever comes first.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
my $sql = sub { $node->safe_psql('postgres', $_[0]) };
my $errors = sub { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err, extra_params => [ '-v', 'VERBOSITY=verbose' ]); return $err };
my $hour = 0;
my $load = sub { my ($dataset, $content) = @_; stage($node, sprintf("date=2026-01-%02d/hour=%d/%s.jsonl", 1 + int($hour / 24), $hour++ % 24, $dataset), $content); $sql->("SELECT etl_run('$dataset')") };

# Definitions: people, and notes about them whose column that names the person has a type of its own.
sub people { my ($name, $type, $on_repeat) = @_; return qq({"type": "object", "required": ["id"], "x-etl": {"dataset": "$name", "files": ["$name.jsonl"], "key": "/id", "on_repeat": "update", "subject": {"field": "/id", "email": "/email"}, "personal": [{"field": "/name", "treatment": "redact"}], "tables": [{"name": "$name", "primary_key": ["id"], "columns": [{"name": "id", "type": "$type", "from": "/id"}, {"name": "name", "from": "/name"}, {"name": "email", "from": "/email"}]}]}}) }

sub notes
{
	my ($name, $people, $type, $on_erasure) = @_;
	return qq({"type": "object", "required": ["no", "person"], "x-etl": {"dataset": "$name", "files": ["$name.jsonl"], "key": "/no", "subject": {"dataset": "$people", "field": "/person", "on_erasure": "$on_erasure"},
	 "personal": [{"field": "/text", "treatment": "redact"}, {"field": "/mail", "treatment": "token"}],
	 "tables": [{"name": "$name", "primary_key": ["no"], "columns": [{"name": "no", "type": "integer", "from": "/no"}, {"name": "person", "type": "$type", "from": "/person"}, {"name": "text", "from": "/text"}, {"name": "mail", "from": "/mail"}]},
	  {"name": "${name}_lines", "each": "/lines", "columns": [{"name": "no", "type": "integer", "from": "/no"}, {"name": "words", "from": "./words"}]}]}});
}
sub define { my ($definition, $dry) = @_; return $errors->("SELECT etl_define('$definition')") }

sub clear_places
{
	my ($needle) = @_;
	my @places;
	my ($pair) = $needle =~ /(\d*)$/;
	for my $path (grep { /(?:people|notes)$pair\.|old/ } files_below($node->{etl_root})) { push @places, $path if grep { /\Q$needle\E/ } slurp_lines("$node->{etl_root}/$path"); }
	my @tables = (qw(etl.quarantine etl.audit etl.erasure etl.tombstone), split /\n/, $sql->(q{SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relnamespace = 'data'::regnamespace}));
	push @places, split /\n/, $sql->(join ' UNION ALL ', map { "SELECT '$_' WHERE EXISTS (SELECT FROM $_ t WHERE strpos(t::text, '$needle') > 0)" } @tables);
	return join ' ', @places;
}

my $uuid = '0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d';
# the key's type, the column's; the key; how records write it; another person, and how records write them
my @pairs = (
	[ 'bigint', 'text', '67318', [ '"67318"', '"067318"', '"+67318"', '" 67318 "', '67318', '67318.0' ], '167318', [ '"167318"', '"67318x"', '"67318.5"', '"-67318"' ] ],
	[ 'integer', 'varchar(12)', '67318', [ '"067318"', '67318' ], '167318', ['"0167318"'] ],
	[ 'integer', 'char(8)', '67318', [ '"67318"', '"067318"' ], '167318', ['"0167318"'] ],
	[ 'bigint', 'numeric', '67318', [ '"67318"', '"067318"', '67318.00' ], '167318', [ '167318', '67318.5' ] ],
	[ 'bigint', 'integer', '67318', [ '"067318"', '67318' ], '167318', ['167318'] ],
	[ 'smallint', 'bigint', '318', [ '"0318"', '318' ], '319', [ '319', '65854' ] ],
	[ 'uuid', 'text', $uuid, [ qq("$uuid"), '"' . uc($uuid) . '"', qq("{$uuid}"), '"' . $uuid =~ tr/-//dr . '"' ], '1' . substr($uuid, 1), [ '"1' . substr($uuid, 1) . '"' ] ],
	[ 'text', 'varchar(40)', 'Ann-7', ['"Ann-7"'], 'ann-7', ['"ann-7"'] ],
	[ 'char(6)', 'text', 'A7', [ '"A7"', '"A7   "' ], 'B7', ['"B7"'] ],
);
my $n = 0;
for my $pair (@pairs)
{
	my ($key_type, $type, $key, $forms, $other, $other_forms) = @$pair;
	for my $mode ('treat', 'delete')
	{
		++$n;
		my $name = "$type in place of $key_type, $mode";
		is(define(people("people$n", $key_type)) . define(notes("notes$n", "people$n", $type, $mode)), '', "$name: defined");
		my $no = 0;
		my $records = sub { my ($word, @forms) = @_; return join '', map { ++$no; qq({"no": $no, "person": $_, "text": "$word$n", "mail": "m$n", "lines": [{"words": "w"}]}\n) } @forms };
		$load->("people$n", qq({"id": "$key", "name": "Name$n", "email": "p$n\@example.org"}\n{"id": "$other", "name": "Other$n", "email": "o$n\@example.org"}\n));
		$load->("notes$n", $records->('Secret', @$forms) . $records->('Kept', @$other_forms));
		my $count = scalar @$forms;
		is($sql->("SELECT count(*) FROM data.notes$n"), $count + @$other_forms, "$name: loaded");
		is($sql->("SELECT count(*) FROM etl_subject('people$n', '$key') WHERE place = 'data.notes$n'"), "$count", "$name: subject access shows all that is theirs");
		is($sql->("SELECT status FROM etl_erase('people$n', '$key')"), 'completed', "$name: erased");
		is(clear_places("Secret$n"), '', "$name: nothing of the person is left, in tables or files");
		is($sql->("SELECT count(*) FROM data.notes$n WHERE text = 'Kept$n'"), scalar(@$other_forms), "$name: what is others' stays");
		is($sql->("SELECT count(DISTINCT mail), min(mail) = etl.subject_token('people$n', '$key') FROM data.notes$n WHERE text = '[erased]'"), '1|t', "$name: one token, whatever the key looks like") if $mode eq 'treat';
		is($sql->("SELECT count(*) FROM data.notes${n}_lines"), scalar(@$other_forms), "$name: no lines without their record") if $mode eq 'delete';
		# what comes later
		$load->("notes$n", $records->('Late', @$forms));
		is(clear_places("Late$n"), '', "$name: nor of what comes later");
	}
}

# reads of anonymised rows agree with the erasure
$sql->(q{SELECT etl_reinstate('people1', '67318', 'came back')});
$load->('notes1', qq({"no": 900, "person": "+067318", "text": "Back", "mail": "back"}\n));
is($sql->(q{SELECT mail = etl.subject_token('people1', '67318') FROM etl_anonymized(NULL::data.notes1, 'notes1') WHERE no = 900}), 't', 'anonymised reads give the same token');
$sql->(q{CREATE INDEX ON data.notes1 (etl.person_key('bigint', person)); ANALYZE data.notes1});
like($sql->(q{SET enable_seqscan = off; EXPLAIN SELECT FROM data.notes1 t WHERE etl.person_key('bigint', t.person::text) = '67318'}), qr/Index/, 'an index serves the comparison');

# ---- what cannot be compared exactly is refused when it is defined
for my $pair ([ 'text', 'bigint' ], [ 'text', 'uuid' ], [ 'text', 'char(9)' ], [ 'bigint', 'numeric(10,0)' ], [ 'bigint', 'double precision' ], [ 'uuid', 'bigint' ], [ 'bigint', 'date' ], [ 'bigint', 'jsonb' ])
{
	my ($key_type, $type) = @$pair;
	++$n;
	define(people("people$n", $key_type));
	like(define(notes("notes$n", "people$n", $type, 'treat')), qr/42804: column "person" of dataset "notes$n" does not tell exactly.*DETAIL:.*"people$n" are \Q$key_type\E.*HINT:.*Declare the column as \Q$key_type\E/s, "$type in place of $key_type is refused");
	is($sql->("SELECT count(*) FROM etl.dataset WHERE name = 'notes$n'"), '0', "$type in place of $key_type: nothing is defined");
	++$n;
	define(notes("notes$n", "people$n", $type, 'treat'));
	like(define(people("people$n", $key_type)), qr/42804: column "person" of dataset "notes$n"/, "$type in place of $key_type: also where the people come second");
}
# (of nobody who was erased)
$sql->(q{SELECT etl_reinstate('people3', '67318', 'a test'); ALTER TABLE data.people3 ALTER id TYPE text});
like(define(people('people3', 'text')), qr/^$/, 'a key may become another type where the column tells it as well');

# one that was defined before goes on to work: rather one row too many than one too few
define(people('old', 'bigint'));
define(notes('old_notes', 'old', 'bigint', 'treat'));
$sql->(q{UPDATE etl.dataset SET definition = jsonb_set(definition, '{x-etl,tables,0,columns,0,type}', '"text"') WHERE name = 'old'; ALTER TABLE data.old ALTER id TYPE text});
$load->('old', qq({"id": "067318", "name": "OldName"}\n));
$load->('old_notes', qq({"no": 1, "person": "067318", "text": "OldSecret"}\n{"no": 2, "person": "67319", "text": "OldKept"}\n));
is($sql->(q{SELECT status FROM etl_erase('old', '067318')}), 'completed', 'an inexact definition of before: erased');
is(clear_places('OldSecret') . $sql->(q{SELECT text FROM data.old_notes WHERE no = 2}), 'OldKept', 'and nothing is left');
is($sql->(q{SELECT status FROM etl_erase('old', 'no number')}), 'not_found', 'a key that the column could not hold is nobody');
like(define(notes('old_notes', 'old', 'bigint', 'treat')), qr/NOTICE: .*does not tell exactly/, 'it may be defined again, with a notice');

$node->stop;
done_testing();
