# A key that nobody is known to have is no reason to take the records of strangers which hold it as a
# word; who becomes known later is found in them all the same. And records of which quarantine keeps the
# beginning only.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use JSON::PP ();
use Test::More;

my $node = etl_node();
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
my $errors = sub { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err };
my $root = $node->{etl_root};
my $hours = 0;
my $load = sub {
	my ($dataset, $content) = @_;
	my $path = sprintf('date=2020-01-%02d/hour=%02d/', 1 + int($hours / 24), $hours % 24) . ($dataset =~ tr/_/-/r) . '.json';
	++$hours;
	stage($node, $path, $content);
	$sql->("SELECT etl_run('$dataset')");
	return $path;
};
$sql->(<<'SQL');
SELECT etl_define('{"type": "object", "additionalProperties": false, "required": ["id"], "properties": {"id": {"type": "string"}, "name": {}}, "x-etl": {"dataset": "people", "files": ["people.json"], "key": "/id", "on_repeat": "update",
  "tables": [{"schema": "data", "name": "people", "primary_key": ["id"], "columns": [{"name": "id", "from": "/id"}, {"name": "name", "from": "/name"}]}], "subject": {"field": "/id"}, "personal": [{"field": "/name", "treatment": "redact"}]}}');
SELECT etl_define('{"type": "object", "required": ["who"], "x-etl": {"dataset": "visits", "files": ["visits.json"], "tables": [{"schema": "data", "name": "visits", "columns": [{"name": "who", "from": "/who"}, {"name": "ip", "from": "/ip"}]}],
  "subject": {"dataset": "people", "field": "/who"}, "personal": [{"field": "/ip", "treatment": "null"}]}}');
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "ask", "files": ["ask.json"], "key": "/who", "erases": {"dataset": "people", "subject": "/who"}}}');
SQL

# ---- strangers
my @strangers = ('{"state": "open", "name": "S-state"}', '{"id": null, "note": "the open case", "name": "S-note"}', '{"state": "open", "name": "S-torn"', '{"open": 1, "name": "S-member"}');
my @named = ('{"ID": "open", "name": "N-member"}', '{"id": ["open"], "name": "N-array"}', '{"id": "open", "Name": "N-key"}', '{"people_id": "open", "name": "N-torn"');
$load->('people', join '', map { "$_\n" } @strangers, '{"id": "open2", "name": "Else"}');
my $plan = $sql->(q{SELECT (etl_erase('people', 'open', dry_run => true)).plan -> 'remarks'});
like($plan, qr/4 refused records that name nobody hold a key as a word that nobody is known to have/, 'the plan says what is left');
like($errors->(q{SELECT etl_erase('people', 'open')}), qr/NOTICE:.*4 refused records/, 'so does the erasure');
is($sql->(q{SELECT status, row_count, file_count, remarks::text LIKE '%4 refused records%' FROM etl.erasure}), 'not_found|0|0|t', 'it is on record that nobody was found');
like($sql->(q{SELECT etl_certificate(erasure_id) ->> 'not_searched' FROM etl.erasure}), qr/4 refused records/, 'and in the certificate') if $sql->(q{SELECT count(*) FROM pg_proc WHERE proname = 'etl_certificate'});
is(unread_places_with($node, $_), 'quarantine archive', "left alone: $_") for qw(S-state S-note S-torn S-member);
$load->('people', join '', map { s/S-/T-/r . "\n" } @strangers);
is(unread_places_with($node, $_), 'quarantine archive', "let in later: $_") for qw(T-state T-note T-torn T-member);
$load->('ask', qq({"who": "case"}\n{"who": "the"}\n));
is(unread_places_with($node, 'S-note'), 'quarantine archive', 'requests in files do no more');
is($sql->(q{SELECT count(*) FROM etl.erasure WHERE status = 'not_found'}), '3', 'none of them finds anybody');

# ---- what names a person by such a key is theirs
$load->('people', join '', map { "$_\n" } @named);
is(unread_places_with($node, $_), '', "treated: $_") for qw(N-member N-array N-key N-torn);
is(unread_places_with($node, 'S-state'), '', 'a record that named them has made them known: what came before is searched again');
is(unread_places_with($node, $_), '', "with $_") for qw(S-note S-torn S-member T-state T-note T-torn T-member);
is($sql->(q{SELECT count(*) FROM etl.erasure WHERE status = 'completed' AND row_count > 0}), '1', 'which is on record');
is($sql->(q{SELECT count(*) FROM etl.quarantine WHERE record = '"[erased]"' AND status = 'erased'}) >= 8 ? 't' : 'f', 't', 'they go as a whole');
is($sql->(q{SELECT count(*) FROM etl_audit_verify()}), '0', 'and the audit trail holds');

# ---- somebody who is known by another dataset, before the request or after it
$load->('people', qq({"note": "early bird", "name": "K-early"}\n));
$load->('visits', qq({"who": "early", "ip": "192.0.2.1"}\n));
is($sql->(q{SELECT status FROM etl_erase('people', 'early')}), 'completed', 'a visit makes known');
is(unread_places_with($node, 'K-early'), '', 'whose key is a word then');
$load->('people', qq({"note": "late bird", "name": "K-late"}\n));
is($sql->(q{SELECT status FROM etl_erase('people', 'late')}), 'not_found', 'nobody yet');
is(unread_places_with($node, 'K-late'), 'quarantine archive', 'nothing is taken');
$load->('visits', qq({"who": "late", "ip": "192.0.2.2"}\n));
is(unread_places_with($node, 'K-late'), '', 'until the visit comes');
is($sql->(q{SELECT count(*) FROM data.visits WHERE ip IS NOT NULL}), '0', 'which is treated');

$load->('people', qq({"note": "mended bird", "name": "K-mended"}\n{"Id": "x", "name": "n"}\n));
is($sql->(q{SELECT status FROM etl_erase('people', 'mended')}), 'not_found', 'nobody yet');
$sql->(q{UPDATE etl.quarantine SET record = '{"id": "mended", "name": "n"}' WHERE record LIKE '%"Id"%'});
$sql->(q{SELECT etl_replay('people')});
is($sql->(q{SELECT name FROM data.people WHERE id = 'mended'}), '[erased]', 'a mended record is treated');
is(unread_places_with($node, 'K-mended'), '', 'and makes known as well');

# ---- keys that are no words
my $uuid = '123e4567-e89b-12d3-a456-426614174000';
$load->('people', qq({"note": "of $uuid", "name": "U-uuid"}\n{"contact": "ann.lee\@example.com", "name": "U-mail"}\n));
is($sql->("SELECT status FROM etl_erase('people', '$uuid')"), 'completed', 'a UUID means somebody');
is($sql->(q{SELECT status FROM etl_erase('people', 'ann.lee@example.com')}), 'completed', 'and an email that is a key');
is(unread_places_with($node, $_), '', "found: $_") for qw(U-uuid U-mail);

# ---- records of which quarantine keeps the beginning
$sql->("ALTER DATABASE postgres SET etl.max_record_size = '8kB'");
my $long = sub { my ($begin, $end) = @_; return '{' . $begin . ', "pad": "' . ('x' x 9000) . '"' . ($end // '') . "}\n" };
for my $order ('data', 'request')
{
	my %person = (front => "$order-known-1", back => "$order-known-2");
	my @calls = (
		sub { $load->('people', join '', map { qq({"id": "$_", "name": "n"}\n) } sort values %person) },
		sub { $load->('people', $long->(qq("id": "$person{front}", "name": "L-front-$order", "Name": "L-more-$order")) . $long->(qq("name": "L-back-$order"), qq(, "id": "$person{back}"))) },
		sub { $sql->("SELECT etl_erase('people', '$_')") for sort values %person });
	@calls = @calls[0, 2, 1] if $order eq 'request';
	$_->() for @calls;
	is($sql->("SELECT count(*) FROM etl.quarantine WHERE record LIKE '%-$order%' AND violations::text LIKE '%maxRecordSize%'"), '1', "$order first: who stands at the end is not found");
	is(unread_places_with($node, "L-front-$order"), '', "$order first: who stands at the beginning is");
	is(unread_places_with($node, "L-more-$order"), '', "$order first: in the archived file, too");
	is(unread_places_with($node, "L-back-$order") =~ s/ archive//r, 'quarantine', "$order first: as the docs say");
}

$node->stop;
done_testing();
