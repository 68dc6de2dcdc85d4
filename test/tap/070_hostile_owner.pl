# Whoever owns a database, and is no superuser, has filled schema public with what a superuser might call
# by mistake: overloads of every function, aggregate and operator of the server that the extension's script
# or code names, which fit the calls at least as well, a schema cron and a schema data of his own. Nothing of
# that is called when a superuser creates the extension, uses what it has, schedules, retains and purges, and
# when the database is dumped and restored; and no object of the extension depends on anything outside of
# pg_catalog and itself.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node(conf => "log_statement = none\nlog_min_messages = warning\n");
my $root = $node->{etl_root};
my $share = `pg_config --sharedir`;
chomp $share;
my ($script) = glob "$share/extension/pg_etl--1.0.sql";
my $text = slurp_file($script);
# The strings in the library are the queries of its C++.
my $library = `pg_config --pkglibdir`;
chomp $library;
my $binary = slurp_file("$library/pg_etl.so");
my %words = map { $_ => 1 } map { lc } ("$text $binary" =~ /\b([A-Za-z_][A-Za-z0-9_]{2,62})\b/g);
$words{$_} = 1 for qw(xid oid age text int4 int8 name bool date timestamptz interval numeric jsonb bytea uuid regclass);

# A trap says that it was called, once in a transaction that survives and once in the server's log, and
# takes what it can get.
my $trap_setup = <<'SQL';
CREATE TABLE public.trap (what text);
GRANT ALL ON public.trap TO PUBLIC;
CREATE FUNCTION public.spring(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'trap sprung: %', what;
    INSERT INTO public.trap VALUES (what);
    EXECUTE 'ALTER ROLE owner SUPERUSER';
EXCEPTION WHEN OTHERS THEN NULL;
END $$;
SQL

# What the overloads are made of: for each function whose name is a word of ours, one of the same name and
# arguments, and of those with "any" types one for each type that we have; for operators likewise.
my @types = qw(text name bigint integer smallint boolean jsonb oid numeric timestamptz date interval bytea regclass regprocedure regrole uuid xid xid8 pg_lsn);
my %concrete = (anyelement => \@types, anycompatible => \@types, anynonarray => \@types, anyarray => [ map { "$_\[]" } @types ], anycompatiblearray => [ map { "$_\[]" } @types ],
	'"any"' => \@types);

sub quoted { my ($s) = @_; $s =~ s/'/''/g; return "'$s'"; }

sub overloads
{
	my $sql = '';
	my $count = 0;
	my @rows = split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT p.proname, p.prokind, coalesce((SELECT string_agg(format_type(t, NULL), '|' ORDER BY i) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(t, i)), ''),
       format_type(p.prorettype, NULL), p.proretset
  FROM pg_proc p
 WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a')
   AND (SELECT count(*) FROM unnest(p.proargtypes::oid[]) t WHERE t IN ('internal'::regtype, 'cstring'::regtype)) = 0
   AND p.prorettype NOT IN ('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype, 'language_handler'::regtype, 'fdw_handler'::regtype, 'index_am_handler'::regtype, 'tsm_handler'::regtype, 'table_am_handler'::regtype, 'cstring'::regtype)
   AND p.proname ~ '^[a-z_0-9]+$'
SQL
	my %seen;
	for my $row (@rows)
	{
		my ($name, $kind, @f) = split /\|/, $row, -1;
		my $set = pop @f;
		my $return = pop @f;
		my @args = grep { $_ ne '' } @f;
		next unless $words{$name};
		# one choice for each polymorphic argument: all of them the same type
		my $polymorphic = grep { $concrete{$_} || /^any/ } @args;
		for my $i (0 .. ($polymorphic ? $#types : 0))
		{
			my @concrete = map { my $a = $_; $concrete{$a} ? $concrete{$a}[$i] : $a =~ /^any/ ? undef : $a } @args;
			next if grep { !defined } @concrete;
			my $returns = $concrete{$return} ? $concrete{$return}[$i] : $return =~ /^any/ ? next : $return;
			$returns = 'text' if $returns eq 'record';
			$returns = "SETOF $returns" if $set eq 't' && $kind eq 'f';
			my $signature = "$name(" . join(',', @concrete) . ')';
			next if $seen{$signature}++;
			my $what = quoted($signature);
			if ($kind eq 'a')
			{
				# the transition function is the trap; "any" has no transition of its own
				next if @concrete > 3;
				my $list = join ', ', @concrete;
				my $step = "trap_step_$count";
				$sql .= "CREATE FUNCTION public.$step(text" . ($list ? ", $list" : '') . ") RETURNS text LANGUAGE plpgsql AS \$t\$BEGIN PERFORM public.spring($what); RETURN NULL; END\$t\$;\n";
				my $declared = $list || '*';
				$sql .= "CREATE AGGREGATE public.\"$name\"($declared) (SFUNC = public.$step, STYPE = text);\n";
			}
			elsif ($kind eq 'f')
			{
				$sql .= "CREATE FUNCTION public.\"$name\"(" . join(', ', @concrete) . ") RETURNS $returns LANGUAGE plpgsql AS \$t\$BEGIN PERFORM public.spring($what); RETURN" . ($set eq 't' || $returns eq 'void' ? '' : ' NULL') . "; END\$t\$;\n";
			}
			else { next; }
			++$count;
		}
	}
	# operators: of every symbol that the script or the library has, for every pair of types, whether the
	# server has one or casts
	my @symbols = grep { index($text, $_) >= 0 || index($binary, $_) >= 0 } split /\n/, $node->safe_psql('postgres',
		q{SELECT DISTINCT oprname FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b' AND oprname !~ '[#@&?^!]' ORDER BY 1});
	my @operands = (@types, 'text[]', 'bigint[]', 'name[]');
	for my $symbol (@symbols)
	{
		my $boolean = $symbol =~ /^(=|<>|<|>|<=|>=|~|~\*|~~|~~\*|<\@|\@>)$/;
		for my $left (@operands)
		{
			for my $right (@operands)
			{
				next if $left ne $right && !($boolean || $symbol =~ /^(->|->>|\|\||-|\+|\*|\/)$/);
				my $name = 'trap_op_' . $count++;
				my $returns = $boolean ? 'boolean' : $symbol =~ /^(->>|\|\|)$/ ? 'text' : $left;
				$sql .= "CREATE FUNCTION public.$name($left, $right) RETURNS $returns LANGUAGE plpgsql AS \$t\$BEGIN PERFORM public.spring(" . quoted("$left $symbol $right") . "); RETURN NULL; END\$t\$;\n"
				  . "CREATE OPERATOR public.$symbol (LEFTARG = $left, RIGHTARG = $right, FUNCTION = public.$name);\n";
			}
		}
	}
	return ($sql, $count);
}

# The test's own questions about a database with traps.
sub asked
{
	my ($database, $statement) = @_;
	return $node->safe_psql($database, "SET search_path = pg_catalog; $statement");
}

my ($sql, $count) = overloads();
cmp_ok($count, '>', 3000, "overloads were made: $count");
note "overloads: $count";

$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN');
sub database
{
	my ($name, $template) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name OWNER owner TEMPLATE $template");
	$node->safe_psql('postgres', "ALTER DATABASE $name SET etl.$_->[0] = '$root/$_->[1]'") for [ raw_dir => 'raw' ], [ processed_dir => 'processed' ], [ archive_dir => 'archive' ];
	return;
}
database('mined', 'template1');

sub as_owner
{
	my ($database, $statements) = @_;
	my ($in, $out, $err) = ("SET client_min_messages = error;\nBEGIN;\n$statements\nCOMMIT;\n", '', '');
	IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr($database) . ' user=owner' ], '<', \$in, '>', \$out, '2>', \$err);
	return $err;
}

sub sprung
{
	my ($database) = @_;
	# by the log too: what was rolled back has left no row
	my $log = slurp_file($node->logfile);
	my %traps = map { $_ => 1 } $log =~ /WARNING:  trap sprung: (.*)/g;
	return join "\n", sort keys %traps;
}

my $err = as_owner('mined', $trap_setup . $sql . <<'SQL');
-- pg_cron's place
CREATE SCHEMA cron;
CREATE TABLE cron.job (jobid bigint, jobname text);
INSERT INTO cron.job VALUES (1, 'pg_etl load products');
CREATE FUNCTION cron.schedule(text, text, text) RETURNS bigint LANGUAGE plpgsql AS $$BEGIN PERFORM public.spring('cron.schedule'); RETURN 1; END$$;
CREATE FUNCTION cron.unschedule(bigint) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM public.spring('cron.unschedule'); RETURN true; END$$;
GRANT ALL ON SCHEMA cron TO PUBLIC;
-- and the place of tables that do not exist yet
CREATE SCHEMA data;
GRANT ALL ON SCHEMA public TO PUBLIC;
SQL
is($err, '', 'they were made by somebody without rights');
database('restored', 'mined');
is_sql($node, q{SELECT rolsuper FROM pg_roles WHERE rolname = 'owner'}, 'f', 'who is no superuser');

# ---- created
my ($status, $out);
($status, $out, $err) = $node->psql('mined', 'CREATE EXTENSION pg_etl');
is($status, 0, 'the extension is created') or diag $err;
is(sprung('mined'), '', 'and calls none of them');

# everything that we have stands in its schema, and depends on nothing else
my $foreign = <<'SQL';
WITH member AS (SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid
                 WHERE d.refclassid = 'pg_extension'::regclass AND e.extname = 'pg_etl' AND d.deptype = 'e'),
     part(classid, objid) AS (SELECT classid, objid FROM member
                UNION SELECT d.classid, d.objid FROM pg_depend d JOIN member m ON d.refclassid = m.classid AND d.refobjid = m.objid
                 WHERE d.deptype IN ('a', 'i') AND d.classid <> 'pg_extension'::regclass
                UNION SELECT 'pg_rewrite'::regclass::oid, r.oid FROM pg_rewrite r JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = r.ev_class
                UNION SELECT 'pg_class'::regclass::oid, i.indexrelid FROM pg_index i JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = i.indrelid
                UNION SELECT 'pg_trigger'::regclass::oid, t.oid FROM pg_trigger t JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = t.tgrelid
                UNION SELECT 'pg_constraint'::regclass::oid, c.oid FROM pg_constraint c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.conrelid
                UNION SELECT 'pg_attrdef'::regclass::oid, c.oid FROM pg_attrdef c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.adrelid)
SELECT DISTINCT pg_describe_object(p.classid, p.objid, 0), pg_describe_object(d.refclassid, d.refobjid, 0)
  FROM part p JOIN pg_depend d ON d.classid = p.classid AND d.objid = p.objid
 WHERE d.refobjid >= 16384 AND d.refclassid NOT IN ('pg_extension'::regclass, 'pg_namespace'::regclass)
   AND NOT EXISTS (SELECT FROM part q WHERE q.classid = d.refclassid AND q.objid = d.refobjid)
   -- row types, sequences, toast tables and indexes of our own tables
   AND NOT EXISTS (SELECT FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
                    WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = t.oid)
SQL
is(asked('mined', $foreign), '', 'no object of the extension depends on anything of theirs');
is(asked('mined', q{SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
	WHERE d.refclassid = 'pg_extension'::regclass AND e.extname = 'pg_etl' AND d.deptype = 'e' AND p.pronamespace NOT IN ('public'::regnamespace, 'etl'::regnamespace, 'etl_internal'::regnamespace)}), '', 'no function of ours stands in pg_catalog');
# A procedure that commits can have no search_path of its own, and the other has no name in it to look for.
is(asked('mined', q{SELECT p.proname FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass JOIN pg_language l ON l.oid = p.prolang
	WHERE d.refclassid = 'pg_extension'::regclass AND e.extname = 'pg_etl' AND d.deptype = 'e' AND l.lanname <> 'c'
	  AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false) ORDER BY 1}), "etl_load\netl_redact", 'every other body is looked up in pg_catalog');

# ---- used
stage($node, 'date=2020-01-01/hour=3/products.json', join '', map { qq({"sku": $_, "name": "Tea", "price": "1.00", "category": "c", "popularity": 1.5}\n) } 1 .. 20);
stage($node, 'date=2020-01-01/hour=3/customers.json', join '', map { qq({"id": "$_", "first_name": "Ann", "last_name": "Bee", "email": "a$_\@example.org"}\n) } 1 .. 20);
stage($node, 'date=2020-01-01/hour=4/products.json', qq({"sku": 21, "name": null}\n{"sku": 22\n));
stage($node, 'date=2020-01-01/hour=5/erasure-requests.json', qq({"customer-id": "3"}\n));
stage($node, 'date=2020-01-01/hour=6/other.json', "{}\n");

# Each statement in a session of its own, as the superuser; whatever it says, it must not call a trap.
sub uses
{
	my ($database, @statements) = @_;
	my @said;
	for my $statement (@statements)
	{
		my ($rc, $o, $e) = $node->psql($database, "SET client_min_messages = error; $statement");
		push @said, "$statement: $e" if $rc != 0;
	}
	return join "\n", @said;
}
my $api = sub { my ($call) = @_; return "SELECT * FROM public.$call" };
my @uses = (
	(map { $api->($_) } q{etl_run('products'::text, false)}, q{etl_run('customers'::text, true)}, q{etl_run()}, q{etl_replay('products'::text)}, q{etl_validate('products'::text, '{}'::jsonb)},
		q{etl_anonymize('customers'::text, '{"id": "1"}'::jsonb)}, q{etl_erase('customers'::text, '4'::text, NULL::text, false, NULL::text)}, q{etl_erase('customers'::text, '5'::text, NULL::text, true, NULL::text)},
		q{etl_hold('customers'::text, '7'::text, 'why'::text)}, q{etl_erase('customers'::text, '7'::text, NULL::text, false, NULL::text)}, q{etl_refuse('customers'::text, '7'::text, 'ground'::text)}, q{etl_release_hold('customers'::text, '7'::text)},
		q{etl_reinstate('customers'::text, '4'::text, 'asked'::text, NULL::text)}, q{etl_certificate(1::bigint)}, q{etl_locate('a5@example.org'::text)}, q{etl_subject('customers'::text, '5'::text)},
		q{etl_audit_verify(NULL::bytea)}, q{etl_erasure_purge()}, q{etl_retention(NULL::text)}, q{etl_catalog_archive(NULL::text)}, q{etl_label_columns('customers'::text)}, q{etl_grant('owner'::regrole, 'operator'::text)},
		q{etl_grant('owner'::regrole, 'auditor'::text)}, q{etl_grant('owner'::regrole, 'analyst'::text)}, q{etl_revoke('owner'::regrole)}, q{etl_generalize(DATE '2020-02-03', 'month'::text)}, q{etl_generalize(3::numeric, 2::numeric)},
		q{etl_generalize('192.0.2.1'::inet, 24, 48)}, q{etl_journal_renew('why'::text)}, q{etl_anonymized(NULL::data.customers, 'customers'::text)}),
	q{CALL public.etl_load(NULL::text)},
	q{SELECT d.name, public.etl_define(d.definition) FROM etl.dataset d},
	(map { "SELECT * FROM $_" } split /\n/, asked('mined', q{SELECT c.oid::regclass FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid JOIN pg_class c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass
		WHERE d.refclassid = 'pg_extension'::regclass AND e.extname = 'pg_etl' AND d.deptype = 'e' AND c.relkind IN ('r', 'v') AND c.relname <> 'delivery_addresses' ORDER BY 1})),
);
is(uses('mined', @uses), '', 'everything of it works for a superuser: ' . @uses . ' calls and views');
is(sprung('mined'), '', 'and calls none of them');
for my $call ('SELECT * FROM public.etl_schedule(NULL::text, NULL::text)', 'SELECT * FROM public.etl_unschedule(NULL::text)', q{SELECT * FROM public.etl_schedule_retention('* * * * *'::text)},
	q{SELECT * FROM public.etl_schedule_purge('* * * * *'::text)}, 'SELECT * FROM etl_internal.schedule_purge_steps(true)')
{
	($status, $out, $err) = $node->psql('mined', $call);
	like($err, qr/pg_cron is not installed in this database/, "the owner's cron is no pg_cron: $call");
}
# types of theirs, which stand before the server's in the search_path that an owner may give the database
my $domains = join '', map { "CREATE DOMAIN public.\"$_\" AS pg_catalog.\"$_\" CHECK (public.spring_type('$_'));\n" }
	qw(text name int8 int4 int2 bool jsonb json oid numeric float8 timestamptz timestamp date interval bytea regclass regprocedure regrole regtype uuid xid xid8 pg_lsn varchar inet);
is(as_owner('mined', <<"SQL"), '', 'types of theirs stand before those of the server');
CREATE FUNCTION public.spring_type(what pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql AS \$\$BEGIN PERFORM public.spring('type ' OPERATOR(pg_catalog.||) what); RETURN true; END\$\$;
$domains
ALTER DATABASE mined SET search_path = public, pg_catalog;
SQL
stage($node, 'date=2020-01-01/hour=7/products.json', qq({"sku": 31, "name": "Tea", "price": "1.00", "category": "c", "popularity": 1.5}\n));
# the caller names the types that he writes
my @named = map { s/::(?!bigint|numeric)(\w+)(?!\w|\.)/::pg_catalog.$1/gr =~ s/DATE '/pg_catalog.date '/gr } grep { !/etl_refuse|etl_reinstate|etl_release_hold/ } @uses;
is(uses('mined', @named), '', 'everything works: ' . @named . ' calls and views');
is(sprung('mined'), '', 'and none of the types is used');
asked('mined', 'ALTER DATABASE mined RESET search_path; DROP FUNCTION public.spring_type CASCADE; ' . join '; ', map { "DROP DOMAIN public.\"$_\"" } $domains =~ /DOMAIN public\."(\w+)"/g);
$node->safe_psql('mined', 'DROP TABLE IF EXISTS data.transactions, data.purchases');
is(as_owner('mined', <<'SQL'), '', 'a table of theirs stands in the place of ours');
CREATE TYPE public.place AS (street text);
CREATE FUNCTION public.place_text(public.place) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM public.spring('cast'); RETURN 'x'; END$$;
CREATE CAST (public.place AS text) WITH FUNCTION public.place_text(public.place);
CREATE TABLE data.transactions (transaction_id uuid, customer_id bigint, address public.place, postcode text, city text, country text);
INSERT INTO data.transactions VALUES (NULL, 1, ROW('x')::public.place, 'p', 'c', 'd');
SQL
($status, $out, $err) = $node->psql('mined', 'SELECT * FROM data.delivery_addresses');
like($err, qr/data\.transactions is not the table of dataset transactions/, 'nor is a table whose columns have casts of theirs read');
# and whatever else there is, of the api and inside: with values of the right types, and with NULL; what it
# says is no matter here
my @functions = split /\n/, asked('mined', q{SELECT format('%s public.placeholder', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT * FROM' END), p.pronamespace::regnamespace, p.proname,
	(SELECT string_agg(format_type(t, NULL), ';' ORDER BY i) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(t, i))
	FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
	WHERE d.refclassid = 'pg_extension'::regclass AND e.extname = 'pg_etl' AND d.deptype = 'e' AND p.prorettype <> 'trigger'::regtype ORDER BY 2, 3});
my %sample = (text => q{'customers'}, bigint => '1', integer => '1', numeric => '1', boolean => 'false', jsonb => q{'{}'}, 'timestamp with time zone' => 'pg_catalog.now()', 'timestamp without time zone' => 'LOCALTIMESTAMP',
	date => 'CURRENT_DATE', inet => q{'192.0.2.1'}, regrole => q{'owner'}, bytea => q{'x'}, xid => q{'3'}, oid => '1259', pg_lsn => q{'0/1'}, 'text[]' => q{'{bigint}'}, anyelement => q{'x'});
for my $function (@functions)
{
	my ($call, $schema, $name, $types) = split /\|/, $function, -1;
	my @types = map { /^any/ ? 'text' : $_ } split /;/, $types;
	$call =~ s/public\.placeholder/$schema.$name/;
	uses('mined', "BEGIN; $call(" . join(', ', map { "$_\::$types[$_]" =~ s/^\d+/defined $sample{$types[$&]} ? $sample{$types[$&]} : 'NULL'/er } 0 .. $#types) . '); ROLLBACK',
		"BEGIN; $call(" . join(', ', map { "NULL::$_" } @types) . '); ROLLBACK');
}
cmp_ok(scalar(@functions), '>', 80, 'every function was called: ' . @functions);
is(sprung('mined'), '', 'and none calls any of them');
# every command of the purge runs as the superuser
for (1 .. 3)
{
	my @commands = split /\n/, $node->safe_psql('mined', 'SELECT * FROM public.etl_erasure_purge()');
	uses('mined', $_) for @commands;
}
is(sprung('mined'), '', 'scheduling and purging call none of them');
is_sql($node, q{SELECT rolsuper FROM pg_roles WHERE rolname = 'owner'}, 'f', 'the owner is no superuser still');

# ---- dumped, and restored where the same waits
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$root/dump", '-N', 'public', '-N', 'cron', $node->connstr('mined') ], 'dumped');
my ($o, $e) = ('', '');
IPC::Run::run([ 'pg_restore', '-d', $node->connstr('restored'), "$root/dump" ], '>', \$o, '2>', \$e);
is(asked('restored', q{SELECT count(*) FROM etl.erasure}), asked('mined', q{SELECT count(*) FROM etl.erasure}), 'and restored with its history') or diag $e;
is(uses('restored', grep { !/etl_refuse|etl_reinstate|etl_release_hold/ } @uses), '', 'where everything works');
is(asked('restored', $foreign), '', 'on nothing of theirs');
is(sprung('restored'), '', 'and nothing of theirs is called');
is(asked('mined', 'SELECT count(*) FROM public.trap') . asked('restored', 'SELECT count(*) FROM public.trap'), '00', 'not one of them has left a row');

# the traps are no dummies: somebody who does not look where names lead steps into them
$node->safe_psql('mined', q{SELECT 1::oid = 'pg_class'::regclass, array_agg('x'::text)});
like(sprung('mined'), qr/array_agg\(text\).*oid = regclass/s, 'they spring');

# ---- objects that are there already are refused, not adopted
$node->safe_psql('postgres', 'CREATE DATABASE squatted OWNER owner');
for my $squatter ('CREATE SCHEMA etl', 'CREATE SCHEMA etl_internal', 'CREATE SCHEMA data; CREATE VIEW data.invalid_products AS SELECT 1 AS x', 'CREATE FUNCTION public.etl_drop(dataset text) RETURNS boolean LANGUAGE sql AS $$SELECT true$$')
{
	$node->safe_psql('postgres', 'DROP DATABASE squatted');
	$node->safe_psql('postgres', 'CREATE DATABASE squatted OWNER owner');
	as_owner('squatted', "$squatter;");
	($status, $out, $err) = $node->psql('squatted', 'CREATE EXTENSION pg_etl');
	like($err, qr/already exists/, "refused: $squatter");
}
$node->stop;
done_testing();
