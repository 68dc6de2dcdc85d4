# Very many erasure requests are answered slice by slice (here of three or more, a file at a time, with the
# module that has fault points), so that a run's memory does not grow with them. What comes of it is the same as when
# they are answered at once, and nobody's identifier is left anywhere, whichever slice they are in and
# wherever in the files the lines stand that can't be read.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'ETL_FAULTS_MODULE names no module with fault points (make faults)'
  unless -f ($ENV{ETL_FAULTS_MODULE} // '');

# people 1 to 34 have an email each, but 29 and 30 one together
sub email { my ($n) = @_; return $n == 29 || $n == 30 ? 'both@example.org' : sprintf 'person%02d@example.org', $n }
sub customer { my ($n) = @_; return sprintf qq({"id": "%d", "first_name": "First", "last_name": "Last", "email": "%s"}\n), 1000 + $n, email($n) }
sub by_id { my ($n) = @_; return sprintf qq({"customer-id": "%d"}\n), 1000 + $n }
sub by_email { my ($n) = @_; return sprintf qq({"email": "%s"}\n), email($n) }
sub by_both { my ($n, $m) = @_; return sprintf qq({"customer-id": "%d", "email": "%s"}\n), 1000 + $n, email($m) }
sub torn { my ($n) = @_; return sprintf qq({"email": "%s\n), email($n) }
# a request by its form, refused by the schema; one that names nobody where it should
sub refused { my ($n) = @_; return sprintf qq({"customer-id": "%d", "email": "%s", "more": 1}\n), 1000 + $n, email($n) }
sub odd { my ($n) = @_; return sprintf qq({"customer-id": [%d], "of": "%s"}\n), 1000 + $n, email($n) }
sub torn_id { my ($n) = @_; return sprintf qq({"customer-id": "%d\n), 1000 + $n }

# Files of requests, run after run, by hour. All are of people 1 to 22 and 29 to 34.
my @runs = (
	{ 0 => by_both(1, 1) . by_both(2, 2) },
	{
		# lines that can't be read, about people of an earlier run, slice and line, of a later line,
		# slice, batch and file
		1 => torn(1) . by_id(3) . torn(3) . by_email(4) . by_id(5) . by_both(6, 6) . by_id(3) . torn(3) . torn_id(5) . torn(15) . torn(20) . torn(31) . torn_id(32),
		2 => by_id(7) . by_both(8, 8) . by_both(9, 23) . by_email(29) . by_id(4) . by_email(7) . by_id(999) . by_id(999) . torn(4) . torn_id(17),
		# (what names 19 and 23, who stay, is kept: 9 asked with 23's email, 18 with 19's)
		3 => join('', map { by_both($_, $_) } 10 .. 15) . torn(10) . torn(12) . by_email(15) . by_id(2) . refused(5) . refused(11) . odd(6) . odd(12) . torn(23),
		4 => by_email(16) . torn(16) . by_id(17) . by_id(18) . by_both(18, 19) . by_email(20) . by_id(21) . by_both(22, 22) . torn(6) . torn(29),
		# more files than are in hand at a time (here 20), so that the first are in the catalog by then
		(map { $_ => by_id(999) } 24 .. 46),
		47 => by_id(31) . by_both(32, 32) . by_email(33) . by_id(34),
		48 => torn(31) . torn(33) . torn(34) . torn(8) . refused(31) . refused(8) . odd(33) . torn(19) . torn(23) . torn(24),
	});

# What is held of all of them: tables, quarantine, files. Returns one text.
sub state_after
{
	my ($node) = @_;
	my $sql = sub { $node->safe_psql('postgres', $_[0]) };
	for my $hour (0 .. 4)
	{
		stage($node, "date=2020-01-01/hour=$hour/customers.json.gz", join '', map { customer($_) } grep { $_ % 5 == $hour } 1 .. 34);
	}
	is(run_counts($node, "etl_run('customers')"), 'succeeded|5|34|34|0', 'customers');
	# some that are still to be loaded
	stage($node, 'date=2020-01-09/hour=0/customers.json.gz', join '', map { customer($_) } 5, 11, 22, 24, 30);
	for my $run (@runs)
	{
		stage($node, sprintf('date=2020-01-%02d/hour=%d/erasure-requests.json', 2 + int($_ / 24), $_ % 24) . ($_ % 2 ? '.gz' : ''), $run->{$_}) for sort { $a <=> $b } keys %$run;
		$sql->(q{SELECT etl_run('erasure_requests')});
	}
	# people of several slices in one staged file, before it is loaded
	my @state = slurp_lines("$node->{etl_root}/raw/date=2020-01-09/hour=0/customers.json.gz");
	push @state, map { $sql->($_) } (
		q{SELECT status, files, records, loaded, quarantined FROM etl.run WHERE dataset = 'erasure_requests' ORDER BY run_id},
		q{SELECT source, subject, email, status, conflict FROM etl.erasure ORDER BY erasure_id},
		q{SELECT kind, pseudonym FROM etl.tombstone ORDER BY 1, 2},
		q{SELECT f.path, q.line, q.code, q.record, q.status, q.key, q.subject FROM etl.quarantine q JOIN etl.file f USING (file_id) ORDER BY f.path, q.line},
		q{SELECT id, first_name, email FROM data.customers ORDER BY id},
		q{SELECT path, records, loaded, quarantined, status, encode(archived_sha256, 'hex') FROM etl.file ORDER BY path});
	$sql->('SELECT etl_run()') for 1 .. 2; # carries out what was planned
	for my $folder (qw(raw processed archive))
	{
		push @state, map { my $path = $_; ("$folder/$path", slurp_lines("$node->{etl_root}/$folder/$path")) } files_below("$node->{etl_root}/$folder");
	}
	is($sql->('SELECT count(*) FROM etl.file_action'), '0', 'nothing waits');
	s/"last_change": "[^"]*"// for @state; # when it was
	return join "\n", @state;
}

my $outside = PostgreSQL::Test::Utils::tempdir;
my %state;
for my $how (qw(whole sliced))
{
	# one key: pseudonyms are the same
	my $node = etl_node(name => $how, conf => "etl.key_file = '$outside/key'\n");
	use_faults($node) if $how eq 'sliced';
	$state{$how} = state_after($node);
	for my $person (1 .. 18, 20 .. 22, 29, 31 .. 34)
	{
		my $email = email($person);
		is(index($state{$how}, $email), -1, "$how: $email is nowhere");
	}
	unlike($state{$how}, qr/customer-id\W+10[0-9][0-9]\b/, "$how: no request names anybody");
	is(scalar(() = $state{$how} =~ /\{"email": "person$_\@example.org[|\n]/g), $_ == 23 ? 4 : 2, "$how: lines of $_, who has not asked, are kept in quarantine and archive") for 19, 23, 24;
	cmp_ok(index($state{$how}, $_), '>', 0, "$how: $_ is somewhere") for map { email($_) } 19, 23 .. 28;
	is_sql($node, q{SELECT string_agg(format('%s %s', status, n), ', ' ORDER BY status) FROM (SELECT status, count(*) AS n FROM etl.erasure GROUP BY 1) s},
		'completed 27, duplicate 30, not_found 1', "$how: each is answered");
	$node->stop;
}
# no long diff of everything: the first line that differs
my @whole = split /\n/, $state{whole};
my @sliced = split /\n/, $state{sliced};
my $same = 0;
++$same while $same < @whole && $same < @sliced && $whole[$same] eq $sliced[$same];
is($sliced[$same], $whole[$same], 'in slices as at once');
done_testing();
