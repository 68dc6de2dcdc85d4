# References of a dataset to itself: a record may refer to one that comes later, to one that refers to it,
# and to itself. Whatever the order, they are loaded when all of them can be, and wait when not.
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
my $hour = 0;
sub file { return sprintf 'date=2020-01-%02d/hour=%02d', 1 + int($hour / 24), $hour++ % 24 }

sub node_of
{
	my ($id, $parent, %more) = @_;
	my $others = join '', map { qq(, "$_": $more{$_}) } sort keys %more;
	return defined $parent ? qq({"id": $id, "parent": $parent$others}\n) : qq({"id": $id$others}\n);
}

# foreign: whether the table has a foreign key to itself
for my $repeat ('quarantine', 'update')
{
	for my $foreign (0, 1)
	{
		my $name = "tree_${repeat}_$foreign";
		my $key = $foreign ? "REFERENCES data.$name" : '';
		sql(qq{CREATE TABLE data.$name (id bigint PRIMARY KEY, parent bigint $key, v int CONSTRAINT v_small CHECK (v < 100))}) if sql('CREATE SCHEMA IF NOT EXISTS data; SELECT 1');
		sql(<<"SQL");
SELECT etl_define('{"type": "object", "x-etl": {"dataset": "$name", "files": ["$name.json"], "key": "/id", "on_repeat": "$repeat", "references": [{"field": "/parent", "dataset": "$name"}],
  "tables": [{"schema": "data", "name": "$name", "primary_key": ["id"], "columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "parent", "type": "bigint", "from": "/parent"}, {"name": "v", "type": "integer", "from": "/v"}]}]}}')
SQL
		my $run = sub { return run_counts($node, "etl_run('$name')") };
		my $waits = q{SELECT string_agg(format('%s %s', q.key, q.code), ', ' ORDER BY q.key::bigint) FROM etl.quarantine q WHERE q.status = 'open' AND q.dataset = '} . "$name'";
		my $ids = "SELECT string_agg(id::text, ',' ORDER BY id) FROM data.$name WHERE id";
		my $what = "$repeat, " . ($foreign ? 'foreign key' : 'no foreign key');

		my $path = file();
		stage($node, "$path/$name.json", node_of(1, 2) . node_of(2, 3) . node_of(3) . node_of(4, 4) . node_of(5, 6) . node_of(6, 5) . node_of(7, 8));
		is($run->(), 'succeeded|1|7|6|1', "$what: a chain backwards, itself and a circle are loaded");
		is(sql("$ids < 10"), '1,2,3,4,5,6', 'all of them');
		is(join('', map { /"id": (\d+)/ } slurp_lines("$root/processed/$path/$name.json")), '123456', 'in the order of the file');
		is(sql($waits), '7 reference', 'what refers to nothing waits');
		stage($node, file() . "/$name.json", node_of(8, 1));
		$run->();
		is(sql("$ids IN (7, 8)"), '7,8', 'until that comes');

		# a row that the table refuses takes those that refer to it along, and only them
		stage($node, file() . "/$name.json", node_of(10, 11) . node_of(11, 12) . node_of(12, 1, v => 100) . node_of(13, 14) . node_of(14) . node_of(15, 15, v => 100) . node_of(16, 17) . node_of(17, 16, v => 100) . node_of(18, 13));
		is($run->(), 'succeeded|1|9|3|6', 'a row that the table refuses');
		is(sql("$ids BETWEEN 10 AND 19"), '13,14,18', 'keeps out those that refer to it, in chains and circles');
		is(sql($waits), '10 reference, 11 reference, 12 constraint, 15 constraint, 16 reference, 17 constraint', 'which wait');
		sql(qq{UPDATE etl.quarantine SET record = replace(record, '"v": 100', '"v": 1') WHERE dataset = '$name' AND status = 'open'; SELECT etl_replay('$name')});
		is(sql("$ids BETWEEN 10 AND 19"), '10,11,12,13,14,15,16,17,18', 'and come when it is mended');

		# over files of one run, and of several
		my ($first, $second) = (file(), file());
		stage($node, "$first/$name.json", node_of(20, 21) . node_of(22, 23));
		stage($node, "$second/$name.json", node_of(21, 20) . node_of(23));
		is($run->(), 'succeeded|2|4|4|0', 'circles and chains over files');
		stage($node, file() . "/$name.json", node_of(30, 31));
		$run->();
		stage($node, file() . "/$name.json", node_of(31, 32));
		$run->();
		is(sql($waits), '30 reference, 31 reference', 'a circle of which a part is missing waits');
		stage($node, file() . "/$name.json", node_of(32, 30));
		$run->();
		is(sql("$ids BETWEEN 30 AND 39"), '30,31,32', 'and is loaded when it is closed');
		is(sql($waits), '', 'nothing waits any more');

		# many
		my $many = 3000;
		stage($node, file() . "/$name.json", join '', map { node_of(1000 + $_, 1001 + $_) } 0 .. $many - 1);
		is($run->(), "succeeded|1|$many|0|$many", 'a long chain whose end is missing');
		stage($node, file() . "/$name.json", node_of(1000 + $many));
		is($run->(), 'succeeded|1|1|1|0', 'its end');
		is(sql("SELECT count(*) FROM data.$name WHERE id >= 1000"), $many + 1, 'brings all of it');
		next if $repeat eq 'quarantine';
		stage($node, file() . "/$name.json", node_of(1, 40) . node_of(40, 1));
		is($run->(), 'succeeded|1|2|2|0', 'a row that is updated to refer to a new one');
		is(sql("SELECT string_agg(format('%s %s', id, parent), ', ' ORDER BY id) FROM data.$name WHERE id IN (1, 40)"), '1 40, 40 1', 'which refers to it');
	}
}

# a row that a trigger keeps out is not there to be referred to
sql(q{CREATE FUNCTION data.keep_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.v = 50 THEN RETURN NULL; END IF; RETURN new; END $$;
  CREATE TRIGGER keep_out BEFORE INSERT ON data.tree_quarantine_0 FOR EACH ROW EXECUTE FUNCTION data.keep_out()});
stage($node, file() . '/tree_quarantine_0.json', node_of(61, 60) . node_of(60, 60, v => 50) . node_of(62, 63) . node_of(63));
sql(q{SELECT etl_run('tree_quarantine_0')});
is(sql('SELECT string_agg(id::text, $$,$$ ORDER BY id) FROM data.tree_quarantine_0 WHERE id BETWEEN 60 AND 69'), '62,63', 'what refers to a row that a trigger keeps out waits');
$node->stop;
done_testing();
