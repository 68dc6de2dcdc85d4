# An identifier is found however it is written, as an erasure finds it (Unicode's full case folding: ß is ss,
# ﬁ is fi, İ is i with a dot): in rows, in the write-ahead log, and in a jsonb value that TOAST compresses. The
# person is erased by another spelling of their email, and after the purge no spelling is found anywhere.
use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use Encode qw(encode decode);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(init => ['--wal-segsize=1'],
	conf => "autovacuum = off\nwal_compression = pglz\nmin_wal_size = 2MB\nmax_wal_size = 32MB\nlog_statement = none\nlog_min_messages = warning\n");
sub sql { my ($sql) = @_; return decode('UTF-8', $node->safe_psql('postgres', encode('UTF-8', $sql))) }
sql(q{SELECT etl_define('{"x-etl": {"dataset": "guests", "files": ["guests.json"], "key": "/id", "on_repeat": "update", "subject": {"field": "/id", "email": "/mail"},
  "personal": [{"field": "/mail", "treatment": "token"}, {"field": "/about/mail", "treatment": "redact"}, {"field": "/about/story", "treatment": "redact"}],
  "tables": [{"schema": "data", "name": "guests", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "mail", "from": "/mail"},
    {"name": "about", "type": "jsonb", "from": "/about"}]}]}}')});

my $mail = 'Jürgen.Weiß.İşik.ﬁlm@Straße.example';
# noise keeps it too large for the row; pieces of the address make it compressible
my $story = join '', map { sprintf '%s %08x ', substr($mail, ($_ * 7) % 25, 9), ($_ * 2654435761) % 4294967296 } 1 .. 700;
sub guest { my ($id, $mail, $story) = @_; return qq({"id": $id, "mail": "$mail", "about": {"story": "$story", "mail": "$mail"}}\n) }
stage($node, 'date=2024-01-01/hour=0/guests.json', guest(1, $mail, $story) . guest(2, 'STAY.WEISS@example.org', 'short'));
sql(q{SELECT etl_run('guests')});

my @spellings = ($mail, 'JÜRGEN.WEISS.İŞIK.FILM@STRASSE.EXAMPLE', 'jürgen.weiss.i̇şik.film@strasse.example', 'jüRgen.weIẞ.İşik.ﬁLM@Straße.EXAMPLE');
my $n = 0;
for my $spelling (@spellings)
{
	++$n; # names in ASCII
	my $places = sql("SELECT kind || ' ' || place FROM etl_locate('$spelling') ORDER BY 1");
	like($places, qr/^table data\.guests$/m, "spelling $n: the row");
	like($places, qr/^(disk|dead) pg_wal/m, "spelling $n: the write-ahead log");
	like($places, qr/^disk base\S+ \(pg_toast\.\S+ of data\.guests\)$/m, "spelling $n: TOAST");
	like($places, qr/^file archive/m, "spelling $n: the archived file");
}
is(sql("SELECT status FROM etl_erase('guests', email => '$spellings[1]')"), 'completed', 'erased by another spelling');
is(sql(q{SELECT mail LIKE '%@erased.invalid', about ->> 'mail', left(about ->> 'story', 20) FROM data.guests WHERE id = 1}), 't|[erased]|[erased]', 'the row is treated');
for (1 .. 6)
{
	my @commands = split /\n/, sql('SELECT etl_erasure_purge()');
	last unless @commands;
	$node->safe_psql('postgres', $_) for @commands;
}
is(sql(q{SELECT count(*) FROM etl.erasure WHERE purged_at IS NULL}), '0', 'and purged');
is(encode('UTF-8', sql("SELECT kind || ' ' || place FROM etl_locate('$spellings[$_]')")), '', 'spelling ' . ($_ + 1) . ': nothing is left') for 0 .. $#spellings;
like(sql(q{SELECT string_agg(kind, ' ' ORDER BY kind) FROM etl_locate('stay.weiß@EXAMPLE.org')}), qr/disk.* file.* table/, 'somebody else is found still');

$node->stop;
done_testing();
