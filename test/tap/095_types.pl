# Texts and the columns that take them: what a column of the type takes is loaded, with the value that
# the server stores, and what it refuses is quarantined as type with the server's class of SQLSTATE.
# The oracle is the server: an INSERT of each text into a column of the type.
#
#   ETL_TYPE_TEXTS   mutated texts for each type, default 200
#   ETL_TYPE_SEED    their random seed
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use EtlTest;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $count = $ENV{ETL_TYPE_TEXTS} // 200;
my $seed = $ENV{ETL_TYPE_SEED} // 20261128;
srand($seed);
note("ETL_TYPE_SEED=$seed");

my @numbers = ('0', '1', '-1', '+7', '007', ' 12 ', "\t5\n", '1.0', '1.5', '.5', '5.', '1e3', '1E-2', '-0', '32767', '32768',
	'2147483648', '9223372036854775807', '9223372036854775808', '99999999.995', '12345678.9', '1e308', '1e309', '1e-400',
	'1e-45', '3.5e38', '1e131073', 'NaN', 'nan', 'Infinity', '-infinity', 'inf', '+inf', '- 1', '--1', '1 000', '1,5', '1_000', '0x1F',
	'0b101', '0o17', '0x1p3', 'abc', '', ' ', '1e', 'e1', '1.2.3', '٣', "1\x{a0}");
my @dates = ('2015-05-20', '2015-05-20 21:34:02', '2015-05-20 21:34:02 UTC', '2015-05-20T21:34:02Z', '2015-05-20t21:34:02z',
	'2015-05-20 21:34:02.123456 UTC', '2015-05-20T21:34:02.123456789Z', '2015-05-20T21:34:02+0100', '2015-05-20 21:34:02 +01:00',
	'2015-05-20 21:34:02+01', '2015-05-20 21:34:02+01:30:15', '2015-05-20 21:34:02 -8', '2015-05-20T21:34', '20190625', '2019-06-25Z',
	'2019-06-25 UTC', '20150520T213402Z', '20150520 213402', '2015-05-20T24:00:00Z', '2016-12-31T23:59:60Z', '2015-05-20T24:00:01Z',
	'2015-05-20T21:34:02,5Z', '2015-05-20 21:34:02 Europe/Berlin', '2015-05-20 21:34:02 America/New_York', '2015-05-20 21:34:02 EST',
	'2015-05-20 21:34:02 Mars/Olympus', 'infinity', '-infinity', 'epoch', '+010000-01-01T00:00:00Z', '10000-01-01', '294276-12-31',
	'294277-01-01', '0044-03-15 BC', '0044-03-15 00:00:00 BC', '4714-11-24 BC', '4715-01-01 BC', '0000-01-01', '2015-5-2 1:02:03', '5/20/2015',
	'20/5/2015', '05-20-2015', '20.05.2015', '99-01-08', 'Wed, 20 May 2015 21:34:02 GMT', 'May 20, 2015', '20 May 2015', '2015-May-20', 'May 20',
	'2015-05-20 09:34:02 PM', '2015-05-20 21:34:02 PM', '2015-05-20T21:34:02-00:00', '2015-W21-3', '2015-140', '2015.140', 'J2457163', '2015-02-29', '2016-02-29', '2015-13-01',
	'2015-05-20 25:00', '2015-05-20 21:60', '2015-05', '2015', '21:34:02', '1432157642', '2015-05-20 21:34:02+16', '2015-05-20 21:34:02+15:59',
	' 2015-05-20 ', "2015-05-20\t21:34", '2015-05-20  21:34', '2015-05-20 allballs', 'abc', '', ' ', '2015-05-20x', '2015-05-20 21:34:02 UTC+1', '2015-05-20 21:34:02 utc');
my @others = ('true', 'TRUE', 't', 'tr', 'yes', 'y', 'on', 'o', 'of', 'off', 'no', 'n', 'f', '0', '1', '2', ' true ', 'truely', '',
	'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', 'a0eebc999c0b4ef8bb6d6bb9bd380a11',
	'a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11', '{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
	' a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'abc', 'abcdef', 'abcde ', 'abc   ', "\x{e4}\x{f6}\x{fc}", "\x{1f600}\x{1f600}\x{1f600}\x{1f600}");
my %texts = (
	(map { $_ => \@numbers } 'smallint', 'integer', 'bigint', 'numeric', 'numeric(10,2)', 'numeric(4,-2)', 'real', 'double precision'),
	(map { $_ => \@dates } 'date', 'timestamp', 'timestamp(2)', 'timestamptz', 'timestamptz(0)'),
	(map { $_ => \@others } 'boolean', 'uuid', 'text', 'varchar(5)', 'char(3)'));

# A character is dropped, doubled, swapped with the next or replaced, or two texts are joined.
sub mutated
{
	my ($seeds) = @_;
	my $text = $seeds->[ rand @$seeds ];
	for (0 .. int rand 2)
	{
		my $at = int rand(length($text) + 1);
		my $how = int rand 5;
		if ($how == 0) { substr($text, $at, 1, '') if $at < length $text }
		elsif ($how == 1) { substr($text, $at, 0, substr($text, $at, 1)) if $at < length $text }
		elsif ($how == 2) { substr($text, $at, 0, (split //, " 0123456789-+:.,/eTZxaPM_\t")[ rand 27 ] // '') }
		elsif ($how == 3 && $at + 1 < length $text) { substr($text, $at, 2, reverse(substr $text, $at, 2) . '') }
		else { $text .= ' ' . $seeds->[ rand @$seeds ] if length $text < 20 }
	}
	return $text;
}

my $node = etl_node();
# The session's settings do not count, on either side.
$node->safe_psql('postgres', q{ALTER DATABASE postgres SET timezone = 'Asia/Kolkata'; ALTER DATABASE postgres SET datestyle = 'SQL, DMY'});
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE given(kind int, id int, type text, t text, PRIMARY KEY (kind, id));
-- null: the column refuses the text; code then says why
CREATE TABLE expected(kind int, id int, v text, code text);
CREATE FUNCTION judge(wanted int, type text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    g record;
    value text;
    code text;
BEGIN
    EXECUTE format('CREATE TEMP TABLE judge_%s(v %s)', wanted, type);
    FOR g IN SELECT * FROM given WHERE kind = wanted LOOP
        value := NULL;
        code := NULL;
        BEGIN
            EXECUTE format('INSERT INTO judge_%s VALUES (%L) RETURNING v::text', wanted, g.t) INTO value;
        EXCEPTION WHEN data_exception THEN
            code := SQLSTATE;
        END;
        INSERT INTO expected VALUES (wanted, g.id, value, code);
    END LOOP;
END $$;
SQL

my $json = JSON::PP->new->ascii;
my ($kind, $given, @kinds) = (0, '');
for my $type (sort keys %texts)
{
	$kind++;
	push @kinds, [ $kind, $type ];
	my %seen;
	my @all = grep { !$seen{$_}++ && $_ !~ /now|today|tomorrow|yesterday/i } @{ $texts{$type} },
	  map { mutated($texts{$type}) } 1 .. $count;
	my $lines = '';
	for my $id (1 .. @all)
	{
		$lines .= $json->encode({ id => $id, v => $all[ $id - 1 ] }) . "\n";
		(my $escaped = $all[ $id - 1 ]) =~ s/([\\\t\n])/{ "\\" => "\\\\", "\t" => "\\t", "\n" => "\\n" }->{$1}/ge;
		$given .= "$kind\t$id\t$type\t$escaped\n";
	}
	stage($node, "date=2026-01-01/hour=0/kind$kind.json", $lines);
	my $definition = $json->encode({
		type => 'object', required => ['id'], properties => { id => { type => 'integer' }, v => JSON::PP::true },
		'x-etl' => { dataset => "kind$kind", files => ["kind$kind.json"], key => '/id',
			tables => [ { schema => 'data', name => "kind$kind", primary_key => ['id'],
				columns => [ { name => 'id', type => 'integer', from => '/id' }, { name => 'v', type => $type, from => '/v' } ] } ] } });
	$node->safe_psql('postgres', "SELECT name FROM etl_define(\$d\$$definition\$d\$)");
}
utf8::encode($given);
my $file = $node->basedir . '/given';
append_to_file($file, $given);
$node->safe_psql('postgres', "COPY given FROM '$file' WITH (ENCODING 'UTF8')");
my $settings = "SET timezone = 'UTC'; SET datestyle = 'ISO, MDY';";
$node->safe_psql('postgres', "$settings SELECT judge($_->[0], '$_->[1]')") for @kinds;

is($node->safe_psql('postgres', q{SELECT DISTINCT status FROM etl_run()}), 'succeeded', 'every text is loaded or quarantined');
my $total = 0;
for (@kinds)
{
	my ($number, $type) = @$_;
	my $differing = $node->safe_psql('postgres', <<"SQL");
$settings
SELECT format('%s: server %s, loaded %s', to_json(g.t), coalesce(e.v, e.code), coalesce(d.v::text, q.violations -> 0 ->> 'sqlstate'))
  FROM expected e JOIN given g USING (kind, id)
  LEFT JOIN data.kind$number d USING (id)
  LEFT JOIN etl.quarantine q ON q.dataset = 'kind$number' AND q.line = id
 WHERE e.kind = $number
   AND (d.v::text IS DISTINCT FROM e.v OR (e.v IS NULL) <> (q.code IS NOT DISTINCT FROM 'type')
        OR left(e.code, 2) IS DISTINCT FROM left(q.violations -> 0 ->> 'sqlstate', 2))
 ORDER BY id LIMIT 20
SQL
	is($differing, '', "a column of type $type and pg_etl take the same texts and store the same values");
	my ($taken, $refused) = split /\|/, $node->safe_psql('postgres', "SELECT count(v), count(code) FROM expected WHERE kind = $number");
	cmp_ok($taken, '>', 5, "some texts fit $type ($taken)");
	cmp_ok($refused, '>', 3, "some texts do not fit $type ($refused)") if $type ne 'text';
	$total += $taken + $refused;
}
note("$total texts");

# The same file must give the same rows tomorrow.
stage($node, 'date=2026-01-01/hour=1/kind' . (grep { $_->[1] eq 'timestamptz' } @kinds)[0][0] . '.json',
	join '', map { $json->encode({ id => 1000000 + $_, v => ('now', 'today', 'tomorrow 10:00', ' YESTERDAY')[$_] }) . "\n" } 0 .. 3);
$node->safe_psql('postgres', 'SELECT FROM etl_run()');
is($node->safe_psql('postgres', "SELECT count(*) FROM etl.quarantine WHERE code = 'type' AND record::jsonb ->> 'id' LIKE '100000%'"),
	'4', 'words that mean another moment each day are no values');
unlike(slurp_file($node->logfile), qr/invalid input syntax/, 'the log holds no text that a type has refused');

$node->stop;
done_testing();
