# Erased people are gone, down to the bytes: everyone in the input (a month of real input where it is, else
# generated data) who asked is erased, the purge commands are run, and no file of the server's or the
# pipeline's holds their identifiers any more, while somebody who did not ask is found, also where
# compression hides the letters.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use File::Find ();
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($input, $reports) = (real_data());
my $requests = 'succeeded|9|24|23|1';
if (!defined $input)
{
	($input, $reports) = generated_data(qw(--transactions 3000 --files 72 --customers 300 --products 300 --product-files 3 --erasures 25));
	plan skip_all => 'neither ETL_REAL_DATA nor ETL_GENERATE gives any input' unless defined $input;
	$requests = join '|', @{ $reports->{erasure_requests} }{qw(status files records loaded quarantined)};
}

my $json = JSON::PP->new->utf8->allow_nonref;

# The people who ask, and what the input holds about them: text that must be found nowhere later.
my (%asked, %secret, @records);
File::Find::find({ no_chdir => 1, wanted => sub { push @records, $_ if -f $_ && m{/(customers|transactions|erasure-requests)\.json}; } }, $input);
for my $path (grep { /erasure-requests/ } @records)
{
	for my $line (slurp_lines($path))
	{
		my $request = $json->decode($line);
		$asked{ $request->{'customer-id'} + 0 } = 1 if defined $request->{'customer-id'};
		$secret{ $request->{email} } = 'email' if defined $request->{email};
	}
}
my %kept;    # the same texts of people who stay
for my $path (grep { !/erasure-requests/ } @records)
{
	for my $line (slurp_lines($path))
	{
		my $record = eval { $json->decode($line) } or next;
		my $id = $record->{id} // $record->{customer_id} // next;
		next unless $id =~ /^\d+$/;
		my $to = $asked{ $id + 0 } ? \%secret : \%kept;
		$to->{ $record->{email} } = 'email' if defined $record->{email};
		$to->{ $record->{phone_number} } = 'phone' if defined $record->{phone_number};
		if (defined $record->{first_name} && defined $record->{last_name} && defined $record->{address})
		{
			$to->{"$record->{first_name}\0$record->{last_name}\0$record->{address}"} = 'name and address';
		}
		# a transaction's own address; an ordinary one may be somebody else's, too
		if (ref $record->{delivery_address})
		{
			$to->{ $record->{delivery_address}{address} } = 'delivery address';
		}
	}
}
# bytes, as files hold them
for my $texts (\%secret, \%kept)
{
	%$texts = map { my $bytes = $_; utf8::encode($bytes); $bytes => $texts->{$_} } keys %$texts;
}
# an email or address that somebody who stays has as well, or that is part of theirs, is not theirs alone
my $all_kept = lc join "\n", keys %kept;
delete $secret{$_} for grep { index($all_kept, lc) >= 0 } keys %secret;
cmp_ok(scalar(keys %asked), '>=', 20, 'people ask to be erased');
note scalar(keys %secret) . ' texts to be gone';

# Segments of 1 MB: recycling takes seconds, not gigabytes.
my $node = etl_node(init => ['--wal-segsize=1'],
	conf => "fsync = off\nautovacuum = off\nwal_compression = pglz\nmin_wal_size = 2MB\nmax_wal_size = 32MB\nlog_statement = none\nlog_min_messages = warning\n");
my $root = $node->{etl_root};
system_or_bail('cp', '-r', "$input/.", "$root/raw");
system_or_bail('chmod', '-R', 'u+w', "$root/raw");

# Controls who stay: one in a table, one in an 11 kB quarantined record that TOAST compresses.
my $hidden = 'zacharias.wintergreen@example.org';
# noise that does not compress keeps it too large for the row, its own parts make it compressible
my $long = join '', map { sprintf '%s %08x ', substr($hidden, ($_ * 7) % 25, 9), ($_ * 2654435761) % 4294967296 } 1 .. 700;
$long = substr($long, 0, 11000);
stage($node, 'date=2020-01-01/hour=0/customers.json', $json->encode({ id => '424242', first_name => undef, last_name => $long, email => $hidden }) . "\n"
	. $json->encode({ id => '424243', first_name => 'Wilma', last_name => 'Stay', email => 'wilma.stay@example.org' }) . "\n");

$node->safe_psql('postgres', "SELECT etl_run('$_')") for qw(products customers transactions);
$node->safe_psql('postgres', 'ANALYZE');

sub locate
{
	my ($text) = @_;
	return $node->safe_psql('postgres', 'SELECT kind, sum(occurrences) FROM etl_locate(' . "\$q\$$text\$q\$" . ') GROUP BY 1 ORDER BY 1');
}

my ($someone) = sort grep { $secret{$_} eq 'email' } keys %secret;
my $before = locate($someone);
like($before, qr/^table\|/m, 'before: a row');
like($before, qr/^file\|/m, 'before: files');
like($before, qr/^disk\|/m, 'before: disk');

is(run_counts($node, "etl_run('erasure_requests')"), $requests, 'everyone who asks is erased');
like($node->safe_psql('postgres', 'SELECT etl_erasure_purge()'), qr/^VACUUM \(FULL, ANALYZE\) data\.customers$/m, 'what is needed is named');
is($node->safe_psql('postgres', q{SELECT count(*) FROM etl.erasure WHERE purged_at IS NOT NULL}), '0', 'not purged yet');
unlike(locate($someone), qr/^(table|quarantine|catalog|file|disk)\|/m, 'after the erasure nothing live is left');
like(locate($someone), qr/^dead\|/m, 'but dead bytes are');

my $rounds = 0;
while ($rounds < 6)
{
	my @commands = split /\n/, $node->safe_psql('postgres', 'SELECT etl_erasure_purge()');
	last unless @commands;
	++$rounds;
	$node->safe_psql('postgres', $_) for @commands;
}
cmp_ok($rounds, '<', 6, "purged after $rounds rounds");
is($node->safe_psql('postgres', q{SELECT count(*) FROM etl.erasure WHERE purged_at IS NULL}), '0', 'every erasure is purged');
is(locate($someone), '', 'etl_locate finds nothing');
like(locate('wilma.stay@example.org'), qr/^disk\|.*^file\|.*^table\|/ms, 'somebody who stays is found');

my $places = $node->safe_psql('postgres', "SELECT kind || ' ' || place FROM etl_locate('$hidden') ORDER BY 1");
like($places, qr/^quarantine etl\.quarantine$/m, 'the record in quarantine is found');
like($places, qr/^disk base\S+ \(pg_toast\.\S+ of etl\.quarantine\)$/m, 'and on disk, though compressed');
my $toast = $node->safe_psql('postgres', q{SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE oid = 'etl.quarantine'::regclass});
$node->stop;
is(index(slurp_file($node->data_dir . "/$toast"), $hidden), -1, 'where its letters do not stand');

# Every byte. Texts of names go by their parts standing near each other; the rest as they are.
my @plain = grep { !/\0/ } keys %secret;
my @pairs = map { [ split /\0/ ] } grep { /\0/ } keys %secret;
my $pattern = join '|', map { quotemeta } @plain;
my $search = qr/$pattern/i;
my (%hits, $files, $control, $control_files);
sub search_bytes
{
	my ($name, $bytes) = @_;
	++$hits{"$name"} while $bytes =~ /$search/g;
	for my $pair (@pairs)
	{
		my ($first, $last, $address) = @$pair;
		while ($bytes =~ /\Q$address\E/gi)
		{
			my $near = substr($bytes, $-[0] > 400 ? $-[0] - 400 : 0, 800);
			++$hits{$name} if $near =~ /\Q$first\E.{0,60}\Q$last\E/is;
		}
	}
	++$control if $bytes =~ /wilma\.stay\@example\.org/;
}
File::Find::find(
	{
		no_chdir => 1,
		wanted   => sub {
			return unless -f $_;
			++$files;
			my $bytes = slurp_file($_);
			if ($bytes =~ /^\x1f\x8b/) { my $unzipped; gunzip(\$bytes => \$unzipped, MultiStream => 1) or die $GunzipError; $bytes = $unzipped; }
			search_bytes($_, $bytes);
		}
	},
	$node->data_dir, "$root/raw", "$root/processed", "$root/archive");
is(scalar(keys %hits), 0, "no byte in $files files") or diag join "\n", map { "$_: $hits{$_}" } sort keys %hits;
cmp_ok($control // 0, '>=', 3, 'while the control is found');

done_testing();
