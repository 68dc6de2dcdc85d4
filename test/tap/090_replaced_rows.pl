# Later files replace rows, and only what has changed: child rows by key and line, rows of late files not
# at all, superseded records not before the table has seen them, and rows that refer to each other.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = etl_node();
my $root = $node->{etl_root};
sub sql { return $node->safe_psql('postgres', $_[0]) }
my $day = 'date=2026-04-01';

# define(NAME, columns of the first table, columns of child tables…)
sub define
{
	my ($name, $columns, @children) = @_;
	my $tables = join ', ', qq({"schema": "data", "name": "$name", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, $columns]}),
	  map { my ($child, $key, $more) = @$_; qq({"schema": "data", "name": "$child", "each": "/lines"$key, "columns": [{"name": "id", "type": "bigint", "from": "/id"}, $more]}) } @children;
	return sql(qq<SELECT etl_define('{"x-etl": {"dataset": "$name", "files": ["$name.jsonl"], "key": "/id", "on_repeat": "update", "tables": [$tables]}}')>);
}
my $state = '{"name": "state", "from": "/state"}';
my $hour = '{"name": "record_date", "type": "date", "from": "$record_date"}, {"name": "record_hour", "type": "smallint", "from": "$record_hour"}';
my $line = '{"name": "line", "type": "integer", "from": "$line"}, {"name": "sku", "from": "./sku"}, {"name": "extra", "type": "json", "from": "./extra"}';

define('orders', "$state, $hour", [ 'order_lines', ', "primary_key": ["id", "line"]', $line ], [ 'order_tags', '', '{"name": "sku", "from": "./sku"}' ]);
sql('CREATE TABLE data.shipped (id bigint, line int, FOREIGN KEY (id, line) REFERENCES data.order_lines ON DELETE CASCADE)');
sub orders { my ($at, @lines) = @_; stage($node, "$day/hour=$at/orders.jsonl", join '', map { "$_\n" } @lines); return sql("SELECT concat_ws('/', status, loaded, quarantined) FROM etl_run('orders')") }
my $lines = q{SELECT string_agg(concat_ws(':', id, line, sku), ' ' ORDER BY id, line) FROM data.order_lines};
orders('05', '{"id": 1, "state": "hour 5", "lines": [{"sku": "a", "extra": {"n": 1}}, {"sku": "b"}, {"sku": "c"}]}', '{"id": 2, "state": "hour 5", "lines": [{"sku": "x"}]}');
sql('INSERT INTO data.shipped SELECT id, line FROM data.order_lines');
my $ctids = sql('SELECT string_agg(ctid::text, \',\') FROM data.order_lines WHERE id = 1 AND line = 1');
my $tags = sql('SELECT string_agg(ctid::text, \',\' ORDER BY sku) FROM data.order_tags WHERE id = 2');
is(orders('06', '{"id": 1, "state": "hour 6", "lines": [{"sku": "a", "extra": {"n": 1}}, {"sku": "B"}]}', '{"id": 2, "state": "hour 6", "lines": [{"sku": "x"}, {"sku": "y"}]}'), 'succeeded/2/0', 'a later file');
is(sql($lines), '1:1:a 1:2:B 2:1:x 2:2:y', 'child rows are updated, inserted and, where they are surplus, deleted');
is(sql(q{SELECT string_agg(concat_ws(':', id, line), ' ' ORDER BY id, line) FROM data.shipped}), '1:1 1:2 2:1', 'rows that refer to lines which are still there stay');
is(sql('SELECT string_agg(ctid::text, \',\') FROM data.order_lines WHERE id = 1 AND line = 1'), $ctids, 'a line that is the same is not touched');
is(sql('SELECT string_agg(sku, \' \' ORDER BY sku) FROM data.order_tags'), 'B a x y', 'a child table without a column for the line is right, too');
orders('07', '{"id": 2, "state": "hour 7", "lines": [{"sku": "y"}, {"sku": "x"}]}');
is(sql($lines), '1:1:a 1:2:B 2:1:y 2:2:x', 'lines that change places');
my $before = sql('SELECT string_agg(ctid::text, \',\' ORDER BY sku) FROM data.order_tags WHERE id = 2');
orders('08', '{"id": 2, "state": "hour 8", "lines": [{"sku": "x"}, {"sku": "y"}]}');
is(sql('SELECT string_agg(ctid::text, \',\' ORDER BY sku) FROM data.order_tags WHERE id = 2'), $before, 'and there rows that are the same stay where they are');

is(orders('03', '{"id": 1, "state": "hour 3", "lines": [{"sku": "old"}]}', '{"id": 3, "state": "hour 3", "lines": [{"sku": "new"}]}'), 'succeeded/2/0', 'a late file of an earlier hour');
is(sql('SELECT string_agg(state, \',\' ORDER BY id) FROM data.orders'), 'hour 6,hour 8,hour 3', 'leaves newer rows');
is(sql($lines), '1:1:a 1:2:B 2:1:x 2:2:y 3:1:new', 'and their child rows');

# unique by itself: where lines change places there is no order in which each could be updated
sql('CREATE UNIQUE INDEX ON data.order_lines (id, sku)');
is(orders('09', '{"id": 2, "state": "hour 9", "lines": [{"sku": "y"}, {"sku": "x"}]}'), 'succeeded/1/0', 'lines that are unique change places');
is(sql("$lines WHERE id = 2"), '2:1:y 2:2:x', 'and are right');

# A table that does not say from which partition its rows came; one that knows the date only.
for my $columns ([ plain => $state ], [ dated => "$state, {\"name\": \"d\", \"type\": \"date\", \"from\": \"\$record_date\"}" ])
{
	my ($name, $more) = @$columns;
	define($name, $more, [ "${name}_lines", ', "primary_key": ["id", "line"]', $line ]);
	my $run = sub { my ($at, @records) = @_; stage($node, "$day/hour=$at/$name.jsonl", join '', map { "$_\n" } @records); return sql("SELECT concat_ws('/', status, loaded, quarantined) FROM etl_run('$name')") };
	my $is = sub { is(sql("SELECT string_agg(concat_ws(':', t.id, t.state, l.sku), ' ' ORDER BY t.id, l.line) FROM data.$name t LEFT JOIN data.${name}_lines l USING (id)"), $_[0], "$name: $_[1]") };
	$run->('05', map { qq({"id": $_, "state": "five", "lines": [{"sku": "s5"}]}) } 1, 2);
	$run->('03', map { qq({"id": $_, "state": "three", "lines": [{"sku": "s3"}, {"sku": "t3"}]}) } 1, 3);
	$is->('1:five:s5 2:five:s5 3:three:s3 3:three:t3', 'a late file leaves what is newer');
	$run->('04', map { qq({"id": $_, "state": "four", "lines": []}) } 1, 3);
	$is->('1:five:s5 2:five:s5 3:four', 'and replaces what is older');
	$run->('06', qq({"id": 1, "state": "six"}));
	$is->('1:six 2:five:s5 3:four', 'a newer one replaces');
	sql("DELETE FROM data.$name WHERE id = 1");
	$run->('02', qq({"id": 1, "state": "two"}));
	$run->('04', qq({"id": 1, "state": "four"}));
	$is->('1:four 2:five:s5 3:four', 'a row that was deleted comes from where it came from last');
	stage($node, "$day/hour=$_/$name.jsonl", qq({"id": 9, "state": "at $_"}\n)) for 11, 10, 12;
	sql("SELECT etl_run('$name')");
	$is->('1:four 2:five:s5 3:four 9:at 12', 'several files in one run');
}

# The table has seen each record, those that a later file supersedes included.
sql('CREATE TABLE data.prices (id bigint PRIMARY KEY, amount numeric CHECK (amount < 100), record_date date, record_hour smallint)');
define('prices', qq({"name": "amount", "type": "numeric", "from": "/amount"}, $hour));
stage($node, "$day/hour=00/prices.jsonl", qq({"id": 1, "amount": 500}\n{"id": 2, "amount": 1}\n{"id": 3, "amount": 7}\n));
stage($node, "$day/hour=01/prices.jsonl", qq({"id": 1, "amount": 5}\n{"id": 2, "amount": 600}\n{"id": 3, "amount": 8}\n));
stage($node, "$day/hour=02/prices.jsonl", qq({"id": 3, "amount": 9}\n{"id": 1, "amount": 700}\n));
is(sql(q{SELECT concat_ws('/', status, loaded, quarantined) FROM etl_run('prices')}), 'succeeded/5/3', 'records that a later file supersedes are seen by the table');
is(sql(q{SELECT string_agg(concat_ws(':', f.record_hour, q.key, q.code), ' ' ORDER BY f.record_hour, q.key) FROM etl.quarantine q JOIN etl.file f USING (file_id)}), '0:1:constraint 1:2:constraint 2:1:constraint', 'and refused, as in runs of their own');
is(sql('SELECT string_agg(concat_ws(\':\', id, amount), \' \' ORDER BY id) FROM data.prices'), '1:5 2:1 3:9', 'the others have their places');
is(join(' ', map { slurp_lines("$root/processed/$day/hour=0$_/prices.jsonl") } 0 .. 2), '{"id": 2, "amount": 1} {"id": 3, "amount": 7} {"id": 1, "amount": 5} {"id": 3, "amount": 8} {"id": 3, "amount": 9}', 'what was refused is not exported');

# Rows of a table that refer to each other.
sql('CREATE TABLE data.tree (id bigint PRIMARY KEY, up bigint REFERENCES data.tree, size int CHECK (size > 0))');
sql(q<SELECT etl_define('{"x-etl": {"dataset": "tree", "files": ["tree.jsonl"], "key": "/id", "tables": [{"schema": "data", "name": "tree", "primary_key": ["id"], "columns": [
	{"name": "id", "type": "bigint", "from": "/id"}, {"name": "up", "type": "bigint", "from": "/up"}, {"name": "size", "type": "integer", "from": "/size"}]}]}}')>);
stage($node, "$day/hour=00/tree.jsonl", join '', (map { sprintf qq({"id": %d, "up": %d, "size": 1}\n), $_, $_ + 1 } 1 .. 40), qq({"id": 41, "size": 1}\n), qq({"id": 42, "up": 1, "size": 0}\n), qq({"id": 43, "up": 99, "size": 1}\n));
is(sql(q{SELECT concat_ws('/', status, loaded, quarantined) FROM etl_run('tree')}), 'succeeded/41/2', 'rows that refer to each other are loaded although a third one is bad');
is(sql(q{SELECT string_agg(key || ' ' || (violations -> 0 ->> 'sqlstate'), ', ' ORDER BY key) FROM etl.quarantine WHERE dataset = 'tree'}), '42 23514, 43 23503', 'the bad ones are refused, each for its own reason');

# A quarantined record that was mended is no duplicate of itself; one that repeats a loaded key is.
is(sql(q{SELECT count(*) FROM etl_validate('tree', '{"id": 42, "up": 1, "size": 1}')}), '0', 'etl_validate: a mended record does not repeat itself');
is(sql(q{SELECT code FROM etl_validate('tree', '{"id": 41, "size": 1}')}), 'duplicate', 'but one whose key is loaded does');
stage($node, "$day/hour=01/tree.jsonl", qq({"id": 42, "size": 1}\n));
is(sql(qq{SELECT code FROM etl_validate_file('tree', '$day/hour=01/tree.jsonl')}), 'duplicate', 'and so does another one in a file');

$node->stop;
done_testing();
