# A late file does not replace a newer row when the definition has changed since the row came: on_repeat, the
# columns for the partition, the dataset's name or the table's.
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
my $day = 'date=2026-04-01';
my $marks = ', {"name": "record_date", "type": "date", "from": "$record_date"}, {"name": "record_hour", "type": "smallint", "from": "$record_hour"}';

# What a dataset is defined as: dataset, table, on_repeat, columns for the partition or none, child table or none.
sub define
{
	my (%is) = @_;
	my $child = $is{child} ? qq(, {"name": "$is{table}_lines", "each": "/lines", "primary_key": ["id", "line"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "line", "type": "integer", "from": "\$line"}, {"name": "sku", "from": "./sku"}]}) : '';
	my $key = $is{key} // '"key": "/id", ';
	sql(qq<SELECT etl_define('{"x-etl": {"dataset": "$is{dataset}", "files": ["$is{dataset}.jsonl"], $key"on_repeat": "$is{on_repeat}", "tables": [
	  {"name": "$is{table}", "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "state", "from": "/state"}@{[$is{marks} ? $marks : '']}]}$child]}}')>);
	return;
}
sub load
{
	my ($dataset, $at, @ids) = @_;
	stage($node, sprintf('%s/hour=%02d/%s.jsonl', $day, $at, $dataset), join '', map { qq({"id": $_, "state": "at $at", "lines": [{"sku": "s$at"}]}\n) } @ids);
	return sql("SELECT concat_ws('/', status, loaded, quarantined) FROM etl_run('$dataset')");
}
my %table = (
	plain => sub { my ($name, $columns) = @_; return "CREATE TABLE data.$name (id bigint PRIMARY KEY, state text$columns)" },
	partitioned => sub { my ($name, $columns) = @_; return "CREATE TABLE data.$name (id bigint PRIMARY KEY, state text$columns) PARTITION BY HASH (id);"
		  . join ';', map { "CREATE TABLE data.${name}_$_ PARTITION OF data.$name FOR VALUES WITH (MODULUS 2, REMAINDER $_)" } 0, 1 },
);
my $columns = ', record_date date, record_hour smallint';

# What it was, what it is, and what is done to the table in between.
my %changes = (
	quarantine_then_update => { was => { on_repeat => 'quarantine' } },
	marks_taken_out => { was => { marks => 1 }, columns => $columns },
	marks_dropped => { was => { marks => 1 }, columns => $columns, alter => 'ALTER TABLE data.%s DROP record_date, DROP record_hour' },
	marks_and_quarantine_before => { was => { marks => 1, on_repeat => 'quarantine' }, columns => $columns },
	marks_added => { is => { marks => 1 }, alter => 'ALTER TABLE data.%s ADD record_date date, ADD record_hour smallint' },
	marks_added_after_quarantine => { was => { on_repeat => 'quarantine' }, is => { marks => 1 }, alter => 'ALTER TABLE data.%s ADD record_date date, ADD record_hour smallint' },
	renamed => { rename => 1 },
	renamed_after_quarantine => { was => { on_repeat => 'quarantine' }, rename => 1 },
	renamed_marks_taken_out => { was => { marks => 1 }, columns => $columns, rename => 1 },
	other_table_name => { alter => 'ALTER TABLE data.%1$s RENAME TO %1$s_2', table => '%s_2' },
	no_key_before => { was => { key => '', on_repeat => 'quarantine' } },
);
my $cases = 0;
for my $kind (sort keys %table)
{
	for my $change (sort keys %changes)
	{
		for my $child (0, 1)
		{
			next if $child && ($changes{$change}{table} || ($changes{$change}{was}{key} // 'x') eq '');
			for my $order ('older first', 'newer first')
			{
				my %change = %{ $changes{$change} };
				my $name = sprintf 'late_%d', ++$cases;
				my $case = "$kind, $change" . ($child ? ' with child rows' : '') . ", $order";
				my %was = (dataset => $name, table => $name, on_repeat => 'update', marks => 0, child => $child, %{ $change{was} // {} });
				my %is = (%was, on_repeat => 'update', marks => 0, key => undef, %{ $change{is} // {} });
				sql($table{$kind}->($name, $change{columns} // ''));
				define(%was);
				# 1 and 2 come at 9 and 6, 3 and 4 at 3
				my @files = ([ 3, 3, 4 ], [ 6, 2 ], [ 9, 1 ]);
				load($name, @$_) for $order eq 'older first' ? @files : reverse @files;
				sql(sprintf $change{alter}, $name) if $change{alter};
				$is{table} = sprintf $change{table}, $name if $change{table};
				if ($change{rename})
				{
					sql("SELECT etl_drop('$name')");
					$is{dataset} = "${name}_new";
				}
				define(%is);
				my $rows = sub {
					return sql("SELECT string_agg(concat_ws(' ', t.id, t.state" . ($child ? ', l.sku' : '') . "), ', ' ORDER BY t.id) FROM data.$is{table} t" . ($child ? " LEFT JOIN data.$is{table}_lines l USING (id)" : ''));
				};
				my $state = sub { return join ', ', map { "$_ at $_[$_ - 1]" . ($child ? " s$_[$_ - 1]" : '') } 1 .. @_ };
				is(load($is{dataset}, 5, 1 .. 5), 'succeeded/5/0', "$case: a late file is loaded");
				is($rows->(), $state->(9, 6, 5, 5, 5), "$case: it leaves newer rows and replaces older ones");
				load($is{dataset}, 4, 1 .. 5);
				is($rows->(), $state->(9, 6, 5, 5, 5), "$case: so does a later one that is still older");
				load($is{dataset}, 6, 2 .. 3);
				is($rows->(), $state->(9, 6, 6, 5, 5), "$case: one of the same partition replaces");
				load($is{dataset}, 12, 1, 2);
				load($is{dataset}, 10, 1 .. 3);
				is($rows->(), $state->(12, 12, 10, 5, 5), "$case: newer files replace, in any order");
			}
		}
	}
}

# Several changes one after the other: what is noted does not outlive what the table says since.
{
	my %is = (dataset => 'often', table => 'often', on_repeat => 'update', marks => 0);
	sql("CREATE TABLE data.often (id bigint PRIMARY KEY, state text$columns)");
	define(%is);
	load('often', 9, 1 .. 4);
	define(%is, marks => 1);
	load('often', 12, 1, 2);
	load('often', 8, 1 .. 4);
	is(sql(q{SELECT string_agg(state, ', ' ORDER BY id) FROM data.often}), 'at 12, at 12, at 9, at 9', 'columns were added: rows of before and after');
	define(%is);
	load('often', 10, 1 .. 4);
	is(sql(q{SELECT string_agg(state, ', ' ORDER BY id) FROM data.often}), 'at 12, at 12, at 10, at 10', 'and taken out again');
}
{
	my %is = (dataset => 'again', table => 'again', on_repeat => 'update', marks => 0);
	define(%is);
	load('again', 9, 1, 2);
	sql('DELETE FROM data.again');
	define(%is, on_repeat => 'quarantine');
	load('again', 2, 1, 2);
	define(%is);
	load('again', 1, 1);
	load('again', 3, 2);
	is(sql(q{SELECT string_agg(state, ', ' ORDER BY id) FROM data.again}), 'at 2, at 3', 'rows that were deleted and came again come from where they came last');
}

# Processed files that are gone tell nothing; rows that nobody has loaded are anybody's; nothing is read twice.
{
	my %is = (dataset => 'gone', table => 'gone', on_repeat => 'quarantine', marks => 0);
	define(%is);
	load('gone', 9, 1);
	load('gone', 8, 2);
	sql(q{INSERT INTO data.gone VALUES (7, 'by hand')});
	unlink "$node->{etl_root}/processed/$day/hour=09/gone.jsonl";
	define(%is, on_repeat => 'update');
	is(load('gone', 5, 1, 2, 7), 'succeeded/3/0', 'a processed file is gone');
	is(sql(q{SELECT string_agg(id || ' ' || state, ', ' ORDER BY id) FROM data.gone}), '1 at 5, 2 at 8, 7 at 5', 'what is not known to be newer is replaced');
	is(sql(q{SELECT string_agg(record_hour || ' ' || rows_noted, ', ' ORDER BY record_hour) FROM etl.file WHERE dataset = 'gone'}), '5 false, 8 true, 9 false', 'and what was read is noted');
}

# A quarantined record that is mended after the change is as old as its file.
{
	my %is = (dataset => 'mended', table => 'mended', on_repeat => 'quarantine', marks => 0);
	define(%is);
	load('mended', 9, 1);
	stage($node, "$day/hour=05/mended.jsonl", qq({"id": "x", "state": "at 5"}\n));
	sql(q{SELECT etl_run('mended')});
	define(%is, on_repeat => 'update');
	sql(q{UPDATE etl.quarantine SET record = '{"id": 1, "state": "at 5"}' WHERE dataset = 'mended'});
	is(sql(q{SELECT status || loaded FROM etl_replay('mended')}), 'succeeded1', 'a record is mended');
	is(sql('SELECT state FROM data.mended'), 'at 9', 'and older than the row');
}

# In the transaction that loads the rows, whose files have no names yet.
{
	my %is = (dataset => 'at_once', table => 'at_once', on_repeat => 'quarantine', marks => 0);
	define(%is);
	stage($node, "$day/hour=09/at_once.jsonl", qq({"id": 1, "state": "at 9"}\n));
	sql(q{DO $$ BEGIN
	  PERFORM etl_run('at_once');
	  PERFORM etl_define(jsonb_set(definition, '{x-etl,on_repeat}', '"update"')) FROM etl.dataset WHERE name = 'at_once';
	END $$});
	is(load('at_once', 5, 1), 'succeeded/1/0', 'a run and a definition in one transaction');
	is(sql('SELECT state FROM data.at_once'), 'at 9', 'leave the newer row');
}

$node->stop;
done_testing();
