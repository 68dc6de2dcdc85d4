# A directory that may not be searched for some time: no step of a plan is taken for done, no name for
# free and no file for gone because of it. It is told, and the next run that can search it heals it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'root can search every directory' if $> == 0;

my $node = etl_node();
my $root = $node->{etl_root};
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub notices { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err }
sub person { my ($id, $name) = @_; return qq({"id": "$id", "first_name": "$name", "last_name": "L", "email": "$name\@example.org"}\n) }
sub file_row { return sql("SELECT status, coalesce(error, '') FROM etl.file WHERE path = '$_[0]' ORDER BY file_id DESC LIMIT 1") }
sub holding { my ($name) = @_; return join ' ', grep { join("\n", slurp_lines("$root/$_")) =~ /\b$name\b/ } split /\n/, all_files($root) }
my $planned = q{SELECT count(*) FROM etl.file_action WHERE dataset = 'customers'};

# Calls in one transaction whose commit finds the directory closed.
sub commit_closed
{
	my ($folder, $mode, $call) = @_;
	sql("BEGIN;\nSELECT $call;\n\\! chmod $mode '$root/$folder'\nCOMMIT;");
	return;
}
sub open_again { chmod 0700, "$root/$_[0]" or die "$_[0]: $!"; return }

my $parts = 'processed/.pg_etl/' . sql(q{SELECT oid FROM pg_database WHERE datname = 'postgres'}) . '/customers';
my ($id, $day) = (100, 0);
for my $case (map { my $folder = $_; map { [ $folder, $_ ] } qw(0000 0400) } 'raw/DAY', 'raw/DAY/hour=01', 'archive/DAY', 'archive/DAY/hour=01', 'processed/DAY', $parts)
{
	my ($folder, $mode) = @$case;
	my $date = sprintf 'date=2020-%02d-%02d', 1 + $day / 28, 1 + $day++ % 28;
	$folder =~ s/DAY/$date/;
	my $closed = "$folder with mode $mode";
	my $path = "$date/hour=01/customers.json";

	# the directories are there already, with a file of that very name
	stage($node, $path, person(++$id, "Old$id"));
	is(sql(q{SELECT status FROM etl_run('customers')}), 'succeeded', "$closed: an earlier delivery");

	# ---- loaded
	my $new = ++$id;
	stage($node, $path, person($new, "New$new"));
	commit_closed($folder, $mode, q{etl_run('customers')});
	cmp_ok(sql($planned), '>', 0, "$closed at the commit of a run: something is left to do");
	my $again = notices(q{SELECT etl_run('customers')});
	cmp_ok(sql($planned), '>', 0, 'and by the next run while it is closed');
	like($again . file_row($path), qr/Permission denied/, 'which says why');
	open_again($folder);
	is(sql(q{SELECT status FROM etl_run('customers')}), 'succeeded', 'once it can be searched');
	is(sql($planned), '0', 'nothing is left to do');
	is(file_row($path), 'archived|', 'the file is archived');
	is(holding("New$new"), "archive/$date/hour=01/customers.2.json processed/$date/hour=01/customers.2.json", 'and where it belongs, once');
	is(holding('Old' . ($new - 1)), "archive/$date/hour=01/customers.json processed/$date/hour=01/customers.json", 'and the earlier one is as it was');

	# ---- loaded about somebody who has been erased: the raw file is removed
	my $gone = ++$id;
	sql("SELECT etl_erase('customers', '$gone')");
	stage($node, $path, person($gone, "Gone$gone"));
	commit_closed($folder, $mode, q{etl_run('customers')});
	notices(q{SELECT etl_run('customers')});
	cmp_ok(sql($planned), '>', 0, "$closed when a raw file is to be removed: something is left to do");
	open_again($folder);
	sql(q{SELECT etl_run('customers')});
	is(sql($planned) . holding("Gone$gone"), '0', 'until it is open: then nobody is named');
	ok(-e "$root/archive/$date/hour=01/customers.3.json" && -e "$root/processed/$date/hour=01/customers.3.json", 'and the treated copies have their places');

	# ---- staged files are treated
	next if $folder =~ /^archive|^processed\/date/;
	my $staged = ++$id;
	stage($node, $path, person($staged, "Staged$staged"));
	commit_closed($folder, $mode, "etl_erase('customers', '$staged')");
	notices(q{SELECT etl_run('customers')});
	cmp_ok(sql($planned), '>', 0, "$closed when a staged file is treated: something is left to do");
	open_again($folder);
	sql(q{SELECT etl_run('customers')}) for 1, 2; # what the first one loads the second one looks after
	is(sql($planned) . holding("Staged$staged"), '0', 'until it is open: then nobody is named');
	is(sql("SELECT first_name FROM data.customers WHERE id = $staged"), '[erased]', 'and the treated record is loaded');
}

# ---- known before anything is loaded: the partition's directories cannot be looked into, so no free name is found
for my $case (map { my $folder = $_; map { [ $folder, $_ ] } qw(0000 0400) } 'archive/DAY', 'archive/DAY/hour=02', 'processed/DAY', 'processed/DAY/hour=02')
{
	my ($folder, $mode) = @$case;
	my $date = sprintf 'date=2021-%02d-%02d', 1 + $day / 28, 1 + $day++ % 28;
	$folder =~ s/DAY/$date/;
	my $path = "$date/hour=02/customers.json";
	stage($node, $path, person(++$id, "First$id"));
	sql(q{SELECT etl_run('customers')});
	stage($node, $path, person(++$id, "Second$id"));
	chmod oct $mode, "$root/$folder" or die;
	my $kind = $folder =~ /^(\w+)/ ? $1 : die;
	is(sql(q{SELECT status, error FROM etl_run('customers')}),
		"failed|1 of 1 files failed, the first: $path: could not look into its $kind directory: Permission denied", "$folder with mode $mode: a new file fails");
	is(sql('SELECT count(*) FROM data.customers WHERE id = ' . $id), '0', 'nothing of it is loaded');
	open_again($folder);
	is(sql(q{SELECT status, loaded FROM etl_run('customers')}), 'succeeded|1', 'the next run loads it');
	is(join(' ', holding('First' . ($id - 1)), holding("Second$id")), join(' ', map { ("archive/$date/hour=02/customers$_.json", "processed/$date/hour=02/customers$_.json") } '', '.2'),
		'and each file has its own place');
}

# ---- a record that is released completes its processed file, and replaces nothing of it
{
	sql(<<'SQL');
SELECT etl_define('{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "customer": {"type": "string"}},
  "x-etl": {"dataset": "visits", "files": ["visits.json"], "key": "/id", "references": [{"field": "/customer", "dataset": "customers"}],
  "tables": [{"schema": "data", "name": "visits", "primary_key": ["id"],
  "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "customer", "type": "bigint", "from": "/customer"}]}]}}')
SQL
	my $path = 'date=2022-01-01/hour=03/visits.json';
	for my $case (['processed/date=2022-01-01', 0], ['processed/date=2022-01-01/hour=03', 0400], ['archive/date=2022-01-01', 0], ['archive/date=2022-01-01/hour=03', 0400])
	{
		my ($folder, $mode) = @$case;
		my $known = ++$id;
		my $late = ++$id;
		stage($node, 'date=2022-01-02/hour=00/customers.json', person($known, "Known$known"));
		sql(q{SELECT etl_run('customers')});
		# a blank line: only the archived file knows where
		stage($node, $path, qq({"id": "$known", "customer": "$known"}\n\n{"id": "$late", "customer": "$late"}\n));
		is(sql(q{SELECT status, loaded, quarantined FROM etl_run('visits')}), 'succeeded|1|1', 'a record waits');
		my ($processed) = sql(q{SELECT processed_path FROM etl.file WHERE dataset = 'visits' ORDER BY file_id DESC LIMIT 1});
		stage($node, 'date=2022-01-02/hour=00/customers.json', person($late, "Late$late"));
		chmod $mode, "$root/$folder" or die;
		like(notices(q{SELECT etl_run('customers')}), qr/WARNING:  records of dataset "visits" that waited could not be loaded\nDETAIL:  could not complete a processed file: could not open file: Permission denied/,
			"$folder closed: what waited goes on waiting");
		like(notices(q{SELECT etl_replay('visits')}), qr/ERROR:  could not complete a processed file: could not open file: Permission denied\nDETAIL:  File "\Q$root\E/, 'a replay names the file');
		open_again($folder);
		sql(q{SELECT etl_run('visits')});
		is(sql("SELECT count(*) FROM data.visits WHERE id IN ($known, $late)"), '2', 'when it is open it is loaded');
		is(join('', slurp_lines("$root/processed/$processed")), qq({"id": "$known", "customer": "$known"}{"id": "$late", "customer": "$late"}), 'and the processed file has both');
	}
}

# ---- retention
for my $case (['archive', 0], ['archive', 0400], ['processed', 0], ['processed', 0400])
{
	my ($kind, $mode) = @$case;
	my $date = sprintf 'date=2020-12-%02d', 1 + $day++ % 28;
	my $key = $kind eq 'archive' ? 'archived' : $kind;
	stage($node, "$date/hour=01/customers.json", person(++$id, "Kept$id"));
	sql(q{SELECT etl_run('customers')});
	sql(qq{UPDATE etl.file SET finished_at = now() - interval '2 years', started_at = now() - interval '2 years' WHERE path LIKE '$date/%'});
	sql(qq{SELECT etl_define(jsonb_set(definition, '{x-etl,retention}', '{"$key": "1 year"}')) FROM etl.dataset WHERE name = 'customers'});
	commit_closed("$kind/$date", sprintf('%04o', $mode), q{etl_retention('customers')});
	cmp_ok(sql($planned), '>', 0, "$kind/$date with mode $mode at the commit of a retention: something is left to do");
	notices(q{SELECT etl_run('customers')});
	cmp_ok(sql($planned), '>', 0, 'and by the next run while it is closed');
	open_again("$kind/$date");
	sql(q{SELECT etl_run('customers')});
	is(sql($planned), '0', 'once it can be searched nothing is left to do');
	ok(!-e "$root/$kind/$date/hour=01/customers.json", 'and the file is gone');
}

# ---- a directory that cannot be made has one SQLSTATE, wherever in etl.processed_dir that is
$node->safe_psql('postgres', "CREATE DATABASE closed");
$node->safe_psql('postgres', "ALTER DATABASE closed SET etl.${_}_dir = '$root/closed/$_'") for qw(raw processed archive);
for my $folder ('processed', 'processed/.pg_etl')
{
	system("rm -rf $root/closed; mkdir -p $root/closed/raw/date=2020-01-01/hour=01 $root/closed/processed/.pg_etl $root/closed/archive") == 0 or die;
	append_to_file("$root/closed/raw/date=2020-01-01/hour=01/customers.json", person(1, 'Anna'));
	chmod 0555, "$root/closed/$folder" or die $!;
	my ($out, $err);
	$node->psql('closed', q{\\set VERBOSITY verbose
CREATE EXTENSION IF NOT EXISTS pg_etl; SELECT etl_run('customers')}, stdout => \$out, stderr => \$err);
	like($err, qr/ERROR:  42501: .*Permission denied/, "$folder cannot be written: insufficient privilege");
	like($err, qr/^HINT:  /m, 'with a hint');
	chmod 0755, "$root/closed/$folder" or die $!;
}
$node->stop;
done_testing();
