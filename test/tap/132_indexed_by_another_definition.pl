# Files and quarantined records that came under a definition which named nobody, or others, or spelled keys in
# another way: an erasure finds people there as the definition in force says, and is not completed before.
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
my $hour = 0;
sub load
{
	my ($dataset, @records) = @_;
	stage($node, sprintf('date=2026-01-%02d/hour=%02d/%s.json', 1 + $hour / 24, $hour++ % 24, $dataset), join '', map { "$_\n" } @records);
	return sql("SELECT concat_ws('/', status, loaded, quarantined) FROM etl_run('$dataset')");
}

# People: id, name, email. Letters: l, about c (and its email e), text t.
sub people
{
	my ($name, %is) = (shift, type => 'bigint', subject => '{"field": "/id", "email": "/email"}', personal => [ '/name', '/email' ], @_);
	my $about = $is{subject} ? qq("subject": $is{subject}, "personal": [@{[join ', ', map { qq({"field": "$_", "treatment": "redact"}) } @{ $is{personal} }]}],) : '';
	sql(qq<SELECT etl_define('{"type": "object", "required": ["id", "name"], "x-etl": {"dataset": "$name", "files": ["$name.json"], "key": "/id", "on_repeat": "update", $about
	  "tables": [{"name": "$name", "columns": [{"name": "id", "type": "$is{type}", "from": "/id"}, {"name": "name", "from": "/name"}, {"name": "email", "from": "/email"}]}]}}')>);
	return;
}
sub letters
{
	my ($name, $of, %is) = (shift, shift, field => '/c', @_);
	my $about = $is{field} ? qq("subject": {"dataset": "$of", "field": "$is{field}"}, "personal": [{"field": "/t", "treatment": "redact"}],) : '';
	sql(qq<SELECT etl_define('{"type": "object", "required": ["l"], "x-etl": {"dataset": "$name", "files": ["$name.json"], "key": "/l", $about
	  "tables": [{"name": "$name", "columns": [{"name": "l", "type": "bigint", "from": "/l"}, {"name": "c", "from": "@{[$is{field} // '/c']}"}, {"name": "t", "from": "/t"}]}]}}')>);
	return;
}
my $cases = 0;
sub person { my ($id, $text, $email) = @_; return qq({"id": "$id", "name": "$text", "email": "$email"}) }
sub erased
{
	my ($people, $call, $text, $what) = @_;
	is(sql("SELECT status, untreated FROM etl_erase('$people', $call)"), 'completed|', "$what: an erasure");
	is(places_with($node, $text), '', "$what: leaves nothing of the person");
	return;
}

# What each makes of people p and letters l, with records of person 7 ("Ann…") and person 8 ("Bob…").
my %changes = (
	subject_added_to_people => sub {
		my ($p, $l, $load) = @_;
		people($p, subject => undef);
		$load->($p);
		people($p);
	},
	subject_added_to_letters => sub {
		my ($p, $l, $load) = @_;
		people($p);
		letters($l, $p, field => undef);
		$load->($p, $l);
		letters($l, $p);
	},
	subject_added_to_both => sub {
		my ($p, $l, $load) = @_;
		people($p, subject => undef);
		letters($l, $p, field => undef);
		$load->($p, $l);
		people($p);
		letters($l, $p);
	},
	email_made_personal => sub {
		my ($p, $l, $load) = @_;
		people($p, subject => '{"field": "/id"}', personal => ['/name']);
		letters($l, $p);
		$load->($p, $l);
		people($p);
	},
	key_of_another_type => sub {
		my ($p, $l, $load) = @_;
		people($p, type => 'text');
		letters($l, $p);
		$load->($l);
		sql("DROP TABLE data.$p");
		people($p);
		$load->($p);
	},
);
for my $change (sort keys %changes)
{
	for my $record (qw(accepted refused))
	{
		for my $by (qw(key email former_email))
		{
			my $n = ++$cases;
			my ($p, $l, $ann, $bob) = ("p_$n", "l_$n", "Ann$n-", "Bob$n-");
			my $case = "$change, $record records, by $by";
			my $load = sub {
				for my $dataset (@_)
				{
					# keys in the spelling of a text
					my @records = $dataset eq $p ? (person('07', "${ann}one", "${ann}old\@example.org"), person('08', "${bob}one", "${bob}old\@example.org"))
					  : map { qq({"l": $_, "c": "0$_", "t": "Dear @{[$_ == 7 ? $ann : $bob]}"}) } 7, 8;
					@records = map { s/"name"/"nom"/r =~ s/"l":/"L":/r } @records if $record eq 'refused';
					is(load($dataset, @records), $record eq 'accepted' ? 'succeeded/2/0' : 'succeeded/0/2', "$case: records of $dataset");
					# the email is another one since
					load($p, person('07', "${ann}two", "${ann}new\@example.org")) if $dataset eq $p && $record eq 'accepted';
				}
			};
			$changes{$change}->($p, $l, $load);
			my $places = places_with($node, $ann);
			my %call = (key => "'7'", email => "email => '${ann}@{[$record eq 'accepted' ? 'new' : 'old']}\@example.org'", former_email => "email => '${ann}old\@example.org'");
			my $seen = sql("BEGIN READ ONLY; SELECT count(*) FROM etl_subject('$p', '7') s WHERE s.record::text LIKE '%$ann%'; COMMIT");
			my $copies = grep { $_ ne '' } map { slurp_lines("$node->{etl_root}/$_") } grep { m{/[pl]_$n\.json} } files_below($node->{etl_root});
			cmp_ok($seen, '>=', $copies / 2 - ($record eq 'accepted' ? 1 : 0), "$case: what is known about the person comes from all files ($seen of $copies)");
			erased($p, $call{$by}, $ann, $case);
			isnt(places_with($node, $bob), '', "$case: others stay");
			is(sql("SELECT count(*) FROM etl.subject_index WHERE dataset IN ('$p', '$l')"), $change =~ /people$/ ? '1' : '2', "$case: the index knows all files now");
			erased($p, "'8'", $bob, "$case, then of somebody else");
		}
	}
}

# ---- the index is told once, and by both definitions
{
	people('moved');
	letters('moved_l', 'moved', field => '/c');
	load('moved', person(1, 'Cleo', 'cleo@example.org'), person(2, 'Dora', 'dora@example.org'));
	load('moved_l', '{"l": 1, "c": "1", "t": "Dear Cleo"}', '{"l": 2, "cust": "1", "t": "Hello Cleo"}', '{"l": 3, "c": "2", "t": "Dear Dora"}');
	letters('moved_l', 'moved', field => '/cust');
	sql('SELECT etl_catalog_archive()');
	is(sql(q{SELECT string_agg(DISTINCT indexed_as, ',') FROM etl.file WHERE dataset = 'moved_l'}), 'moved /cust integer text', 'etl_catalog_archive tells the index');
	is(sql(q{SELECT status FROM etl_erase('moved', '1')}), 'completed', 'the field that names people is another one');
	is(places_with($node, 'Cleo') =~ s/data\.moved_l//r, '', 'people are found where either says, but for the table');
	is(sql(q{SELECT status FROM etl_erase('moved', '2')}), 'completed', 'and somebody else');
	is(places_with($node, 'Dora') =~ s/data\.moved_l//r, '', 'also whom the former one names');
}

# ---- a file that cannot be read may hold anybody
{
	people('torn', subject => undef);
	load('torn', person(1, 'Emil', 'emil@example.org'));
	load('torn', person(2, 'Fred', 'fred@example.org'));
	my $file = "$node->{etl_root}/archive/" . sql(q{SELECT archived_path FROM etl.file WHERE dataset = 'torn' ORDER BY file_id LIMIT 1});
	my $content = slurp_file($file);
	my $torn = sub { my ($text) = @_; open my $fh, '>:raw', $file or die; print $fh $text; close $fh; return };
	$torn->("\x1f\x8b\x08\x00torn");
	people('torn');
	is(sql(q{SELECT status, untreated FROM etl_erase('torn', '2')}), 'failed|{' . ($file =~ s{.*/archive/}{archived/}r) . '}', 'an archived file cannot be read: nobody is erased for certain');
	is(places_with($node, 'Fred'), '', 'although they are wherever one can look');
	is(sql(q{SELECT count(*) FROM etl.subject_index WHERE dataset = 'torn'}), '0', 'the index is not complete');
	$torn->($content);
	is(sql(q{SELECT status FROM etl_erase_failed('torn')}), 'completed', 'until it is mended');
	erased('torn', "'1'", 'Emil', 'somebody who is in it');
}

# ---- there and back: what came between is told, too
{
	people('back');
	load('back', person(1, 'Gabi', 'gabi@example.org'));
	sql(q{SELECT etl_erase('back', '99')});
	people('back', subject => undef);
	load('back', person(2, 'Hans', 'hans@example.org'));
	sql('DELETE FROM data.back WHERE id = 2');
	people('back');
	erased('back', "'2'", 'Hans', 'a definition that is in force again');
}

# ---- the last definition of a dataset that was dropped
{
	people('left');
	letters('left_l', 'left', field => undef);
	load('left_l', '{"l": 1, "c": "1", "t": "Dear Ines"}');
	letters('left_l', 'left');
	sql(q{SELECT etl_drop('left_l'); DROP TABLE data.left_l});
	load('left', person(1, 'Ines', 'ines@example.org'));
	erased('left', "'1'", 'Ines', 'a dataset that got its subject and was dropped');
}

# ---- a request in a file, in the run that loads the person
{
	people('asked', subject => undef);
	load('asked', person(1, 'Jana', 'jana@example.org'));
	people('asked');
	sql(q{SELECT etl_define('{"type": "object", "x-etl": {"dataset": "asking", "files": ["asking.json"], "erases": {"dataset": "asked", "subject": "/id", "email": "/email"}, "tables": []}}')});
	is(load('asking', '{"id": "1"}'), 'succeeded/1/0', 'a request in a file');
	is(places_with($node, 'Jana'), '', 'finds what came before people were people');
}

# ---- a legal hold keeps files of which nobody knows whom they hold
{
	people('kept', subject => undef);
	load('kept', person(1, 'Kurt', 'kurt@example.org'));
	people('kept');
	sql(q{SELECT etl_hold('kept', '1', reason => 'a case')});
	is(sql(q{SELECT held FROM etl_internal.remove_expired_files('kept', 'kept', 'archived', 'infinity')}), '1', 'a file that the index does not know is kept while somebody is on hold');
}

$node->stop;
done_testing();
